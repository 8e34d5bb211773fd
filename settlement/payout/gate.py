"""The gate before a payout: what must hold of a partner's money and data, as the last settled night tells.

Each check is a figure, the most it may be, and what to do where it is more. Money that nobody can explain yet may be
the partner's own: until it is below the declared limit, nothing goes out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from settlement import books, store
from settlement.model.accounts import BATCH_CLEARING, CLEARING, SUSPENSE
from settlement.model.clearing import Fate, ItemState
from settlement.model.contract import ContractVersion
from settlement.model.money import amount_text
from settlement.model.payout import Check
from settlement.payout.terms import PayoutTerms
from settlement.rate.contract_file import read_contracts
from settlement.store import Home


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scene:
    """What all checks of one night look at."""

    night: date
    terms: PayoutTerms
    contracts: Mapping[str, tuple[ContractVersion, ...]]
    balances: Sequence[books.Balance]
    open_items: pl.DataFrame
    files: pl.DataFrame
    findings: pl.DataFrame
    expectations: pl.DataFrame | None


def checks(
    home: Home, night: date, terms: PayoutTerms, asked: Iterable[tuple[str, str, Iterable[str]]]
) -> tuple[Check, ...]:
    """The checks of partners after a night.

    Parameters
    ----------
    asked:
        Of each partner its name, the currency it is paid in, and its contracts.
    """
    documents = store.read_documents(home)
    feeds_of_files = store.scan_history(home, "file", night).select("file", "feed").collect()
    files = store.read_table(home, "file", night)
    known = pl.concat([feeds_of_files, files.select("file", "feed")]).unique("file", keep="last", maintain_order=True)
    judged = night in store.nights_of(home, "expectation")
    scene = _Scene(
        night=night,
        terms=terms,
        contracts=read_contracts(documents),
        balances=books.balances_now(books.connect(home), night),
        open_items=store.read_table(home, "open_item", night).join(known, on="file", how="left"),
        files=files,
        findings=store.read_table(home, "finding", night),
        expectations=store.read_table(home, "expectation", night) if judged else None,
    )
    return tuple(
        check for partner, currency, contracts in asked for check in _of_partner(scene, partner, currency, contracts)
    )


def _of_partner(scene: _Scene, partner: str, currency: str, contracts: Iterable[str]) -> list[Check]:
    """The checks of one partner: every programme of its contracts, every feed that these rest on."""
    programmes = {version.contract.programme for name in contracts for version in scene.contracts.get(name, ())}
    feeds = {feed for programme in programmes for feed in scene.terms.feeds_of(programme)}
    silent = sorted(programme for programme in programmes if not scene.terms.feeds_of(programme))
    most = scene.terms.limit_of(currency).minor("residual")

    def check(name: str, figure: int, most: int, text: str) -> Check:
        return Check(night=scene.night, partner=partner, name=name, figure=figure, most=most, text=text)

    cash, breaks = _unexplained_cash(scene, currency, feeds), _open_breaks(scene, currency, feeds)
    rejected, missing = _bad_files(scene, feeds)
    failing, told = _failing(scene, feeds)
    declare = f"declare [[payouts.rests_on]] for {', '.join(silent)} in config/programme.toml"
    return [
        check("feeds_declared", len(silent), 0, declare if silent else "every programme names its feeds"),
        check("unexplained_cash", cash, most, f"{amount_text(cash, currency)} on clearing and suspense "
              "accounts: `settle books balance` names each item"),
        check("open_breaks", breaks, most, f"{amount_text(breaks, currency)} of open items: `settle breaks` "
              "lists them"),
        check("files", len(rejected) + len(missing), 0, _named(rejected, missing)),
        check("data_quality", failing, 0, told),
    ]  # fmt: skip


def _unexplained_cash(scene: _Scene, currency: str, feeds: set[str]) -> int:
    """Minor units on clearing accounts of the feeds and on all suspense accounts, whatever their sign.

    What bank statements show of our own payments has been taken off suspense (``payout.cash``).
    """
    found = 0
    for balance in scene.balances:
        clearing = CLEARING.names(balance.account) or BATCH_CLEARING.names(balance.account)
        suspense = SUSPENSE.names(balance.account) is not None
        if balance.currency == currency and (suspense or (clearing is not None and clearing[0] in feeds)):
            found += abs(balance.balance_minor)
    return found


def _open_breaks(scene: _Scene, currency: str, feeds: set[str]) -> int:
    open_now = scene.open_items.filter(
        pl.col("state") == ItemState.OPEN, pl.col("currency") == currency, pl.col("feed").is_in(sorted(feeds))
    )
    return int(open_now["amount_minor"].sum())


def _bad_files(scene: _Scene, feeds: set[str]) -> tuple[list[str], list[str]]:
    """Files of the feeds that the night rejected, and feeds that it misses."""
    rejected = scene.files.filter(pl.col("fate") == Fate.REJECTED, pl.col("feed").is_in(sorted(feeds)))
    missing = scene.findings.filter(pl.col("check") == "feed_missing", pl.col("subject").is_in(sorted(feeds)))
    return sorted(rejected["file"]), sorted(missing["subject"])


def _named(rejected: Sequence[str], missing: Sequence[str]) -> str:
    said = [f"rejected: {', '.join(rejected)}"] if rejected else []
    said += [f"missing: {', '.join(missing)}"] if missing else []
    text = "; ".join(said)
    return f"{text[:300]}: ask for good ones, a later night takes them" if said else "every file came and is good"


def _failing(scene: _Scene, feeds: set[str]) -> tuple[int, str]:
    """How many expectations of the feeds, and of the tables that no feed owns, failed."""
    if scene.expectations is None:
        return 1, f"the data of {scene.night} are not judged: run `settle run` to its end"
    owner = pl.col("suite").str.extract(r"^clearing\.(.+)\.[^.]+$")
    failed = scene.expectations.filter(~pl.col("success"), owner.is_null() | owner.is_in(sorted(feeds)))
    names = ", ".join(sorted(failed["suite"].unique()))
    text = f"expectations failed in {names[:300]}: its page under quality/ tells which" if failed.height else "all hold"
    return failed.height, text
