"""A statement as a page of its own: self-contained, without scripts, everything from the data escaped."""

from __future__ import annotations

from functools import cache
from typing import Final

import jinja2

from settlement.pay.statement_document import StatementDocument

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"


def statement_html(document: StatementDocument) -> bytes:
    """The page as UTF-8 HTML, the same bytes for the same statement."""
    text = _template().render(document=document, policy=_POLICY)
    return (text.strip() + "\n").encode()


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("settlement.pay"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("statement.html")
