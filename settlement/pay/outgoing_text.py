"""Files of lines for partners: delimited and fixed-width text in any code page, by a declared layout.

Values are written column by column, so that the transactions of a month take the room of their text and no more.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO, Final

import polars as pl

from settlement.errors import TerminalError
from settlement.model.money import EXPONENTS
from settlement.pay.outgoing_layout import LINE_ENDS, Format, OutgoingField, OutgoingLayout, Tag

_FORMULA: Final = r"^\s*[=+\-@＝＋－＠]"  # noqa: RUF001 - the wide forms start a formula too
_CONTROL: Final = r"[\x00-\x1f\x7f\x{85}\x{2028}\x{2029}]+"
_AT_ONCE: Final = 2**15
"""Lines that are written together."""


def write_text(rows: Iterable[pl.DataFrame], layout: OutgoingLayout, out: BinaryIO) -> None:
    """Write the file.

    Parameters
    ----------
    rows:
        All lines in order, some after others: ``tag``, and the values of the content by name, money in minor units of
        ``currency``.

    Raises
    ------
    TerminalError
        Where a value does not fit its field or the code page has not its characters.
    """
    encoder = codecs.getincrementalencoder(layout.encoding)()
    end = LINE_ENDS[layout.line_end]
    try:
        if layout.names_line:
            names = pl.DataFrame({"written": [field.name for field in layout.lines[Tag.DETAIL]]})
            quoted = names.with_columns(written=_quoted(pl.col("written"), layout))["written"]
            out.write(encoder.encode(layout.separator.join(quoted) + end))
        out.writelines(
            encoder.encode(_lines(few, layout)["written"].str.join(end)[0] + end)
            for some in rows
            for few in some.iter_slices(_AT_ONCE)
        )
    except UnicodeEncodeError as error:
        characters = error.object[error.start : error.end]
        raise TerminalError(
            f"config/partners.toml: the encoding {layout.encoding} of a layout of {layout.of} has not the characters "
            f"{characters!r}: declare another encoding, or another language for the partner."
        ) from None


def _lines(rows: pl.DataFrame, layout: OutgoingLayout) -> pl.DataFrame:
    """Each line as text in column ``written``, in order."""
    found = []
    placed = rows.with_row_index("place?")
    for tag, fields in layout.lines.items():
        of_tag = placed.filter(pl.col("tag") == tag)
        if layout.format is Format.FIXED_WIDTH:
            line = pl.concat_str(_positions(of_tag, fields, layout))
            found.append(of_tag.select("place?", line.alias("written")))
        else:
            found += _separated(of_tag, fields, layout)
    return pl.concat(found).sort("place?")


def _separated(rows: pl.DataFrame, fields: Sequence[OutgoingField], layout: OutgoingLayout) -> list[pl.DataFrame]:
    """Lines of fields with something between them, as ``place?`` and ``written``.

    Most are their values as they stand: only the others are mended and put into quotes.
    """
    values = rows.select("place?", *(_value(field).alias(f"{n}") for n, field in enumerate(fields)))
    special = f"[{re.escape(layout.separator)}{re.escape(layout.quote)}\r\n]"
    odd = {True: f"{_FORMULA}|{_CONTROL}|{special}", False: special}
    looked_at = [pl.col(f"{n}").str.contains(odd[field.kind == "text"]) for n, field in enumerate(fields)]
    every = pl.lit(layout.quoting == "all")
    some = values.select(pl.any_horizontal(every, *looked_at)).to_series()
    mended = [
        _quoted(neutral(_on_one_line(pl.col(f"{n}"))) if field.kind == "text" else pl.col(f"{n}"), layout)
        for n, field in enumerate(fields)
    ]
    return [
        of_them.select("place?", pl.concat_str(columns, separator=layout.separator).alias("written"))
        for of_them, columns in (
            (values.filter(~some), [pl.col(f"{n}") for n in range(len(fields))]),
            (values.filter(some), mended),
        )
    ]


def as_text(field: OutgoingField) -> pl.Expr:
    """A field's value as text; what a line does not have is empty. Text stands on one line."""
    return _on_one_line(_value(field)) if field.kind == "text" else _value(field)


def _on_one_line(text: pl.Expr) -> pl.Expr:
    return text.str.replace_all(_CONTROL, " ")


def _value(field: OutgoingField) -> pl.Expr:
    """A field's value as it is told, as text."""
    if not field.source:
        return pl.lit(field.value)
    value = pl.col(field.source)
    match field.kind:
        case "minor":
            text = (value.abs() if field.unsigned else value).cast(pl.String)
        case "major":
            text = in_major(value.abs() if field.unsigned else value, field.decimal)
        case "number":
            text = value.cast(pl.String)
        case "date":
            text = value.dt.strftime(field.format)
        case _:
            text = value.cast(pl.String)
    return text.fill_null("")


def in_major(amount_minor: pl.Expr, decimal: str = ".") -> pl.Expr:
    """Minor units of the line's currency in major units with its decimals."""
    places = pl.col("currency").replace_strict(EXPONENTS, return_dtype=pl.Int64)
    digits = amount_minor.abs().cast(pl.String).str.zfill(places + 1)
    point = pl.when(places > 0).then(pl.lit(decimal)).otherwise(pl.lit(""))
    whole = digits.str.head(digits.str.len_chars().cast(pl.Int64) - places)
    sign = pl.when(amount_minor < 0).then(pl.lit("-")).otherwise(pl.lit(""))
    return pl.concat_str(sign, whole, point, digits.str.tail(places))


def neutral(text: pl.Expr) -> pl.Expr:
    """Text that a spreadsheet shows and does not run."""
    return pl.when(text.str.contains(_FORMULA)).then("'" + text).otherwise(text)


def _quoted(text: pl.Expr, layout: OutgoingLayout) -> pl.Expr:
    quote = layout.quote
    quoted = pl.lit(quote) + text.str.replace_all(quote, quote * 2, literal=True) + pl.lit(quote)
    if layout.quoting == "all":
        return quoted
    special = f"[{re.escape(layout.separator)}{re.escape(quote)}\r\n]"
    return pl.when(text.str.contains(special)).then(quoted).otherwise(text)


def _positions(rows: pl.DataFrame, fields: Sequence[OutgoingField], layout: OutgoingLayout) -> Iterator[pl.Expr]:
    """The pieces of a fixed-width line from its first byte to its last, blanks between fields included."""
    at = 1
    for field in sorted(fields, key=lambda one: one.at or (0, 0)):
        start, length = field.at or (at, 0)
        yield pl.lit(" " * (start - at))
        yield pl.lit(_fitted(rows, field, length, layout))
        at = start + length
    yield pl.lit(" " * ((layout.line_length or 0) + 1 - at))


def _fitted(rows: pl.DataFrame, field: OutgoingField, length: int, layout: OutgoingLayout) -> pl.Series:
    """A field's values, each as many bytes long as the field: text with blanks behind, figures with zeros before."""
    value = as_text(field)
    if field.kind in {"minor", "major", "number"}:
        # What a line does not have is blank, and not zero.
        value = pl.when(value != "").then(value.str.zfill(length)).otherwise(pl.lit(""))
    text = rows.with_columns(written=value)["written"]
    widths = _widths(text, layout.encoding)
    long = (widths > length).arg_true()
    if long.len() and not (field.cut and field.kind == "text"):
        advice = "widen it, or say `cut = true`" if field.kind == "text" else "widen it"
        raise TerminalError(
            f"config/partners.toml: the field {field.name or field.value!r} of a layout of {layout.of} has {length} "
            f"bytes and {text[long[0]]!r} needs {widths[long[0]]}: {advice}."
        )
    if long.len():
        text = pl.Series([_cut(value, length, layout.encoding) for value in text], dtype=pl.String)
        widths = _widths(text, layout.encoding)
    room = length - pl.col("width") + pl.col("written").str.len_chars().cast(pl.Int64)
    return pl.DataFrame({"written": text, "width": widths}).select(pl.col("written").str.pad_end(room))["written"]


def _widths(text: pl.Series, encoding: str) -> pl.Series:
    """How many bytes each text takes; one that the encoding has not is told when it is encoded."""
    if (text.str.len_bytes() == text.str.len_chars()).all():
        return text.str.len_chars().cast(pl.Int64)
    return pl.Series([len(value.encode(encoding, "replace")) for value in text], dtype=pl.Int64)


def _cut(text: str, length: int, encoding: str) -> str:
    """As much of a text as takes no more than so many bytes."""
    while len(text.encode(encoding, "replace")) > length:
        text = text[:-1]
    return text
