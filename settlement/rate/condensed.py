"""The sums of a contract over all facts, without its contributions: for records in their millions.

Where a term sees of a record no more than its amount, what decides whether it counts, and the dates that place it,
records that are alike in all of these are added up first: one pass over the records serves all such terms, and the
terms are rated on what is left by the same rules. Where each record is rounded or counted by itself, its term is rated
record by record and added up before the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Final, get_args

import polars as pl

from settlement.errors import TerminalError
from settlement.model.contract import Contract, ContractVersion
from settlement.model.contract_measures import (
    AccountMeasure,
    AccountsWithin,
    BalanceMeasure,
    Measure,
    ProfitMeasure,
    VolumeMeasure,
)
from settlement.model.contract_terms import (
    BalanceRateTerm,
    BountyTerm,
    MarginalTierTerm,
    MinimumTerm,
    RateByTerm,
    RateTerm,
    ShareOverHurdleTerm,
    Term,
    WholeTierTerm,
    looks_at,
)
from settlement.rate.dating import dated
from settlement.rate.disputes import DISPUTED
from settlement.rate.facts import Facts
from settlement.rate.measures import (
    by_account,
    contributions,
    in_list,
    limit_of,
    limits,
    of_term,
    settled_by,
    unlimited,
)
from settlement.rate.quantities import OverNames
from settlement.rate.sums import SELECTOR, Sums, add_up, counted, summed, sums_of

_ADDS_UP: Final = (VolumeMeasure, AccountMeasure, AccountsWithin, BalanceMeasure, ProfitMeasure)
"""Measures to which a record gives its amount, or nothing; any other may see more of a record."""
_SEES_SUMS: Final = (
    *(RateTerm, RateByTerm, WholeTierTerm, MarginalTierTerm, ShareOverHurdleTerm, BountyTerm, BalanceRateTerm),
    *(MinimumTerm, *get_args(OverNames)),
)
"""Forms to which a record gives what it gives to their measures; any other may look at each record."""
_ALIKE: Final = ("programme", "kind", "currency", "own_store", "account_class", "mcc")
"""What decides whether a record counts in a volume, beside its dates."""
_MOST: Final = 2**63 - 1

Wanted = Callable[[Contract, Term], bool]


def sums_of_all(versions: Sequence[ContractVersion], facts: Facts) -> Sums:
    """What ``add_up`` gives for ``contributions``: sums, and what terms ask of counts and accounts.

    Contributions are counted only for terms that are rated record by record, accounts only for those that limit them.

    Raises
    ------
    TerminalError
        As ``contributions`` does.
    """
    totals, adding = list[pl.DataFrame](), _only(versions, _adds_up)
    if any(version.contract.terms for version in adding):
        alike = condensed(versions, facts)
        if alike is None:
            return add_up(contributions(versions, facts))
        try:
            totals.append(summed(unlimited(adding, alike)))
        except TerminalError:
            # The sentence names a record: it is found among those that are not condensed.
            return add_up(contributions(versions, facts))
    totals += _one_by_one(versions, facts)
    limiting = _only(versions, _limits)
    rows = unlimited(limiting, facts)
    held = by_account(limiting, rows)
    totals += [summed(rows), summed(limits(limiting, held))]
    return sums_of(pl.concat(totals).group_by(SELECTOR).agg(pl.col("quantity", "rows").sum()), counted(held))


def _one_by_one(versions: Sequence[ContractVersion], facts: Facts) -> list[pl.DataFrame]:
    """What ``summed`` gives for the terms that see each record by itself, term by term."""
    found = []
    for index, version in enumerate(versions):
        for term in version.contract.terms:
            if not _adds_up(version.contract, term) and not _limits(version.contract, term):
                rows = of_term(version.contract, term, facts).filter(settled_by(versions, index))
                found.append(summed(rows.with_columns(pl.lit(term.id).alias("term"))))
    return found


def _adds_up(contract: Contract, term: Term) -> bool:
    """Whether a term sees of records no more than ``condensed`` leaves of them."""
    measures: list[Measure] = [contract.measures[name] for name in looks_at(term) if name in contract.measures]
    return isinstance(term, _SEES_SUMS) and all(isinstance(one, _ADDS_UP) and not _rounds(one) for one in measures)


def _rounds(measure: Measure) -> bool:
    """Whether a measure rounds each amount by itself, as one in other currencies does."""
    return isinstance(measure, VolumeMeasure) and measure.convert is not None


def _limits(contract: Contract, term: Term) -> bool:
    return limit_of(contract, term) is not None


def _only(versions: Sequence[ContractVersion], wanted: Wanted) -> tuple[ContractVersion, ...]:
    """The versions with some of their terms."""
    return tuple(
        replace(version, contract=replace(version.contract, terms=tuple(_terms(version.contract, wanted))))
        for version in versions
    )


def _terms(contract: Contract, wanted: Wanted) -> Iterator[Term]:
    return (term for term in contract.terms if wanted(contract, term))


def condensed(versions: Sequence[ContractVersion], facts: Facts) -> Facts | None:
    """The facts with one record for all that the terms of a contract cannot tell apart.

    None where amounts are so large that a sum of them might leave 64 bits.
    """
    amounts = facts.records["net_minor"]
    largest = max(abs(int(bound)) for bound in (amounts.min() or 0, amounts.max() or 0))  # type: ignore[arg-type]
    if largest * amounts.len() > _MOST:
        return None
    datings = [v.contract.period.place for v in versions]
    datings += [term.rate_date for v in versions for term in v.contract.terms if isinstance(term, RateByTerm)]
    roots = dict.fromkeys(name for dating in datings for name in dated(dating).meta.root_names())
    dates = [name for name in roots if name not in {"kind", "origin_file"}]
    programmes = sorted({version.contract.programme for version in versions})
    own = facts.records.lazy().filter(pl.col("programme").is_in(programmes))
    alone = pl.col(DISPUTED[0]).is_null()
    records = (
        own.filter(alone)
        .join(_like_codes(versions, facts.records), on="mcc", how="left", nulls_equal=True)
        .group_by(*_ALIKE[:-1], *dates, mcc="like", none=pl.col("origin_file").is_null())
        .agg(pl.col("net_minor").sum())
        .with_columns(
            pl.lit(None, pl.String()).alias("file"),
            pl.lit(None, pl.Int64()).alias("record"),
            pl.lit(None, pl.String()).alias("account_id"),
            origin_file=pl.when(~pl.col("none")).then(pl.lit("")),
        )
    )
    # The messages of a dispute are worked out together, one by one.
    told = pl.concat([records.drop("none"), own.filter(~alone)], how="diagonal")
    return replace(facts, records=told.collect())


def _like_codes(versions: Sequence[ContractVersion], records: pl.DataFrame) -> pl.LazyFrame:
    """For each merchant category one that stands in the same lists of all versions: ``mcc`` and ``like``."""
    lists = [entries for version in versions for entries in version.contract.mcc_lists.values()]
    codes = records.lazy().select(pl.col("mcc").unique())
    stands = [in_list(entries).alias(f"list {number}") for number, entries in enumerate(lists)]
    alike = [pl.lit(value=True), *(one.meta.output_name() for one in stands)]
    return codes.with_columns(stands).select("mcc", like=pl.col("mcc").min().over(alike))
