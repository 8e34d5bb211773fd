"""The walk from one payout line to its clause, what it is made of, and the records it rests on.

A term rests on contributions of records; a line of a beneficiary is made of other lines, which are named by their
addresses so that the walk can go on from there. Everything is read as known after the night that is asked about.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import polars as pl

from settlement import store
from settlement.errors import TerminalError
from settlement.explain.address import LineAddress, address_of
from settlement.explain.composition import compose
from settlement.explain.evidence import Contribution, Subtotal, known, net_contributions, subtotals, with_evidence
from settlement.explain.exchange import with_rates
from settlement.explain.recomputed import lines_now
from settlement.explain.rounding import RoundingStep, of_contribution, roundings
from settlement.explain.scene import Part, Scene, was_known
from settlement.explain.why import Correction, correction
from settlement.history import naming_damage
from settlement.model.clearing import StatementState
from settlement.model.contract import known_versions
from settlement.model.dates import period_from
from settlement.model.statement_lines import ADJUSTMENT
from settlement.rate.contract_file import read_contracts
from settlement.rate.contract_said import said
from settlement.rate.evaluate import in_force
from settlement.store import Home

_NAMED: Final = 12
"""How many addresses a message names at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What one payout line rests on, as known after the night ``as_of``.

    ``contributions`` are the largest ones, with their evidence; ``subtotals`` count all of them. ``parts`` add up to
    ``amount_minor`` where the line is made of other lines, and are told with ``rule``; for a term they are the opening
    positions that are added to the contributions; ``adds_up`` says whether the sum of lines that a term rests on means
    anything. ``computed`` is the term as its contract file says it,
    ``effective`` the day from which that file is in force. ``roundings`` lead from exact values to the amount,
    ``record_roundings`` do so for contributions that are rounded one by one, in their order. ``correction`` says why a
    closed period comes to something else than was stated for it.
    """

    address: LineAddress
    as_of: date
    amount_minor: int
    currency: str
    state: str
    quantities: tuple[str, ...]
    clause: str
    clause_text: str
    contract_source: str
    effective: date | None
    computed: str
    rule: str
    parts: tuple[Part, ...]
    notes: tuple[str, ...]
    adds_up: bool
    roundings: tuple[RoundingStep, ...]
    subtotals: tuple[Subtotal, ...]
    contributions: tuple[Contribution, ...]
    record_roundings: tuple[RoundingStep | None, ...]
    correction: Correction | None


@naming_damage
def explain_line(home: Home, as_of: date, address: LineAddress, *, limit: int | None = None) -> Explanation:
    """Explain one payout line of the night ``as_of``.

    Parameters
    ----------
    limit:
        Gather evidence for that many contributions, the largest first, and tell so many causes of a correction one by
        one; None for all of them.

    Raises
    ------
    TerminalError
        Where the night has no such line; the message names lines that it has.
    """
    scene = _scene(home, as_of, address)
    row, version = scene.row, scene.version
    # Only a term asks what the terms come to.
    now = lines_now(scene) if scene.term else {}
    made = compose(scene, now)
    contributions = net_contributions(_rated(scene))
    shown = contributions if limit is None else contributions.head(limit)
    told = with_rates(scene, with_evidence(home, scene.day, shown))
    return Explanation(
        address=scene.address,
        as_of=row["as_of"],
        amount_minor=row["amount_minor"],
        currency=row["currency"],
        state=row["state"],
        quantities=tuple(filter(None, row["quantities"].split(";"))),
        clause=row["clause"],
        clause_text=version.contract.clauses.get(row["clause"], "") if version else "",
        contract_source=version.source if version else "",
        effective=version.effective if version else None,
        computed=said(scene.term) if scene.term else "",
        rule=made.rule,
        parts=made.parts,
        notes=made.notes,
        adds_up=made.adds_up,
        roundings=roundings(scene, now, made.parts),
        subtotals=subtotals(contributions),
        contributions=told,
        record_roundings=tuple(of_contribution(scene, one) for one in told),
        correction=_correction(scene, limit),
    )


def _scene(home: Home, as_of: date, address: LineAddress) -> Scene:
    payout = store.read_table(home, "payout", as_of)
    row = _find(payout, as_of, address)
    address = address_of(row)
    versions = known_versions(read_contracts(store.read_documents(home)).get(address.contract, ()), row["as_of"])
    return Scene(
        home=home,
        night=as_of,
        address=address,
        row=row,
        tonight=payout.filter(pl.col("contract") == address.contract),
        versions=versions,
        version=in_force(versions, period_from(address.period)) if versions else None,
        first_night=known(home, "file", as_of).select(pl.col("business_date").min()).collect().item() or as_of,
    )


def _correction(scene: Scene, limit: int | None) -> Correction | None:
    """Why an adjustment or a restated term is not what was stated; nothing for other lines."""
    if scene.address.term == ADJUSTMENT and scene.address.adjusts is not None:
        return correction(scene, scene.address.adjusts, None, limit)
    if scene.row["state"] == StatementState.RESTATED:
        return correction(scene, scene.address.period, scene.address.term, limit)
    if scene.row["state"] == StatementState.PARKED and scene.address.adjusts is not None:
        return correction(scene, scene.address.adjusts, scene.address.term, limit)
    return None


def line_addresses(home: Home, as_of: date) -> tuple[str, ...]:
    """The addresses of all payout lines of a night, sorted."""
    return _addresses(store.read_table(home, "payout", as_of))


def _addresses(payout: pl.DataFrame) -> tuple[str, ...]:
    return tuple(sorted({address_of(row).text for row in payout.iter_rows(named=True)}))


def _find(payout: pl.DataFrame, as_of: date, address: LineAddress) -> Mapping[str, Any]:
    """The line's row; the latest where a night tells a restated line of several days."""
    wanted = (
        (pl.col("contract") == address.contract)
        & (pl.col("period") == address.period)
        & (pl.col("term") == address.term)
        & pl.col("beneficiary").eq_missing(pl.lit(address.beneficiary, pl.String()))
    )
    if address.adjusts is not None:
        wanted &= pl.col("adjusts") == address.adjusts
    found = payout.filter(wanted).sort("as_of", "adjusts").rows(named=True)
    # A term without a closed period is the term of its own period, also where late facts of it are parked.
    found = [row for row in found if row["adjusts"] == address.adjusts] or found
    names = _addresses(payout)
    if not names:
        raise TerminalError(f"The night {as_of} has no payout lines: ask for a night that is settled.")
    if not found:
        near = difflib.get_close_matches(address.text, names, n=3)
        if near:
            raise TerminalError(f"The night {as_of} has no payout line {address.text}: did you mean {', '.join(near)}?")
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        raise TerminalError(
            f"The night {as_of} has no payout line {address.text}; it has {', '.join(names[:_NAMED])}{more}."
        )
    several = sorted({address_of(row).text for row in found})
    if len(several) > 1:
        raise TerminalError(f"{address.text} is more than one line: write one of {', '.join(several)}.")
    return found[-1]


def _rated(scene: Scene) -> pl.LazyFrame:
    """The contributions of a term, or of all terms of a closed period since it was stated; none for other lines."""
    address, rated = scene.address, scene.contributions()
    if address.beneficiary is not None:
        return rated.limit(0)
    if address.adjusts is None:
        return rated.filter((pl.col("period") == address.period) & (pl.col("term") == address.term))
    stated = scene.stated_terms(address.adjusts).values()
    since, told_on = (max((row[name] for row in stated), default=date.min) for name in ("as_of", "business_date"))
    return rated.filter((pl.col("period") == address.adjusts) & ~was_known(since, told_on))
