"""Tables of the rules that stand in files beside them: rates, and spellings with the texts they mean."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Final

import polars as pl

from settlement.errors import TerminalError
from settlement.model.money import is_currency
from settlement.reconcile.language import AliasFile, Rate, RatesFile, Rules
from settlement.reconcile.read import as_text, read_columns, require_single_values, shown
from settlement.reconcile.rules import nearest_word

RATES: Final = "rates"
_RATE_COLUMNS: Final = ("from", "to", "date", "rate")
_EXACT: Final = r"^\d{1,18}(\.\d{1,18})?$"
_MOST_DIGITS: Final = 18


def with_tables(rules: Rules, document: Path, given: Mapping[str, Path]) -> Rules:
    """The rules with their tables: rates of the file beside those of the document, and each file of spellings.

    Parameters
    ----------
    rules : Rules
        Checked rules.
    document : Path
        The rules file: the files that it names lie in its folder or below.
    given : mapping
        By ``rates`` or the name of a table, a file to read in place of the one that the document names; it may lie
        anywhere.

    Raises
    ------
    TerminalError
        With one sentence for the first file that lies elsewhere or cannot be read, and the first row that is not
        right, stands twice, or contradicts another one.
    """
    declared: dict[str, RatesFile | AliasFile] = dict(rules.alias_file)
    if rules.rates is not None:
        declared[RATES] = rules.rates
    for name in given:
        if name not in declared:
            raise TerminalError(
                f"--table {name}: {document.name} declares no such file: "
                + (nearest_word(name, declared) if declared else "leave it out, or add `[rates]` or `[alias_file]`.")
            )
    paths = {
        name: given[name] if name in given else _beside(document, name, one.file) for name, one in declared.items()
    }
    rates = rules.rate if rules.rates is None else (*rules.rate, *_rates(paths[RATES], rules.rates, rules.rate))
    aliases = {name: _spellings(paths[name], one) for name, one in rules.alias_file.items()}
    return rules.model_copy(update={"rate": rates, "alias": rules.alias | aliases})


def _beside(document: Path, name: str, file: str) -> Path:
    """The file's path, which does not lead out of the rules' folder, be it by a link."""
    folder = document.parent.resolve()
    if "\0" in file:
        raise TerminalError(f"{document.name}: {file!r} is no name of a file: write one without the character NUL.")
    path = folder / file
    if not path.resolve().is_relative_to(folder):
        place = "`[rates]`" if name == RATES else f"`[alias_file.{name}]`"
        raise TerminalError(
            f"{document.name}, {place}: {file!r} lies outside the folder of the rules: put the file there, or name it "
            f"on the command line with --table {name}=FILE."
        )
    return path


def _rates(path: Path, declared: RatesFile, inline: tuple[Rate, ...]) -> tuple[Rate, ...]:
    rows = _texts(path, read_columns(path, declared, _RATE_COLUMNS))
    for column in ("from", "to"):
        known = {code: code is not None and is_currency(code) for code in rows[column].unique().to_list()}
        _refuse(path, rows, column, [not known[code] for code in rows[column]], "no ISO 4217 code; write one as USD")
    to_itself = (rows["from"] == rows["to"]).to_list()
    _refuse(path, rows, "to", to_itself, "the currency it comes from; write two currencies")
    dates = rows["date"].str.to_date("%Y-%m-%d", strict=False)
    iso = rows["date"].str.contains(r"^\d{4}-\d\d-\d\d$").fill_null(value=False) & dates.is_not_null()
    _refuse(path, rows, "date", (~iso).to_list(), "no date; write one as 2024-01-31")
    exact = rows["rate"].str.contains(_EXACT).fill_null(value=False)
    values = [
        Decimal(text) if good and len(text.replace(".", "").lstrip("0")) <= _MOST_DIGITS else Decimal(0)
        for text, good in zip(rows["rate"], exact, strict=True)
    ]
    _refuse(path, rows, "rate", [not value for value in values], "no rate; write a decimal above 0, as 1.0934")
    days: list[date] = dates.to_list()
    told: dict[tuple[str, str, date], str] = {
        (one.from_, one.to, one.date): "`[[rate]]` of the rules" for one in inline
    }
    found = []
    for number, (source, target, day, value) in enumerate(zip(rows["from"], rows["to"], days, values, strict=True), 1):
        earlier = told.setdefault((source, target, day), f"row {number}")
        if earlier != f"row {number}":
            raise TerminalError(
                f"{path.name}, row {number}: the rate from {source} to {target} of {day} stands in {earlier} too: "
                "remove one of them."
            )
        # Everything is checked by now, and a file may have a row for each day of many years.
        found.append(Rate.model_construct(from_=source, to=target, date=day, rate=value))
    return tuple(found)


def _spellings(path: Path, declared: AliasFile) -> dict[str, str]:
    if declared.from_ == declared.to:
        raise TerminalError(f"`[alias_file]` of {path.name}: `from` and `to` name one column: write two.")
    rows = _texts(path, read_columns(path, declared, (declared.from_, declared.to)))
    spelling, text = rows[declared.from_], rows[declared.to]
    for column in (declared.from_, declared.to):
        empty = (rows[column].fill_null("") == "").to_list()
        _refuse(path, rows, column, empty, "empty; write a text or leave the row out")
    if spelling.n_unique() < rows.height:
        first: dict[str, int] = {}
        for number, value in enumerate(spelling, 1):
            earlier = first.setdefault(value, number)
            if earlier != number:
                same = text[earlier - 1] == text[number - 1]
                raise TerminalError(
                    f"{path.name}, rows {earlier} and {number}: {shown(value)} stands twice in `{declared.from_}`"
                    + (": remove one of them." if same else " and means two things: keep the right one.")
                )
    return dict(zip(spelling.to_list(), text.to_list(), strict=True))


def _texts(path: Path, rows: pl.DataFrame) -> pl.DataFrame:
    """All columns as texts without spaces around them; a moment is told by its day."""
    require_single_values(path.name, rows, rows.columns)
    moments = [name for name, kind in rows.schema.items() if isinstance(kind, pl.Datetime)]
    dated = rows.with_columns(pl.col(moments).cast(pl.Date))
    return pl.DataFrame([as_text(column).str.strip_chars(" ") for column in dated.iter_columns()])


def _refuse(path: Path, rows: pl.DataFrame, column: str, wrong: list[bool], what: str) -> None:
    """TerminalError for the first row that is wrong."""
    if True not in wrong:
        return
    row = wrong.index(True)
    value = rows[column][row]
    said = "it" if value is None or value == "" else shown(value)
    raise TerminalError(f"{path.name}, row {row + 1}, column `{column}`: {said} is {what}.")
