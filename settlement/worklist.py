"""Working the breaks: what is open at a night's close, or in an output folder of ``settle match``, as a list.

The list is narrowed, counted by any of its columns, and exported. It reads, and changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Final

import polars as pl

from settlement import runner, store
from settlement.errors import TerminalError
from settlement.history import naming_damage
from settlement.match.wording import major_text
from settlement.model.ageing import ageing_of
from settlement.model.dates import delivered_on
from settlement.model.money import EXPONENTS
from settlement.reconcile.write import BREAKS

NIGHT_GROUPS: Final[tuple[str, ...]] = ("leg", "reason", "currency")
FOLDER_GROUPS: Final[tuple[str, ...]] = ("side", "reason")

_TOLD: Final = ("card_masked", "merchant_number", "merchant_name")
_LOCATOR: Final = ["file", "record"]
_SEARCHED: Final = (*_TOLD, "id", "nearest", "note")
_SHOWN: Final = (
    *("leg", "reason", "state", "side", "age_days", "file", "record", "amount", "currency", "card_masked"),
    *("nearest_condition", "note", "id", "nearest"),
)
_FORMULA: Final = r"^[=+\-@\t\r]"
_NUMBER: Final = r"^[+-]?[0-9]+([.,][0-9]+)*$"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a listed item must be; None asks for nothing. ``text`` is looked for in card, merchant, ids and note."""

    reason: str | None = None
    leg: str | None = None
    side: str | None = None
    nearest_condition: str | None = None
    age_bucket: str | None = None
    state: str | None = None
    least_age: int | None = None
    text: str | None = None


@naming_damage
def breaks_of_night(home: store.Home, night: date) -> pl.DataFrame:
    """The open items at a night's close with card and merchant of their records, by leg, reason, age and locator."""
    runner.require_settled(home, night, "match")
    opened = store.read_table(home, "open_item", night)
    told = (
        store.scan_history(home, "clearing", night + timedelta(days=1))
        .filter(
            pl.col("business_date").is_in(opened.select(delivered_on(pl.col("file")).unique()).to_series().implode())
        )
        .join(opened.lazy().select(_LOCATOR).unique(), on=_LOCATOR, how="semi")
        .select(*_LOCATOR, *_TOLD)
        .collect()
        .unique(_LOCATOR, keep="any")
    )
    return opened.join(told, on=_LOCATOR, how="left").sort("leg", "reason", "opened_on", "file", "record")


def breaks_of_folder(out: Path) -> pl.DataFrame:
    """The breaks of an output folder of ``settle match``, in their order."""
    parquet, csv = out / "breaks.parquet", out / "breaks.csv"
    try:
        if parquet.is_file():
            rows = pl.read_parquet(parquet)
        elif csv.is_file():
            rows = pl.read_csv(csv, infer_schema=False)
        else:
            raise TerminalError(
                f"{out} holds no breaks.parquet or breaks.csv: name an output folder of `settle match`."
            )
    except pl.exceptions.PolarsError:
        raise TerminalError(f"The breaks in {out} are not readable: run `settle match` again.") from None
    missing = [name for name in BREAKS if name not in rows.columns]
    if missing:
        raise TerminalError(f"The breaks in {out} lack {', '.join(missing)}: run `settle match` again.")
    return rows.select(pl.col(name).cast(kind) for name, kind in BREAKS.items())


def narrowed(rows: pl.DataFrame, wanted: Wanted) -> pl.DataFrame:
    """The rows that are wanted; TerminalError that names what there is where a word occurs nowhere."""
    kept = rows
    for column in ("reason", "leg", "side", "nearest_condition", "age_bucket", "state"):
        word = getattr(wanted, column)
        if word is not None:
            kept = kept.filter(pl.col(column) == _known(rows, column, word))
    if wanted.least_age is not None:
        _require(rows, "age_days")
        kept = kept.filter(pl.col("age_days") >= wanted.least_age)
    if wanted.text is not None:
        searched = [
            pl.col(name).fill_null("").str.to_lowercase().str.contains(wanted.text.lower(), literal=True)
            for name in _SEARCHED
            if name in rows.columns
        ]
        kept = kept.filter(pl.any_horizontal(searched))
    return kept


def _require(rows: pl.DataFrame, column: str) -> None:
    if column not in rows.columns:
        names = ", ".join(rows.columns)
        raise TerminalError(f"These breaks have no {column}: their columns are {names}.")


def _known(rows: pl.DataFrame, column: str, wanted: str) -> str:
    _require(rows, column)
    found = sorted(rows[column].drop_nulls().unique().to_list())
    if wanted not in found:
        raise TerminalError(f"No open item has {column} {wanted!r}; there are: {', '.join(found) or 'none at all'}.")
    return wanted


def grouped(rows: pl.DataFrame, by: Sequence[str], buckets: Sequence[str] = ()) -> pl.DataFrame:
    """Items counted by some of their columns; where they have amounts, summed by currency and counted by age bucket."""
    for column in by:
        _require(rows, column)
    keys = list(dict.fromkeys([*by, *(["currency"] if "currency" in rows.columns else [])]))
    counted = [pl.len().cast(pl.Int64).alias("items")]
    if "amount_minor" in rows.columns:
        counted += [pl.col("amount_minor").sum(), pl.col("age_days").max().alias("oldest_days")]
        counted += [
            (pl.col("age_bucket") == label).sum().cast(pl.Int64).alias(f"days_{label}")
            for label in buckets
            if "age_bucket" not in keys
        ]
    return rows.group_by(keys).agg(counted).sort(keys)


def buckets_of(home: store.Home) -> tuple[str, ...]:
    """The age buckets that the home's rules declare."""
    return ageing_of(store.read_documents(home)).labels


def export(rows: pl.DataFrame, target: Path) -> None:
    """Write rows as CSV or Parquet by the ending of the name.

    In CSV a text that a spreadsheet would run as a formula is led by an apostrophe; Parquet keeps it as it is.
    """
    match target.suffix.lower():
        case ".csv":
            rows.with_columns(neutralised(name) for name, kind in rows.schema.items() if kind == pl.String).write_csv(
                target, line_terminator="\n"
            )
        case ".parquet":
            rows.write_parquet(target)
        case _:
            raise TerminalError(f"{target.name} says no format: end its name in .csv or .parquet.")


def neutralised(column: str) -> pl.Expr:
    """A text column in which no cell that is not a number starts with ``=``, ``+``, ``-``, ``@``, tab or return."""
    cell = pl.col(column)
    formula = cell.str.contains(_FORMULA) & ~cell.str.contains(_NUMBER)
    return pl.when(formula).then(pl.format("'{}", cell)).otherwise(cell).alias(column)


def rendered(rows: pl.DataFrame) -> str:
    """Listed or grouped rows as a table for a terminal, amounts in major units, and their number."""
    shown = rows
    if "amount_minor" in rows.columns:
        shown = rows.with_columns(_major(pl.col("amount_minor"), pl.col("currency")).alias("amount_minor"))
        shown = shown.rename({"amount_minor": "amount"})
    if "items" not in rows.columns:
        shown = shown.select(name for name in _SHOWN if name in shown.columns)
    with pl.Config(
        tbl_rows=-1,
        tbl_cols=-1,
        tbl_hide_dataframe_shape=True,
        tbl_hide_column_data_types=True,
        tbl_width_chars=240,
        fmt_str_lengths=160,
    ):
        return f"{shown}\n{rows.height} rows."


def _major(amount: pl.Expr, currency: pl.Expr) -> pl.Expr:
    """Amounts in major units; those of what is no currency stay as they are."""
    code = pl.when(currency.is_in(list(EXPONENTS))).then(currency)
    return pl.coalesce(major_text(amount, code), amount.cast(pl.String))
