"""A file that no layout describes, cut into rows: its format, encoding and dialect, each with what speaks for it.

Nothing here decides how a file is read at night. It proposes, a person reviews.
"""

from __future__ import annotations

import codecs
import csv
import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final

from settlement.errors import TerminalError
from settlement.parse.declared_cut import Fault
from settlement.parse.parquet_rows import headings_of, packed_columns
from settlement.parse.workbook_cells import sheet_names, sheet_rows

MOST_BYTES: Final = 64 * 2**20
"""Bytes of a sample: a part of a larger file, with its head and its end, does as well."""
_SEPARATORS: Final = (";", ",", "\t", "|", "~", "^")
_ENCODINGS: Final = ("gb18030", "cp1252", "latin-1")
_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_LOOKED_AT: Final = 2_000
_MOST_TAGS: Final = 5
_MOST: Final = Fraction(9, 10)
_MOST_EBCDIC: Final = Fraction(8, 10)
_LEAST_DIVIDED: Final = Fraction(4, 10)
_MOST_OF_ONE_LENGTH: Final = Fraction(7, 10)
_EBCDIC_BLANK, _EBCDIC_DIGITS, _EBCDIC_LETTERS = 0x40, range(0xF0, 0xFA), range(0xC1, 0xEA)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A file as rows of texts.

    Attributes
    ----------
    format:
        ``delimited``, ``fixed_width``, ``workbook``, ``json_lines`` or ``parquet``.
    spec:
        Keys of the layout's ``spec`` that the format settles, in order, each with the evidence for it.
    rows:
        Number and texts of each row that holds something, the heading and what stands above it included.
    heading:
        Index in ``rows`` of the row of headings; None where there is none.
    short:
        Rows with fewer fields than the heading.
    """

    format: str
    spec: tuple[tuple[str, object, str], ...]
    rows: Sequence[tuple[int, list[str]]]
    heading: int | None
    short: int = 0
    paths: dict[str, str] = field(default_factory=dict)
    floats: frozenset[str] = frozenset()


def sampled(name: str, content: bytes) -> Sample:
    """The file cut into rows. Raises TerminalError with one sentence where it is none that a layout could describe."""
    if not content:
        raise TerminalError(f"{name} is empty: give a file with some lines of data.")
    if len(content) > MOST_BYTES:
        raise TerminalError(
            f"{name} has {len(content)} bytes: give a part of at most {MOST_BYTES}, head and end included."
        )
    if content[:4] == b"PAR1":
        return _parquet(name, content)
    if content[:2] == b"PK":
        return _workbook(name, content)
    encoding, told = _encoding(name, content)
    text = content.decode(encoding).removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}")
    lines = text.replace("\r\n", "\n").split("\n")
    if not lines[-1]:
        lines.pop()
    if text.lstrip()[:1] == "{":
        return _json_lines(name, lines, encoding, told)
    return _delimited(lines, encoding, told) or _fixed_width(name, content, lines, encoding, told)


def _encoding(name: str, content: bytes) -> tuple[str, str]:
    for bom, encoding in _BOMS:
        if content.startswith(bom):
            return encoding, "a byte order mark"
    start = content[: 1 << 16]
    if start.count(0) > len(start) // 4:
        return ("utf-16-le" if content[1:2] == b"\0" else "utf-16-be"), "every second byte is zero"
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        wrong = error.start + 1
    else:
        return "utf-8", "ASCII" if content.isascii() else "all of it is UTF-8"
    ebcdic = sum(byte == _EBCDIC_BLANK or byte in _EBCDIC_DIGITS or byte in _EBCDIC_LETTERS for byte in start)
    if ebcdic > _MOST_EBCDIC * len(start):
        return "cp500", "digits and capitals stand where EBCDIC has them; cp037 differs in few signs"
    for encoding in _ENCODINGS:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        wide = [letter for letter in text if not letter.isascii()]
        if encoding == "gb18030" and (_share_of_gb2312(wide) < _MOST or _alone(text) > len(wide) // 4):
            continue
        return encoding, f"byte {wrong} is not UTF-8, and all of it is {encoding}: look at its letters"
    raise TerminalError(f"{name} is text in no encoding that is known here: ask its sender which one it is.")


def _share_of_gb2312(wide: list[str]) -> Fraction:
    """How many of the letters are in the set that daily Chinese is written with."""
    return Fraction(sum(len(one.encode("gb2312", "ignore")) > 0 for one in wide), max(1, len(wide)))


def _alone(text: str) -> int:
    """Wide letters with Latin ones on both sides: so do accents look in another encoding."""
    return len(re.findall(r"(?<=[A-Za-z])[^\x00-\x7f](?=[A-Za-z])", text))


def _delimited(lines: list[str], encoding: str, told: str) -> Sample | None:
    """The dialect under which most lines have the same number of fields, more than one."""
    looked = [line for line in lines[:_LOOKED_AT] if line.strip()]
    tried = [(separator, *_consistency(looked, separator)) for separator in _SEPARATORS]
    separator, share, width = max(tried, key=lambda one: (one[1] * min(one[2], 3), one[2]))
    if width < 2 or share < _LEAST_DIVIDED:  # noqa: PLR2004 (one field is no dialect, and most lines are of one kind)
        return None
    quoted = any(re.search(rf'(^|{re.escape(separator)})"', line) for line in looked)
    escaped = quoted and any('\\"' in line for line in looked) and not any('""' in line for line in looked)
    comment = next((mark for mark in ("#", "//") if _comments(looked, mark, separator)), None)
    numbered = [(number, line) for number, line in enumerate(lines, start=1) if line.strip()]
    kept = [(n, line) for n, line in numbered if comment is None or not line.startswith(comment)]
    rows = _read(kept, separator, quoted=quoted, escaped=escaped)
    head = next((place for place, (_, row) in enumerate(rows) if len(row) > 1), 0)
    heading = _heading(rows, head)
    spec: list[tuple[str, object, str]] = [
        ("encoding", encoding, told),
        ("separator", separator, f"{round(100 * share)}% of the lines have {width} fields under it"),
    ]
    if quoted:
        spec.append(("quote", '"', "fields begin with it"))
    if escaped:
        spec.append(("escape", "\\", "it stands before quotes inside fields"))
    if comment:
        spec.append(("comment", comment, f"{len(numbered) - len(kept)} lines begin with it"))
    if heading is not None:
        if rows[heading][0] > 1:
            spec.append(("head_lines", rows[heading][0] - 1, "lines above the headings"))
        spec.append(("names_line", True, f"line {rows[heading][0]} holds words where the lines below hold values"))
    body = [row for _, row in rows[(heading or 0) + 1 :]]
    short = 0 if heading is None else sum(1 < len(row) < len(rows[heading][1]) for row in body)
    return Sample(format="delimited", spec=tuple(spec), rows=rows, heading=heading, short=short)


def _consistency(lines: list[str], separator: str) -> tuple[Fraction, int]:
    counts = Counter(len(next(csv.reader([line], delimiter=separator), [])) for line in lines)
    counts.pop(1, None)
    if not counts:
        return Fraction(0), 1
    width, often = max(counts.items(), key=lambda one: (one[1], one[0]))
    return Fraction(often, len(lines)), width


def _comments(lines: list[str], mark: str, separator: str) -> bool:
    found = [line for line in lines if line.startswith(mark)]
    return bool(found) and all(separator not in line for line in found)


def _read(lines: list[tuple[int, str]], separator: str, *, quoted: bool, escaped: bool) -> list[tuple[int, list[str]]]:
    if not quoted:
        return [(number, line.split(separator)) for number, line in lines]
    numbers = [number for number, _ in lines]
    reader = csv.reader((line + "\n" for _, line in lines), delimiter=separator, escapechar="\\" if escaped else None)
    rows, before = [], 0
    try:
        for row in reader:
            rows.append((numbers[before], row))
            before = reader.line_num
    except csv.Error:
        return [(number, line.split(separator)) for number, line in lines]
    return rows


def _heading(rows: Sequence[tuple[int, list[str]]], start: int) -> int | None:
    """The first row that is all words, each once, above a row with values in several of its places."""
    for place in range(start, min(start + 30, len(rows) - 1)):
        cells = [cell.strip() for cell in rows[place][1]]
        filled = [cell for cell in cells if cell]
        below = rows[place + 1][1]
        if len(filled) < max(2, len(below) // 2) or len(set(filled)) < len(filled):
            continue
        words = all(not re.search(r"[0-9]{3}", cell) and re.search(r"[^\W\d_]", cell) for cell in filled)
        values = sum(bool(re.search("[0-9]", cell)) for cell in below)
        if words and values >= 1 and len(below) >= len(filled) // 2:
            return place
    return None


def _fixed_width(name: str, content: bytes, lines: list[str], encoding: str, told: str) -> Sample:
    """Lines of one length; a change from blanks to something in every line begins a field."""
    sizes = Counter(len(line.encode(encoding)) for line in lines if line)
    length, often = max(sizes.items(), key=lambda one: one[1]) if sizes else (0, 0)
    if length < 2 or often < 2 or often < _MOST_OF_ONE_LENGTH * sum(sizes.values()):  # noqa: PLR2004
        raise TerminalError(
            f"{name} has neither a separator that divides its lines evenly nor lines of one length: no layout can be "
            "proposed; write one by hand (docs/LAYOUTS.md)."
        )
    whole = [
        (n, line.encode(encoding)) for n, line in enumerate(lines, start=1) if len(line.encode(encoding)) == length
    ]
    rows, paths = _places(whole, encoding, length)
    ending = "lf" if b"\n".decode("latin-1").encode(encoding) in content else "none"
    spec: tuple[tuple[str, object, str], ...] = (
        ("encoding", encoding, told),
        ("line_length", length, f"{often} of {sum(sizes.values())} lines have it"),
        ("line_end", ending, "as found"),
    )
    return Sample(format="fixed_width", spec=spec, rows=rows, heading=None, paths=paths)


def _places(
    lines: list[tuple[int, bytes]], encoding: str, length: int
) -> tuple[list[tuple[int, list[str]]], dict[str, str]]:
    """The fields of each line, and for each field its start and length as a layout writes them.

    Where few characters begin the lines and the first line's is its own, that character is the tag: the lines of the
    most frequent one share their fields, and each of the others has those that its own blanks leave.
    """
    marks = [line.decode(encoding, "replace")[:1] for _, line in lines]
    often, first = max(sorted(set(marks)), key=marks.count), marks[0]
    tagged = len(set(marks)) <= _MOST_TAGS and marks.count(first) == 1 and first != often
    alike = [line for mark, (_, line) in zip(marks, lines, strict=True) if mark == often or not tagged]
    starts = _field_starts(alike, " ".encode(encoding), length, int(tagged))
    spans = list(zip(starts, [*starts[1:], length], strict=True))
    paths = {f"field_{place}": f"[{start + 1}, {end - start}]" for place, (start, end) in enumerate(spans, start=1)}
    rows = []
    for mark, (number, line) in zip(marks, lines, strict=True):
        of_line = spans
        if tagged and mark != often:
            text = line.decode(encoding, "replace")
            of_line = [(found.start(), found.end()) for found in re.compile(r"\S+").finditer(text, 1)]
            told = {f"{mark}.field_{n}": f"[{a + 1}, {b - a}]" for n, (a, b) in enumerate(of_line, start=1)}
            paths |= told
        fields = [line[start:end].decode(encoding, "replace").strip(" ") for start, end in of_line]
        rows.append((number, [mark, *fields] if tagged else fields))
    return rows, paths


def _field_starts(lines: list[bytes], blank: bytes, length: int, first: int) -> list[int]:
    """Where a field begins: at the first place, and where something follows a place that is blank in every line."""
    empty = [all(line[place : place + 1] == blank for line in lines) for place in range(length)]
    return [place for place in range(first, length) if place == first or (empty[place - 1] and not empty[place])]


def _json_lines(name: str, lines: list[str], encoding: str, told: str) -> Sample:
    found: list[tuple[int, dict[str, str]]] = []
    for number, line in enumerate(lines[:_LOOKED_AT], start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line, parse_float=str, parse_int=str)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            found.append((number, dict(_leaves(value, ""))))
    if not found:
        raise TerminalError(f"{name} begins like JSON and has no line that is an object: give one object a line.")
    paths = list(dict.fromkeys(path for _, row in found for path in row))
    names = _names_of(paths)
    rows = [(0, names), *((number, [row.get(path, "") for path in paths]) for number, row in found)]
    spec = (("encoding", encoding, told),)
    return Sample(format="json_lines", spec=spec, rows=rows, heading=0, paths=dict(zip(names, paths, strict=True)))


def _leaves(value: object, path: str) -> list[tuple[str, str]]:
    if isinstance(value, dict):
        return [leaf for key, one in value.items() for leaf in _leaves(one, f"{path}.{key}" if path else str(key))]
    if isinstance(value, list):
        return [leaf for place, one in enumerate(value[:3]) for leaf in _leaves(one, f"{path}[{place}]")]
    told = {None: "", True: "true", False: "false"}
    return [(path, told[value] if value is None or isinstance(value, bool) else str(value))]


def _names_of(paths: list[str]) -> list[str]:
    """The last name of each path where that is told apart, else all of it."""
    last = [path.rpartition(".")[2] for path in paths]
    return [name if last.count(name) == 1 else path for name, path in zip(last, paths, strict=True)]


def _workbook(name: str, content: bytes) -> Sample:
    sheets = sheet_names(memoryview(content))
    if isinstance(sheets, Fault):
        raise TerminalError(f"{name} cannot be read: {sheets.detail}.")
    best: tuple[str, list[tuple[int, dict[int, str]]]] = (sheets[0], [])
    for sheet in sheets:
        rows = sheet_rows(memoryview(content), sheet)
        if not isinstance(rows, Fault) and len(rows) > len(best[1]):
            best = (sheet, rows)
    sheet, found = best
    if len(found) < 2:  # noqa: PLR2004 (headings and a row)
        raise TerminalError(f"{name} has no sheet with rows: give a workbook with some data.")
    width = max(max(cells) for _, cells in found)
    rows_ = [(number, [cells.get(column, "") for column in range(1, width + 1)]) for number, cells in found]
    heading = _heading(rows_, 0)
    if heading is None:
        raise TerminalError(f"{name}: no row of the sheet `{sheet}` looks like headings: add one, or name it by hand.")
    spec: tuple[tuple[str, object, str], ...] = (
        ("sheet", sheet, f"{len(found)} rows, the most of {len(sheets)} sheets"),
        ("headings_row", rows_[heading][0], "words where the rows below hold values"),
    )
    return Sample(format="workbook", spec=spec, rows=rows_, heading=heading)


def _parquet(name: str, content: bytes) -> Sample:
    view = memoryview(content)
    headings = headings_of(view)
    packed = headings if isinstance(headings, Fault) else packed_columns(view, headings)
    if isinstance(packed, Fault):
        raise TerminalError(f"{name} cannot be read: {packed.detail}.")
    rows = [(0, packed.headings), *((n, [*row]) for n, row in enumerate(packed.frame.head(_LOOKED_AT).rows(), start=1))]
    return Sample(format="parquet", spec=(), rows=rows, heading=0, floats=packed.floats)
