"""Data Docs that stand alone: the rendered verdicts without scripts, outside files, run ids or times.

Great Expectations renders pages that load fourteen files and a counting logo from elsewhere. Here only the text of
their verdict tables is taken over and set into a page of our own, so a page holds what is named below and nothing
else, and is the same bytes whenever the same tables are judged.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Final, cast

import jinja2
from lxml import html

CONTENT_SECURITY_POLICY: Final = "default-src 'self' 'unsafe-inline'; img-src 'self' data:; script-src 'none'"
_SECTIONS: Final = "//div[contains(concat(' ', @class, ' '), ' ge-section ')]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One row of a rendered verdict table: the rule as told to people, and what came of it."""

    column: str
    rule: str
    held: bool
    remark: str
    observed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One judged suite: its numbers, and ``html``, the page as Great Expectations rendered it."""

    name: str
    title: str
    table_doc: str
    rules: int
    held: int
    rows: int
    rows_in_table: int
    html: str


def render_page(page: Page, business_date: date) -> bytes:
    """The page of one suite: failed rules first, then in the order of their columns."""
    found = sorted(verdicts(page.html), key=lambda verdict: (verdict.held, verdict.column, verdict.rule))
    return _render("suite.html", page=page, verdicts=found, night=business_date)


def render_index(pages: tuple[Page, ...], skipped: tuple[str, ...], business_date: date) -> bytes:
    """The index: every suite with its numbers, and the tables that had no rows to judge."""
    return _render("index.html", pages=pages, skipped=skipped, night=business_date)


def verdicts(rendered: str) -> tuple[Verdict, ...]:
    """The verdicts of a page as Great Expectations renders it, in its order.

    A verdict stands in a table of three cells (status, expectation, observed value) below the name of its column.
    """
    found = []
    for section in _all(html.document_fromstring(rendered), _SECTIONS):
        column = " ".join(_text(head) for head in _all(section, ".//h5"))
        for row in _all(section, ".//tbody/tr[count(td) = 3]"):
            status, rule, observed = _all(row, "./td")
            remarks = _all(rule, ".//strong")
            remark = " ".join(_text(part) for part in remarks)
            for part in remarks:
                part.drop_tree()
            found.append(
                Verdict(
                    column="several columns" if column == "Table-Level Expectations" else column,
                    rule=_text(rule),
                    held=bool(_all(status, ".//i[contains(@class, 'text-success')]")),
                    remark=remark,
                    observed=_text(observed).replace("--", "no values"),
                )
            )
    return tuple(found)


def _all(element: html.HtmlElement, path: str) -> list[html.HtmlElement]:
    return cast("list[html.HtmlElement]", element.xpath(path))


def _text(element: html.HtmlElement) -> str:
    return " ".join(str(element.text_content()).split())


def _render(template: str, **values: object) -> bytes:
    text = _templates().get_template(template).render(policy=CONTENT_SECURITY_POLICY, **values)
    return (text.rstrip("\n") + "\n").encode()


@cache
def _templates() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("settlement.check"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
