"""Entries between what a beneficiary earns and what it is paid, interest, and what is parked: how each is made.

Each entry tells among its quantities what it rests on; the parts are the lines and the earlier entries behind them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

import polars as pl

from settlement.explain.scene import Part, Scene, part_of
from settlement.model.contract_steps import Hold, Tax, TaxKind
from settlement.model.dates import Period, period_from
from settlement.model.money import to_major
from settlement.model.statement_lines import (
    ADJUSTMENT,
    GROSS_UP,
    HELD,
    RELEASED,
    RELEASES,
    RESERVE_KEPT,
    RESERVE_RELEASED,
    REVERSE_CHARGE,
    VALUE_ADDED_TAX,
    WITHHOLDING_TAX,
    kind_of,
    line_of,
    moves_of,
    name_of,
    told,
)
from settlement.rate.prose_steps import of_banking_days, of_base

_BANKING: Final = "banking_days"

_KINDS: Final[Mapping[str, tuple[TaxKind, ...]]] = {
    GROSS_UP: (TaxKind.GROSS_UP,),
    WITHHOLDING_TAX: (TaxKind.WITHHOLDING, TaxKind.GROSS_UP),
    VALUE_ADDED_TAX: (TaxKind.VALUE_ADDED,),
    REVERSE_CHARGE: (TaxKind.VALUE_ADDED,),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Composition:
    """How a line is made; ``parts`` are the lines that it is made of, ``notes`` are sentences.

    ``adds_up`` says whether the sum of the parts means something.
    """

    rule: str
    parts: tuple[Part, ...] = ()
    notes: tuple[str, ...] = ()
    adds_up: bool = True


def moves(scene: Scene) -> tuple[Part, ...]:
    """The beneficiary's entries between what comes in and what goes out, in their order."""
    rows = {row["term"]: row for row in scene.lines(pl.col("beneficiary") == scene.address.beneficiary)}
    return tuple(part_of(rows[line]) for line in moves_of(rows))


def tax_of(scene: Scene) -> Tax | None:
    """The tax of the contract that makes the line."""
    taxes = scene.version.contract.settlement.taxes_of(scene.address.beneficiary or "") if scene.version else ()
    kinds, name = _KINDS[kind_of(scene.address.term)], name_of(scene.address.term)
    return next((tax for tax in taxes if tax.kind in kinds and tax.id == name), None)


def hold_of(scene: Scene) -> Hold | None:
    """The hold of the contract that makes the line."""
    holds = scene.version.contract.settlement.holds_of(scene.address.beneficiary or "") if scene.version else ()
    return next((hold for hold in holds if hold.line == scene.address.term), None)


def _tax(scene: Scene) -> Composition:
    base, before = int(scene.told("base") or 0), int(scene.told("base_before") or 0)
    tax = tax_of(scene)
    what = "what is earned and not recouped" if tax is None else of_base(tax)
    rule = f"{scene.told('rate')} of {what}, to date, less the same of the statements before"
    if tax is not None and tax.kind is TaxKind.GROSS_UP:
        rule += "; so much is added that what is left is net of the tax"
    return Composition(
        rule=rule,
        notes=(
            f"{_major(base, scene)} in this statement, {_major(before, scene)} before it",
            f"owed by the {scene.told('owed_by')} to {scene.told('owed_to')}",
        ),
    )


def _held(scene: Scene) -> Composition:
    added, share = int(scene.told("of") or 0), scene.told("share")
    hold = hold_of(scene)
    less = f" without what is held before it ({', '.join(hold.after)})" if hold is not None and hold.after else ""
    what = f"{_major(added, scene)} that this statement adds{less}"
    rule = f"{share} of the {what}, as far as the balance covers it"
    notes: tuple[str, ...] = (f"to be released by the first statement from {scene.told('release_on')} on",)
    if hold is not None and hold.counted_in == _BANKING:
        notes += _banking_days(scene, hold.released_after, period_from(scene.address.period))
    return Composition(rule=rule, notes=notes)


def _banking_days(scene: Scene, number: int, period: Period) -> tuple[str, ...]:
    """How many banking days after a period a day lies, and which days those are."""
    if scene.version is None:
        return ()
    counted = f"{number} banking day{'' if number == 1 else 's'}"
    return (f"{counted} after {period.last}. {of_banking_days(scene.version.contract)}",)


def _released(scene: Scene) -> Composition:
    """The entries of closed statements that hold back and have fallen due since the last of them."""
    released = kind_of(scene.address.term)
    held = line_of(next(kept for kept, back in RELEASES.items() if back == released), name_of(scene.address.term))
    own = (pl.col("term") == held) & (pl.col("beneficiary") == scene.address.beneficiary)
    stated = scene.stated().filter(pl.col("beneficiary").is_not_null())
    last = max(stated["as_of"], default=date.min)
    parts = []
    for row in stated.filter(own).iter_rows(named=True):
        due = told(row["quantities"], "release_on")
        if due is not None and last < date.fromisoformat(due) <= scene.row["as_of"]:
            back = part_of(row, f"held back, due on {due}")
            parts.append(Part(text=back.text, amount_minor=-back.amount_minor, unit=back.unit, address=back.address))
    left = _major(int(scene.told("held_after") or 0), scene)
    return Composition(rule="what falls free of what was held back", parts=tuple(parts), notes=(f"{left} stay held",))


def interest(scene: Scene) -> Composition:
    """Interest on an adjustment: the adjustment, the days, and the rate."""
    adjusted = (pl.col("term") == ADJUSTMENT) & (pl.col("adjusts") == scene.address.adjusts)
    parts = tuple(part_of(row, f"{ADJUSTMENT} of {row['adjusts']}") for row in scene.lines(adjusted))
    rule = (
        f"interest at {scene.told('rate_a_year')} a year on this adjustment for {scene.told('days')} of "
        f"{scene.told('year')} days, from {scene.told('from')} to {scene.told('to')}"
    )
    agreed = scene.version.contract.settlement.adjustments.interest if scene.version else None
    notes: tuple[str, ...] = ()
    if agreed is not None and agreed.due_counted_in == _BANKING and scene.address.adjusts is not None:
        due = _banking_days(scene, agreed.due_days, period_from(scene.address.adjusts))
        notes = tuple(f"due {note}" for note in due)
    return Composition(rule=rule, parts=parts, notes=notes)


def parked(scene: Scene) -> Composition:
    """What a term of a closed period comes to now and may not come to any more."""
    now, booked = (_major(int(scene.told(name) or 0), scene) for name in ("restated", "booked"))
    return Composition(
        rule=f"{scene.address.adjusts} would give {now} now and stays at {booked}: told, and not paid",
        notes=(f"what became known after {scene.told('reopened_until')} is too late for the period by the contract",),
    )


def _major(amount_minor: int, scene: Scene) -> str:
    return f"{to_major(amount_minor, scene.row['currency'])} {scene.row['currency']}"


STEPS: Final[Mapping[str, Callable[[Scene], Composition]]] = {
    GROSS_UP: _tax,
    WITHHOLDING_TAX: _tax,
    VALUE_ADDED_TAX: _tax,
    REVERSE_CHARGE: _tax,
    HELD: _held,
    RELEASED: _released,
    RESERVE_KEPT: _held,
    RESERVE_RELEASED: _released,
}
"""How each entry of tax and hold is made."""
