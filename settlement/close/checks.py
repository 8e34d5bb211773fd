"""The checklist of a close: what must hold before two persons sign a period, each with its figure and what to do.

The checks look at what the nights left and change nothing. Where an open item may stand for a reason (a feed that
never comes, cash that is on its way), a person says so by a note and the item blocks no more.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

import polars as pl

from settlement import store
from settlement.close import statements
from settlement.close.open_items import aged_accounts, aged_breaks
from settlement.close.periods import ContractPeriod, PeriodState, contract_of
from settlement.close.scene import SETTLED, Scene
from settlement.close_books import Note
from settlement.model.accounts import ACCRUED_SHARE
from settlement.model.clearing import Fate
from settlement.model.expected import expected_on
from settlement.model.money import amount_text, amounts_text
from settlement.stages import stage_named

_DAY: Final = timedelta(days=1)
_STATING: Final = ("rate", SETTLED)
"""The stages whose published tables and files are a statement."""


class CheckName(StrEnum):
    """The checks in the order in which they are told."""

    NIGHTS = "nights"
    FEEDS = "feeds"
    CONTROLS = "controls"
    ACCOUNTS = "accounts"
    BREAKS = "breaks"
    ACCRUED = "accrued"
    RE_ADDS = "re_adds"
    BOOKED = "booked"
    ADJUSTMENTS = "adjustments"
    STATED_ONCE = "stated_once"
    UNCHANGED = "unchanged"


NOTED: Final = frozenset({CheckName.FEEDS, CheckName.ACCOUNTS, CheckName.BREAKS})
"""The checks whose open items a person may waive or explain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One line of the checklist.

    ``figure`` is what was counted, ``act`` what to do where it does not hold, ``open`` the items that block by what a
    note names them, each with its sentence, and ``notes`` the words by which others do not.
    """

    name: CheckName
    figure: str
    act: str = ""
    open: Mapping[str, str]
    notes: tuple[Note, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether nothing is open."""
        return not self.open


def checklist(scene: Scene, one: ContractPeriod) -> tuple[Check, ...]:
    """All checks of one period, in their order."""
    return tuple(_with_notes(scene, one, _CHECKS[name](scene, one)) for name in CheckName)


def state_of(scene: Scene, one: ContractPeriod, checks: tuple[Check, ...] | None = None) -> PeriodState:
    """Where a period stands, by its checklist where that is known. What two persons signed stays certified."""
    if one.closed_on is None:
        return PeriodState.DUE if one.due else PeriodState.OPEN
    signed = scene.certificates.get((one.contract, one.period.text))
    if signed is not None and signed.reviewed_by is not None:
        return PeriodState.CERTIFIED
    checks = checklist(scene, one) if checks is None else checks
    return PeriodState.CLOSED if all(check.holds for check in checks) else PeriodState.BLOCKED


def checklist_digest(checks: tuple[Check, ...]) -> str:
    """SHA-256 over the checklist: names, figures, what is open, and the words on what is not."""
    lines = [
        "\t".join(
            (check.name, check.figure, *check.open, *(f"{n.subject}={n.reason} ({n.person})" for n in check.notes))
        )
        for check in checks
    ]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _with_notes(scene: Scene, one: ContractPeriod, check: Check) -> Check:
    if check.name not in NOTED:
        return check
    place = (one.contract, one.period.text, check.name)
    notes = [note for note in scene.notes if (note.contract, note.period, note.check_name) == place]
    used = tuple(note for note in notes if note.subject in check.open)
    left = {name: text for name, text in check.open.items() if name not in {note.subject for note in used}}
    told = f"{check.figure}, {len(used)} of them with a note" if used else check.figure
    return Check(name=check.name, figure=told, act=check.act, open=left, notes=used)


def _nights(scene: Scene, one: ContractPeriod) -> Check:
    last = one.closed_on or one.period.last
    # The inbox may have been cleared of what is landed.
    nights = sorted({*scene.delivered, *scene.settled})
    owed = [night for night in nights if one.period.first <= night <= last]
    done = [night for night in owed if night in scene.settled]
    missing = {str(night): f"{night} is delivered and not settled" for night in owed if night not in scene.settled}
    if one.closed_on is None:
        missing[str(one.period.last)] = "no night has closed the period"
    return Check(
        name=CheckName.NIGHTS,
        figure=f"{len(done)} of {len(owed)} delivered nights settled, {_days(one) - len(owed)} days without delivery",
        act="settle these nights in their order with `settle run`",
        open=missing,
    )


def _days(one: ContractPeriod) -> int:
    return ((one.closed_on or one.period.last) - one.period.first).days + 1


def _feeds(scene: Scene, one: ContractPeriod) -> Check:
    """An expected feed of each day of the period has an accepted file of that day, on whichever night it came."""
    first = max(one.period.first, scene.settled[0])
    days = [first + number * _DAY for number in range((one.period.last - first).days + 1)]
    good = scene.files.filter(pl.col("fate") == Fate.ACCEPTED).select("feed", "file_date")
    there = set(good.iter_rows())
    owed = [(entry.feed, day) for day in days for entry in expected_on(scene.documents, day)]
    missing = {f"{feed}/{day}": f"no good file of {feed} for {day}" for feed, day in owed if (feed, day) not in there}
    return Check(
        name=CheckName.FEEDS,
        figure=f"{len(owed) - len(missing)} of {len(owed)} expected files there",
        act="ask the sender for the file and deliver it with the next night, or waive it with `settle close note`",
        open=missing,
    )


def _controls(scene: Scene, one: ContractPeriod) -> Check:
    """Control totals of the period's files agree, and of a file that was refused a good copy came."""
    night = one.closed_on or scene.night
    inside = pl.col("business_date").is_between(one.period.first, night)
    totals = scene.history("control_total").filter(inside).collect()
    files = scene.files.filter(pl.col("file_date").is_between(one.period.first, one.period.last))
    accepted = files.filter(pl.col("fate") == Fate.ACCEPTED)
    lost = files.filter(pl.col("fate") == Fate.REJECTED).join(accepted, on=["feed", "file_date"], how="anti")
    off = totals.join(accepted, on="file", how="semi").filter(~pl.col("agrees"))
    wrong = {f"{row['file']}/{row['control']}": _total_off(row) for row in off.iter_rows(named=True)}
    refused = {
        row["file"]: f"{row['file']} was refused ({row['why']}) and no good copy came"
        for row in lost.sort("file").iter_rows(named=True)
    }
    return Check(
        name=CheckName.CONTROLS,
        figure=f"{totals.height} control totals of {totals['file'].n_unique()} files, {off.height} do not agree",
        act="ask the sender for the right file; it is taken on any later night",
        open={**wrong, **refused},
    )


def _total_off(row: Mapping[str, object]) -> str:
    return f"{row['file']} declares {row['declared']} as {row['control']}, its records give {row['computed']}"


def _accounts(scene: Scene, one: ContractPeriod) -> Check:
    found, counted = aged_accounts(scene, one.period.last)
    return Check(
        name=CheckName.ACCOUNTS,
        figure=f"{counted} clearing and suspense accounts not zero, {len(found)} older than "
        f"{scene.rules.clearing_days} days",
        act="find the cash with the bank, or say why it is open with `settle close note`",
        open=found,
    )


def _breaks(scene: Scene, one: ContractPeriod) -> Check:
    found, counted = aged_breaks(scene, contract_of(scene, one).programme, one.closed_on or one.period.last)
    return Check(
        name=CheckName.BREAKS,
        figure=f"{counted} breaks of the period's nights open, {len(found)} groups older than "
        f"{scene.rules.break_days} days",
        act="work them with `settle breaks`, or say why they are open with `settle close note`",
        open=found,
    )


def _accrued(scene: Scene, one: ContractPeriod) -> Check:
    """What a closed period still has accrued is what open statements book in it, and nothing else."""
    account = ACCRUED_SHARE.at(one.contract, one.period.text)
    standing, due = scene.balance(account), statements.booked_by_open(scene, one)
    units = sorted({*standing, *due})
    if one.closed_on is None:
        return Check(name=CheckName.ACCRUED, figure=amounts_text(standing), open={account: "the period has not closed"})
    off = {unit: standing.get(unit, 0) + due.get(unit, 0) for unit in units}
    wrong = {
        f"{account} {unit}": f"{account} is off by {amount_text(amount, unit)}"
        for unit, amount in off.items()
        if amount
    }
    return Check(
        name=CheckName.ACCRUED,
        figure=f"{amounts_text(standing)} left",
        act="the close has not taken all of the period's accruals: report it, and sign nothing",
        open=wrong,
    )


def _re_adds(scene: Scene, one: ContractPeriod) -> Check:
    lines = scene.statement(one.contract, one.period.text)
    return Check(
        name=CheckName.RE_ADDS,
        figure=f"{lines.height} lines of {lines['beneficiary'].drop_nulls().n_unique()} beneficiaries",
        act="the statement does not add up: report it, and sign nothing",
        open=statements.faults_of_sums(lines) if lines.height else {"statement": "there is no closed statement"},
    )


def _booked(scene: Scene, one: ContractPeriod) -> Check:
    entries = statements.close_entries(scene, one)
    return Check(
        name=CheckName.BOOKED,
        figure=f"{len(entries)} entries of the close",
        act="books and statement differ: report it, and sign nothing",
        open=statements.faults_of_books(scene.statement(one.contract, one.period.text), entries),
    )


def _adjustments(scene: Scene, one: ContractPeriod) -> Check:
    made = statements.adjustments(scene, one)
    wrong = {f"adjustment:{a.closed}": a.fault for a in made if a.fault}
    return Check(
        name=CheckName.ADJUSTMENTS,
        figure=f"{len(made)} adjustments of closed periods, {len(made) - len(wrong)} with their causes",
        act="look at it with `settle explain`; put contract files back that were changed after the fact",
        open=wrong,
    )


def _stated_once(scene: Scene, one: ContractPeriod) -> Check:
    nights = scene.statement(one.contract, one.period.text)["business_date"].unique().sort()
    return Check(
        name=CheckName.STATED_ONCE,
        figure=f"{len(nights)} closed statements over {len(scene.settled)} nights",
        act="a closed statement is never issued again: find out who changed the tables",
        open={} if len(nights) == 1 else {"statement": f"stated on {', '.join(map(str, nights)) or 'no night'}"},
    )


def _unchanged(scene: Scene, one: ContractPeriod) -> Check:
    """What states the period has the digest that the books hold, and the certificate names the same statement."""
    wrong = {}
    night: date | None = one.closed_on
    for name in _STATING if night is not None else ():
        stage = stage_named(name)
        told = {run.outputs_digest for run in scene.runs if (run.business_date, run.stage) == (night, name)}
        if night and told != {store.published_digest(scene.home, night, writes=stage.writes, files=stage.files)}:
            wrong[name] = f"what stage {name} published on {night} is not what the books say of it"
    digest = statements.digest_of(scene, one)
    signed = scene.certificates.get((one.contract, one.period.text))
    if signed is not None and signed.statement_sha256 != digest:
        wrong["certificate"] = f"the certificate is of another statement ({signed.statement_sha256[:16]})"
    return Check(
        name=CheckName.UNCHANGED,
        figure=f"statement {digest[:16]}",
        act="restore the night's tables and files from backup, and find out who changed them",
        open=wrong,
    )


_CHECKS: Final[Mapping[CheckName, Callable[[Scene, ContractPeriod], Check]]] = {
    CheckName.NIGHTS: _nights,
    CheckName.FEEDS: _feeds,
    CheckName.CONTROLS: _controls,
    CheckName.ACCOUNTS: _accounts,
    CheckName.BREAKS: _breaks,
    CheckName.ACCRUED: _accrued,
    CheckName.RE_ADDS: _re_adds,
    CheckName.BOOKED: _booked,
    CheckName.ADJUSTMENTS: _adjustments,
    CheckName.STATED_ONCE: _stated_once,
    CheckName.UNCHANGED: _unchanged,
}
