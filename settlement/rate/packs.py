"""What earlier nights have told of the packed tables (``settlement.model.packs``), read from few files.

As the digits of a binary number carry, a night takes up the packs of the nights before it that hold no more nights
than its own: the second night that of the first, the fourth those of three. After n nights the binary digits of n that
are set are the packs, and a row is written once for each time that the nights double. The first night over a home that
has no packs takes up all nights before it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

import polars as pl

from settlement.model.packs import NIGHT, PACKED, packed
from settlement.model.stage import StageInput
from settlement.model.tables import TABLES

_PACK: Final = "pack"


@dataclass(frozen=True, slots=True, kw_only=True)
class Packs:
    """The packs as the night before has left them.

    Attributes
    ----------
    inputs:
        The tables of the night and their history.
    nights:
        How many nights are in each pack, by the night that wrote it, in ascending order. Together the packs are of all
        nights before, or there are none.
    """

    inputs: StageInput
    nights: Mapping[date, int]

    def rows(self, table: str) -> pl.LazyFrame:
        """The rows of a table of all earlier nights, with the ``business_date`` of each and its ``pack``."""
        if not self.nights:
            every = self.inputs.history[table].select(*PACKED[table], "business_date")
            return every.with_columns(pl.lit(None, pl.Date).alias(_PACK))
        told = self.inputs.of_nights(packed(table), self.nights)
        return told.rename({"business_date": _PACK, NIGHT: "business_date"})

    def after(self, rows: Mapping[str, pl.LazyFrame], tonight: Mapping[str, pl.LazyFrame]) -> dict[str, pl.DataFrame]:
        """What the night leaves: each packed table, and table ``rated_pack``.

        Parameters
        ----------
        rows:
            What ``rows`` gives of each packed table.
        tonight:
            The same tables of this night.
        """
        night, taken = self.inputs.business_date, _taken_up(self.nights)
        again = pl.col(_PACK).is_in(taken) if self.nights else pl.lit(value=True)
        found = {
            packed(table): pl.concat(
                [
                    rows[table].filter(again).rename({"business_date": NIGHT}).select(*columns, NIGHT),
                    tonight[table].select(*columns, pl.lit(night, pl.Date).alias(NIGHT)),
                ]
            )
            .sort(TABLES[packed(table)].key)
            .collect()
            for table, columns in PACKED.items()
        }
        left = {pack: nights for pack, nights in self.nights.items() if pack not in taken}
        left[night] = 1 + (sum(self.nights[pack] for pack in taken) if self.nights else len(nights_before(self.inputs)))
        kept = pl.DataFrame({"pack": left.keys(), "nights": left.values()}, schema=TABLES["rated_pack"].schema)
        return {**found, "rated_pack": kept}


def packs_before(inputs: StageInput) -> Packs:
    """The packs that are to be read on a night."""
    told = inputs.of_nights("rated_pack", nights_before(inputs)[-1:]).select("pack", "nights").sort("pack")
    return Packs(inputs=inputs, nights=dict(told.collect().iter_rows()))


def nights_before(inputs: StageInput) -> Sequence[date]:
    """The nights that were settled here before this one, in order."""
    return inputs.nights_before("file")


def _taken_up(nights: Mapping[date, int]) -> list[date]:
    """The packs that a night takes up: the latest ones, as long as none holds more nights than its own comes to."""
    count, taken = 1, list[date]()
    for pack, held in sorted(nights.items(), reverse=True):
        if held > count:
            break
        count += held
        taken.append(pack)
    return taken
