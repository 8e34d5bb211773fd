"""The night's report as one page: self-contained, without scripts, everything from the data escaped."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Final
from urllib.parse import quote

import jinja2
from markupsafe import Markup

from settlement.report.figures import NOTHING, Money, amount_text, change_text, count_text, share_text
from settlement.report.matching import MatchRate, NearRow, OpenItem, OpenRow, PassRow, ResidualRow, StalePass
from settlement.report.sections import (
    AccountClass,
    Batch,
    DeliveredFile,
    Explained,
    Finding,
    OutFile,
    QualityRow,
    RejectRow,
    Tie,
)
from settlement.report.statements import Statement

CONTENT_SECURITY_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A drawn chart and the section it stands in; ``svg`` is markup made by charts.py and is set in unescaped."""

    section: str
    title: str
    svg: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NightPage:
    """Everything on the page."""

    programme: str
    night: date
    rates: tuple[MatchRate, ...]
    open_items: int
    open_new: int
    open_carried: int
    closed_from_before: int
    open_amounts: tuple[Money, ...]
    delivered: tuple[DeliveredFile, ...]
    fates: dict[str, int]
    findings: tuple[Finding, ...]
    rejects: tuple[RejectRow, ...]
    passes: tuple[PassRow, ...]
    stale: tuple[StalePass, ...]
    residuals: tuple[ResidualRow, ...]
    age_buckets: tuple[str, ...]
    open_expired: int
    open_rows: tuple[OpenRow, ...]
    near_rows: tuple[NearRow, ...]
    largest: tuple[OpenItem, ...]
    ties: tuple[Tie, ...]
    unexplained: tuple[Explained, ...]
    batches: tuple[Batch, ...]
    statements: tuple[Statement, ...]
    accounts: tuple[AccountClass, ...]
    out_files: tuple[OutFile, ...]
    rules: int
    failed_rules: tuple[QualityRow, ...]
    charts: tuple[Chart, ...]


def render(page: NightPage) -> bytes:
    """The page as UTF-8 HTML, the same bytes for the same numbers."""
    text = (
        _templates()
        .get_template("night.html")
        .render(
            page=page,
            policy=CONTENT_SECURITY_POLICY,
            drawn=Markup,
            age_buckets=page.age_buckets,
            nothing=NOTHING,
        )
    )
    return (text.strip() + "\n").encode()


@cache
def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("settlement.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "amount": lambda money: amount_text(money.minor, money.currency),
        "amount_in": amount_text,
        "change": change_text,
        "count": count_text,
        "words": _words,
        "path": lambda text: quote(text, safe="/"),
        "day": lambda day: f"{day:%A}, {day.day} {day:%B %Y}",
        "short": lambda day: f"{day.day} {day:%b}",
    }
    environment.globals |= {"share": share_text}
    return environment


def _words(code: str) -> str:
    """A code of a closed list as words: ``CONTROL_TOTAL_MISMATCH`` becomes ``control total mismatch``."""
    return code.replace("_", " ").lower()
