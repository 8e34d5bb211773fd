"""What persons and the DAG do with a period: look whether it may be signed, write a word, sign, publish its page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Final

from settlement import close_books
from settlement.close.checks import NOTED, Check, CheckName, checklist, checklist_digest
from settlement.close.page import render_page
from settlement.close.periods import ContractPeriod, closed_by, period_named
from settlement.close.scene import Scene, read_scene
from settlement.close.statements import digest_of
from settlement.close.told import told_of
from settlement.close_books import Certificate, Note
from settlement.errors import TerminalError
from settlement.store import Home
from settlement.whole_file import write_whole

_MOST_REASON: Final = 400


def closed_periods(home: Home, night: date) -> list[tuple[str, str]]:
    """Contract and period of what a settled night has closed, by contract and first day."""
    return [(one.contract, one.period.text) for one in closed_by(read_scene(home), night)]


def publish(home: Home, contract: str, period: str) -> Path:
    """Write a period's page, whole or not at all, into ``HOME/close/<contract>/<period>.html``."""
    scene = read_scene(home)
    page = render_page(told_of(scene, period_named(scene, contract, period)))
    target = home.root / "close" / contract / f"{period}.html"
    write_whole(target, page.encode())
    return target


def require_closed(home: Home, contract: str, period: str) -> None:
    """Raise TerminalError, in one sentence, where something keeps a period from being signed."""
    scene = read_scene(home)
    one = period_named(scene, contract, period)
    require_signable(one, checklist(scene, one))


def note(home: Home, word: Note) -> None:
    """Write why one open item of a period's checklist may stand; TerminalError where there is no such item."""
    scene = read_scene(home)
    checks = {check.name: check for check in checklist(scene, period_named(scene, word.contract, word.period))}
    if word.check_name not in NOTED:
        raise TerminalError(
            f"Nothing may be waived of {word.check_name}: a word may be written on {', '.join(sorted(NOTED))}."
        )
    items = checks[CheckName(word.check_name)].open
    if word.subject not in items:
        named = ", ".join(items) or "nothing"
        raise TerminalError(
            f"{word.subject} is no open item of {word.check_name} of {word.contract} {word.period}; open is {named}."
        )
    if not 0 < len(word.reason.strip()) <= _MOST_REASON:
        raise TerminalError(f"Say why the item may stand in at most {_MOST_REASON} characters: --reason TEXT.")
    close_books.add_note(scene.engine, word)


def prepare(home: Home, contract: str, period: str, person: str) -> Certificate:
    """Sign a period as its first person. TerminalError where something blocks, or it is signed already."""
    scene = read_scene(home)
    certificate = _certificate(scene, period_named(scene, contract, period), person)
    close_books.prepare(scene.engine, certificate)
    return certificate


def review(home: Home, contract: str, period: str, person: str) -> Certificate:
    """Sign a period as its second person. TerminalError where something blocks, or the person is the first one."""
    scene = read_scene(home)
    prepared = scene.certificates.get((contract, period))
    if prepared is None:
        raise TerminalError(f"{contract} {period} is not prepared: one person does so with `settle close prepare`.")
    certificate = _certificate(scene, period_named(scene, contract, period), prepared.prepared_by)
    signed = replace(certificate, reviewed_by=person)
    close_books.review(scene.engine, signed)
    return signed


def _certificate(scene: Scene, one: ContractPeriod, person: str) -> Certificate:
    """What is signed of a period as it stands now; TerminalError where something blocks it."""
    checks = checklist(scene, one)
    require_signable(one, checks)
    closed_on = one.closed_on or one.period.last
    return Certificate(
        contract=one.contract,
        period=one.period.text,
        closed_on=closed_on,
        known_after=scene.night,
        statement_sha256=digest_of(scene, one),
        checklist_sha256=checklist_digest(checks),
        prepared_by=person,
    )


def require_signable(one: ContractPeriod, checks: Iterable[Check]) -> None:
    """Raise TerminalError, in one sentence, where something of a checklist keeps its period from being signed."""
    blocking = [check for check in checks if not check.holds]
    if blocking:
        first, items = blocking[0], [*blocking[0].open.values()]
        more = sum(len(check.open) for check in blocking) - 1
        others = f" ({more} more: `settle close check {one.contract} {one.period.text}`)" if more else ""
        raise TerminalError(
            f"{one.name} cannot be signed: {items[0]}{others}; {first.act or 'wait for its last night'}."
        )
