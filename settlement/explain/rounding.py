"""The exact values behind an amount, and how each was rounded."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from settlement.explain.evidence import Contribution
from settlement.explain.scene import Part, Scene
from settlement.explain.steps import hold_of, tax_of
from settlement.model.contract_terms import RecordRateTerm
from settlement.model.dates import Period
from settlement.model.money import amount_text, exponent, round_fraction, to_major
from settlement.model.statement_lines import (
    GROSS_UP,
    INTEREST,
    RELEASES,
    REVERSE_CHARGE,
    SHARE,
    SHARE_CONVERTED,
    VALUE_ADDED_TAX,
    WITHHOLDING_TAX,
    kind_of,
)
from settlement.rate.balance import exact_tax
from settlement.rate.conversion import read_own
from settlement.rate.forms import exact_of_record, of_record
from settlement.rate.per_record import PURCHASES
from settlement.rate.windows import Lines


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundingStep:
    """One rounding: what was rounded, its exact value in minor units, the mode, and what it became."""

    name: str
    exact: Fraction
    mode: str
    rounded: int
    currency: str

    @property
    def residue(self) -> Fraction:
        """What the rounding left out, in minor units: exact less rounded."""
        return self.exact - self.rounded


def roundings(scene: Scene, now: Mapping[Period, Lines], parts: Sequence[Part]) -> tuple[RoundingStep, ...]:
    """The roundings of a term, a share or a conversion.

    None where the line is no rounded one, or where the contributions that are kept lead to another amount than it
    tells: then the contract's files are not those it was rated by.

    Parameters
    ----------
    now:
        The terms of every period as recomputed on the line's day.
    parts:
        The lines that the line is made of.
    """
    if kind_of(scene.address.term) in _OF_STEPS and (scene.address.beneficiary or scene.address.adjusts):
        return _OF_STEPS[kind_of(scene.address.term)](scene)
    if scene.address.term == SHARE_CONVERTED and scene.address.beneficiary:
        return _of_conversion(scene, sum(part.amount_minor for part in parts))
    found = {period.text: lines for period, lines in now.items()}.get(scene.address.period, {})
    line = found.get(scene.address.term)
    if scene.address.beneficiary or line is None or line.amount_minor != scene.row["amount_minor"]:
        return ()
    told = {quantity.partition("=")[0]: quantity for quantity in line.quantities.split(";")}
    names = {name: quantity.removeprefix(f"{name}=").partition(":")[0] for name, quantity in told.items()}
    return tuple(
        RoundingStep(
            name=f"{step.of} {names.get(step.of, '')}".strip(),
            exact=step.exact,
            mode=step.mode,
            rounded=step.whole,
            currency=scene.row["currency"],
        )
        for step in line.roundings
    )


def _of_share(scene: Scene) -> tuple[RoundingStep, ...]:
    """The split of the statement's total, which the line tells as ``of=``."""
    if scene.version is None:
        return ()
    weights = scene.version.contract.weights
    weight, total = weights.get(scene.address.beneficiary or "", 0), scene.told("of")
    if not weight or total is None:
        return ()
    step = RoundingStep(
        name=f"{weight} of {sum(weights.values())} parts",
        exact=Fraction(int(total) * weight, sum(weights.values())),
        mode=str(scene.version.contract.settlement.residue),
        rounded=scene.row["amount_minor"] - int(scene.told("own") or 0),
        currency=scene.row["currency"],
    )
    return (step,)


def _of_conversion(scene: Scene, amount: int) -> tuple[RoundingStep, ...]:
    """An amount at the rate that the line tells, without what closed periods come to anew."""
    rate = scene.told("rate")
    rule = scene.version.contract.settlement.convert if scene.version else None
    if scene.version is None or rule is None or rate in (None, "none"):
        return ()
    currency = scene.version.contract.currency
    scale = Fraction(10) ** (exponent(rule.to) - exponent(currency))
    step = RoundingStep(
        name=f"{amount_text(amount, currency)} at {rate}",
        exact=Fraction(rate) * scale * amount,
        mode=rule.rounding,
        rounded=read_own(scene.row["amount_minor"], scene.row["quantities"]),
        currency=rule.to,
    )
    return (step,)


def _of_tax(scene: Scene) -> tuple[RoundingStep, ...]:
    """The tax of the bases to date less that of the bases before the statement, signed as the line is."""
    tax, base, before = tax_of(scene), int(scene.told("base") or 0), int(scene.told("base_before") or 0)
    if tax is None:
        return ()
    sign = -1 if kind_of(scene.address.term) in {WITHHOLDING_TAX, REVERSE_CHARGE} else 1
    return tuple(
        RoundingStep(
            name=f"{name} {to_major(amount, scene.row['currency'])}",
            exact=turned * exact_tax(tax, amount),
            mode=tax.rounding,
            rounded=turned * round_fraction(exact_tax(tax, amount), tax.rounding),
            currency=scene.row["currency"],
        )
        for name, amount, turned in (("to date", before + base, sign), ("taken off as before it", before, -sign))
    )


def _of_interest(scene: Scene) -> tuple[RoundingStep, ...]:
    """Interest on an adjustment that is nobody's own: of what is somebody's own each part is rounded by itself."""
    rule = scene.version.contract.settlement.adjustments.interest if scene.version else None
    if rule is None:
        return ()
    amount, days, year = (int(scene.told(name) or 0) for name in ("of", "days", "year"))
    exact = Fraction(rule.rate_a_year) * amount * days / year
    whole, currency = scene.row["amount_minor"], scene.row["currency"]
    if round_fraction(exact, rule.rounding) != whole:
        return ()
    name = f"{rule.rate_a_year} of {to_major(amount, currency)} for {days} of {year} days"
    return (RoundingStep(name=name, exact=exact, mode=rule.rounding, rounded=whole, currency=currency),)


def _of_hold(scene: Scene) -> tuple[RoundingStep, ...]:
    """The share of what the statement adds; none where the balance bounds it."""
    rule = hold_of(scene)
    if rule is None:
        return ()
    added, currency = int(scene.told("of") or 0), scene.row["currency"]
    exact, whole = Fraction(rule.share) * max(0, added), -scene.row["amount_minor"]
    if round_fraction(exact, rule.rounding) != whole:
        return ()
    name = f"{rule.share} of {to_major(added, currency)}"
    return (RoundingStep(name=name, exact=-exact, mode=rule.rounding, rounded=-whole, currency=currency),)


_OF_STEPS: Final[Mapping[str, Callable[[Scene], tuple[RoundingStep, ...]]]] = {
    SHARE: _of_share,
    **dict.fromkeys((GROSS_UP, WITHHOLDING_TAX, VALUE_ADDED_TAX, REVERSE_CHARGE), _of_tax),
    **dict.fromkeys(RELEASES, _of_hold),
    INTEREST: _of_interest,
}
"""The roundings of the steps of a settlement."""


def of_contribution(scene: Scene, contribution: Contribution) -> RoundingStep | None:
    """The rounding of one purchase under a rate that is rounded record by record; None for anything else.

    A flat amount and bounds for a record are part of the exact value: bounds are whole. An amount in another currency
    than the contract's is rounded before it meets the rate, and tells no exact value.
    """
    term, source = scene.term, next(iter(contribution.sources), None)
    if not isinstance(term, RecordRateTerm) or contribution.selector != PURCHASES or source is None:
        return None
    if source.counted_minor is None or source.currency != contribution.unit:
        return None
    flat = "" if term.flat is None else f" and {term.flat}"
    least = "" if term.least is None else f", {term.least} at least"
    most = "" if term.most is None else f", {term.most} at most"
    return RoundingStep(
        name=f"{term.rate} of {to_major(source.counted_minor, contribution.unit)}{flat}{least}{most}",
        exact=exact_of_record(term, contribution.unit, source.counted_minor),
        mode=term.rounding.mode,
        rounded=of_record(term, contribution.unit, source.counted_minor),
        currency=contribution.unit,
    )
