"""The page of a contract, as HTML that prints and as Markdown: quoted clauses beside plain words."""

from __future__ import annotations

from functools import cache
from typing import Final

import jinja2

from settlement.model.contract_told import ContractTold

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"
_MARKED: Final = str.maketrans({mark: f"\\{mark}" for mark in "\\`*_{}[]<>#|"})


def contract_html(told: ContractTold) -> bytes:
    """The page as UTF-8 HTML: self-contained, without scripts, everything from the file escaped."""
    text = _templates().get_template("contract.html").render(told=told, policy=_POLICY)
    return (text.strip() + "\n").encode()


def contract_markdown(told: ContractTold) -> str:
    """The page as Markdown."""
    lines = [f"# {_plain(told.title)}", "", f"{_plain(told.id)}, in force from {told.effective}.", ""]
    lines += [f"- {_plain(party.name)}: {_plain(party.sentence)}" for party in told.parties]
    lines += ["", "## Clauses"]
    for article in told.articles:
        lines += ["", f"### {_plain(article.clause)}", "", f"> {_plain(article.quoted)}", ""]
        lines += [f"- **{_plain(said.name)}**: {_plain(said.sentence)}" for said in article.said]
    lines += ["", "## Order of application", ""]
    lines += [f"{number}. **{step.name}**: {_plain(step.sentence)}" for number, step in enumerate(told.order, start=1)]
    if told.worked:
        lines += ["", "## Examples, run whenever the file is read", ""]
        lines += ["| clause | term | shows | given | gives |", "|---|---|---|---|---:|"]
        lines += [
            f"| {' | '.join(_plain(cell) for cell in (one.clause, one.term, one.text, one.given, one.gives))} |"
            for one in told.worked
        ]
    return "\n".join(lines) + "\n"


def _plain(text: str) -> str:
    """A text of the file with the marks of Markdown taken as they are, on one line."""
    return " ".join(text.split()).translate(_MARKED)


@cache
def _templates() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("settlement.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
