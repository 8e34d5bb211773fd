"""Every example of docs/CONTRACT_KINDS.md loads as part of a contract, and its worked cases come out."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from rate.settled import MONTHS, closed, own, version
from rate.test_prose import has_figures, tells_every_figure

from settlement.errors import TerminalError
from settlement.model.clearing import StatementState
from settlement.model.contract import ContractVersion
from settlement.model.dates import Calendar, PeriodKind, period_of
from settlement.model.money import minor, to_major
from settlement.rate.contract_cases import cases
from settlement.rate.contract_doubts import doubts
from settlement.rate.contract_file import read_contract, versions_of
from settlement.rate.conversion import Exchange, converted
from settlement.rate.events_check import read_events
from settlement.rate.prose import of_step
from settlement.rate.worked import work_out

DOCS = Path(__file__).resolve().parents[2] / "docs"
_PAGE = (DOCS / "CONTRACT_KINDS.md").read_text("utf-8")
CONTRACTS = (DOCS / "CONTRACTS.md").read_text("utf-8")
_EXAMPLES = dict(re.findall(r"\n### ([^\n]+)\n(?:(?!\n### ).)*?```toml\n(.*?)```", _PAGE, flags=re.DOTALL))
HEADINGS = re.findall(r"^##+ (.+)$", _PAGE, flags=re.MULTILINE)
KINDS = {kind: text for kind, text in _EXAMPLES.items() if "[[terms]]" in text}
SETTLED = {kind: text for kind, text in _EXAMPLES.items() if kind not in KINDS}
HEAD = (Path(__file__).resolve().parent / "contract_of_kinds.toml").read_text("utf-8")
SOURCE = "contracts/partner/2009-01-01.toml"


def contract_with(fragment: str) -> ContractVersion:
    """The contract of the page's measures with the terms and examples of one fragment.

    A table of the fragment stands in the place of the head's, keys before its first table in the file's own head; a
    month's profit has no place in cycles.
    """
    keys = re.match(r"(?:\w+ = .*\n)*", fragment)[0]
    head, fragment = keys + HEAD, fragment.removeprefix(keys)
    gone = re.findall(r"^\[\w+\]$", fragment, flags=re.MULTILINE)
    gone += ["[measures.fees]", "[measures.losses]"] if "[period]" in gone else []
    for table in gone:
        before, _, after = head.partition(f"\n{table}\n")
        head = f"{before}\n[{after.partition(chr(10) + '[')[2]}"
    return read_contract(SOURCE, f"{head}\n{fragment}")


def test_the_page_has_its_examples() -> None:
    assert len(KINDS) >= 40
    assert len(SETTLED) >= 11
    assert _PAGE.count("```toml") == len(KINDS) + len(SETTLED)


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


def test_the_fixing_of_the_page_comes_out() -> None:
    contract = contract_with(KINDS["37. FX fixing"]).contract
    rule = contract.settlement.convert
    assert rule is not None
    text = _PAGE.partition("### 37. FX fixing")[2].partition("\n### ")[0]
    days = re.findall(r"\| (2026-01-\d\d) \| (\S+) \| (\S+) \|", text)
    ((*means,),) = re.findall(r"\| mean \| (\S+) \| (\S+) \|", text)
    ((share, *comes),) = re.findall(r"\| (\S+) USD are \| (\S+) EUR \| (\S+) EUR \|", text)
    january = period_of(date(2026, 1, 31), contract.calendar)
    for at, (mean, amount) in enumerate(zip(means, comes, strict=True)):
        rates = {date.fromisoformat(day): known[at] for day, *known in days if known[at] != "none"}
        exchange = Exchange(contract=contract, rule=rule, rates=rates, day=january.last)
        found = converted(exchange, january, int(share.replace(",", "").replace(".", "")))
        assert found.told.startswith(f"rate={mean}0;2026-01-16=0.8612;2026-01-20=0.8534;2026-01-21=")
        assert f"{found.amount_minor / 100:,.2f}" == amount


def test_the_words_of_the_algebra_lead_to_forms_and_headings_that_are_there() -> None:
    table = CONTRACTS.partition("| word of an agreement | is written as |")[2].partition("\n\n")[0]
    forms = {form for text in KINDS.values() for form in re.findall(r'^form = "(\w+)"$', text, flags=re.MULTILINE)}
    assert table.count("\n| ") == 11
    for row in table.split("\n| ")[1:]:
        assert set(re.findall(r"`(\w+)`", row)) & forms, row
    for anchor in re.findall(r"CONTRACT_KINDS\.md#([\w-]+)", CONTRACTS):
        assert anchor in {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in HEADINGS}, anchor


def test_the_amendment_of_the_page_adjusts_what_is_told() -> None:
    kind = "36. Retroactive amendment"
    text, below = KINDS[kind], _PAGE.partition(f"\n### {kind}\n")[2].partition("\n### ")[0]
    signed = contract_with(text)
    early = text.replace(f"known_on = {signed.known_on}\n", "").replace("0.0060", "0.0040").replace("60.00", "40.00")
    (versions,) = versions_of([contract_with(early), replace(signed, effective=date(2009, 2, 1))]).values()
    bought = re.findall(r"^\| (\S+) \| (\d{4}-\d\d-\d\d) \| (\S+) \|$", below, flags=re.MULTILINE)
    rows = [
        f"P{at},purchase,{day},{known},{amount.replace(',', '')},USD" for at, (day, known, amount) in enumerate(bought)
    ]
    events = read_events("e.csv", "\n".join(["event_id,kind,event_date,known_on,amount,currency", *rows]).encode())
    told = re.findall(r"^\| (\d{4}-\d\d) \| (\S+) \| (\S+) \| (\S*) ?\|$", below, flags=re.MULTILINE)
    assert len(bought) == 4
    assert len(told) == 3
    april = work_out(versions, events, date(2009, 4, 30)).statement
    for month, then, now, adjustment in told:
        given = april.filter((april["term"] == "volume_rate") & (april["period"] == month))
        states = ["CLOSED", "RESTATED"] if adjustment else ["CLOSED"]
        assert given.sort("as_of").select("state", "amount").rows() == list(zip(states, [then, now], strict=False))
        assert given["amount"].to_list()[-1] == now
        adjusted = april.filter((april["term"] == "adjustment") & (april["adjusts"] == month))
        assert adjusted.select("as_of", "amount").rows() == [(date(2009, 4, 30), adjustment)] * bool(adjustment)


def test_the_periods_of_the_page_of_contracts_are_written_so() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\d\d-\d\d) \| `(\S+)` \| (\S+) to (\S+) \|$", CONTRACTS, flags=re.MULTILINE)
    assert {row[0] for row in rows} == set(PeriodKind)
    for kind, begins, text, first, last in rows:
        cycles = (1, 8, 16, 23) if kind == "cycle" else ()
        month, day = map(int, begins.split("-"))
        calendar = Calendar(kind=PeriodKind(kind), cycle_days=cycles, begins=(month, day))
        period = period_of(date(2026, 1, 25), calendar)
        assert (period.text, str(period.first), str(period.last)) == (text, first, last)


def settled_table(kind: str) -> tuple[list[str], list[list[str]]]:
    """The names of the lines, and the cells of each month, of the table below a settled example."""
    below = _PAGE.partition(f"\n### {kind}\n")[2].partition("\n### ")[0].rpartition("```\n")[2]
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in below.splitlines() if line.startswith("|")
    ]
    return rows[0][2:], rows[2:]


@pytest.mark.parametrize("kind", SETTLED)
def test_a_settled_example_comes_out_month_by_month(kind: str) -> None:
    names, months = settled_table(kind)
    contract = version(SETTLED[kind], {"PARTNER": 1})
    known = [[minor(Decimal(fee.replace(",", "")), "USD") for fee in cells[1].split()] for cells in months]
    assert [cells[0] for cells in months] == MONTHS[: len(months)]
    for rows, cells in zip(closed(contract, known), months, strict=True):
        parked = [row for row in rows if row.state == StatementState.PARKED]
        told = {row.term: row.amount_minor for row in rows if row not in parked}
        told |= {"parked": sum(row.amount_minor for row in parked)} if parked else {}
        shown = [to_major(told[name], "USD") if name in told else "" for name in names]
        assert shown == [cell.replace(",", "") for cell in cells[2:]], cells
        assert own(rows, "PARTNER").keys() & {"payout"}


@pytest.mark.parametrize("kind", SETTLED)
def test_the_steps_of_a_settled_example_are_told_with_every_figure(kind: str) -> None:
    contract = version(SETTLED[kind], {"PARTNER": 1}).contract
    steps = " ".join(of_step(contract, step) for step in contract.settlement.order)
    has_figures(contract.settlement, steps)
    assert all(tax.owed_to in steps for tax in contract.settlement.taxes)
    assert "_" not in steps
