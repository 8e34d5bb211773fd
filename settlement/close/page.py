"""The page of a close: self-contained HTML, without scripts, everything from files escaped."""

from __future__ import annotations

from functools import cache

import jinja2

from settlement.close.told import CloseTold, Section
from settlement.report.figures import NOTHING, amount_text, change_text
from settlement.report.page import CONTENT_SECURITY_POLICY


def render_page(told: CloseTold) -> str:
    """The page as HTML, the same text for the same close."""
    text = (
        _templates()
        .get_template("close.html")
        .render(told=told, sections=list(Section), policy=CONTENT_SECURITY_POLICY, nothing=NOTHING)
    )
    return f"{text.strip()}\n"


@cache
def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader(
            [jinja2.PackageLoader("settlement.close"), jinja2.PackageLoader("settlement.report")]
        ),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"amount_in": amount_text, "change": change_text}
    return environment
