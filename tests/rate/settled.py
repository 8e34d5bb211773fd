"""Statements of one contract, month after month, from what its terms come to as known on each day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

from settlement.model.contract import ContractVersion
from settlement.model.dates import period_from
from settlement.rate.contract_file import read_contract
from settlement.rate.facts import Facts, no_facts
from settlement.rate.forms import Line
from settlement.rate.stated import PayoutRow, read_stated
from settlement.rate.statement import statement

_KINDS = (Path(__file__).resolve().parents[1] / "docs" / "contract_of_kinds.toml").read_text("utf-8")
HEAD = "examples = []\n" + _KINDS.partition("[[beneficiaries]]")[0]
"""The contract of the page of kinds up to its beneficiaries."""
FEE = """
[[terms]]
id = "fee"
form = "rate"
clause = "1"
measure = "volume"
rate = 0.0100
rounding = { unit = "minor", mode = "half_away", scope = "period" }
"""
EXTRA = FEE.replace('"fee"', '"extra"') + 'parts = [{ to = "A", weight = 1 }, { to = "B", weight = 2 }]\n'
"""A second term, whose parts are said."""
NO_LIMIT = 'reopens = { counted_in = "no_limit" }\n'
PLAIN = f"""
[settlement]
clause = "1"
order = ["terms", "adjustments", "split", "carry", "threshold"]
residue = "largest_remainder"
threshold = 0.00
below_threshold = "carry"

[settlement.adjustments]
clause = "1"
recomputes = "all_terms"
{NO_LIMIT}"""
"""A settlement of the fewest steps; what adjustments are booked in is to be said behind it."""
MONTHS = [f"{year}-{month:02}" for year in (2009, 2010) for month in range(1, 13)]
FIRST_NIGHT = date(2009, 1, 1)


def beneficiaries(weights: Mapping[str, int]) -> str:
    return "".join(f'[[beneficiaries]]\nid = "{n}"\nname = "{n}"\nweight = {w}\n' for n, w in weights.items())


def version(
    settlement: str, weights: Mapping[str, int], terms: str = FEE, *, effective: str = "2009-01-01"
) -> ContractVersion:
    """A contract with one fee, or other terms, and a settlement."""
    text = HEAD + beneficiaries(weights) + terms + settlement
    return read_contract(f"contracts/partner/{effective}.toml", text)


def facts_on(day: date) -> Facts:
    """Facts of a day without a record."""
    return no_facts(day, FIRST_NIGHT, {})


def told_on(
    contract: ContractVersion,
    day: date,
    known: Sequence[Mapping[str, int]],
    before: Sequence[PayoutRow],
    earlier: Sequence[ContractVersion] = (),
) -> list[PayoutRow]:
    """The statement of a day: ``known`` are the terms of the months up to it; ``earlier`` versions settled some."""
    lines = {
        period_from(month): {
            name: Line(amount_minor=amount, quantities=f"v={amount}") for name, amount in terms.items()
        }
        for month, terms in zip(MONTHS, known, strict=False)
    }
    return statement([*earlier, contract], facts_on(day), lines, read_stated(before))


def closed(
    contract: ContractVersion,
    known: Sequence[Sequence[int | Mapping[str, int]]],
) -> list[list[PayoutRow]]:
    """The statements at the close of each month; ``known[n]`` is what the months up to n come to as known then.

    A month is told by its fee alone, or by each of its terms.
    """
    rows: list[PayoutRow] = []
    found = []
    for number, fees in enumerate(known):
        day = period_from(MONTHS[number]).last
        found.append(told_on(contract, day, [{"fee": fee} if isinstance(fee, int) else fee for fee in fees], rows))
        rows += found[-1]
    return found


def own(rows: Sequence[PayoutRow], beneficiary: str) -> dict[str, int]:
    """The lines of one beneficiary in a statement."""
    return {row.term: row.amount_minor for row in rows if row.beneficiary == beneficiary}
