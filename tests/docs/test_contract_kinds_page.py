"""Every example of docs/CONTRACT_KINDS.md loads as part of a contract, and its worked cases come out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from rate.test_prose import tells_every_figure

from settlement.errors import TerminalError
from settlement.model.contract import ContractVersion
from settlement.rate.contract_cases import cases
from settlement.rate.contract_doubts import doubts
from settlement.rate.contract_file import read_contract

_PAGE = (Path(__file__).resolve().parents[2] / "docs" / "CONTRACT_KINDS.md").read_text("utf-8")
KINDS = dict(re.findall(r"\n### ([^\n]+)\n(?:(?!\n### ).)*?```toml\n(.*?)```", _PAGE, flags=re.DOTALL))
HEAD = (Path(__file__).resolve().parent / "contract_of_kinds.toml").read_text("utf-8")
SOURCE = "contracts/partner/2009-01-01.toml"


def contract_with(fragment: str) -> ContractVersion:
    """The contract of the page's measures with the terms and examples of one fragment."""
    return read_contract(SOURCE, f"{HEAD}\n{fragment}")


def test_the_page_has_its_examples() -> None:
    assert len(KINDS) >= 29
    assert _PAGE.count("```toml") == len(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_of_term_loads_and_its_examples_come_out(kind: str) -> None:
    assert contract_with(KINDS[kind]).contract.examples


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_of_term_is_told_in_words_and_has_boundary_cases(kind: str) -> None:
    version = contract_with(KINDS[kind])
    tells_every_figure(version.contract)
    worked = {case.name for case in cases(version)}
    assert worked >= {term.id for term in version.contract.terms}
    # The page's head has measures that not every kind uses.
    falls = [doubt for doubt in doubts(version) if "total falls" in doubt.sentence]
    assert bool(falls) == (kind.startswith(("11.", "12.")) and "whole" in KINDS[kind])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("word", ["gives", "exact"])
def test_every_example_bites(kind: str, word: str) -> None:
    text = KINDS[kind]
    for number in range(text.count(f"\n{word} = ")):
        parts = text.split(f"\n{word} = ")
        parts[number + 1] = "987_654.32\n" + parts[number + 1].partition("\n")[2]
        with pytest.raises(TerminalError, match="example"):
            contract_with(f"\n{word} = ".join(parts))
