"""What a step of a pass has decided, before the engine writes it into the sides."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from settlement.reconcile.views import Positions


class Searched(StrEnum):
    """What the search for a sum came to."""

    FOUND = "found"
    AMBIGUOUS = "ambiguous"
    PROVED_NONE = "proved_none"
    GAVE_UP = "gave_up"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The outcome for one target: its side, its place in the view, and how many rows could have taken part."""

    side: str
    place: int
    status: Searched
    candidates: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One step, by places in its view.

    ``left_match`` and ``right_match`` number the matches from 0, ascending; ``unsure`` tells by match whether another
    choice was as good. ``held_left`` and ``held_right`` are held back, in clusters of equal number. ``given_up`` are
    left rows with more candidates than the bound; ``outcomes`` are those of a search for sums.
    """

    left: Positions
    left_match: Positions
    right: Positions
    right_match: Positions
    unsure: NDArray[np.bool_]
    held_left: Positions
    held_left_cluster: Positions
    held_right: Positions
    held_right_cluster: Positions
    given_up: Positions
    outcomes: tuple[Outcome, ...]

    @classmethod
    def of(
        cls,
        *,
        left: Any,
        left_match: Any,
        right: Any,
        right_match: Any,
        unsure: Any,
        held: tuple[Any, Any, Any, Any] | None = None,
        given_up: Any = None,
        outcomes: tuple[Outcome, ...] = (),
    ) -> Self:
        """A step; what is not told did not happen."""
        none = np.zeros(0, dtype=np.int32)
        held = held or (none, none, none, none)
        return cls(
            left=left,
            left_match=left_match,
            right=right,
            right_match=right_match,
            unsure=unsure,
            held_left=held[0],
            held_left_cluster=held[1],
            held_right=held[2],
            held_right_cluster=held[3],
            given_up=none if given_up is None else given_up,
            outcomes=outcomes,
        )
