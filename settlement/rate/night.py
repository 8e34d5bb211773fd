"""The stage ``rate``: what each contract's partners have earned, as known after this night.

A night rates what it touches (``touched``, ``changes``): table ``rated`` receives what the contributions of the records
it reaches differ by, ``rated_total`` the totals to date, ``payout`` the statement of the current period. A contract
whose totals rest on something else than its files and this version say, such as a new one, one with a new file, or the
first night of a newer version, is rated anew from all facts, and so is one that counts accounts once by their events;
``rated`` then receives the difference to what it holds.

A period closes after the night of its last day. Where no files came for that day, the first night after it closes the
period as if an empty night had been settled on it: as known on that day, under that day as ``as_of``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import date
from functools import cache, cached_property, partial
from typing import Final

import numpy as np
import polars as pl

from settlement import __version__
from settlement.errors import TerminalError
from settlement.kernels import radix
from settlement.kernels.choice import cores
from settlement.model.contract import ContractVersion, known_versions
from settlement.model.contract_measures import EventDate
from settlement.model.finding import Finding, Severity, finding_table
from settlement.model.ledger_entries import LedgerRow
from settlement.model.packs import PACKED
from settlement.model.stage import StageInput, StageOutput
from settlement.model.tables import TABLES
from settlement.rate.changes import (
    Rated,
    by_change,
    rated_by_change,
    rated_from_all,
    sums_day_by_day,
    sums_from,
    totals_on,
)
from settlement.rate.closings import Before, Closing, Seen, closings, differing
from settlement.rate.contract_file import read_contracts
from settlement.rate.facts import (
    REFERENCES,
    Facts,
    calendars,
    first_night,
    known,
    standing_facts,
    with_all_records,
    with_records,
)
from settlement.rate.night_index import index_rows, night_index
from settlement.rate.order import in_order
from settlement.rate.packs import nights_before, packs_before
from settlement.rate.stated import PayoutRow
from settlement.rate.stated_before import payout_rows, stated_of, stating
from settlement.rate.sums import Sums, in_64_bits
from settlement.rate.touched import reached_tonight
from settlement.rate.untold_days import Untold

_WRITES: Final = ("rated", "rated_total", "rated_account", "rated_basis")
_KEY: Final = [name for name in TABLES["rated"].schema if name != "quantity"]


def run(inputs: StageInput) -> StageOutput:
    """Rate all contracts as known after this night.

    Raises
    ------
    TerminalError
        Where a contract file cannot be read, a contract of earlier nights is gone, or a record does not fit its
        contract.
    """
    contracts = read_contracts(inputs.documents)
    dates = [version.contract.exchange_dates for versions in contracts.values() for version in versions]
    scene = _Scene(inputs, frozenset[EventDate]().union(*dates))
    _require_known(contracts, scene.stated)
    rows: list[PayoutRow] = []
    entries: dict[tuple[str, str, str, str | None, str], LedgerRow] = {}
    untold: list[Untold] = []
    changes, totals, units, basis = ([TABLES[name].empty()] for name in _WRITES)
    for contract_id in sorted(contracts):
        versions = known_versions(contracts[contract_id], inputs.business_date)
        if not versions or versions[0].effective > inputs.business_date:
            continue
        now = _basis(versions, inputs)
        before = scene.totals_before(contract_id, now) if by_change(versions) else None
        rated, sums = _anew(versions, scene) if before is None else _changed(versions, scene, before)
        seen = None if before is None else _seen(contracts[contract_id], scene, before)
        for closing in _statements(contracts[contract_id], scene, sums, seen):
            rows += closing.rows
            untold += closing.untold
            # Of things the last statement tells what there is to date.
            entries |= {(one.contract, one.period, one.term, one.adjusts, one.entry): one for one in closing.entries()}
        name = pl.lit(contract_id).alias("contract")
        changes.append(_difference(rated.now, rated.before))
        totals.append(rated.totals.with_columns(name).select(TABLES["rated_total"].schema.names()))
        units.append(rated.accounts.with_columns(name).select(TABLES["rated_account"].schema.names()))
        basis.append(pl.DataFrame({"contract": [contract_id], "basis": [now]}))
    told = {
        "rated": in_order(pl.concat(changes)),
        "rated_total": pl.concat(totals),
        "rated_account": pl.concat(units).sort(TABLES["rated_account"].key),
        "rated_basis": pl.concat(basis),
        "rated_key": index_rows(inputs, scene.index),
        "payout": pl.DataFrame([asdict(row) for row in rows], schema=TABLES["payout"].schema),
        "rate_finding": finding_table("rate_finding", _findings(untold)),
        "ledger": pl.DataFrame([asdict(one) for one in entries.values()], schema=TABLES["ledger"].schema),
    }
    return StageOutput(tables={**told, **scene.packs_after(told)})


def _findings(untold: Sequence[Untold]) -> Iterator[Finding]:
    for one in untold:
        yield Finding(check="bank_calendar_untold", subject=one.subject, severity=Severity.WARNING, text=one.sentence)


class _Scene:
    """The night's tables, and the facts that are made of them as they are asked for, once."""

    def __init__(self, inputs: StageInput, exchange_dates: frozenset[EventDate]) -> None:
        self.exchange_dates = exchange_dates
        self.inputs = inputs
        self.night = inputs.business_date
        self.before = nights_before(inputs)
        self.index = night_index(inputs, self.before)
        self.packs = packs_before(inputs)
        # Read for several days, and written again.
        self.packed = {name: self.packs.rows(name).collect().lazy() for name in (*REFERENCES, "payout")}
        self.packed["rated_account"] = self.packs.rows("rated_account")
        self.stated = self.packed["payout"].collect()
        references = {
            name: pl.concat([self._earlier(name), known(inputs, name, PACKED[name], [self.night])])
            for name in REFERENCES
        }
        first = first_night(references["file"], self.night)
        # Of a file is asked only which date its rows have.
        self._told = sorted({day for name in REFERENCES[1:] for day in _days(references[name])})
        self._folded = cache(lambda night: standing_facts(references, first, night))
        self._calendars = calendars(inputs, references["file"])
        self.gathered = cache(lambda night: with_all_records(self.standing(night), inputs))
        self._basis, self._totals = (self._last_night(name) for name in ("rated_basis", "rated_total"))

    def standing(self, night: date) -> Facts:
        """The facts known after a night without a record: those of the last night that told of any."""
        told = max((day for day in self._told if day <= night), default=night)
        return replace(self._folded(told), day=night, calendars=self._calendars)

    def _earlier(self, table: str) -> pl.LazyFrame:
        return self.packed[table].select(*PACKED[table], "business_date")

    def _last_night(self, table: str) -> pl.DataFrame:
        return self.inputs.of_nights(table, self.before[-1:]).collect()

    def last(self, day: date) -> date:
        """The latest night up to a day."""
        return max(night for night in (*self.before, self.night) if night <= day)

    def facts_of(self, day: date) -> Facts:
        """What the latest night up to a day has brought, as that day sees it, without its records."""
        return replace(self.standing(self.last(day)), day=day)

    def totals_before(self, contract_id: str, basis: str) -> pl.DataFrame | None:
        """The totals of a contract as of the night before; None where there are none that rest on this basis."""
        if self.inputs.restates is not None:
            # What was matched before is matched otherwise now: all facts tell what comes of it.
            return None
        if self._basis.filter((pl.col("contract") == contract_id) & (pl.col("basis") == basis)).is_empty():
            return None
        return self._totals.filter(pl.col("contract") == contract_id)

    @cached_property
    def reached(self) -> tuple[Facts, Facts]:
        """The facts of the night before and of this night, with the records that this night reaches."""
        before, now = self.standing(self.before[-1]), self.standing(self.night)
        reached = reached_tonight(self.inputs, self.index, before, now, self.exchange_dates)
        return with_records(before, reached), with_records(now, reached)

    def units_of(self, contract_id: str) -> pl.LazyFrame:
        """What earlier nights have added to the units of accounts of a contract."""
        return self.packed["rated_account"].filter(pl.col("contract") == contract_id)

    def packs_after(self, told: Mapping[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
        """The packs that the night leaves, by what it tells of the accounts and the statements of contracts."""
        tonight = {name: self.inputs.tonight(name) for name in REFERENCES}
        tonight |= {"rated_account": told["rated_account"].lazy(), "payout": stating(told["payout"].lazy())}
        return self.packs.after(self.packed, tonight)


def _days(rows: pl.LazyFrame) -> list[date]:
    return rows.select(pl.col("business_date").unique()).collect().to_series().to_list()


def _basis(versions: Sequence[ContractVersion], inputs: StageInput) -> str:
    """The digest of what a contract is rated by: its files, their dates, and the version of this house."""
    texts = [f"{version.effective} {inputs.documents[version.source]}" for version in versions]
    return hashlib.sha256("\0".join([__version__, *texts]).encode()).hexdigest()


def _anew(versions: Sequence[ContractVersion], scene: _Scene) -> tuple[Rated, Callable[[date], Sums]]:
    """A contract rated from all facts, and its sums as known after a day."""
    contract_id = versions[0].contract.id
    held = scene.inputs.history["rated"].filter(pl.col("contract") == contract_id).collect()
    rated = rated_from_all(versions, scene.gathered(scene.night), held, scene.units_of(contract_id))
    earlier = sums_day_by_day(
        partial(known_versions, versions), lambda day: replace(scene.gathered(scene.last(day)), day=day)
    )
    return rated, lambda day: rated.sums if day == scene.night else earlier(day)


def _changed(
    versions: Sequence[ContractVersion], scene: _Scene, totals: pl.DataFrame
) -> tuple[Rated, Callable[[date], Sums]]:
    """A contract rated by what the night reaches, and its sums as known after a day since the night before."""
    rated = rated_by_change(versions, *scene.reached, totals, scene.units_of(versions[0].contract.id))
    at, facts, told = totals, scene.standing(scene.before[-1]), sums_from(totals)

    def sums(day: date) -> Sums:
        """Days are asked for in their order: each goes on from the one before."""
        nonlocal at, facts, told
        if day == scene.night:
            return rated.sums
        comes = totals_on(versions, facts, at, day)
        if comes is not at:
            at, told = comes, sums_from(comes)
        facts = replace(facts, day=day)
        return told

    return rated, sums


def _require_known(contracts: Mapping[str, Sequence[ContractVersion]], stated: pl.DataFrame) -> None:
    """Refuse a night whose configuration has lost a contract: all it ever gave would be taken back without a word."""
    for contract_id in stated["contract"].unique().sort():
        if contract_id not in contracts:
            raise TerminalError(
                f"The contract {contract_id} has statements of earlier nights, and no file under config/contracts says "
                "it now: put its files back; a contract's files are kept for as long as its home."
            )


def _statements(
    versions: Sequence[ContractVersion], scene: _Scene, sums: Callable[[date], Sums], seen: Seen | None
) -> Iterator[Closing]:
    """The statement of the current period, after those of periods whose last day brought no files."""
    stated = scene.stated.filter(pl.col("contract") == versions[0].contract.id)
    before = Before(read=partial(stated_of, stated), seen=seen)
    return closings(versions, scene.night, scene.facts_of, sums, before)


def _seen(versions: Sequence[ContractVersion], scene: _Scene, totals: pl.DataFrame) -> Seen:
    """What the statement of the night before has looked at, by the totals of that night."""
    last, contract_id = scene.before[-1], versions[0].contract.id
    rows = scene.stated.filter((pl.col("contract") == contract_id) & (pl.col("as_of") == last))
    return Seen(
        day=last,
        versions=known_versions(versions, last),
        opening=scene.standing(last).opening,
        sums=sums_from(totals),
        differing=differing(payout_rows(rows)),
    )


def _difference(now: pl.DataFrame, before: pl.DataFrame) -> pl.DataFrame:
    """What must be added to the contributions that held before to give those that hold now.

    A new contribution is added, one that is withdrawn is added with the opposite sign, one that changes is added with
    the change; one that moves to another period or selector does both.
    """
    columns = TABLES["rated"].schema.names()
    fresh, gone = _without_equals(now.select(columns), before.select(columns))
    both = pl.concat([fresh, gone.with_columns(-pl.col("quantity"))])
    # Rows of different hashes have different keys: few are left to be added up.
    hashes = both.select(_KEY).hash_rows()
    ascending = np.sort(hashes.to_numpy())
    repeated = pl.Series(ascending[1:][ascending[1:] == ascending[:-1]], dtype=pl.UInt64)
    again = hashes.is_in(repeated.implode())
    added = in_64_bits(both.filter(again).group_by(_KEY).agg(pl.col("quantity").cast(pl.Int128()).sum()))
    changes = pl.concat([both.lazy().filter(~again), added.lazy().select(columns)]).filter(pl.col("quantity") != 0)
    return changes.collect()


def _without_equals(now: pl.DataFrame, before: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What of both is left when each row of one side that stands on the other too is taken away with its equal."""
    if now.is_empty() or before.is_empty():
        return now, before
    # An empty value is one that no other is equal to, and a row with one would have no digest.
    filled = (pl.col("file", "account_id").fill_null("\0"), pl.col("record").fill_null(-1))
    secret = radix.PROCESS_SECRET
    ours, theirs = (
        radix.digest_rows(rows.with_columns(filled).get_columns(), secret=secret, threads=cores())
        for rows in (now, before)
    )
    left, right = radix.open_rows(radix.pair_equal(*ours, *theirs, threads=cores()), before.height)
    return now[left], before[right]
