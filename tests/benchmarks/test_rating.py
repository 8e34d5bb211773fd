"""The rating bench rates what it says: DuckDB's statement gives the amounts that the contract's terms give."""

from __future__ import annotations

from pathlib import Path

from settlement.rate.evaluate import periods_known
from tests.benchmarks import rating
from tests.benchmarks.rated_contracts import PLAIN, TERMS, contracts
from tests.benchmarks.rated_events import make_facts

EVENTS = 3_000


def test_duckdb_gives_the_amounts_of_the_plain_contract(tmp_path: Path) -> None:
    found = rating.race(EVENTS, 1, tmp_path)
    assert found["amounts"] == TERMS * 12


def test_every_term_of_every_contract_looks_at_the_events(tmp_path: Path) -> None:
    facts = make_facts(EVENTS, tmp_path)
    for version in contracts():
        amounts = rating.rated((version,), facts)
        assert len(version.contract.terms) == TERMS
        assert len(amounts) == TERMS * len(periods_known((version,), facts))
        earning = {term for (_, term), amount in amounts.items() if amount}
        assert earning == {term.id for term in version.contract.terms}, version.contract.id


def test_the_plain_contract_is_one_of_the_four() -> None:
    assert [version.contract.id for version in contracts()].count(PLAIN) == 1
