"""How far amounts may differ: exact tests over whole minor units, vector by vector."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from settlement.reconcile.language import AnyAmount, Bound, Converted, Equal, Within

Minor = NDArray[np.int64]
Flags = NDArray[np.bool_]
Rule = Equal | Within | Converted | AnyAmount

_PARTS: Final = 10_000
_WIDEST: Final = 2


def excess(left: Minor, right: Minor) -> Minor:
    """By how much the left amount exceeds the right one, in the direction of the money.

    Between two refunds the greater one exceeds the smaller one.
    """
    over: Minor = np.where((left <= 0) & (right <= 0), right - left, left - right)
    return over


def fits(rule: Rule, left: Minor, right: Minor) -> Flags:
    """Whether each pair of amounts, minor units of one currency below 10**18, passes the rule."""
    match rule:
        case Equal():
            same: Flags = left == right
            return same
        case AnyAmount():
            return np.ones(len(left), dtype=np.bool_)
        case Converted():
            near: Flags = np.abs(left - right) <= rule.minor
            return near
        case Within():
            over = excess(left, right)
            left_bound, right_bound = rule.ways()
            inside: Flags = np.where(over >= 0, _within(left_bound, over, right), _within(right_bound, -over, left))
            return inside


def reach(rule: Rule, amounts: Minor) -> Minor:
    """How far from each left amount a right one may lie at most.

    A bound in basis points is of the exceeded amount, the smaller one of two of one sign; the left amount is at
    least as great, or is the exceeded one. Amounts of opposite signs fit by ``minor`` alone.
    """
    match rule:
        case Equal():
            return np.zeros(len(amounts), dtype=np.int64)
        case Converted():
            return np.full(len(amounts), rule.minor, dtype=np.int64)
        case Within():
            far = [_furthest(bound, np.abs(amounts)) for bound in rule.ways() if bound is not None]
            furthest: Minor = np.max(far, axis=0)
            return furthest
        case AnyAmount():
            raise ValueError("any amount has no reach: range over something else.")


def _allowed(bound: Bound, exceeded: Minor) -> Minor:
    """Most minor units over amounts of the magnitude ``exceeded``, rounded down."""
    found: list[Minor] = []
    if bound.minor is not None:
        found.append(np.full(len(exceeded), bound.minor, dtype=np.int64))
    if bound.bps is not None:
        # Divided before it is multiplied: the product of an amount and basis points may leave 64 bits.
        whole, rest = exceeded // _PARTS, exceeded % _PARTS
        found.append(whole * bound.bps + rest * bound.bps // _PARTS)
    if len(found) == 1:
        return found[0]
    return np.minimum(*found) if bound.bound == "smaller" else np.maximum(*found)


def _within(bound: Bound | None, over: Minor, exceeded: Minor) -> Flags:
    """Whether an excess that is not negative stays within a bound; without one, nothing may exceed."""
    if bound is None:
        none: Flags = over == 0
        return none
    if bound.step_minor is not None and bound.most_steps is not None:
        steps: Flags = (over % bound.step_minor == 0) & (over // bound.step_minor <= bound.most_steps)
        return steps
    near: Flags = over <= _allowed(bound, np.abs(exceeded))
    return near


def _furthest(bound: Bound, magnitude: Minor) -> Minor:
    if bound.step_minor is not None and bound.most_steps is not None:
        return np.full(len(magnitude), bound.step_minor * bound.most_steps, dtype=np.int64)
    return _allowed(bound, magnitude)


def interval(rule: Rule, amount: int, *, of: str) -> tuple[int, int]:
    """The least and the greatest amount of the other side that fits an amount of side ``of``.

    What fits without steps is one interval around the amount: further away the excess grows and its bound does not.
    """
    if isinstance(rule, Equal):
        return amount, amount
    ours = np.array([amount], dtype=np.int64)

    def passes(other: int) -> bool:
        theirs = np.array([other], dtype=np.int64)
        return bool(fits(rule, ours, theirs)[0] if of == "left" else fits(rule, theirs, ours)[0])

    far = _WIDEST * (abs(amount) + int(reach(rule, ours)[0]))
    return amount - _last(lambda step: passes(amount - step), far), amount + _last(
        lambda step: passes(amount + step), far
    )


def _last(test: Callable[[int], bool], far: int) -> int:
    """The greatest step from 0 up to ``far`` that passes, where all smaller ones pass."""
    low, high = 0, far
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if test(middle) else (low, middle - 1)
    return low
