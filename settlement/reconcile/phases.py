"""Phases of a run: steps one after the other whose rows meet only where they agree in keys that all of them ask for.

Rows of a phase can be dealt out by these keys, and each part of them be worked on as if it were all there is. Nettings
come before the passes and look at their own side alone; they join the first passes where these ask for their keys too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from settlement.reconcile.language import KeyPair, Rules

_NONE: Final = range(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """Steps of the rules, by their numbers, and the texts of either side that all of them ask for.

    ``left`` and ``right`` are empty where a pass has no key: its rows are all in one part. They are None where a side
    takes no part. ``left_backs`` and ``right_backs`` are nettings that take back what earlier runs have matched; they
    come when all nettings of the side have looked at its open rows.
    """

    left: tuple[str, ...] | None
    right: tuple[str, ...] | None
    left_nets: range = _NONE
    right_nets: range = _NONE
    left_backs: range = _NONE
    right_backs: range = _NONE
    passes: range = _NONE

    def backs(self, which: str) -> range:
        """The nettings of a side that take back what earlier runs have matched."""
        return self.left_backs if which == "left" else self.right_backs

    def keys(self, which: str) -> tuple[str, ...] | None:
        """The texts by which rows of a side are dealt out."""
        return self.left if which == "left" else self.right

    @property
    def shared(self) -> frozenset[KeyPair]:
        """The keys of the passes that rows are dealt by."""
        return frozenset(
            KeyPair(left=ours, right=theirs) for ours, theirs in zip(self.left or (), self.right or (), strict=False)
        )


def whole(rules: Rules) -> Phase:
    """All steps at once."""
    left, right = range(len(rules.left.net)), range(len(rules.right.net))
    return Phase(
        left=(),
        right=(),
        left_nets=left,
        right_nets=right,
        left_backs=left,
        right_backs=right,
        passes=range(len(rules.passes)),
    )


def phases(rules: Rules) -> tuple[Phase, ...]:
    """The phases of a run in order: as few as there can be where each takes as many steps as share a key."""
    left_nets, right_nets = ([set(net.keys) for net in side.net] for side in (rules.left, rules.right))
    first = list(rules.passes[0].pairs)
    in_left = [pair for pair in first if all(pair.left in keys for keys in left_nets)]
    first = in_left or first
    in_right = [pair for pair in first if all(pair.right in keys for keys in right_nets)]
    first = in_right or first
    found = []
    if not in_left:
        for keys, nets, backs in _of_nets(rules, left_nets):
            found.append(Phase(left=keys, right=None, left_nets=nets, left_backs=backs))
    if not in_right:
        for keys, nets, backs in _of_nets(rules, right_nets):
            found.append(Phase(left=None, right=keys, right_nets=nets, right_backs=backs))
    for shared, some in _of_passes(rules, first):
        begins = some.start == 0
        left = range(len(left_nets)) if begins and in_left else _NONE
        right = range(len(right_nets)) if begins and in_right else _NONE
        found.append(
            Phase(
                left=tuple(pair.left for pair in shared),
                right=tuple(pair.right for pair in shared),
                left_nets=left,
                right_nets=right,
                left_backs=left,
                right_backs=right,
                passes=some,
            )
        )
    return tuple(found)


def _of_nets(rules: Rules, nets: Sequence[set[str]]) -> Iterator[tuple[tuple[str, ...], range, range]]:
    """Runs of nettings of one side with the keys that all of one share, and which of them look at earlier matches."""
    runs = list(_grouped(nets))
    if len(runs) == 1 or rules.carry is None:
        yield from ((keys, some, some) for keys, some in runs)
        return
    yield from ((keys, some, _NONE) for keys, some in runs)
    yield from ((keys, _NONE, some) for keys, some in runs)


def _of_passes(rules: Rules, first: list[KeyPair]) -> Iterator[tuple[list[KeyPair], range]]:
    """Runs of passes with the keys that all of one share, in the order of its first pass."""
    shared, start = first, 0
    for number, rule in enumerate(rules.passes[1:], 1):
        both = [pair for pair in shared if pair in rule.pairs]
        if not both and (shared or rule.pairs):
            yield shared, range(start, number)
            shared, start = list(rule.pairs), number
        else:
            shared = both
    yield shared, range(start, len(rules.passes))


def _grouped(nets: Iterable[set[str]]) -> Iterator[tuple[tuple[str, ...], range]]:
    """Runs of nettings of one side with the keys that all of one share."""
    shared, start, end = set[str](), 0, 0
    for number, keys in enumerate(nets):
        end = number + 1
        if shared & keys:
            shared &= keys
            continue
        if number:
            yield tuple(sorted(shared)), range(start, number)
        shared, start = set(keys), number
    if end:
        yield tuple(sorted(shared)), range(start, end)
