"""Then, now and why: what was stated of a closed period, what it comes to now, and what each new fact makes of it.

The facts are put in one after another, in the order in which they became known, and the terms are recomputed after
each: what a fact makes is the step between two recomputations, so that all steps together are the whole difference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

import polars as pl

from settlement.explain.evidence import (
    Contribution,
    Source,
    account_changes,
    net_contributions,
    with_evidence,
)
from settlement.explain.exchange import with_rates
from settlement.explain.recomputed import lines_from, sums_kept
from settlement.explain.scene import OF_A_TERM, Scene, was_known
from settlement.model.clearing import StatementState
from settlement.model.contract import ContractVersion
from settlement.model.contract_terms import named
from settlement.model.dates import period_from
from settlement.rate.adjustments import reopened_until
from settlement.rate.evaluate import in_force
from settlement.rate.sums import Sums

_MONTH: Final = r"^(\d{4}-\d{2})\.v\d+$"
_FACT: Final = pl.coalesce(
    # The figures of a month come together: a later version takes all lines of the one before it out.
    pl.format("profit and loss of {}", pl.col("selector").str.extract(_MONTH)),
    pl.format("{} record {}", "file", "record"),
    pl.format("account {}", "account_id"),
).alias("fact")
"""What a contribution rests on, in words: the record, account or month that came or changed."""
UNTOLD: Final = "what the home keeps does not tell this part: its contract files are not those it was stated by"
"""The cause of what is left of a difference when every fact is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restated:
    """One term of the closed period: what was stated for it last, after which night, and what it comes to now."""

    term: str
    then_minor: int
    stated_on: date
    now_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """A fact that makes a part of the difference.

    ``contributions`` are what it changed of contributions since the statement, with matches and source records;
    ``accounts`` what the account feed told of its account since. Both are empty for what is no fact of one record or
    account.
    """

    text: str
    amount_minor: int
    known_on: date | None = None
    contributions: tuple[Contribution, ...] = ()
    accounts: tuple[Source, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """A closed period that comes to something else now. The causes' amounts add up to the difference."""

    period: str
    currency: str
    terms: tuple[Restated, ...]
    causes: tuple[Cause, ...]

    @property
    def difference(self) -> int:
        """What the terms come to now, less what was stated for them, in minor units."""
        return sum(term.now_minor - term.then_minor for term in self.terms)


def correction(scene: Scene, period: str, term: str | None, limit: int | None) -> Correction | None:
    """Why a closed period, or one term of it, comes to something else than was stated.

    Parameters
    ----------
    term:
        The term; None for all terms of the period.
    limit:
        So many records and accounts are told each by itself, those of the largest quantities; None for all of them.

    Returns
    -------
    None where nothing was stated for the period.
    """
    stated = scene.stated_terms(period)
    if not stated:
        return None
    # Of a statement that was made again, every term holds as it was known on the last day that states one of them.
    since = max(row["as_of"] for row in stated.values())
    told_on = max(row["business_date"] for row in stated.values())
    steps = _Steps(scene=scene, period=period, term=term, since=since, told_on=told_on)
    found = Correction(
        period=period, currency=scene.row["currency"], terms=_restated(scene, period, term, stated), causes=()
    )
    causes = tuple(steps.causes(limit)) if scene.versions else ()
    rest = found.difference - sum(cause.amount_minor for cause in causes)
    if rest:
        causes = (*causes, Cause(text=UNTOLD, amount_minor=rest))
    return replace(found, causes=causes)


def _restated(
    scene: Scene, period: str, term: str | None, stated: Mapping[str, Mapping[str, Any]]
) -> tuple[Restated, ...]:
    """The terms of the closed period as stated and now; one that the line's statement does not tell is as stated."""
    here = OF_A_TERM & (pl.col("period") == period) & (pl.col("as_of") == scene.day)
    now = dict(scene.tonight.filter(here).select("term", "amount_minor").rows())
    if scene.row["state"] == StatementState.PARKED:
        # What is parked is told in the statement of now, with what the term would come to.
        now[scene.address.term] = int(scene.told("restated") or 0)
    then = {name: row["amount_minor"] for name, row in stated.items()}
    last = max(row["as_of"] for row in stated.values())
    return tuple(
        Restated(
            term=name,
            then_minor=then.get(name, 0),
            stated_on=stated[name]["as_of"] if name in stated else last,
            now_minor=now.get(name, then.get(name, 0)),
        )
        for name in sorted({*then, *now})
        if term in (None, name)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Steps:
    """The recomputations from what was known on the day ``since`` to what is known on the line's day.

    ``told_on`` is the night that stated it, later than ``since`` where no night was settled on that day.
    """

    scene: Scene
    period: str
    term: str | None
    since: date
    told_on: date

    def causes(self, limit: int | None) -> Iterator[Cause]:
        """The causes in order: opening positions, the contract's version, records and accounts."""
        scene, last = self.scene, period_from(self.period).last
        until = self._until()
        rated = scene.contributions().filter(pl.col("period").is_in(self._periods(last)))
        if until < scene.day:
            rated = rated.filter(was_known(until, until))
        if self.term is not None:
            rated = rated.filter(pl.col("term").is_in(self._rests_on(self.term)))
        known = was_known(self.since, self.told_on)
        then, later = rated.filter(known), ~known
        old, new = self._versions(then)
        positions = [scene.positions(day) for day in (self.since, until)]
        sums = sums_kept(then)
        before = self._amount(old, sums, positions[0])
        after = self._amount(old, sums, positions[1])
        yield from _told("opening positions that came or changed", after - before)
        changes = rated.filter(later)
        if old != new:
            # The same records, as the new version places and selects them; what is new beside them comes after.
            held = net_contributions(then).select(_FACT).unique().lazy()
            rated = rated.with_columns(_FACT)
            sums = sums_kept(rated.join(held, on="fact", how="semi"))
            changes = rated.filter(later).join(held, on="fact", how="anti")
            before, after = after, self._amount(new, sums, positions[1])
            yield from _told(f"{new[-1].source} in place of {old[-1].source}", after - before)
        yield from self._facts(new, sums, positions[1], changes, limit)

    def _until(self) -> date:
        """The last day whose facts are in the difference: what came later than the period may change is parked."""
        scene = self.scene
        if scene.version is None or scene.row["state"] == StatementState.PARKED:
            return scene.day
        rule = scene.version.contract.settlement.adjustments
        return min(scene.day, reopened_until(rule, period_from(self.period)) or scene.day)

    def _periods(self, last: date) -> list[str]:
        """The contract's periods up to the one that is corrected: later ones change nothing in it."""
        told = self.scene.contributions().select(pl.col("period").unique()).collect()["period"]
        return [text for text in told if period_from(text).last <= last]

    def _rests_on(self, name: str) -> list[str]:
        """The term and those that it looks at."""
        terms = {term.id: term for version in self.scene.versions for term in version.contract.terms}
        found = [name]
        for one in found:
            rests_on = named(terms[one]) if one in terms else ()
            found += [other for other in rests_on if other in terms and other not in found]
        return found

    def _versions(self, then: pl.LazyFrame) -> tuple[tuple[ContractVersion, ...], tuple[ContractVersion, ...]]:
        """The contract's files by which the period was rated when it was stated, and those by which it is now."""
        versions, period = self.scene.versions, period_from(self.period)
        held = net_contributions(then.filter(pl.col("period") == self.period), "version")["version"].unique()
        now = in_force(versions, period).effective
        rated_by = max(held.to_list(), default=now)
        old = tuple(one for one in versions if one.effective <= rated_by) if rated_by != now else versions
        return old or versions, versions

    def _amount(
        self, versions: Sequence[ContractVersion], sums: Sums, positions: Mapping[str, Mapping[str, Any]]
    ) -> int:
        """What the terms that are asked about come to."""
        lines = lines_from(self.scene, versions, sums, positions, self.scene.day)
        found = {period.text: terms for period, terms in lines.items()}.get(self.period, {})
        contract = in_force(versions, period_from(self.period)).contract
        paid = [term.id for term in contract.terms if term.paid]
        return sum(found[name].amount_minor for name in paid if name in found and self.term in (None, name))

    def _facts(
        self,
        versions: Sequence[ContractVersion],
        sums: Sums,
        positions: Mapping[str, Mapping[str, Any]],
        changes: pl.LazyFrame,
        limit: int | None,
    ) -> Iterator[Cause]:
        """What each record or account changes, in the order in which they became known, and what is left together."""
        net = net_contributions(changes).with_columns(_FACT)
        facts = net.group_by("fact").agg(
            pl.col("quantity").abs().max(), pl.col("known_on").min(), pl.col("file", "record").min()
        )
        shown = facts.sort(-pl.col("quantity"), "known_on", "fact").head(facts.height if limit is None else limit)
        rows = net.join(shown.select("fact"), on="fact", how="semi", maintain_order="left")
        told: dict[str, tuple[Contribution, ...]] = {}
        evidence = with_evidence(self.scene.home, self.scene.day, rows.drop("fact"))
        for fact, one in zip(rows["fact"], with_rates(self.scene, evidence), strict=True):
            told[fact] = (*told.get(fact, ()), one)
        events = account_changes(self.scene.home, self.since, self.scene.day, rows)
        before = self._amount(versions, sums, positions)
        for row in shown.sort("known_on", "file", "record", "fact", nulls_last=True).iter_rows(named=True):
            sums = _added(sums, net.filter(pl.col("fact") == row["fact"]))
            after = self._amount(versions, sums, positions)
            own = told[row["fact"]]
            accounts = dict.fromkeys(one.account_id for one in own if one.account_id and one.file)
            yield Cause(
                text=row["fact"],
                amount_minor=after - before,
                known_on=row["known_on"],
                contributions=own,
                accounts=tuple(event for account in accounts for event in events.get(account, ())),
            )
            before = after
        if more := facts.height - shown.height:
            sums = _added(sums, net.join(shown.select("fact"), on="fact", how="anti"))
            yield Cause(
                text=f"{more} more records, accounts and months",
                amount_minor=self._amount(versions, sums, positions) - before,
            )


def _told(text: str, amount_minor: int) -> Iterator[Cause]:
    if amount_minor:
        yield Cause(text=text, amount_minor=amount_minor)


def _added(sums: Sums, rows: pl.DataFrame) -> Sums:
    """The sums with more contributions."""
    more = sums_kept(rows)
    keys = {**sums.by_selector, **more.by_selector}
    return replace(
        sums, by_selector={key: _sum(sums.by_selector.get(key, {}), more.by_selector.get(key, {})) for key in keys}
    )


def _sum(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {name: one.get(name, 0) + other.get(name, 0) for name in sorted({*one, *other})}
