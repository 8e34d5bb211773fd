"""An explanation as plain text for a person at a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from typing import Final

from settlement.explain.address import LineAddress, parse_line_address
from settlement.explain.evidence import Contribution, MatchEvidence, Source
from settlement.explain.rounding import RoundingStep
from settlement.explain.walk import Explanation
from settlement.explain.why import Correction
from settlement.model.money import decimal_of, exponent, is_currency, to_major
from settlement.model.statement_lines import ADJUSTMENT

SHOWN: Final = 20
"""Contributions that are shown where nothing else is asked for."""

_WIDTH: Final = 118


def render_text(explanation: Explanation, limit: int | None = SHOWN) -> str:
    """The explanation with its ``limit`` largest contributions and the sum of the others; None shows all it has."""
    blocks = [
        list(_head(explanation)),
        list(_parts(explanation)),
        list(_roundings(explanation)),
        *(_correction(explanation.correction, explanation.address.contract) if explanation.correction else ()),
        list(_subtotals(explanation)),
        list(_contributions(explanation, limit)),
    ]
    return "\n\n".join("\n".join(map(plain, block)) for block in blocks if block)


def plain(line: str) -> str:
    """A line without characters that would steer the terminal; names come from outside."""
    return "".join(character if character.isprintable() else "\ufffd" for character in line)


def _head(explanation: Explanation) -> Iterator[str]:
    yield explanation.address.text
    money = money_text(explanation.amount_minor, explanation.currency)
    yield f"  amount      {money}, {explanation.state} as known after {explanation.as_of}"
    for index, quantity in enumerate(explanation.quantities):
        yield f"  {'quantities' if index == 0 else '':<10}  {quantity.replace('=', ' = ', 1)}"
    words = f"{explanation.clause}: {explanation.clause_text or 'not found in the configuration'}"
    for index, line in enumerate(_wrapped(words, _WIDTH - 14)):
        yield f"  {'clause' if index == 0 else '':<10}  {line}"
    if explanation.contract_source:
        yield f"  {'':<10}  ({explanation.contract_source}, in force from {explanation.effective})"
    for index, line in enumerate(_wrapped(explanation.computed, _WIDTH - 14)):
        yield f"  {'computed' if index == 0 else '':<10}  {line}"


def _parts(explanation: Explanation) -> Iterator[str]:
    if not explanation.parts or explanation.address.term == ADJUSTMENT:
        # What an adjustment is made of stands under then and now.
        if explanation.rule and explanation.address.term != ADJUSTMENT:
            yield from _wrapped(f"Made of: {explanation.rule}", _WIDTH)
        yield from _notes(explanation)
        return
    yield f"Made of: {explanation.rule}" if explanation.rule else "Opening positions that enter"
    names = [part.address or part.text for part in explanation.parts]
    width = max(len(name) for name in names)
    for part, name in zip(explanation.parts, names, strict=True):
        own_name = part.address is not None and part.text != parse_line_address(part.address).term
        text = f"  {part.text}" if own_name else ""
        yield f"  {money_text(part.amount_minor, part.unit):>20}  {name:<{width}}{text}".rstrip()
    if (
        explanation.rule
        and explanation.adds_up
        and len({part.unit for part in explanation.parts}) == 1
        and len(names) > 1
    ):
        total = sum(part.amount_minor for part in explanation.parts)
        yield f"  {money_text(total, explanation.parts[0].unit):>20}  sum"
    yield from _notes(explanation)


def _notes(explanation: Explanation) -> Iterator[str]:
    for note in explanation.notes:
        first, *rest = _wrapped(note, _WIDTH - 2)
        yield f"  {first}"
        yield from (f"    {line}" for line in rest)


def _roundings(explanation: Explanation) -> Iterator[str]:
    for index, step in enumerate(explanation.roundings):
        if index == 0:
            yield "Rounded"
        yield f"  {_rounding(step)}, of {step.name}"
    given = sum(step.rounded for step in explanation.roundings) - explanation.amount_minor
    if explanation.roundings and given and explanation.address.beneficiary is None:
        yield f"  less {money_text(given, explanation.currency)} given for earlier periods"


def _rounding(step: RoundingStep) -> str:
    """``12.345 USD half_away to 12.35, residue -0.005``; what no decimal is exact for is told as a fraction."""
    exact, residue = (_exact(value, step.currency) for value in (step.exact, step.residue))
    rounded = _exact(Fraction(step.rounded), step.currency)
    return f"{exact} {step.currency} {step.mode} to {rounded}, residue {residue}"


def _exact(value: Fraction, currency: str) -> str:
    """An exact number of minor units in major units: ``0.132``, or ``0.13 + 1/3 of a minor unit``."""
    decimal = decimal_of(value / 10 ** exponent(currency))
    if decimal is None:
        whole = int(value)
        return (
            f"{_exact(Fraction(whole), currency)} {'+' if value > whole else '-'} {abs(value - whole)} of a minor unit"
        )
    return f"{decimal:,.{max(exponent(currency), -int(decimal.as_tuple().exponent))}f}"


def _correction(correction: Correction, contract: str) -> Iterator[list[str]]:
    """Then, now and why."""
    unit = correction.currency
    terms = [f"{correction.period}, then and now", f"  {'then':>20}  {'now':>20}  {'difference':>20}"]
    for term in correction.terms:
        amounts = (term.then_minor, term.now_minor, term.now_minor - term.then_minor)
        address = LineAddress(contract=contract, period=correction.period, term=term.term).text
        terms.append(f"{_columns(amounts, unit)}  {address}, stated after {term.stated_on}")
    if len(correction.terms) > 1:
        then, now = (sum(getattr(term, name) for term in correction.terms) for name in ("then_minor", "now_minor"))
        terms.append(f"{_columns((then, now, correction.difference), unit)}  sum")
    yield terms
    why = ["Why"] if correction.causes else []
    for number, cause in enumerate(correction.causes, start=1):
        since = f" (known {cause.known_on})" if cause.known_on else ""
        why.append(f"  {number:>3}  {money_text(cause.amount_minor, unit):>20}  {cause.text}{since}")
        for one in cause.contributions:
            selector = f" {one.selector}" if one.selector else ""
            why.append(f"         {one.period}/{one.term}{selector}: {money_text(one.quantity, one.unit)}")
        why += [f"         {_source(source, place=True)}" for source in cause.accounts]
        evidence = (
            line
            for one in cause.contributions
            for line in _evidence(one, place=one.file is None or one.file not in cause.text)
        )
        why += list(dict.fromkeys(evidence))
    if len(correction.causes) > 1:
        why.append(f"       {money_text(sum(cause.amount_minor for cause in correction.causes), unit):>20}  sum")
    yield why


def _columns(amounts: Iterable[int], unit: str) -> str:
    return "".join(f"  {money_text(amount, unit):>20}" for amount in amounts)


def _subtotals(explanation: Explanation) -> Iterator[str]:
    if not explanation.subtotals:
        if explanation.address.beneficiary is None and explanation.correction is None:
            yield "No record contributes."
        return
    yield "Contributions added up"
    several = len({subtotal.term for subtotal in explanation.subtotals}) > 1
    for subtotal in explanation.subtotals:
        name = f"{subtotal.term} {subtotal.selector}" if several else subtotal.selector
        quantity = money_text(subtotal.quantity, subtotal.unit)
        yield f"  {quantity:>20}  rows {subtotal.contributions:>7,}  {name}".rstrip()


def _contributions(explanation: Explanation, limit: int | None) -> Iterator[str]:
    shown = explanation.contributions if limit is None else explanation.contributions[:limit]
    if not shown or explanation.address.adjusts is not None:
        # Those of an adjustment stand with what each of them makes.
        return
    rows = sum(subtotal.contributions for subtotal in explanation.subtotals)
    yield "Contributions" if len(shown) == rows else f"Contributions, the {len(shown)} largest of {rows}"
    for number, contribution in enumerate(shown, start=1):
        yield from _contribution(number, contribution, explanation.record_roundings[number - 1])
    if len(shown) < rows:
        yield f"  and {rows - len(shown)} more, which sum to {_rest(explanation, shown)}"


def _rest(explanation: Explanation, shown: Sequence[Contribution]) -> str:
    """The sum of what is not shown, by unit."""
    rest: dict[str, int] = {}
    for subtotal in explanation.subtotals:
        rest[subtotal.unit] = rest.get(subtotal.unit, 0) + subtotal.quantity
    for contribution in shown:
        rest[contribution.unit] -= contribution.quantity
    return " and ".join(money_text(quantity, unit) for unit, quantity in sorted(rest.items()))


def _contribution(number: int, contribution: Contribution, step: RoundingStep | None) -> Iterator[str]:
    selector = f", {contribution.selector}" if contribution.selector else ""
    changed = contribution.changed_on != contribution.known_on
    nights = f"known {contribution.known_on}" + (f", changed {contribution.changed_on}" if changed else "")
    place = f"{contribution.file} record {contribution.record}" if contribution.file else contribution.account_id
    quantity = money_text(contribution.quantity, contribution.unit)
    yield f"  {number:>3}  {quantity:>20}  {place}{selector} ({nights})"
    if step is not None:
        yield f"         {_rounding(step)}, of {step.name}"
    yield from _evidence(contribution, place=contribution.file is None)


def _evidence(contribution: Contribution, *, place: bool) -> Iterator[str]:
    """The source records of a contribution, with their places where these are not told before, and its matches."""
    for source in contribution.sources:
        yield f"         {_source(source, place=place)}"
    for rate in contribution.rates:
        yield f"         at {rate}"
    for match in contribution.matches:
        yield from _match(match, contribution)


def _match(match: MatchEvidence, contribution: Contribution) -> Iterator[str]:
    reason = f" ({match.residual_reason})" if match.residual_reason else ""
    yield (
        f"         matched {match.kind} {match.cardinality} by {match.found_by} on {match.known_on}, residual "
        f"{money_text(match.residual_minor, match.currency)}{reason}, {match.match_id}"
    )
    for member in match.members:
        if (member.file, member.record) == (contribution.file, contribution.record):
            continue
        place = f"{member.file} record {member.record}"
        told = (
            _source(member.source, place=False) if member.source else money_text(member.amount_minor, member.currency)
        )
        yield f"           {member.side:<8}  {place}: {told}"


def _source(source: Source, *, place: bool) -> str:
    amount = None
    if source.amount_minor is not None and source.currency is not None:
        amount = money_text(source.amount_minor, source.currency)
    day = source.day.isoformat() if source.day else None
    told = ", ".join(part for part in (source.what, day, amount, source.card_masked, source.text) if part)
    return f"{source.file} record {source.record}: {told}" if place else told


def money_text(amount_minor: int, unit: str) -> str:
    """Minor units as a person reads them, thousands apart; other units as whole numbers."""
    if not is_currency(unit):
        return f"{amount_minor:,} {unit}"
    whole, dot, decimals = to_major(amount_minor, unit).partition(".")
    sign = "-" if whole.startswith("-") else ""
    return f"{sign}{int(whole.removeprefix('-')):,}{dot}{decimals} {unit}"


def _wrapped(text: str, width: int) -> Iterator[str]:
    line = ""
    for word in text.split():
        if line and len(line) + 1 + len(word) > width:
            yield line
            line = word
        else:
            line = f"{line} {word}".strip()
    if line:
        yield line
