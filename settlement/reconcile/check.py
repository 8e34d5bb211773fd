"""What in a rules document is allowed but cannot be meant: passes that never fire, repeat or cross one another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Final, Literal

from settlement.reconcile.language import ALIAS, Bound, Condition, Pass, Rules, Within

_MANY_CANDIDATES: Final = 40
"""With more, the search halves have over a million sums each and the bound of steps decides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing to mend (``error``) or to know (``warning``), as a sentence."""

    level: Literal["error", "warning"]
    sentence: str


def check_rules(rules: Rules) -> tuple[Finding, ...]:
    """What can be said about a rules document without its files.

    An error is a pass that can never fire. A warning is a pass whose place in the order decides more than it seems,
    or that rests on little.
    """
    return (*_alone(rules), *_tables(rules), *_carried(rules), *_pairs(rules))


def _alone(rules: Rules) -> Iterator[Finding]:
    holding = False
    for one in rules.passes:
        if "open" not in one.consumes and not holding:
            yield _error(
                f"pass `{one.name}` can never fire: it consumes held rows, and no pass before it holds any back; "
                'write ambiguity = "hold" in an earlier pass, or consumes = ["open"]'
            )
        holding = holding or one.ambiguity != "take" or one.search is not None
        yield from _impossible(one)
        if one.one_to_one and not one.keys and one.window is None:
            yield _warning(f"pass `{one.name}` rests on the amount alone: add `keys` or `days`")
        if one.one_to_one and not one.keys and one.ambiguity == "take":
            yield _warning(f'pass `{one.name}` has no key and takes what is ambiguous: write ambiguity = "hold"')
        if one.search is not None and one.search.most_candidates > _MANY_CANDIDATES:
            yield _warning(
                f"pass `{one.name}` searches among up to {one.search.most_candidates} rows, of which many sums fit by "
                f"chance: write most_candidates of at most {_MANY_CANDIDATES}, or add `keys`"
            )
    for side, where in ((rules.left, "left"), (rules.right, "right")):
        used = {name for one in rules.passes for pair in (*one.pairs, *one.text) for name in (getattr(pair, where),)}
        used |= {name for one in rules.passes for name in (one.left_only if where == "left" else one.right_only)}
        used |= {name for net in side.net for name in (*net.keys, *net.originals, *net.reversals)}
        for name in sorted(set(side.text) - used):
            yield _warning(f"text `{name}` of `[{where}]` is declared and never used")


def _tables(rules: Rules) -> Iterator[Finding]:
    """Tables that nothing looks into."""
    steps = {step for side in (rules.left, rules.right) for text in side.text.values() for step in text.normalise}
    for word, names in (("alias_file", set(rules.alias_file)), ("alias", set(rules.alias) - set(rules.alias_file))):
        for name in sorted(names):
            if f"{ALIAS}{name}" not in steps:
                yield _warning(f"table `[{word}.{name}]` is declared and never used")
    if (rules.rate or rules.rates) and not any(one.amount.rule == "converted" for one in rules.passes):
        yield _warning("rates are declared, and no pass converts amounts")


def _carried(rules: Rules) -> Iterator[Finding]:
    """Ages that nothing reaches, and rows that are carried for nothing."""
    if rules.carry is None:
        return
    if not any(one.carry for one in rules.passes):
        yield _warning("rows are carried, and no pass takes carried rows")
    if rules.carry.expires_after_days is None:
        yield _warning(
            "carried rows never expire: what finds no partner is told in every run; write `expires_after_days`"
        )
    for where, side in (("left", rules.left), ("right", rules.right)):
        for net in side.net:
            if rules.carry.expires_after_days is not None and net.days > rules.carry.expires_after_days:
                yield _warning(
                    f"netting `{net.name}` of `[{where}]` reaches {net.days} days back, but open rows expire after "
                    f"{rules.carry.expires_after_days}: a later reversal finds no open original"
                )


def _impossible(one: Pass) -> Iterator[Finding]:
    """Conditions that no row can meet: a key that must be empty never matches."""
    for where, only in (("left", one.left_only), ("right", one.right_only)):
        keys = {getattr(pair, where) for pair in one.pairs}
        for name, values in only.items():
            if name in keys and set(values) == {""}:
                yield _error(
                    f"pass `{one.name}` can never fire: `{where}_only` wants `{name}` empty, and an empty key never "
                    "matches; remove it from `keys` or from the condition"
                )


def _pairs(rules: Rules) -> Iterator[Finding]:
    for earlier, later in combinations(rules.passes, 2):
        if _equal(earlier, later):
            yield _error(f"pass `{later.name}` can never fire: it repeats `{earlier.name}` word for word; remove one")
        elif _shadows(earlier, later) and _carried_contain(rules, earlier, later):
            yield _error(
                f"pass `{later.name}` can never fire: `{earlier.name}` before it takes all that it could take; put "
                f"`{later.name}` first or narrow `{earlier.name}`"
            )
        elif _crosses(earlier, later):
            yield _warning(
                f"passes `{earlier.name}` and `{later.name}` overlap and neither contains the other: their order "
                "decides what a row meets"
            )


def _equal(one: Pass, other: Pass) -> bool:
    return one.model_copy(update={"name": other.name}) == other and one.ambiguity == "take"


def _shadows(earlier: Pass, later: Pass) -> bool:
    """Whether nothing that the later pass could pair is left open by the earlier one.

    A pass of pairs leaves no two open rows that fit it. Rows that it holds are not open either.
    """
    return (
        earlier.one_to_one
        and later.one_to_one
        and "open" in earlier.consumes
        and later.consumes == ("open",)
        and not earlier.text
        and _keys(earlier) <= _keys(later)
        and _conditions_contain(earlier, later)
        and _window_contains(earlier, later)
        and _amount_contains(earlier, later)
    )


def _crosses(one: Pass, other: Pass) -> bool:
    """Whether two passes of pairs on the same keys each take what the other does not."""
    return (
        one.one_to_one
        and other.one_to_one
        and _keys(one) == _keys(other)
        and set(one.consumes) & set(other.consumes) != set()
        and (one.left_only, one.right_only) == (other.left_only, other.right_only)
        and "converted" not in {one.amount.rule, other.amount.rule}
        and not (_window_contains(other, one) and _amount_contains(other, one))
        and not (_window_contains(one, other) and _amount_contains(one, other))
        and not _apart(one, other)
    )


def _apart(one: Pass, other: Pass) -> bool:
    orders = {one.date_order, other.date_order}
    return orders == {"left_first", "right_first"} and 0 in {one.window, other.window}


def _keys(one: Pass) -> set[tuple[str, str]]:
    return {(pair.left, pair.right) for pair in one.pairs}


def _carried_contain(rules: Rules, wider: Pass, narrower: Pass) -> bool:
    """Whether the wider pass takes carried rows of all ages at which the narrower one does."""
    default = rules.carry.most_days if rules.carry is not None else 0
    ages = [
        -1 if not one.carry else default if one.carried_most_days is None else one.carried_most_days
        for one in (wider, narrower)
    ]
    return ages[0] >= ages[1]


def _conditions_contain(earlier: Pass, later: Pass) -> bool:
    return all(
        _contains(mine, theirs)
        for mine, theirs in ((earlier.left_only, later.left_only), (earlier.right_only, later.right_only))
    )


def _contains(wider: Condition, narrower: Condition) -> bool:
    return all(name in narrower and set(narrower[name]) <= set(values) for name, values in wider.items())


def _window_contains(wider: Pass, narrower: Pass) -> bool:
    if wider.window is None:
        return True
    same_kind = (wider.days is None) == (narrower.days is None)
    order = wider.date_order in {"any", narrower.date_order}
    return narrower.window is not None and same_kind and order and narrower.window <= wider.window


def _amount_contains(wider: Pass, narrower: Pass) -> bool:
    if wider.amount.rule == "any":
        return narrower.amount.rule != "converted"
    if wider.amount.rule == "converted" or narrower.amount.rule == "converted":
        if not (wider.amount.rule == narrower.amount.rule == "converted"):
            return False
        return wider.amount.convert == narrower.amount.convert and wider.amount.minor >= narrower.amount.minor
    if narrower.amount.rule == "equal":
        return True
    if not isinstance(wider.amount, Within) or not isinstance(narrower.amount, Within):
        return False
    return all(_bound_contains(*ways) for ways in zip(wider.amount.ways(), narrower.amount.ways(), strict=True))


def _bound_contains(wider: Bound | None, narrower: Bound | None) -> bool:
    if wider is None or narrower is None:
        return narrower is None
    if wider.step_minor is not None or narrower.step_minor is not None:
        return _steps_contain(wider, narrower)
    return wider.bound == narrower.bound and all(
        (mine is None) == (theirs is None) and (mine or 0) >= (theirs or 0)
        for mine, theirs in ((wider.minor, narrower.minor), (wider.bps, narrower.bps))
    )


def _steps_contain(wider: Bound, narrower: Bound) -> bool:
    if narrower.step_minor is None or narrower.most_steps is None:
        return False
    most = narrower.step_minor * narrower.most_steps
    if wider.step_minor is None or wider.most_steps is None:
        return wider.bps is None and (wider.minor or 0) >= most
    return narrower.step_minor % wider.step_minor == 0 and most <= wider.step_minor * wider.most_steps


def has_errors(findings: Iterable[Finding]) -> bool:
    """Whether anything must be mended."""
    return any(one.level == "error" for one in findings)


def _error(sentence: str) -> Finding:
    return Finding(level="error", sentence=f"{sentence}.")


def _warning(sentence: str) -> Finding:
    return Finding(level="warning", sentence=f"{sentence}.")
