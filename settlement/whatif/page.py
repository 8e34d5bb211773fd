"""A what-if as one page, or its chart alone: self-contained, without scripts, everything from files escaped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Final

import jinja2
from markupsafe import Markup, escape

from settlement.report.charts import amounts_by_month
from settlement.report.figures import NOTHING, amount_text, change_text
from settlement.report.page import CONTENT_SECURITY_POLICY
from settlement.whatif.outcome import Compared

_ALONE: Final = (
    ("<svg", '<svg xmlns="http://www.w3.org/2000/svg" style="background: #fff"'),
    ("currentColor", "#3d4656"),
    ("var(--line)", "#d9d5ca"),
)
"""What a drawing takes from the page around it, for one that stands alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIfPage:
    """Everything on the page.

    ``both`` tells two contracts beside one another. ``series`` are minor units of ``currency`` by month, by the name of
    what gives them.
    """

    title: str
    known: str
    lines: tuple[Compared, ...]
    both: bool
    series: Mapping[str, Mapping[str, int]]
    currency: str


def render_page(page: WhatIfPage) -> str:
    """The page as HTML, the same text for the same numbers."""
    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader(
            [jinja2.PackageLoader("settlement.whatif"), jinja2.PackageLoader("settlement.report")]
        ),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"amount_in": amount_text, "change": change_text}
    periods = [(period, list(lines)) for period, lines in groupby(page.lines, key=lambda line: line.period)]
    text = environment.get_template("whatif.html").render(
        page=page,
        periods=periods,
        chart=Markup(_chart(page)),  # noqa: S704 - drawn from numbers, its words are escaped by who drew it
        policy=CONTENT_SECURITY_POLICY,
        nothing=NOTHING,
    )
    return f"{text.strip()}\n"


def drawing(page: WhatIfPage) -> str:
    """The chart as an SVG file of its own."""
    drawn = _chart(page)
    for word, alone in _ALONE:
        drawn = drawn.replace(word, alone)
    return f"{drawn}\n"


def _chart(page: WhatIfPage) -> str:
    """The columns by month, with a title and the numbers in words for those who do not see them."""
    rows = [(month, name, amount) for name, amounts in page.series.items() for month, amount in amounts.items()]
    told = "; ".join(f"{month} {name} {amount_text(amount, page.currency)}" for month, name, amount in sorted(rows))
    words = f"<title>{escape(page.title)}</title><desc>{escape(f'{page.currency} by month: {told}')}</desc>"
    head, end, rest = amounts_by_month(rows, page.currency).partition(">")
    return f"{head}{end}{words}{rest}"
