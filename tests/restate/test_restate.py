"""Restatement: a night restates earlier ones and comes to what a replay from the start under the new rules comes to."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from settlement import books, originals, reperform, restate_books, runner, store
from settlement.errors import TerminalError
from settlement.home import create_home
from settlement.model.stage import Restatement
from settlement.restate.order import Asked, order, reaches_back, restate
from settlement.restate.text import render_trial
from settlement.restate.trial import Trial, attempt, nights_from
from settlement.sample.generate import generate
from settlement.store import Home

REASON = "passes without a merchant's word are dropped"
DROPPED = ("code_and_merchant", "code", "code_sums")
"""Passes whose matches are of nights of their own and of nights before, and move money."""
_DAY = timedelta(days=1)


def drop_passes(home: Home) -> None:
    """Matching with fewer passes."""
    rules = home.config / "match.toml"
    first, *passes = rules.read_text(encoding="utf-8").split("[[pass]]")
    kept = [one for one in passes if not any(f'name = "{name}"\n' in one for name in DROPPED)]
    assert len(kept) == len(passes) - len(DROPPED)
    rules.write_text("[[pass]]".join([first, *kept]), encoding="utf-8")


def settle(home: Home, *nights: date) -> None:
    for night in nights:
        runner.run_night(home, night, until="pay")


def copied(home: Home, name: str) -> Home:
    """A copy beside the home."""
    shutil.copytree(home.root, home.root.with_name(name))
    return store.open_home(home.root.with_name(name))


@pytest.fixture(scope="module")
def nights_of_sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("restated") / "nights"
    generate(target, nights=5, rows=60, seed=5)
    return target


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory, nights_of_sample: Path) -> Iterator[Callable[[str], Home]]:
    """New homes by name, whose cards have one key."""
    root = tmp_path_factory.mktemp("homes")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SETTLEMENT_CARD_KEY", bytes(range(32)).hex())
        patch.setenv("SETTLEMENT_CARD_KEY_ID", "test")
        patch.setenv("SETTLEMENT_QUARANTINE_KEY", bytes(range(32, 64)).hex())

        def home(name: str) -> Home:
            create_home(root / name, nights_of_sample)
            return store.open_home(root / name)

        yield home


@pytest.fixture(scope="module")
def begun(homes: Callable[[str], Home]) -> Home:
    """Two nights under the rules as they ship."""
    home = homes("begun")
    settle(home, *originals.delivery_dates(home)[:2])
    return home


@pytest.fixture(scope="module")
def old(begun: Home) -> Home:
    """All five nights under the rules as they ship."""
    home = copied(begun, "old")
    settle(home, *originals.delivery_dates(home)[2:])
    return home


@pytest.fixture(scope="module")
def new(homes: Callable[[str], Home]) -> Home:
    """Four nights under the new rules from the start."""
    home = homes("new")
    drop_passes(home)
    settle(home, *originals.delivery_dates(home)[:4])
    return home


@pytest.fixture(scope="module")
def tried(begun: Home) -> tuple[Home, Trial]:
    """Two nights under the old rules, and what they come to under the new ones."""
    home = copied(begun, "restated")
    nights = originals.delivery_dates(home)
    drop_passes(home)
    return home, attempt(home, nights_from(home, nights[0], nights[0]))


@pytest.fixture(scope="module")
def restated(tried: tuple[Home, Trial]) -> Home:
    """The third night restates the two before it; the fourth is ordered to do so again under the same rules."""
    home, trial = tried
    nights = originals.delivery_dates(home)
    asked = Restatement(
        business_date=nights[2], first_night=nights[0], last_night=nights[1], reason=REASON, person="alice"
    )
    order(home, asked, trial)
    settle(home, nights[2])
    restate_books.order(books.connect(home), replace(asked, business_date=nights[3], last_night=nights[2]))
    settle(home, nights[3])
    return home


def held(home: Home, night: date) -> set[str]:
    """The matches that hold after a night, by leg, kind, residual and members."""
    match, members, gone = (
        store.scan_history(home, name, night + _DAY).collect() for name in ("match", "match_member", "match_taken_back")
    )
    own = members.sort("match_id", "file", "record").group_by("match_id", maintain_order=True)
    told = own.agg(pl.format("{}#{}", "file", "record").str.join(" ").alias("of"))
    stands = match.join(gone, on="match_id", how="anti").join(told, on="match_id")
    found = stands.select(pl.format("{} {} {} {}", "leg", "kind", "residual_minor", "of")).to_series()
    assert not found.is_duplicated().any()
    return set(found)


def balances(home: Home, night: date) -> Counter[tuple[str, str]]:
    rows = store.read_table(home, "trial_balance", night).select("account", "currency", "balance_minor")
    return Counter({(account, unit): amount for account, unit, amount in rows.iter_rows() if amount})


def rated(home: Home, night: date) -> dict[tuple[object, ...], int]:
    key = ["contract", "term", "period", "selector", "file", "record", "account_id"]
    rows = store.scan_history(home, "rated", night + _DAY).group_by(key).agg(pl.col("quantity").sum()).collect()
    return {row[:-1]: row[-1] for row in rows.iter_rows() if row[-1]}


def by_contract(found: Counter[tuple[str, str]], *begins: str) -> Counter[tuple[str, str, str]]:
    """Balances of accounts by the first two words, contract and currency."""
    sums: Counter[tuple[str, str, str]] = Counter()
    for (account, unit), amount in found.items():
        if account.startswith(begins):
            sums[account.split(":")[0], account.split(":")[2], unit] += amount
    return Counter({key: amount for key, amount in sums.items() if amount})


def comes_to(home: Home, night: date) -> Counter[tuple[str, str, str]]:
    """What each period comes to by contract: its statement as last told, and the adjustments that later ones carry."""
    rows = store.scan_history(home, "payout", night + _DAY).filter(pl.col("state").is_in(["CLOSED", "PREVIEW"]))
    latest = rows.filter(pl.col("business_date") == pl.col("business_date").max().over("contract", "period"))
    found: Counter[tuple[str, str, str]] = Counter()
    for row in latest.filter(pl.col("beneficiary").is_null()).collect().iter_rows(named=True):
        found[row["contract"], row["adjusts"] or row["period"], row["currency"]] += row["amount_minor"]
    return found


def require_same_facts(home: Home, other: Home, night: date) -> None:
    """Two homes know the same after a night, and their books hold the same, in whatever form it was told."""
    assert held(home, night) == held(other, night)
    items = [store.read_table(one, "open_item", night) for one in (home, other)]
    assert items[0].equals(items[1])
    assert rated(home, night) == rated(other, night)
    assert comes_to(home, night) == comes_to(other, night)
    mine, theirs = balances(home, night), balances(other, night)
    for begins in (("expense:partner_share",), ("liability:accrued_share", "liability:payable", "asset:advance")):
        assert by_contract(mine, *begins) == by_contract(theirs, *begins)
    cash = [
        {key: a for key, a in found.items() if key[0].startswith(("asset:b", "asset:c", "asset:s"))}
        for found in (mine, theirs)
    ]
    assert cash[0] == cash[1]


def test_a_trial_tells_what_would_change_and_changes_nothing(tried: tuple[Home, Trial], new: Home, old: Home) -> None:
    home, trial = tried
    nights = originals.delivery_dates(home)
    assert [*trial.nights] == nights[:2], "what the range leaves open is taken up by the nights after it"
    assert trial.read.is_empty()
    gone = held(old, nights[1]) - held(new, nights[1])
    assert trial.matches["taken_back"].sum() == len(gone) > 10
    assert trial.matches["new"].sum() == len(held(new, nights[1]) - held(old, nights[1]))
    assert not trial.nothing
    for table, other in ((trial.balances, "account"), (trial.statements, "line"), (trial.rated, "selector")):
        assert table.height, other
    was, now = balances(old, nights[1]), balances(new, nights[1])
    told = {(r["account"], r["currency"]): r["difference"] for r in trial.balances.iter_rows(named=True)}
    assert told == {key: now[key] - was[key] for key in {*was, *now} if now[key] != was[key]}
    text = render_trial(trial, REASON)
    assert "Matches" in text
    assert "Balances of the books" in text


def test_nights_that_come_to_the_same_have_nothing_to_restate(old: Home) -> None:
    nights = originals.delivery_dates(old)
    trial = attempt(old, nights_from(old, nights[4], nights[4]))
    assert trial.nothing
    assert trial.balances.is_empty()
    assert "there is nothing to restate" in render_trial(trial, REASON)


def test_a_restated_home_comes_to_a_replay_from_the_start(restated: Home, new: Home, old: Home) -> None:
    nights = originals.delivery_dates(restated)
    # The rules matter on every night, and a match of a night before may be of records of both.
    assert held(old, nights[2]) != held(new, nights[2])
    require_same_facts(restated, new, nights[2])
    require_same_facts(restated, new, nights[3])


def test_nothing_of_an_earlier_night_is_changed_and_the_third_tells_the_differences(restated: Home, old: Home) -> None:
    nights = originals.delivery_dates(restated)
    for night in nights[:2]:
        for table in ("match", "match_member", "open_item", "rated", "payout", "trial_balance"):
            assert store.read_table(restated, table, night).equals(store.read_table(old, table, night)), table
    gone = store.read_table(restated, "match_taken_back", nights[2])
    assert set(gone["night"]) <= set(nights[:2])
    assert gone.height > 10
    # A closed and paid period changes by an adjustment in the current one, and is not stated again.
    payout = store.read_table(restated, "payout", nights[2])
    changed = payout.filter((pl.col("term") == "adjustment") & (pl.col("amount_minor") != 0))
    assert changed.height
    closed = store.scan_history(restated, "payout", nights[3] + _DAY).filter(pl.col("state") == "CLOSED").collect()
    assert closed.group_by("contract", "period").agg(pl.col("business_date").n_unique())["business_date"].max() == 1
    told = [
        entry.text
        for entry in books.read_entries(books.connect(restated), nights[2])
        if entry.business_date == nights[2]
    ]
    assert any(
        text.endswith(f"; {nights[0]} to {nights[1]} restated: {REASON}") and "adjustment:" in text for text in told
    )


def test_the_same_restatement_a_second_time_says_nothing(restated: Home, new: Home) -> None:
    night = originals.delivery_dates(restated)[3]
    assert store.read_table(restated, "match_taken_back", night).is_empty()
    own, theirs = (store.read_table(home, "match", night).drop("match_id") for home in (restated, new))
    assert own.sort(own.columns).equals(theirs.sort(own.columns))
    mine, replayed = (store.read_table(home, "rated", night) for home in (restated, new))
    assert mine.equals(replayed)


def test_restating_nights_verify(restated: Home) -> None:
    for night in originals.delivery_dates(restated)[2:4]:
        found = reperform.verify_night(restated, night)
        assert found.differing == ()
        assert found.standing == found.performed
        assert found.same_configuration


def test_a_restatement_of_a_restatement_comes_back_to_the_old_rules(restated: Home, old: Home, tmp_path: Path) -> None:
    shutil.copytree(restated.root, tmp_path / "home", symlinks=True)
    home = store.open_home(tmp_path / "home")
    shutil.copy(old.config / "match.toml", home.config / "match.toml")
    nights = originals.delivery_dates(home)
    trial = attempt(home, nights_from(home, nights[3], nights[3]))
    asked = Restatement(
        business_date=nights[4], first_night=nights[3], last_night=nights[3], reason="as it was", person="bob"
    )
    # The night asked for is one that restated others: they are restated with it.
    assert order(home, asked, trial).first_night == nights[0]
    for stage in ("land", "parse", "check"):
        runner.run_stage(home, nights[4], stage)
    # Killed behind its work and before its commit: the night goes on from there.
    runner.run_unit(home, nights[4], "match", "all")
    settle(home, nights[4])
    require_same_facts(home, old, nights[4])


def test_what_cannot_be_ordered_is_refused_in_one_sentence(tried: tuple[Home, Trial], restated: Home) -> None:
    home, trial = tried
    nights = originals.delivery_dates(home)
    asked = Restatement(
        business_date=nights[3], first_night=nights[0], last_night=nights[1], reason=REASON, person="alice"
    )
    with pytest.raises(TerminalError, match="is landed already: name a night to come"):
        order(restated, asked, trial)
    with pytest.raises(TerminalError, match="in at most 100 characters"):
        restate(restated, Asked(first_night=nights[0], last_night=nights[1], reason="x" * 101))
    read = pl.DataFrame([(nights[0], "clearing")], schema=["night", "table"], orient="row")
    with pytest.raises(TerminalError, match="would be read otherwise"):
        order(restated, asked, replace(trial, read=read))
    with pytest.raises(TerminalError, match="restates others already"):
        restate_books.order(books.connect(restated), asked)
    with pytest.raises(TerminalError, match="is not settled: name settled nights"):
        nights_from(restated, nights[0], nights[4])


def test_a_restatement_begins_where_those_since_then_began() -> None:
    days = [date(2010, 12, day) for day in range(20, 30)]
    one, two = (
        Restatement(business_date=into, first_night=first, last_night=first, reason="x", person="x")
        for into, first in ((days[3], days[0]), (days[6], days[2]))
    )
    assert reaches_back(days[7], [one, two]) == days[7]
    assert reaches_back(days[5], [one, two]) == days[0], "the second began before the first was made"
    assert reaches_back(days[5], [two]) == days[2]
    assert reaches_back(days[3], [one]) == days[0]
