"""A rules document in words, for the person who answers for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from settlement.match.wording import joined
from settlement.reconcile.language import ALIAS, Ageing, Bound, Condition, Net, Pass, Rules, Side, Weights, Within

_NORMALISED: Final = {
    "trim": "spaces trimmed",
    "lower": "in small letters",
    "upper": "in capital letters",
    "digits_only": "digits only",
    "letters_and_digits": "letters and digits only",
    "no_leading_zeros": "without leading zeros",
    "masked_card": "first six and last four digits of a card",
    "last4": "last four digits",
}
_AMBIGUITY: Final = {
    "take": "Where another choice is as good, the order of the rows decides, and the match says so.",
    "hold": "Where another choice is as good, nothing is taken: the rows are held for a person.",
    "hold_unless_only": "A pair is taken only where neither row has another candidate; all others are held.",
}


def explain_rules(rules: Rules) -> str:
    """The document as paragraphs: the sides, what is netted, and each pass in its order."""
    return "\n\n".join(_paragraphs(rules)) + "\n"


def _paragraphs(rules: Rules) -> Iterator[str]:
    names = (rules.left.name or "left", rules.right.name or "right")
    for where, name, side in (("Left", names[0], rules.left), ("Right", names[1], rules.right)):
        yield _side(where, name, side, rules)
        for net in side.net:
            yield _net(name, net)
    for number, one in enumerate(rules.passes, 1):
        yield f"Pass {number}, {one.name}. " + " ".join((*_pass(one, *names), *_carried(rules, one)))
    yield from _ages(rules)
    if rules.rates is not None:
        yield f"The rate table is read from {rules.rates.file}" + (
            " beside the rates of this document." if rules.rate else "."
        )
    yield "What is left is a break, with its reason and the row that came nearest."


def _side(where: str, name: str, side: Side, rules: Rules) -> str:
    amount = side.amount
    currency = f"in {amount.currency}" if amount.currency else f"in the currency of column {amount.currency_column}"
    told = [
        f"{where} is {name}: a row goes by "
        + (f"its {side.id}" if side.id else "its number in the file, counted from 1")
        + f", and its amount is {amount.column}, in {amount.unit} units, {currency}"
    ]
    if amount.sign_column:
        told.append(f"negative where {amount.sign_column} is {_choice(amount.negative)}")
    if amount.add_back:
        told.append(f"with {joined(amount.add_back)} added back")
    if amount.take_off:
        told.append(f"less {joined(amount.take_off)}")
    if amount.negate:
        told.append("with its sign turned")
    sentences = [", ".join(told) + "."]
    if side.date:
        sentences.append(f"Its date is {side.date.column}.")
    for label, text in side.text.items():
        made = f" (made of {joined(text.columns)})" if text.columns else ""
        steps = [_NORMALISED.get(step) or _by_table(step.removeprefix(ALIAS), rules) for step in text.normalise]
        sentences.append(f"{label}{made} is read {joined(steps) if steps else 'as it is'}.")
    return " ".join(sentences)


def _ages(rules: Rules) -> Iterator[str]:
    if rules.carry is not None:
        told = (
            f"Open rows are carried into the next run and take part there up to {_days(rules.carry.most_days, 'day')} "
            "after their date, or after the run that first read them where they have none, if their pass says nothing "
            "else."
        )
        if rules.carry.expires_after_days is not None:
            told += f" After {_days(rules.carry.expires_after_days, 'day')} they expire."
        yield f"{told} A pass that takes nothing in {rules.carry.stale_after_runs} runs on end is told."
    if rules.ages:
        ends = [str(one) for one in (rules.ageing or Ageing()).buckets]
        yield f"What is open is told by age: up to {joined(ends)} days, and above."


def _carried(rules: Rules, one: Pass) -> Iterator[str]:
    if rules.carry is not None and not one.carry:
        yield "Rows carried from earlier runs take no part."
    elif one.carried_most_days is not None:
        yield f"Rows carried from earlier runs take part up to {_days(one.carried_most_days, 'day')} of age."


def _by_table(name: str, rules: Rules) -> str:
    if name not in rules.alias_file:
        return f"by the table {name}"
    table = rules.alias_file[name]
    return f"by the table {name} ({table.file}, {table.from_} to {table.to})"


def _net(name: str, net: Net) -> str:
    who = "A negative row"
    if net.reversals:
        who = f"A row where {_conditions(net.reversals)}"
    return (
        f"Netting {net.name}, inside {name}. {who} takes back an earlier one of equal {joined(net.keys)} and opposite "
        f"amount, at most {_days(net.days, 'day')} before it; both leave the open rows, and the link is kept."
    )


def _pass(one: Pass, left: str, right: str) -> Iterator[str]:
    yield _who(one, left, right)
    yield _amount(one, left, right)
    if one.window is not None:
        yield _dates(one, left, right)
    for text in one.text:
        yield f"{text.left} and {text.right} are alike by at least {text.at_least} of 100."
    for name, only in ((left, one.left_only), (right, one.right_only)):
        if only:
            yield f"Only rows of {name} where {_conditions(only)} take part."
    if "held" in one.consumes:
        yield "Rows that an earlier pass has held back take part" + (
            " too." if "open" in one.consumes else ", no others."
        )
    if one.one_to_one:
        if one.ambiguity != "hold_unless_only":
            yield _choice_of_pairs(one)
    elif one.search is not None:
        yield (
            f"{'Then single rows look' if one.keys else 'Single rows look'} for the one set of 2 to "
            f"{one.search.most_members} rows that makes them up, among at most {one.search.most_candidates}; where two "
            "sets fit, nothing is taken" + (", rows of equal amount aside." if one.ambiguity == "take" else ".")
        )
    if one.one_to_one and not (one.assignment == "best_first" and one.ambiguity == "take"):
        yield _AMBIGUITY[one.ambiguity]


def _who(one: Pass, left: str, right: str) -> str:
    same = [pair.left if pair.left == pair.right else f"{pair.left} ({pair.right} on {right})" for pair in one.pairs]
    key = f"of the same {joined(same)}" if same else "without a key"
    if one.one_to_one:
        return f"One row of {left} meets one row of {right} {key}."
    shapes = {
        "1:N": f"one row of {left} meets many of {right}",
        "N:1": f"many rows of {left} meet one of {right}",
        "N:M": f"many rows of {left} meet many of {right}",
    }
    told = ", or ".join(shapes[shape] for shape in one.cardinality if shape in shapes)
    return (
        f"{told[0].upper()}{told[1:]} {key}; whole groups come first."
        if same
        else f"{told[0].upper()}{told[1:]} {key}."
    )


def _amount(one: Pass, left: str, right: str) -> str:
    what = "Amounts" if one.one_to_one else "Sums"
    match one.amount:
        case Within():
            ways = one.amount.ways()
            if ways[0] == ways[1] and ways[0] is not None:
                return f"{what} of one currency differ by at most {_bound(ways[0])}."
            told = [
                f"{name} may exceed {other} by {_bound(bound)}"
                for name, other, bound in ((left, right, ways[0]), (right, left, ways[1]))
                if bound is not None
            ]
            return f"{what} are of one currency; {joined(told)}, and not otherwise."
    match one.amount.rule:
        case "converted":
            moved = left if one.amount.convert == "left" else right
            return f"{what} of {moved} are converted by the rate table; {one.amount.minor} minor units may be left."
        case "any":
            return f"{what} are not compared: their difference is told as residual."
        case _:
            return f"{what} are equal, in one currency."


def _bound(bound: Bound) -> str:
    if bound.step_minor is not None:
        return f"up to {bound.most_steps} steps of {bound.step_minor} minor units"
    parts = []
    if bound.minor is not None:
        parts.append(f"{bound.minor} minor units")
    if bound.bps is not None:
        parts.append(f"{bound.bps} basis points of the amount exceeded")
    return parts[0] if len(parts) == 1 else f"the {bound.bound} of {joined(parts)}"


def _dates(one: Pass, left: str, right: str) -> str:
    if one.window == 0:
        return "Dates are equal."
    order = {"any": "", "left_first": f", {left} not after {right}", "right_first": f", {right} not after {left}"}
    kind = "day" if one.business_days is None else "business day"
    return f"Dates are at most {_days(one.window or 0, kind)} apart{order[one.date_order]}."


def _choice_of_pairs(one: Pass) -> str:
    if one.assignment == "best_first":
        return "The cheapest pair is taken first, then the cheapest of what is left."
    told = "Of all choices the one with the most matches is taken, then the one of least cost"
    if one.weights != Weights():
        weights = one.weights
        told += f" ({weights.amount} a minor unit, {weights.date} a day, {weights.text} a thousandth of text distance)"
    return f"{told}."


def _conditions(only: Condition) -> str:
    return joined([f"{name} is {_choice(values)}" for name, values in only.items()])


def _choice(values: tuple[str, ...]) -> str:
    return " or ".join(repr(value) if value else "empty" for value in values)


def _days(count: int, kind: str) -> str:
    return f"{count} {kind}{'' if count == 1 else 's'}"
