"""The engine: nets each side, runs the passes in order, and keeps account of every row and every amount."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from settlement.reconcile.found import Found, Outcome
from settlement.reconcile.language import Pass, Rules
from settlement.reconcile.netting import Netted, net
from settlement.reconcile.pairs import pairs
from settlement.reconcile.phases import Phase, whole
from settlement.reconcile.sides import HELD, MATCHED, Rows
from settlement.reconcile.sums import sums
from settlement.reconcile.takeback import TakenBack, take_back
from settlement.reconcile.views import Positions, View, views

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """Matches of one step of a pass.

    ``left`` and ``right`` are positions in the sides, in ascending order of their match; equal numbers of
    ``left_match`` and ``right_match`` (from 0) belong together. ``residual`` is by match the left amounts minus the
    right ones, in minor units of the currency compared; ``unsure`` tells where another choice was as good.
    """

    number: int
    rule: Pass
    left: Positions
    left_match: Positions
    right: Positions
    right_match: Positions
    residual: NDArray[np.int64]
    unsure: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Rows that one step of a pass holds back because more than one choice among them is as good.

    ``left`` and ``right`` are positions in the sides; rows of equal ``left_cluster`` and ``right_cluster`` are those
    among which a person must choose.
    """

    number: int
    rule: Pass
    left: Positions
    left_cluster: Positions
    right: Positions
    right_cluster: Positions


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the search for a sum came to for one open row: its side, its position, and the outcome."""

    rule: Pass
    side: str
    position: int
    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """All that a run has decided; the states of the sides tell what is open."""

    rules: Rules
    left: Rows
    right: Rows
    netted: tuple[Netted, ...]
    taken_back: tuple[TakenBack, ...]
    taken: tuple[Taken, ...]
    held: tuple[Held, ...]
    told: tuple[Told, ...]
    given_up: tuple[tuple[Pass, Positions], ...]


def reconcile(
    rules: Rules,
    left: Rows,
    right: Rows,
    progress: Progress = lambda _stage, _done, _total: None,
    *,
    phase: Phase | None = None,
) -> Result:
    """Reconcile two sides.

    Parameters
    ----------
    rules : Rules
        Checked rules.
    left, right : Rows
        The sides; their states change.
    progress : callable
        Is told the work, the passes done, and all passes.
    phase : Phase, optional
        The steps to take, where others take the rest; all of them if not given.

    Returns
    -------
    Result
        Every row of both sides is in at most one match, netting or cluster; the rest is open.
    """
    steps = whole(rules) if phase is None else phase
    netted = (
        *net(tuple(rules.left.net[number] for number in steps.left_nets), left),
        *net(tuple(rules.right.net[number] for number in steps.right_nets), right),
    )
    taken_back = (
        *take_back(tuple(rules.left.net[number] for number in steps.left_backs), left),
        *take_back(tuple(rules.right.net[number] for number in steps.right_backs), right),
    )
    taken: list[Taken] = []
    held: list[Held] = []
    told: list[Told] = []
    given_up: list[tuple[Pass, Positions]] = []
    for number in steps.passes:
        rule = rules.passes[number]
        progress("match", number, len(rules.passes))
        for view in views(rules, rule, left, right):
            for found in _steps(rule, view, left, right):
                taken.append(_take(rule, view, found, left, right, number=number))
                if len(found.held_left) or len(found.held_right):
                    held.append(_hold(rule, view, found, left, right, number=number))
                told += _outcomes(rule, view, found)
                if len(found.given_up):
                    given_up.append((rule, view.left[found.given_up]))
    progress("match", len(rules.passes), len(rules.passes))
    return Result(
        rules=rules,
        left=left,
        right=right,
        netted=netted,
        taken_back=taken_back,
        taken=tuple(step for step in taken if len(step.residual)),
        held=tuple(held),
        told=tuple(told),
        given_up=tuple(given_up),
    )


def _steps(rule: Pass, view: View, left: Rows, right: Rows) -> Iterator[Found]:
    if not len(view.left) or not len(view.right):
        return iter(())
    return pairs(rule, view, left, right) if rule.one_to_one else sums(rule, view)


def _take(rule: Pass, view: View, found: Found, left: Rows, right: Rows, *, number: int) -> Taken:
    if rule.amount.rule == "equal":
        residual = np.zeros(len(found.unsure), dtype=np.int64)
    elif rule.one_to_one:
        residual = view.left_amount[found.left] - view.right_amount[found.right]
    else:
        residual = np.zeros(len(found.unsure), dtype=np.int64)
        np.add.at(residual, found.left_match, view.left_amount[found.left])
        np.subtract.at(residual, found.right_match, view.right_amount[found.right])
    step = Taken(
        number=number,
        rule=rule,
        left=view.left[found.left],
        left_match=found.left_match,
        right=view.right[found.right],
        right_match=found.right_match,
        residual=residual,
        unsure=found.unsure,
    )
    left.state[step.left] = MATCHED
    right.state[step.right] = MATCHED
    return step


def _hold(rule: Pass, view: View, found: Found, left: Rows, right: Rows, *, number: int) -> Held:
    """What a step holds back; its rows are held from now on."""
    step = Held(
        number=number,
        rule=rule,
        left=view.left[found.held_left],
        left_cluster=found.held_left_cluster,
        right=view.right[found.held_right],
        right_cluster=found.held_right_cluster,
    )
    left.state[step.left] = HELD
    right.state[step.right] = HELD
    return step


def _outcomes(rule: Pass, view: View, found: Found) -> Iterator[Told]:
    for outcome in found.outcomes:
        position = (view.left if outcome.side == "left" else view.right)[outcome.place]
        yield Told(rule=rule, side=outcome.side, position=int(position), outcome=outcome)
