"""The rating of a year of events: contracts from records to amounts, and the plainest of them beside DuckDB.

Run by ``python -m tests.benchmarks``; ``python -m tests.benchmarks.rating`` prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import duckdb

from settlement.kernels.choice import cores
from settlement.model.contract import ContractVersion
from settlement.rate.condensed import sums_of_all
from settlement.rate.evaluate import evaluate
from settlement.rate.facts import Facts
from tests.benchmarks.rated_contracts import CASH, PLAIN, TERMS, TRAVEL, VOLUMES, contracts, rate_of
from tests.benchmarks.rated_events import make_facts
from tests.benchmarks.sections import TITLES

Amounts = dict[tuple[str, str], int]
"""What a contract's terms give, in minor units, by period and term."""

Call = Callable[..., dict[str, Any]]


def rated(versions: tuple[ContractVersion, ...], facts: Facts) -> Amounts:
    """What each of a contract's terms gives in each period, from the records."""
    lines = evaluate(versions, facts, sums_of_all(versions, facts))
    return {(period.text, term): line.amount_minor for period, found in lines.items() for term, line in found.items()}


class InSql:
    """The events as a table of DuckDB, and the plain contract as one statement about it."""

    def __init__(self, facts: Facts) -> None:
        self.db = duckdb.connect(config={"threads": cores()})
        records = facts.records  # noqa: F841 - DuckDB finds frames by their names
        self.db.sql("CREATE TABLE events AS SELECT * FROM records")

    def amounts(self) -> Amounts:
        """What the plain contract's terms give: one pass, exact integers, half a cent away from zero."""
        terms = ", ".join(f"sum(net_minor) FILTER (WHERE {_where(*volume)})::HUGEINT AS s{n}" for n, volume in _VOLUMES)
        given = ", ".join(f"{_rounded(f's{n}', *rate_of(n))} AS term_{n}" for n, _ in _VOLUMES)
        found = self.db.sql(
            f"SELECT period, {given} FROM "
            f"(SELECT strftime(posting_date, '%Y-%m') AS period, {terms} FROM events GROUP BY 1)"
        )
        return {
            (row[0], f"term_{number}"): int(amount) for row in found.fetchall() for number, amount in enumerate(row[1:])
        }


_VOLUMES: Final = tuple(enumerate(VOLUMES))


def _where(store: str, mccs: str, classes: tuple[str, ...]) -> str:
    lists = {
        "cash": f"mcc IN {CASH}",
        "travel": f"(mcc = '{TRAVEL[0]}' OR mcc BETWEEN '{TRAVEL[1][:4]}' AND '{TRAVEL[1][5:]}')",
    }
    told = {"own": ["own_store"], "other": ["NOT own_store"], "any": []}[store]
    told += [lists[mccs]] if mccs in lists else []
    told += [f"account_class IN ({', '.join(repr(name) for name in classes)})"] if classes != ("any",) else []
    return " AND ".join(told) or "true"


def _rounded(total: str, numerator: int, denominator: int) -> str:
    exact = f"coalesce({total}, 0) * {numerator}"
    return f"(sign({exact}) * ((2 * abs({exact}) + {denominator}) // {2 * denominator}))"


def race(events: int, repeats: int, folder: Path) -> dict[str, Any]:
    """Seconds, and seconds of work of all cores, of the plain contract in turns: ours and DuckDB's.

    Raises RuntimeError where the two give another amount for any term of any month.
    """
    facts = make_facts(events, folder)
    sql = InSql(facts)
    (plain,) = (version for version in contracts() if version.contract.id == PLAIN)
    found: dict[str, list[dict[str, float]]] = {"settlement": [], "duckdb": []}
    for turn in range(repeats + 1):
        ours, amounts = _measured(lambda: rated((plain,), facts))
        theirs, expected = _measured(sql.amounts)
        if amounts != expected:
            different = [key for key in amounts.keys() | expected.keys() if amounts.get(key) != expected.get(key)]
            raise RuntimeError(f"DuckDB gives another amount for {min(different)} than settlement does.")
        if turn:
            found["settlement"].append(ours)
            found["duckdb"].append(theirs)
    return {"turns": found, "amounts": len(amounts)}


def scale(events: int, repeats: int, folder: Path) -> dict[str, Any]:
    """Seconds, seconds of work and peak memory of all contracts, in a process of its own."""
    facts = make_facts(events, folder)
    versions = contracts()
    before = _peak_mib()
    turns = []
    for _ in range(repeats):
        measured, _ = _measured(lambda: [rated((version,), facts) for version in versions])
        turns.append(measured)
    return {"turns": turns, "contracts": len(versions), "before_mib": before, "peak_mib": _peak_mib()}


def _measured(work: Callable[[], Any]) -> tuple[dict[str, float], Any]:
    started, worked = time.perf_counter(), time.process_time()
    found = work()
    return {"seconds": time.perf_counter() - started, "work": time.process_time() - worked}, found


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def rating_section(events: int, repeats: int, folder: Path, call: Call) -> str:
    """Contracts from records to amounts at three sizes, and the plain one beside DuckDB."""
    sizes = sorted({min(size, events) for size in (1_000_000, 3_000_000, events)})
    scaled = {size: call("rating", "--events", size, "--repeats", repeats, "--folder", folder) for size in sizes}
    count = scaled[sizes[-1]]["contracts"]
    told = (
        f"{count} contracts of {TERMS} terms each, all of one programme, from counting records in memory to the "
        "amounts of every period: plain rates; rates by class and date with tiers; units at dated prices; rates on "
        "each record. An event-term is one event looked at by one term. "
        f"Medians of {repeats} turns, each size in a process of its own; work is the seconds of all cores together, "
        "and memory the process's peak, in brackets what rating added."
    )
    lines = [f"## {TITLES['rating']} {sizes[-1]:,} events", "", told, ""]
    lines += ["| events | seconds | fastest | work | event-terms/s | ns of work each | peak MiB (added) |"]
    lines += ["|--:|--:|--:|--:|--:|--:|--:|"]
    for size, found in scaled.items():
        seconds, work = _column(found["turns"], "seconds"), _column(found["turns"], "work")
        each = size * count * TERMS
        lines.append(
            f"| {size:,} | {statistics.median(seconds):.2f} | {min(seconds):.2f} | {statistics.median(work):.2f} "
            f"| {each / statistics.median(seconds):,.0f} | {statistics.median(work) / each * 1e9:.1f} "
            f"| {found['peak_mib']:,.0f} ({found['peak_mib'] - found['before_mib']:,.0f}) |"
        )
    beside = call("rating", "--events", events, "--repeats", repeats, "--folder", folder, "--race")
    lines += [
        "",
        (
            f"The contract of plain rates alone, beside one statement of DuckDB over its own table, in turns in one "
            f"process; the {beside['amounts']:,} amounts are the same."
        ),
        "",
        "| engine | seconds | fastest | work | event-terms/s |",
        "|---|--:|--:|--:|--:|",
    ]
    for name, turns in beside["turns"].items():
        seconds, work = _column(turns, "seconds"), _column(turns, "work")
        lines.append(
            f"| {name} | {statistics.median(seconds):.2f} | {min(seconds):.2f} | {statistics.median(work):.2f} "
            f"| {events * TERMS / statistics.median(seconds):,.0f} |"
        )
    return "\n".join(lines)


def _column(turns: list[dict[str, float]], name: str) -> list[float]:
    return [turn[name] for turn in turns]


def main() -> None:
    """Print the measurements as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, required=True)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--race", action="store_true", help="the plain contract beside DuckDB")
    options = parser.parse_args()
    measure = race if options.race else scale
    print(json.dumps(measure(options.events, options.repeats, options.folder)))


if __name__ == "__main__":
    main()
