"""Reads one file in tests as the stage ``parse`` does: register it by its name, then run its unit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cache

import polars as pl
from pipeline import CARD_KEY, documents

from settlement import store
from settlement.land import register
from settlement.model.layout import Layout, fit_name, read_layouts
from settlement.model.stage import Delivery, StageInput
from settlement.model.tables import TABLES
from settlement.parse import files
from settlement.parse.cards import Cards
from settlement.parse.source import Source


@dataclass(frozen=True, kw_only=True)
class Read:
    """What the stages land and parse make of one file."""

    delivery: dict[str, object]
    file: dict[str, object]
    tables: dict[str, pl.DataFrame]

    def rows(self, table: str) -> list[dict[str, object]]:
        return self.tables[f"parsed_{table}"].sort("record").to_dicts()

    def differing(self) -> list[str]:
        return self.tables["parsed_control_total"].filter(~pl.col("agrees"))["control"].to_list()


def source_of(name: str, content: bytes, night: str = "2010-12-29") -> Source:
    """The file as its reader is handed it."""
    for layout in _layouts():
        parts = fit_name(layout, name)
        if parts is not None:
            return Source(
                file=f"{night}/{name}",
                content=memoryview(content),
                delivered_on=date.fromisoformat(night),
                file_date=parts.file_date,
                sequence=parts.sequence,
                layout=layout,
                cards=Cards((CARD_KEY,)),
            )
    raise AssertionError(name)


@cache
def _layouts() -> tuple[Layout, ...]:
    return read_layouts(documents())


def read_file(name: str, content: bytes, night: str = "2010-12-29") -> Read:
    """Land and parse one file of a night."""
    on = date.fromisoformat(night)
    delivery = Delivery(file=f"{night}/{name}", name=name, sha256="0" * 64, size_bytes=len(content), regular=True)
    no_history = {
        name: TABLES[name].empty().with_columns(pl.lit(None, pl.Date).alias("business_date")).lazy()
        for name in ("file", "delivery")
    }
    landed = register.run(
        StageInput(
            business_date=on, unit="all", documents=documents(), tables={}, history=no_history, deliveries=(delivery,)
        )
    ).tables
    inputs = StageInput(
        business_date=on,
        unit=delivery.file,
        documents=documents(),
        tables=landed,
        history={"card_token": TABLES["card_token"].empty().lazy()},
        content=lambda _: memoryview(content),
        card_keys=(CARD_KEY,),
    )
    output = files.run(inputs)
    tables = {name: store.checked(TABLES[name], frame) for name, frame in output.tables.items()}
    return Read(delivery=landed["delivery"].to_dicts()[0], file=tables["parsed_file"].to_dicts()[0], tables=tables)
