"""What became of the records: how much matched, by which pass, and what stays open."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import polars as pl

from settlement.model.ageing import Ageing
from settlement.model.clearing import ItemState
from settlement.report.figures import Money, share_text, sums


@dataclass(frozen=True, slots=True, kw_only=True)
class InPlay:
    """Of one currency: unsigned amounts of both sides' records that matched this night and that stay open."""

    currency: str
    records: int
    matched_minor: int
    open_minor: int

    @property
    def share(self) -> str:
        """The matched share of the amount."""
        return share_text(self.matched_minor, self.matched_minor + self.open_minor)


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchRate:
    """Of one leg: records in play this night (new ones and those carried in), and how many of them are matched."""

    leg: str
    matched: int
    opened: int
    amounts: tuple[InPlay, ...]

    @property
    def share(self) -> str:
        """The matched share of the records."""
        return share_text(self.matched, self.matched + self.opened)

    @property
    def main(self) -> InPlay | None:
        """The currency with the most records."""
        return max(self.amounts, key=lambda part: (part.records, part.currency), default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class PassRow:
    """The matches of one leg, pass, kind and currency; ``by_order`` of them had another choice as good."""

    leg: str
    name: str
    kind: str
    cardinality: str
    matches: int
    records: int
    bank: Money
    merchant: Money
    residual: Money
    by_order: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ResidualRow:
    """What stays between the sides of matches for one reason."""

    reason: str
    matches: int
    residual: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class StalePass:
    """A pass that has found no match for so many nights in a row; ``last_on`` is None where it never did."""

    leg: str
    name: str
    idle_nights: int
    last_on: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenRow:
    """Open items of one leg, reason and currency by age."""

    leg: str
    reason: str
    items: int
    ages: tuple[tuple[int, Money], ...]
    total: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenItem:
    """One open item with what its record says of card and merchant."""

    file: str
    record: int
    leg: str
    side: str
    reason: str
    age_days: int
    amount: Money
    card_masked: str
    merchant: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NearRow:
    """Open items of one leg, reason and currency by the condition that their nearest record failed."""

    leg: str
    reason: str
    condition: str
    items: int
    total: Money


def match_rates(match: pl.DataFrame, members: pl.DataFrame, open_items: pl.DataFrame) -> tuple[MatchRate, ...]:
    """Match rates by leg, in order of the leg."""
    both = pl.concat(
        [
            members.join(match.select("match_id", "leg"), on="match_id").select(
                "leg", "currency", "amount_minor", matched=True
            ),
            open_items.select("leg", "currency", "amount_minor", matched=False),
        ]
    )
    matched = pl.col("matched")
    by_currency = (
        both.group_by("leg", "currency")
        .agg(
            matched=matched.sum().cast(pl.Int64),
            opened=(~matched).sum().cast(pl.Int64),
            matched_minor=pl.col("amount_minor").filter(matched).sum(),
            open_minor=pl.col("amount_minor").filter(~matched).sum(),
        )
        .sort("leg", "currency")
    )
    rates = []
    for leg in by_currency["leg"].unique().sort():
        rows = by_currency.filter(pl.col("leg") == leg).rows(named=True)
        rates.append(
            MatchRate(
                leg=leg,
                matched=sum(row["matched"] for row in rows),
                opened=sum(row["opened"] for row in rows),
                amounts=tuple(
                    InPlay(
                        currency=row["currency"],
                        records=row["matched"] + row["opened"],
                        matched_minor=row["matched_minor"],
                        open_minor=row["open_minor"],
                    )
                    for row in rows
                ),
            )
        )
    return tuple(rates)


def pass_rows(match: pl.DataFrame, members: pl.DataFrame) -> tuple[PassRow, ...]:
    """Matches by leg, pass, kind, cardinality and currency, the most frequent first."""
    bank = pl.col("side") == "bank"
    sides = members.group_by("match_id").agg(
        records=pl.len().cast(pl.Int64),
        bank_minor=pl.col("amount_minor").filter(bank).sum(),
        merchant_minor=pl.col("amount_minor").filter(~bank).sum(),
    )
    key = ["leg", "pass", "kind", "cardinality", "currency"]
    grouped = (
        match.join(sides, on="match_id", how="left")
        .group_by(key)
        .agg(
            pl.len().alias("matches"),
            pl.col("records", "bank_minor", "merchant_minor", "residual_minor").sum(),
            pl.col("by_order").sum().cast(pl.Int64),
        )
        .sort("leg", "matches", *key[1:], descending=[False, True, False, False, False, False])
    )
    return tuple(
        PassRow(
            leg=row["leg"],
            name=row["pass"],
            kind=row["kind"],
            cardinality=row["cardinality"],
            matches=row["matches"],
            records=row["records"],
            bank=Money(currency=row["currency"], minor=row["bank_minor"]),
            merchant=Money(currency=row["currency"], minor=row["merchant_minor"]),
            residual=Money(currency=row["currency"], minor=row["residual_minor"]),
            by_order=row["by_order"],
        )
        for row in grouped.iter_rows(named=True)
    )


def stale_passes(use: pl.DataFrame) -> tuple[StalePass, ...]:
    """The passes that are stale by the rules, those that are idle longest first."""
    stale = use.filter("stale").sort("idle_nights", "leg", "pass", descending=[True, False, False])
    return tuple(
        StalePass(leg=row["leg"], name=row["pass"], idle_nights=row["idle_nights"], last_on=row["last_on"])
        for row in stale.iter_rows(named=True)
    )


def residual_rows(match: pl.DataFrame) -> tuple[ResidualRow, ...]:
    """Residuals that are not zero by their reason and currency."""
    grouped = (
        match.filter(pl.col("residual_minor") != 0)
        .with_columns(reason=pl.col("residual_reason").fill_null(pl.col("kind")))
        .group_by("reason", "currency")
        .agg(pl.len().alias("matches"), pl.col("residual_minor").sum())
        .sort("reason", "currency")
    )
    return tuple(
        ResidualRow(
            reason=row["reason"],
            matches=row["matches"],
            residual=Money(currency=row["currency"], minor=row["residual_minor"]),
        )
        for row in grouped.iter_rows(named=True)
    )


def open_rows(open_items: pl.DataFrame, ageing: Ageing) -> tuple[OpenRow, ...]:
    """Open items by leg, reason and currency, each with its age buckets."""
    found: dict[tuple[str, str, str], dict[str, list[int]]] = {}
    columns = open_items.select("leg", "reason", "currency", "age_days", "amount_minor")
    for leg, reason, currency, age, minor in columns.iter_rows():
        found.setdefault((leg, reason, currency), {}).setdefault(ageing.label(age), []).append(minor)
    rows = []
    for (leg, reason, currency), buckets in sorted(found.items()):
        cells = [buckets.get(name, []) for name in ageing.labels]
        rows.append(
            OpenRow(
                leg=leg,
                reason=reason,
                items=sum(map(len, cells)),
                ages=tuple((len(cell), Money(currency=currency, minor=sum(cell))) for cell in cells),
                total=Money(currency=currency, minor=sum(map(sum, cells))),
            )
        )
    return tuple(rows)


def near_rows(open_items: pl.DataFrame) -> tuple[NearRow, ...]:
    """Open items that something came close to, by leg, reason, condition and currency."""
    key = ["leg", "reason", "nearest_condition", "currency"]
    grouped = (
        open_items.drop_nulls("nearest_condition")
        .group_by(key)
        .agg(pl.len().cast(pl.Int64).alias("items"), pl.col("amount_minor").sum())
        .sort(key)
    )
    return tuple(
        NearRow(
            leg=row["leg"],
            reason=row["reason"],
            condition=row["nearest_condition"],
            items=row["items"],
            total=Money(currency=row["currency"], minor=row["amount_minor"]),
        )
        for row in grouped.iter_rows(named=True)
    )


def largest_open(open_items: pl.DataFrame, clearing: pl.DataFrame, limit: int) -> tuple[OpenItem, ...]:
    """The largest open items of each currency, with card and merchant where their records are at hand.

    Amounts of different currencies are not compared: each currency shows up to ``limit`` items, the currency with the
    most items first.
    """
    told = clearing.select("file", "record", "card_masked", "merchant_name", "merchant_number").unique(
        ["file", "record"], keep="any"
    )
    ranked = (
        open_items.with_columns(of_currency=pl.len().over("currency"))
        .sort(
            "of_currency",
            "currency",
            "amount_minor",
            "leg",
            "file",
            "record",
            descending=[True, False, True, False, False, False],
        )
        .group_by("currency", maintain_order=True)
        .head(limit)
        .join(told, on=["file", "record"], how="left", maintain_order="left")
    )
    return tuple(
        OpenItem(
            file=row["file"],
            record=row["record"],
            leg=row["leg"],
            side=row["side"],
            reason=row["reason"],
            age_days=row["age_days"],
            amount=Money(currency=row["currency"], minor=row["amount_minor"]),
            card_masked=row["card_masked"] or "",
            merchant=row["merchant_name"] or row["merchant_number"] or "",
            note=row["note"],
        )
        for row in ranked.iter_rows(named=True)
    )


def open_amounts(open_items: pl.DataFrame) -> tuple[Money, ...]:
    """What is open in all, by currency; a record that is open on two legs counts once."""
    records = open_items.unique(["file", "record"], keep="any", maintain_order=True)
    return sums(records.select("currency", "amount_minor").iter_rows())


def closed_from_before(members: pl.DataFrame, clearing: pl.DataFrame) -> int:
    """Records of earlier nights that found their match this night."""
    tonight = clearing.select("file", "record")
    return members.join(tonight, on=["file", "record"], how="anti").select("file", "record").n_unique()


def expired(open_items: pl.DataFrame) -> int:
    """Open items that are too old to take part any more."""
    return open_items.filter(pl.col("state") == ItemState.EXPIRED).height


def carried(open_items: pl.DataFrame, business_date: date) -> int:
    """Open items that came in from an earlier night."""
    return open_items.filter(pl.col("opened_on") < business_date).height
