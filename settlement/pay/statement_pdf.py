"""A statement as PDF: A4 pages with their numbers, the same bytes for the same statement.

Latin text stands in Helvetica and Chinese in STSong-Light, which every viewer has or replaces: no font file is needed.
A character that neither has is told by its code point, such as ``[U+0E01]``.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from functools import cache, partial
from itertools import groupby
from typing import Any, Final
from xml.sax.saxutils import escape

from reportlab.lib.colors import HexColor
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.platypus import CondPageBreak, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

from settlement.pay.statement_document import Row, Section, StatementDocument
from settlement.pay.words import Language

_CHINESE: Final = "STSong-Light"
_MARGIN: Final = 16 * mm
_WIDTH: Final = A4[0] - 2 * _MARGIN
_PIECE: Final = 600
_TEXTS: Final = 20
"""Characters and texts below a line of a statement that fit on a page, however wide they are."""
_USUAL_PAGES: Final = 2
_SOFT: Final = HexColor(0x5A6475)
_HAIR: Final = mm / 6
_LINE: Final = HexColor(0xDCD8CC)
_HEAD: Final = HexColor(0xF4F2EC)
_INK: Final = HexColor(0x1D2330)


def statement_pdf(document: StatementDocument) -> bytes:
    """The pages as PDF."""
    _fonts()
    # How many pages there are, which each foot tells, shows only when all are set.
    found, pages = _build(document, _USUAL_PAGES)
    return found if pages == _USUAL_PAGES else _build(document, pages)[0]


def _build(document: StatementDocument, pages: int) -> tuple[bytes, int]:
    """The document whose feet name so many pages, and how many it has."""
    out = io.BytesIO()
    template = SimpleDocTemplate(
        out,
        pagesize=A4,
        leftMargin=_MARGIN,
        rightMargin=_MARGIN,
        topMargin=_MARGIN,
        bottomMargin=20 * mm,
        invariant=1,
        title=f"{document.title}: {document.partner}",
        lang=str(document.language),
    )
    foot = partial(_foot, document.page, pages)
    template.build(list(_story(document)), onFirstPage=foot, onLaterPages=foot)
    return out.getvalue(), template.page


def _foot(text: str, pages: int, canvas: Any, template: Any) -> None:
    line = Paragraph(_marked(text.format(page=template.page, pages=pages)), _style("foot"))
    line.wrapOn(canvas, _WIDTH, 10 * mm)
    line.drawOn(canvas, _MARGIN, 10 * mm)


def _story(document: StatementDocument) -> Iterator[Any]:
    text = partial(_paragraph, language=document.language)
    yield text(document.title, "kicker")
    yield text(document.partner, "title")
    yield text(document.lead, "body")
    yield Spacer(1, 4 * mm)
    yield Table(
        [[text(document.paid[0], "body"), text(document.paid[1], "paid")]],
        colWidths=[_WIDTH / 2, _WIDTH / 2],
        style=TableStyle([("BOX", (0, 0), (-1, -1), _HAIR, _LINE), ("BACKGROUND", (0, 0), (-1, -1), _HEAD)]),
    )
    yield Spacer(1, 4 * mm)
    yield Table(
        [[text(label, "soft"), text(value, "body")] for label, value in document.facts],
        colWidths=[_WIDTH * 28 / 100, _WIDTH * 72 / 100],
        style=TableStyle(
            [
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("TOPPADDING", (0, 0), (-1, -1), 1),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 1),
            ]
        ),
    )
    for section in document.sections:
        # A title does not stand alone at the foot of a page.
        yield CondPageBreak(45 * mm)
        yield text(section.title, "heading")
        yield text(section.note, "note")
        yield _table(section, document.language)
    yield text(document.notes_title, "heading")
    for number, note in enumerate(document.notes, start=1):
        yield text(f"{number}. {note}", "body")


def _table(section: Section, language: Language) -> Any:
    head = [
        _paragraph(column.heading, "head_amount" if column.amounts else "head", language) for column in section.columns
    ]
    rows, rules = [head], [("LINEBELOW", (0, 0), (-1, 0), _HAIR, _LINE)]
    for row in section.rows:
        if row.is_sum:
            rules.append(("LINEABOVE", (0, len(rows)), (-1, len(rows)), 2 * _HAIR, _INK))
        rows += _pieces(row, section, language)
        rules.append(("LINEBELOW", (0, len(rows) - 1), (-1, len(rows) - 1), _HAIR, _LINE))
    return Table(
        rows,
        colWidths=[_WIDTH * column.width / 100 for column in section.columns],
        repeatRows=1,
        style=TableStyle(
            [
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("BACKGROUND", (0, 0), (-1, 0), _HEAD),
                ("TOPPADDING", (0, 0), (-1, -1), 2),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 3),
                *rules,
            ]
        ),
    )


def _pieces(row: Row, section: Section, language: Language) -> Iterator[list[list[Any]]]:
    """A row as one row of the table, or as several where it may not fit on a page."""
    below = [list(_shared_out(cell.below)) for cell in row.cells]
    for piece in range(max(1, *map(len, below))):
        cells = []
        for cell, column, texts in zip(row.cells, section.columns, below, strict=True):
            kind = "amount" if column.amounts else "body"
            first = [_paragraph(cell.text, f"{kind}_sum" if row.is_sum else kind, language)] if piece == 0 else []
            small = texts[piece] if piece < len(texts) else []
            cells.append([*first, *(_paragraph(text, "small", language) for text in small)])
        yield cells


def _shared_out(texts: Sequence[str]) -> Iterator[list[str]]:
    """Small texts in pieces that fit on a page; a longer one is cut."""
    piece: list[str] = []
    for text in texts:
        for part in _cut(text):
            if piece and (len(piece) == _TEXTS or sum(map(len, piece)) + len(part) > _PIECE):
                yield piece
                piece = []
            piece.append(part)
    if piece:
        yield piece


def _cut(text: str) -> Iterator[str]:
    """A text in parts that fit on a page, cut at blanks where it has any."""
    while len(text) > _PIECE:
        at = text.rfind(" ", 1, _PIECE) + 1 or _PIECE
        yield text[:at]
        text = text[at:]
    yield text


def _paragraph(text: str, style: str, language: Language) -> Any:
    return Paragraph(_marked(text), _style(style, language))


@cache
def _style(name: str, language: Language = Language.ENGLISH) -> Any:
    sizes = {"title": 18, "kicker": 10, "heading": 12, "paid": 13, "small": 15 / 2, "note": 8, "foot": 15 / 2}
    size = sizes.get(name, 8 if name.startswith("head_") or name == "head" else 9)
    return ParagraphStyle(
        name,
        fontName="Helvetica-Bold" if name in {"title", "heading", "paid"} or name.endswith("_sum") else "Helvetica",
        fontSize=size,
        leading=size * 27 / 20,
        textColor=_SOFT if name in {"kicker", "soft", "note", "small", "head", "head_amount", "foot"} else _INK,
        alignment=TA_RIGHT if name.startswith("amount") or name in {"paid", "head_amount"} else 0,
        spaceBefore=12 if name == "heading" else 0,
        spaceAfter={"heading": 2, "note": 4, "title": 4}.get(name, 0),
        # Chinese has no blanks to break lines at.
        wordWrap="CJK" if language is Language.CHINESE else None,
    )


def _marked(text: str) -> str:
    """Text as markup of a paragraph, each run in a font that has its characters."""
    found = []
    for font, run in groupby(text, _font):
        part = "".join(run)
        if font == "":
            found.append("".join(f"[U+{ord(character):04X}]" for character in part))
        else:
            found.append(escape(part) if font == "Helvetica" else f'<font face="{_CHINESE}">{escape(part)}</font>')
    return "".join(found)


def _font(character: str) -> str:
    """The font of a character; empty where no font has it."""
    for font, encoding in (("Helvetica", "cp1252"), (_CHINESE, "gbk")):
        try:
            character.encode(encoding)
        except UnicodeEncodeError:
            continue
        return font
    return ""


@cache
def _fonts() -> None:
    pdfmetrics.registerFont(UnicodeCIDFont(_CHINESE))
