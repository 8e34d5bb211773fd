"""The rule by which a line is made, the amounts it is made of, and what else a reader asks of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

import polars as pl

from settlement.explain.address import LineAddress
from settlement.explain.exchange import exchange_told
from settlement.explain.reckoned import reckoned, residue_told
from settlement.explain.scene import OF_A_TERM, Part, Scene, part_of
from settlement.explain.steps import STEPS, Composition, interest, moves, parked
from settlement.model.clearing import TOLD_ONLY, StatementState
from settlement.model.contract_frame import Window
from settlement.model.contract_measures import openings
from settlement.model.contract_terms import (
    CapTerm,
    GateTerm,
    MinimumTerm,
    PointsTerm,
    PrepaidTerm,
    SumTerm,
    Term,
    TiersTerm,
    UnitPriceTerm,
    WholeTierTerm,
    looks_at,
    named,
    rests_on,
)
from settlement.model.dates import Calendar, Period, PeriodKind, period_from, year_of
from settlement.model.money import minor
from settlement.model.statement_lines import ADJUSTMENT, INTEREST, kind_of
from settlement.rate.contract_words import written_minor
from settlement.rate.measures import limit_of, measured_in
from settlement.rate.per_record import LIMIT
from settlement.rate.windows import Lines

_MOST_ACCOUNTS: Final = 5


def compose(scene: Scene, now: Mapping[Period, Lines]) -> Composition:
    """The rule, the parts and the notes of a line.

    Parameters
    ----------
    now:
        The terms of every period as recomputed on the line's day.
    """
    if scene.address.beneficiary is None:
        if scene.row["state"] == StatementState.PARKED:
            return parked(scene)
        if scene.address.term == INTEREST:
            return interest(scene)
        return _adjustment(scene) if scene.address.term == ADJUSTMENT else _of_term(scene, now)
    made: Mapping[str, Callable[[Scene], Composition]] = {
        "share": _share,
        "share_converted": _converted,
        "carry_in": _carry_in,
        "recouped": _recouped,
        **STEPS,
        "payout": _balance,
        "carry_out": _balance,
    }
    kind = kind_of(scene.address.term)
    return made[kind](scene) if kind in made else Composition(rule="")


def _of_term(scene: Scene, now: Mapping[Period, Lines]) -> Composition:
    """What a term rests on beside its contributions, and how it comes from its quantities."""
    found = _rests_on(scene, now)
    return replace(found, notes=(*found.notes, *reckoned(scene, now)))


def _rests_on(scene: Scene, now: Mapping[Period, Lines]) -> Composition:
    term = scene.term
    match term:
        case MinimumTerm():
            return _guarantee(scene, term, now)
        case CapTerm():
            return _cap(scene, term, now)
        case WholeTierTerm():
            return Composition(rule="", parts=_openings(scene), notes=_given_before(scene, term, now))
        case PointsTerm() | PrepaidTerm():
            return replace(_on_names(scene, now), notes=_ledger(scene, term, now) + _limits(scene, term))
        case UnitPriceTerm():
            return Composition(rule="", parts=_openings(scene), notes=_limits(scene, term))
        case _:
            found = _on_names(scene, now)
            return found if term is None else replace(found, notes=found.notes + _limits(scene, term))


def _on_names(scene: Scene, now: Mapping[Period, Lines]) -> Composition:
    """Opening positions, and the lines of the terms that the term names, if any."""
    term = scene.term
    parts = () if term is None else _lines_of(scene, tuple(dict.fromkeys(rests_on(term) or named(term))), now)
    notes = _given_before(scene, term, now) if isinstance(term, TiersTerm) and term.less != "nothing" else ()
    rule = "rests on these lines" if parts else ""
    adds_up = isinstance(term, GateTerm) or (isinstance(term, SumTerm) and not term.takes)
    return Composition(rule=rule, parts=_openings(scene) + parts, notes=notes, adds_up=adds_up)


def _guarantee(scene: Scene, term: MinimumTerm, now: Mapping[Period, Lines]) -> Composition:
    lines = _lines_of(scene, term.of, now)
    if term.window == "period":
        rule = f"as much as these lines lack of {term.guarantee}, once the period closes"
        return Composition(rule=rule, parts=lines)
    rule = f"as much as these lines of the year lack of {term.guarantee}, once the year's last period closes"
    year = _year(scene)
    opening = _positions(scene, [term.opening_earned or ""] if scene.first_night in year else [])
    return Composition(rule=rule, parts=(*opening, *_earlier(scene, term.of, now, year), *lines))


def _cap(scene: Scene, term: CapTerm, now: Mapping[Period, Lines]) -> Composition:
    within = _year(scene) if term.window == "year_to_date" else None
    earlier = () if term.window == "period" else _earlier(scene, term.of, now, within)
    parts = (*earlier, *_lines_of(scene, term.of, now))
    earned, taken = sum(part.amount_minor for part in parts), scene.row["amount_minor"]
    if earlier:
        taken += sum(found[term.id].amount_minor for found in _before(scene, now, within).values())
    told = f"together {_major(earned, scene)}, of which {_major(-taken, scene)} is above"
    notes = (told, *(_given_before(scene, term, now) if earlier else ()))
    return Composition(rule=f"of these lines what is above {term.most} is taken back", parts=parts, notes=notes)


def _lines_of(scene: Scene, terms: Sequence[str], now: Mapping[Period, Lines]) -> tuple[Part, ...]:
    """The statement's own lines of other terms, and terms that are worked out for others and are no lines of it."""
    told = [part_of(row) for row in scene.lines(OF_A_TERM & pl.col("term").is_in(terms))]
    worked = now.get(period_from(scene.address.period), {})
    unpaid = [term.id for term in scene.version.contract.terms if not term.paid] if scene.version else []
    return (
        *told,
        *(
            Part(text=f"{name}, not paid itself", amount_minor=worked[name].amount_minor, unit=scene.row["currency"])
            for name in terms
            if name in unpaid and name in worked
        ),
    )


def _year(scene: Scene) -> Period:
    """The contract's year that the line's period lies in."""
    calendar = Calendar(kind=PeriodKind.YEAR) if scene.version is None else scene.version.contract.calendar
    return year_of(period_from(scene.address.period).last, calendar)


def _before(scene: Scene, now: Mapping[Period, Lines], within: Period | None) -> dict[Period, Lines]:
    """The terms of the periods before the line's, of a year or of all, as recomputed on the line's day."""
    here = period_from(scene.address.period)
    return {
        period: found
        for period, found in now.items()
        if period.first < here.first and (within is None or period.last in within)
    }


def _earlier(
    scene: Scene, terms: Sequence[str], now: Mapping[Period, Lines], within: Period | None
) -> tuple[Part, ...]:
    """What terms give for earlier periods, of a year or of all, as recomputed on the line's day."""
    return tuple(
        Part(
            text=f"as known after {scene.day}",
            amount_minor=found[name].amount_minor,
            unit=scene.row["currency"],
            address=LineAddress(contract=scene.address.contract, period=period.text, term=name).text,
        )
        for period, found in _before(scene, now, within).items()
        for name in terms
        if name in found
    )


def _given_before(
    scene: Scene, term: WholeTierTerm | TiersTerm | CapTerm, now: Mapping[Period, Lines]
) -> tuple[str, ...]:
    """What a term gives for the earlier periods of its window, which the period's own amount is less by."""
    year = None if term.window == Window.CONTRACT_TO_DATE else _year(scene)
    return tuple(
        f"for {period.text} it gives {_major(found[term.id].amount_minor, scene)}, as known after {scene.day}"
        for period, found in _before(scene, now, year).items()
        if term.id in found
    )


def _ledger(scene: Scene, term: PointsTerm | PrepaidTerm, now: Mapping[Period, Lines]) -> tuple[str, ...]:
    """The entries of a ledger in the earlier periods, as recomputed on the line's day."""
    return tuple(
        f"{period.text}: {found[term.id].quantities.replace(';', ', ').replace('=', ' ')}"
        for period, found in _before(scene, now, None).items()
        if term.id in found
    )


def _limits(scene: Scene, term: Term) -> tuple[str, ...]:
    """Which accounts a limit by account holds for, those first from whose units it takes or to which it adds most."""
    limited = limit_of(scene.version.contract, term) if scene.version else None
    if scene.version is None or limited is None:
        return ()
    name, limit = limited
    unit = measured_in(scene.version.contract, name)
    own = (pl.col("period") == scene.address.period) & (pl.col("term") == term.id)
    # Of several measures that the term names, the limit is on the units of one.
    own &= pl.col("selector").is_in([name, LIMIT]) | (len(looks_at(term)) == 1)
    by_limit = pl.col("quantity").filter(pl.col("file").is_null()).sum().alias("by_limit")
    found = (
        scene.contributions()
        .filter(own)
        .group_by("account_id")
        .agg(by_limit, pl.col("quantity").sum().alias("counted"))
        .filter(pl.col("by_limit") != 0)
        .sort(-pl.col("by_limit").abs(), "account_id")
        .collect()
    )
    told = [f"an account counts for {limit.least:,} at least and {limit.most:,} at most in a {limit.window}"]
    told += [
        f"account {account}: {counted - by_limit:,} {unit}, by the limit {counted:,}"
        for account, by_limit, counted in found.head(_MOST_ACCOUNTS).iter_rows()
    ]
    if found.height > _MOST_ACCOUNTS:
        rest = found["by_limit"][_MOST_ACCOUNTS:]
        told.append(f"and {len(rest)} more accounts, which the limit changes by {rest.sum():,} {unit}")
    return tuple(told)


def _openings(scene: Scene) -> tuple[Part, ...]:
    """The opening positions that are added to a term in the period, or the year, of the first night."""
    term = scene.term
    if scene.version is None or term is None:
        return ()
    period = period_from(scene.address.period)
    items: list[str] = []
    if scene.first_night in period:
        known_measures = scene.version.contract.measures
        measures = [known_measures[name] for name in dict.fromkeys(looks_at(term)) if name in known_measures]
        items += [opening.item for measure in measures for opening in openings(measure)]
    if isinstance(term, WholeTierTerm) and scene.first_night in _year(scene):
        items += [item for item in (term.opening_volume, term.opening_paid) if item]
    return _positions(scene, items)


def _positions(scene: Scene, items: Sequence[str]) -> tuple[Part, ...]:
    """Opening positions by name with the record that told them, of the version that was rated."""
    held = scene.positions(scene.night)
    return tuple(
        Part(
            text=f"{item}, {held[item]['file']} record {held[item]['record']}",
            amount_minor=held[item]["value"],
            unit=held[item]["unit"].removesuffix(" minor"),
        )
        for item in items
        if item in held
    )


def _terms(scene: Scene) -> tuple[Part, ...]:
    """Terms and adjustments of the statement, which add up to its total."""
    rows = scene.lines(pl.col("beneficiary").is_null() & ~pl.col("state").is_in(TOLD_ONLY))
    return tuple(part_of(row, f"{row['term']} of {row['adjusts']}" if row["adjusts"] else "") for row in rows)


def _share(scene: Scene) -> Composition:
    weights = scene.version.contract.weights if scene.version else {}
    weight, own = weights.get(scene.address.beneficiary or ""), scene.told("own")
    split = f"{weight} of {sum(weights.values())} parts" if weight else "a share"
    parts = _terms(scene)
    rest = int(scene.told("of") or sum(part.amount_minor for part in parts))
    notes: tuple[str, ...] = (residue_told(weights, rest, partial(_major, scene=scene)),) if weight and rest else ()
    notes += _own_parts(scene)
    rule = f"{split} of the sum of these lines, split by largest remainder"
    if own is not None:
        rule = (
            f"{split} of {_major(rest, scene)}, what these lines leave beside terms that say whose they are, split by "
        )
        rule += f"largest remainder; and {_major(int(own), scene)} of such terms and their corrections"
    return Composition(rule=rule, parts=parts, notes=notes)


def _own_parts(scene: Scene) -> tuple[str, ...]:
    """What the terms that say whose they are give to the beneficiary, and what their minor units left over are."""
    terms = scene.version.contract.terms if scene.version else ()
    gives = {row["term"]: row["amount_minor"] for row in scene.lines(OF_A_TERM & ~pl.col("state").is_in(TOLD_ONLY))}
    major = partial(_major, scene=scene)
    return tuple(
        f"of {term.id}: {residue_told(term.shares, gives[term.id], major)}"
        for term in terms
        if scene.address.beneficiary in term.shares and gives.get(term.id)
    )


def _converted(scene: Scene) -> Composition:
    """The share that is converted, or the total of one beneficiary, and where its rate stands."""
    own = (pl.col("term") == "share") & (pl.col("beneficiary") == scene.address.beneficiary)
    rows = scene.lines(own)
    parts = tuple(part_of(row) for row in rows) or _terms(scene)
    return Composition(rule="converted at the rate told among the quantities", parts=parts, notes=exchange_told(scene))


def _recouped(scene: Scene) -> Composition:
    """What was open of the advance: its opening position and dated advances, less what closed statements recouped."""
    contract, name = (scene.version.contract if scene.version else None), scene.address.beneficiary
    rule = contract.settlement.advance if contract is not None else None
    pooled = rule is not None and rule.recoups == "pool"
    own = pl.col("term") == "recouped"
    own = own if pooled else own & (pl.col("beneficiary") == name)
    before = [part_of(row) for row in scene.stated().filter(own).iter_rows(named=True)]
    beneficiaries = contract.beneficiaries if contract is not None else ()
    items = [one.opening_advance or "" for one in beneficiaries if pooled or one.id == name]
    dated = [
        Part(
            text=f"advanced to {one.to} on {one.on}",
            amount_minor=minor(one.amount, scene.row["currency"]),
            unit=scene.row["currency"],
        )
        for one in (rule.paid if rule is not None else ())
        if (pooled or one.to == name) and scene.first_night <= one.on <= scene.row["as_of"]
    ]
    balance = _major(sum(part.amount_minor for part in _earned(scene)), scene)
    notes = [f"the balance, carried in and earned, is {balance}"]
    if pooled:
        notes.append("all beneficiaries recoup together, in proportion to their balances above zero")
    return Composition(
        rule="of the advance that these lines leave open, as much as the balance is above zero",
        parts=(*_positions(scene, items), *dated, *before),
        notes=tuple(notes),
    )


def _earned(scene: Scene) -> list[Part]:
    """What a beneficiary brings in and earns."""
    own = {row["term"]: row for row in scene.lines(pl.col("beneficiary") == scene.address.beneficiary)}
    earned = own.get("share_converted", own.get("share"))
    parts = [part_of(own["carry_in"])] if "carry_in" in own else []
    return parts + ([part_of(earned)] if earned else [*_terms(scene)])


def _balance(scene: Scene) -> Composition:
    """What is carried in and earned, and what becomes of it."""
    parts = [*_earned(scene), *moves(scene)]
    threshold = f"{scene.version.contract.settlement.threshold}" if scene.version else "the threshold"
    rule = f"the sum of these lines is paid in full from {threshold} {scene.row['currency']} up, else carried out whole"
    return Composition(rule=rule, parts=tuple(parts))


def _carry_in(scene: Scene) -> Composition:
    own = (pl.col("term") == "carry_out") & (pl.col("beneficiary") == scene.address.beneficiary)
    carried = scene.stated().filter(own).rows(named=True)
    if carried:
        return Composition(rule="what the last closed statement carries out", parts=(part_of(carried[-1]),))
    items = [
        beneficiary.opening_carry
        for beneficiary in (scene.version.contract.beneficiaries if scene.version else ())
        if beneficiary.id == scene.address.beneficiary and beneficiary.opening_carry
    ]
    return Composition(rule="the balance from before the first night", parts=_positions(scene, items))


def _adjustment(scene: Scene) -> Composition:
    """What each term of the closed period that changed comes to now, and what was last stated for it."""
    period = scene.address.adjusts or ""
    now = scene.tonight.filter(
        OF_A_TERM
        & (pl.col("period") == period)
        & (pl.col("as_of") == scene.row["as_of"])
        & (pl.col("state") == StatementState.RESTATED)
    )
    stated = scene.stated_terms(period)
    parts = []
    for row in now.sort("term").iter_rows(named=True):
        parts.append(part_of(row, "as known now"))
        before = stated.get(row["term"])
        if before is not None:
            text = f"{parts[-1].address}, taken back as stated after {before['as_of']}"
            parts.append(Part(text=text, amount_minor=-before["amount_minor"], unit=before["currency"]))
    return Composition(rule=f"what {period} comes to now, less what was stated for it", parts=tuple(parts))


def _major(amount_minor: int, scene: Scene) -> str:
    return written_minor(amount_minor, scene.row["currency"])
