"""Ageing of open items: the buckets of days that reports, summaries and lists count them in."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import polars as pl

DEFAULT_BUCKETS: Final = (1, 3, 7, 30)
DOCUMENT: Final = "match.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ageing:
    """Buckets of ages in days: ``last_days`` are the last day of each, ascending; what is older is the last bucket."""

    last_days: tuple[int, ...] = DEFAULT_BUCKETS

    def __post_init__(self) -> None:
        """ValueError where the days are not whole, ascending and not negative."""
        days = self.last_days
        if not days or days[0] < 0 or any(one >= other for one, other in pairwise(days)):
            raise ValueError("`buckets` are last days in ascending order, such as [1, 3, 7, 30]")

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the buckets, youngest first: ``0-1``, ``2-3``, ``4-7``, ``8-30``, ``31+``."""
        firsts = (0, *(last + 1 for last in self.last_days))
        named = [
            str(first) if first == last else f"{first}-{last}"
            for first, last in zip(firsts, self.last_days, strict=False)
        ]
        return (*named, f"{firsts[-1]}+")

    def label(self, age_days: int) -> str:
        """The bucket of one age."""
        return self.labels[sum(age_days > last for last in self.last_days)]

    def of(self, age_days: pl.Expr) -> pl.Expr:
        """The bucket of each age of a column."""
        *others, oldest = self.labels
        named = pl.lit(oldest)
        for last, label in reversed(list(zip(self.last_days, others, strict=True))):
            named = pl.when(age_days <= last).then(pl.lit(label)).otherwise(named)
        return named


def ageing_of(documents: Mapping[str, str]) -> Ageing:
    """The buckets that ``match.toml`` declares, which the stage ``match`` has judged already; else the usual ones."""
    declared = tomllib.loads(documents.get(DOCUMENT, "")).get("ageing", {})
    return Ageing(last_days=tuple(declared.get("buckets", DEFAULT_BUCKETS)))
