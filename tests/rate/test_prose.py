"""A contract in plain words: every form, type of measure and step has its sentence, with every figure in it."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import get_args

import pytest
from rate.histories import contract_documents

from settlement.model.contract import Contract, Step
from settlement.model.contract_measures import Measure
from settlement.model.contract_terms import Term
from settlement.rate.contract_file import read_contract
from settlement.rate.contract_prose import told
from settlement.rate.contract_words import written
from settlement.rate.prose import FORMS, MEASURES, STEPS, of_measure, of_step, of_term, percent

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "contracts"
SOURCES = sorted(contract_documents())


def test_every_form_every_measure_and_every_step_of_the_language_has_a_sentence() -> None:
    assert set(FORMS) == set(get_args(Term))
    assert set(MEASURES) == set(get_args(Measure))
    assert set(STEPS) == set(Step)


def figures(value: object) -> list[object]:
    """The decimals, numbers and dates that a term or a measure says, at any depth."""
    if isinstance(value, bool):
        return []
    if isinstance(value, tuple):
        return [figure for one in value for figure in figures(one)]
    if is_dataclass(value) and not isinstance(value, type):
        return [figure for field in fields(value) for figure in figures(getattr(value, field.name))]
    return [value] if isinstance(value, Decimal | int | date) else []


@pytest.mark.parametrize("source", SOURCES)
def test_a_sentence_has_every_figure_of_the_file(source: str) -> None:
    contract = read_contract(source, contract_documents()[source]).contract
    tells_every_figure(contract)
    steps = " ".join(of_step(contract, step) for step in contract.settlement.order)
    assert written(contract.settlement.threshold) in steps
    assert all(str(one.weight) in steps for one in contract.beneficiaries if one.weight is not None)


def tells_every_figure(contract: Contract) -> None:
    """Each term's and each measure's sentence has all that the file says in figures."""
    said = [(term, of_term(contract, term)) for term in contract.terms]
    said += [(measure, of_measure(contract, measure)) for measure in contract.measures.values()]
    for one, sentence in said:
        has_figures(one, sentence)
        assert "_" not in sentence
        assert sentence.endswith(".")


def has_figures(one: object, sentence: str) -> None:
    for figure in figures(one):
        spellings = [str(figure)]
        if isinstance(figure, Decimal | int):
            spellings += [written(Decimal(figure)), percent(Decimal(figure))]
        assert any(spelling in sentence for spelling in spellings), (figure, sentence)


@pytest.mark.parametrize("source", SOURCES)
def test_each_clause_is_quoted_beside_what_computes_it(source: str) -> None:
    contract = read_contract(source, contract_documents()[source]).contract
    page = told(read_contract(source, contract_documents()[source]))
    assert {article.clause: article.quoted for article in page.articles} == dict(contract.clauses)
    assert all(article.said for article in page.articles if article.clause != "1a")
    names = {said.name for article in page.articles for said in article.said}
    assert names >= {*contract.measures, *(term.id for term in contract.terms), *contract.settlement.order}
    assert [step.name for step in page.order] == [step.value for step in contract.settlement.order]
    assert len(page.worked) == len(contract.examples)


def test_a_rate_is_told_in_per_cent_digit_for_digit() -> None:
    rates = ("0.0030", "0.4", "0.00065", "1", "0.000005", "-0.0010")
    assert [percent(Decimal(rate)) for rate in rates] == [
        "0.30 %",
        "40.00 %",
        "0.065 %",
        "100.00 %",
        "0.0005 %",
        "-0.10 %",
    ]


def test_a_page_tells_the_interest_of_adjustments_once_under_its_own_clause() -> None:
    text = (GOLDEN / "interest_of_nothing.toml").read_text("utf-8").replace("rate_a_year = 0,", "rate_a_year = 0.18,")
    page = told(read_contract("contracts/partner/2009-01-01.toml", text))
    said = [one for article in page.articles for one in article.said if "bears interest" in one.sentence]
    assert [one.name for one in said] == ["interest"]
    (adjustments,) = (one for one in page.order if one.name == "adjustments")
    assert "bears interest at 18.00 % a year" in adjustments.sentence
