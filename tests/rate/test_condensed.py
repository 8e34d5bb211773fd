"""Sums over condensed records are those of all contributions, exact at any size, and refuse what these refuse."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import date

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rate.histories import RATED, RandomHistory, inputs_of, restoring_documents

from settlement.errors import TerminalError
from settlement.model.contract import ContractVersion
from settlement.model.contract_measures import VolumeMeasure
from settlement.model.tables import TABLES
from settlement.rate.condensed import condensed, sums_of_all
from settlement.rate.contract_file import read_contracts
from settlement.rate.evaluate import evaluate
from settlement.rate.facts import Facts, gather
from settlement.rate.measures import SCHEMA, contributions
from settlement.rate.sums import add_up, in_64_bits, summed
from tests.benchmarks.rated_contracts import PLAIN, contracts
from tests.benchmarks.rated_events import make_facts

EVENTS = 2_000
AMOUNTS = st.integers(-(2**63) + 1, 2**63 - 1)


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> Facts:
    return make_facts(EVENTS, tmp_path_factory.mktemp("events"))


def agree(versions: tuple[ContractVersion, ...], facts: Facts) -> int:
    """How many sums there are, which are all the same."""
    every, found = add_up(contributions(versions, facts)), sums_of_all(versions, facts)
    assert found.by_selector == every.by_selector
    assert evaluate(versions, facts, found) == evaluate(versions, facts, every)
    return len(found.by_selector)


@pytest.mark.parametrize("seed", range(8))
def test_random_histories_come_to_the_same_sums(seed: int) -> None:
    nights = RandomHistory(seed).nights
    last = len(nights) - 1
    facts = gather(inputs_of(nights, last, [{name: TABLES[name].empty() for name in RATED}] * last), nights[-1].day)
    assert sum(agree(versions, facts) for versions in read_contracts(restoring_documents()).values())


@pytest.mark.parametrize("version", contracts(), ids=lambda version: version.contract.id)
def test_contracts_of_ten_terms_come_to_the_same_sums(version: ContractVersion, facts: Facts) -> None:
    later = replace(version, effective=date(2010, 7, 1), contract=replace(version.contract, mcc_lists=other_lists()))
    assert agree((version,), facts)
    assert agree((version, later), facts)


def other_lists() -> dict[str, tuple[str, ...]]:
    return {"cash": ("6010",), "travel": ("3100-3199", "6011")}


def test_records_that_are_alike_are_one(facts: Facts) -> None:
    (plain,) = (version for version in contracts() if version.contract.id == PLAIN)
    day = replace(facts, records=facts.records.filter(pl.col("posting_date") == date(2010, 5, 5)))
    twice = replace(day, records=pl.concat([day.records, day.records]))
    one, two = (condensed((plain,), some) for some in (day, twice))
    assert one is not None and two is not None  # noqa: PT018 - both, for the type checker
    assert one.records.height == two.records.height
    assert two.records["net_minor"].sum() == 2 * day.records["net_minor"].sum()


def test_nothing_is_condensed_where_no_term_adds_up(facts: Facts, monkeypatch: pytest.MonkeyPatch) -> None:
    def condenses(*_: object) -> Facts:
        raise AssertionError

    monkeypatch.setattr("settlement.rate.condensed.condensed", condenses)
    adding = []
    for version in contracts():
        try:
            sums_of_all((version,), facts)
        except AssertionError:
            adding.append(version.contract.id)
    assert PLAIN in adding
    assert 0 < len(adding) < len(contracts())


def test_what_is_condensed_away_is_nothing_that_a_volume_asks_for() -> None:
    """A new key of a volume may ask for what ``condensed`` leaves out of a record: look there before adding it here."""
    assert {field.name for field in fields(VolumeMeasure)} == {
        *("type", "clause", "counts", "amount", "takes_back", "store", "mcc_in", "mcc_not_in", "account_classes"),
        # A volume that converts is rated record by record; the messages of disputes stay as they are.
        *("opening", "convert", "gives_back"),
    }


def test_a_record_of_another_currency_is_named(facts: Facts) -> None:
    foreign = pl.when(pl.col("record") == 77).then(pl.lit("EUR")).otherwise("currency").alias("currency")
    some = replace(facts, records=facts.records.with_columns(foreign))
    (plain,) = (version for version in contracts() if version.contract.id == PLAIN)
    with pytest.raises(TerminalError, match=r"Record 77 of 2010-.* is in EUR"):
        sums_of_all((plain,), some)


@settings(deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.sampled_from("ab"), AMOUNTS), max_size=12))
def test_sums_are_exact_at_any_size_and_refused_where_a_table_has_no_place(rows: list[tuple[str, int]]) -> None:
    frame = pl.DataFrame(
        [
            dict.fromkeys(SCHEMA) | {"term": term, "period": "2010-01", "selector": "", "quantity": quantity}
            for term, quantity in rows
        ],
        schema=SCHEMA,
    )
    exact: dict[str, int] = {}
    for term, quantity in rows:
        exact[term] = exact.get(term, 0) + quantity
    sums = add_up(frame)
    assert {term: sums.total(term, "2010-01") for term in exact} == exact
    totals = summed(frame)
    beyond = sorted(term for term, total in exact.items() if not -(2**63) <= total < 2**63)
    if beyond:
        with pytest.raises(TerminalError, match=f"What term {beyond[0]} is rated on .* has 64 bits"):
            in_64_bits(totals)
    else:
        assert dict(in_64_bits(totals).select("term", "quantity").iter_rows()) == exact


@pytest.mark.parametrize("largest", [10**6, 2**62])
def test_amounts_of_any_size_come_to_exact_sums(largest: int, facts: Facts) -> None:
    amounts = pl.Series("net_minor", [largest - number for number in range(facts.records.height)])
    large = replace(facts, records=facts.records.with_columns(amounts))
    (plain,) = (version for version in contracts() if version.contract.id == PLAIN)
    found = sums_of_all((plain,), large)
    whole = sum(total for (term, _), sums in found.by_selector.items() for total in sums.values() if term == "term_0")
    assert whole == sum(amounts.to_list())
