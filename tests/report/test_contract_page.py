"""The page of a contract: self-contained, escaped, made to be heard as well, legible in both themes and in print."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from itertools import pairwise
from pathlib import Path

import lxml.html
import pytest

import settlement.report
from settlement.model.contract_told import Article, ContractTold, Said, Worked
from settlement.report.contract_page import contract_html, contract_markdown

PAGE = ContractTold(
    id="C-1",
    title="An agreement",
    source="2009-01-01.toml",
    effective=date(2009, 1, 1),
    parties=(Said(name="pays", sentence="the bank"),),
    articles=(
        Article(clause="1", quoted="Half a per cent.", said=(Said(name="rate", sentence="0.50 % of volume."),)),
        Article(clause="2", quoted="Paid quarterly.", said=()),
    ),
    order=(Said(name="terms", sentence="Added up."), Said(name="carry", sentence="Carried.")),
    worked=(Worked(clause="1", term="rate", text="a cent", given="volume 2.00", gives="0.01 USD"),),
)
HOSTILE = '<script>alert("1")</script>|*x*\n# y'
CSS = (Path(settlement.report.__path__[0]) / "templates" / "contract.css").read_text("utf-8")


def test_the_page_holds_everything_and_fetches_nothing() -> None:
    page = lxml.html.fromstring(contract_html(PAGE))
    assert not page.xpath("//script | //link | //img | //iframe | //*[@src] | //*[@href] | //*[@onclick]")
    assert page.xpath("string(//meta[@http-equiv]/@content)") == "default-src 'none'; style-src 'unsafe-inline'"
    assert [quote.text_content() for quote in page.xpath("//blockquote")] == ["Half a per cent.", "Paid quarterly."]
    assert page.xpath("string(//dl[@class='said']/dd)") == "0.50 % of volume."
    assert [cell.text_content() for cell in page.xpath("//tbody/tr/td")] == [
        "1",
        "rate",
        "a cent",
        "volume 2.00",
        "0.01 USD",
    ]
    assert contract_html(PAGE) == contract_html(PAGE)
    assert not lxml.html.fromstring(contract_html(replace(PAGE, worked=()))).xpath("//table")


def test_the_page_can_be_heard() -> None:
    page = lxml.html.fromstring(contract_html(PAGE))
    assert page.get("lang") == "en"
    levels = [int(heading.tag[1]) for heading in page.xpath("//h1 | //h2 | //h3 | //h4")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(next_ <= level + 1 for level, next_ in pairwise(levels))
    named = page.xpath("//@aria-labelledby")
    ids = page.xpath("//@id")
    assert set(named) <= set(ids)
    assert len(ids) == len(set(ids))
    assert all(cell.get("scope") == "col" for cell in page.xpath("//th"))
    assert page.xpath("//table/caption")
    assert page.xpath("//main")
    assert page.xpath("//*[contains(@class, 'scroll')][@tabindex='0'][@role='region']")


def test_what_the_file_says_is_text_and_nothing_else() -> None:
    said = Said(name=HOSTILE, sentence=HOSTILE)
    page = replace(
        PAGE, title=HOSTILE, articles=(Article(clause=HOSTILE, quoted=HOSTILE, said=(said,)),), parties=(said,)
    )
    tree = lxml.html.fromstring(contract_html(page))
    assert not tree.xpath("//script")
    assert tree.xpath("string(//blockquote/p)") == HOSTILE
    markdown = contract_markdown(page)
    assert "<script" not in markdown.replace("\\<", "")
    assert not re.search(r"^# y", markdown, re.MULTILINE)
    assert "\\*x\\*" in markdown
    assert "\\|" in markdown


def luminance(color: str) -> float:
    digits = color.lstrip("#")
    digits = "".join(2 * digit for digit in digits) if len(digits) == 3 else digits
    parts = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("theme", range(3), ids=["light", "dark", "print"])
def test_text_has_the_contrast_that_wcag_asks_for(theme: int) -> None:
    colors = [dict(re.findall(r"--(\w+): (#\w+)", block)) for block in re.findall(r":root \{(.*?)\}", CSS)][theme]
    for ink in ("ink", "soft", "mark"):
        for ground in ("paper", "card", "head"):
            bright, dark = sorted((luminance(colors[ink]), luminance(colors[ground])), reverse=True)
            assert (bright + 0.05) / (dark + 0.05) >= 4.5, (ink, ground)
