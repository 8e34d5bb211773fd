"""Restatement: a night restates earlier ones and comes to what a replay from the start under the new rules comes to."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import asdict, replace
from datetime import date, timedelta
from functools import partial
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from settlement import books, originals, reperform, restate_books, runner, store
from settlement.errors import RetryableError, TerminalError
from settlement.home import create_home
from settlement.model.restatement import Difference, OrderId, OrderState, RestatementOrder, configuration_of
from settlement.model.stage import Restatement, reaches_back
from settlement.model.steps import Step
from settlement.restate import order
from settlement.restate.order import Asked, Tried
from settlement.restate.text import render_order, render_trial
from settlement.restate.trial import Trial, attempt, nights_from
from settlement.restate_commands import app
from settlement.sample.generate import generate
from settlement.stages import stage_named
from settlement.store import Home

REASON = "passes without a merchant's word are dropped"
DROPPED = ("code_and_merchant", "code", "code_sums")
"""Passes whose matches are of nights of their own and of nights before, and move money."""
MOMENT = "2011-01-03T10:00:00Z"
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
    ordered(home, trial, nights[0], nights[1], nights[2])
    settle(home, nights[2])
    # The same rules again come to the same: nothing to propose, so the order is written past the program.
    same = RestatementOrder(
        order_id=OrderId("R000002"),
        number=2,
        restatement=Restatement(business_date=nights[3], first_night=nights[0], last_night=nights[2], reason=REASON),
        known_after=nights[2],
        configuration=configuration_of(store.read_documents(home)),
        trial="",
        differences=(),
        digest="0",
        steps=(
            Step(number=1, was="none", state="proposed", person="alice", moment=MOMENT),
            Step(number=2, was="proposed", state="approved", person="bob", moment=MOMENT),
        ),
    )
    with books.transaction(books.connect(home)) as connection:
        restate_books.add_order(connection, same)
    settle(home, nights[3])
    return home


def tried_of(home: Home, trial: Trial, first: date, last: date, reason: str = REASON) -> Tried:
    """A trial that is made already, as ``perform`` gives it."""
    return Tried(
        asked=Asked(first_night=first, last_night=last, reason=reason),
        first_night=trial.nights[0],
        configuration=configuration_of(store.read_documents(home)),
        trial=trial,
        text=render_trial(trial, reason),
    )


def ordered(home: Home, trial: Trial, first: date, last: date, into: date) -> RestatementOrder:
    """Proposed by alice and approved by bob."""
    proposed = order.propose(home, tried_of(home, trial, first, last), into, "alice", MOMENT)
    return order.approve(home, proposed.order_id, "bob", MOMENT, proposed.digest)


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


def test_a_restating_night_verifies(restated: Home) -> None:
    """The fourth restates the third too, which has restated others itself."""
    found = reperform.verify_night(restated, originals.delivery_dates(restated)[3])
    assert found.differing == ()
    assert found.standing == found.performed
    assert found.same_configuration


def test_a_restatement_of_a_restatement_comes_back_to_the_old_rules(restated: Home, old: Home, tmp_path: Path) -> None:
    shutil.copytree(restated.root, tmp_path / "home", symlinks=True)
    home = store.open_home(tmp_path / "home")
    shutil.copy(old.config / "match.toml", home.config / "match.toml")
    nights = originals.delivery_dates(home)
    # The night asked for is one that restated others: they are restated with it.
    tried = order.perform(home, Asked(first_night=nights[3], last_night=nights[3], reason="as it was"))
    assert [*tried.trial.nights] == nights[:4]
    proposed = order.propose(home, tried, nights[4], "bob", MOMENT)
    assert proposed.restatement.first_night == nights[0]
    order.approve(home, proposed.order_id, "alice", MOMENT, proposed.digest[:8])
    for stage in ("land", "parse", "check"):
        runner.run_stage(home, nights[4], stage)
    # Killed behind its work and before its commit: the night goes on from there.
    runner.run_unit(home, nights[4], "match", "all")
    settle(home, nights[4])
    require_same_facts(home, old, nights[4])


@pytest.fixture
def unordered(tried: tuple[Home, Trial], tmp_path: Path) -> tuple[Home, Tried, list[date]]:
    """Two settled nights that would be restated, nothing ordered, and the nights that are delivered."""
    home, trial = tried
    nights = originals.delivery_dates(home)
    shutil.copytree(home.root / "config", tmp_path / "config")
    other = store.open_home(tmp_path)
    engine = books.connect(other)
    for night in nights[:2]:
        for stage in ("land", "match", "pay"):
            run = books.StageRun(business_date=night, stage=stage, inputs_digest="1", outputs_digest="2")
            books.commit_stage(engine, run, ())
    for night in nights[:3]:
        (other.inbox / str(night)).mkdir(parents=True)
    return other, tried_of(other, trial, nights[0], nights[1]), nights


def test_an_order_is_proposed_once_and_approved_once_by_another(
    unordered: tuple[Home, Tried, list[date]],
) -> None:
    home, found, nights = unordered
    proposed = order.propose(home, found, nights[2], "alice", MOMENT)
    assert order.propose(home, found, nights[2], "alice", MOMENT) == proposed
    assert restate_books.restatements(books.connect(home), nights[4]) == ()
    assert {one.subject for one in proposed.differences} == {"account", "partner"}
    with pytest.raises(TerminalError, match="who proposed a restatement cannot approve it"):
        order.approve(home, proposed.order_id, "alice", MOMENT, proposed.digest)
    with pytest.raises(TerminalError, match="is given: look at it"):
        order.approve(home, proposed.order_id, "bob", MOMENT, "0" * 64)
    with pytest.raises(TerminalError, match="restates others already, by the order R000001"):
        order.propose(home, found, nights[2], "bob", MOMENT)
    approved = order.approve(home, proposed.order_id, "bob", MOMENT, proposed.digest)
    assert order.approve(home, proposed.order_id, "bob", MOMENT, proposed.digest) == approved
    assert restate_books.restatements(books.connect(home), nights[4]) == (approved.restatement,)
    assert [step.state for step in approved.steps] == ["proposed", "approved"]
    shown = render_order(approved)
    for said in (approved.digest, approved.configuration.rules_sha256, "Shares of partners", "by bob"):
        assert said in shown


CHANGES = {
    "match.toml": "match rules",
    "contracts/harbor-retail/2009-01-01.toml": "contracts",
    "layouts/new.toml": "layouts",
    "night": "settled nights",
}
"""What is another when the order's night comes, and how that is told."""


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_trial_loses_its_approval(unordered: tuple[Home, Tried, list[date]], change: str) -> None:
    home, found, nights = unordered
    into = nights[3]
    approved = ordered(home, found.trial, nights[0], nights[1], into)
    if change == "night":
        settled = books.StageRun(business_date=nights[2], stage="pay", inputs_digest="1", outputs_digest="2")
        books.commit_stage(books.connect(home), settled, ())
    else:
        (home.config / change).open("a").write("# changed\n")
    what = CHANGES[change]
    with pytest.raises(TerminalError, match=f"approved with other {what}: put back .* or withdraw"):
        runner.run_unit(home, into, "land", "all")
    again = replace(
        found,
        configuration=configuration_of(store.read_documents(home)),
        trial=replace(found.trial, nights=nights[: 3 if change == "night" else 2]),
    )
    second = order.propose(home, again, into, "carol", MOMENT)
    first, other = restate_books.orders(books.connect(home))
    assert (first.order_id, first.state) == (approved.order_id, "withdrawn")
    assert first.steps[-1].note == f"other {what} by now"
    assert (other, other.state) == (second, OrderState.PROPOSED)
    (home.config / "match.toml").open("a").write("# changed again\n")
    with pytest.raises(TerminalError, match="other match rules, so its trial is another by now: it is withdrawn"):
        order.approve(home, second.order_id, "bob", MOMENT, second.digest)
    assert restate_books.restatements(books.connect(home), into) == ()


def test_no_night_goes_past_an_order_of_a_night_that_never_came(unordered: tuple[Home, Tried, list[date]]) -> None:
    home, found, nights = unordered
    never = nights[2]
    (home.inbox / str(never)).rmdir()
    (home.inbox / str(nights[3])).mkdir()
    (home.inbox / str(nights[3]) / "note.txt").write_text("a file that no feed declares\n", encoding="utf-8")
    lost = ordered(home, found.trial, nights[0], nights[1], never)
    assert runner.plan(home, nights[3], "land") == ("all",)
    for runs in (
        lambda: runner.run_unit(home, nights[3], "land", "all"),
        lambda: runner.commit(home, nights[3], "land", ()),
    ):
        with pytest.raises(TerminalError, match=f"R000001 is approved for the night {never}, which was not settled"):
            runs()
    order.withdraw(home, lost.order_id, "alice", MOMENT, "its night never came")
    runner.run_unit(home, nights[3], "land", "all")
    # What is told to the person works: the night that has come is named before it is landed.
    made = ordered(home, found.trial, nights[0], nights[1], nights[3])
    assert restate_books.restatements(books.connect(home), nights[4]) == (made.restatement,)


def test_an_order_is_withdrawn_until_its_night_has_matched(unordered: tuple[Home, Tried, list[date]]) -> None:
    home, found, nights = unordered
    engine = books.connect(home)
    for _ in range(2):
        one = ordered(home, found.trial, nights[0], nights[1], nights[2])
        assert order.withdraw(home, one.order_id, "alice", MOMENT, "by mistake").state == "withdrawn"
    one = ordered(home, found.trial, nights[0], nights[1], nights[2])
    assert one.order_id == "R000003"
    for stage in ("land", "parse", "check"):
        done = books.StageRun(business_date=nights[2], stage=stage, inputs_digest="1", outputs_digest="2")
        books.commit_stage(engine, done, ())
    kept = (home.config / "match.toml").read_text(encoding="utf-8")
    (home.config / "match.toml").write_text(f"{kept}# changed\n", encoding="utf-8")
    for runs in (
        lambda: runner.run_unit(home, nights[2], "match", "all"),
        lambda: runner.commit(home, nights[2], "match", ()),
    ):
        with pytest.raises(TerminalError, match="approved with other match rules: put back what was approved"):
            runs()
    (home.config / "match.toml").write_text(kept, encoding="utf-8")
    digest = runner._inputs_digest(home, engine, nights[2], stage_named("match"))
    store.begin_stage(home, nights[2], "match", digest)
    order.withdraw(home, one.order_id, "alice", MOMENT, "the night cannot be matched so")
    with pytest.raises(RetryableError, match="An order was withdrawn"):
        runner.commit(home, nights[2], "match", ())
    with pytest.raises(TerminalError, match="is withdrawn: what it would have restated stays"):
        order.withdraw(home, one.order_id, "alice", MOMENT, "once more")


def test_an_order_that_nobody_approved_before_its_night_is_withdrawn_behind_it(
    unordered: tuple[Home, Tried, list[date]],
) -> None:
    home, found, nights = unordered
    late = order.propose(home, found, nights[2], "alice", MOMENT)
    for stage in ("land", "match"):
        done = books.StageRun(business_date=nights[2], stage=stage, inputs_digest="1", outputs_digest="2")
        books.commit_stage(books.connect(home), done, ())
    with pytest.raises(TerminalError, match=r"is landed already: withdraw R000001 with .* and propose it anew"):
        order.approve(home, late.order_id, "bob", MOMENT, late.digest)
    assert order.withdraw(home, late.order_id, "bob", MOMENT, "too late").state is OrderState.WITHDRAWN
    assert order.propose(home, found, nights[3], "alice", MOMENT).order_id == "R000002"


def killed(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("step", ["order", "difference", "event"])
def test_a_proposal_that_is_killed_leaves_nothing_and_is_made_by_the_next(
    unordered: tuple[Home, Tried, list[date]], monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    home, found, nights = unordered
    with monkeypatch.context() as patch:
        if step == "event":
            patch.setattr(restate_books, "write_steps", killed)
        else:
            patch.setattr(restate_books, "asdict", _dying_on(Restatement if step == "order" else Difference))
        with pytest.raises(KeyboardInterrupt):
            order.propose(home, found, nights[2], "alice", MOMENT)
    with books.transaction(books.connect(home)) as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM restatement_order").scalar_one() == 0
    assert ordered(home, found.trial, nights[0], nights[1], nights[2]).order_id == "R000001"


def _dying_on(kind: type) -> Callable[[object], object]:
    def call(value: object) -> object:
        if isinstance(value, kind):
            killed()
        return asdict(value)  # type: ignore[call-overload]

    return call


def test_the_last_step_is_taken_with_the_matching_of_the_night(restated: Home) -> None:
    first, second = restate_books.orders(books.connect(restated))
    assert [(step.state, step.person) for step in first.steps] == [
        ("proposed", "alice"),
        ("approved", "bob"),
        ("carried_out", "night"),
    ]
    assert second.state is OrderState.CARRIED_OUT


def test_a_kill_at_the_commit_of_the_matching_takes_no_step(
    unordered: tuple[Home, Tried, list[date]], monkeypatch: pytest.MonkeyPatch
) -> None:
    home, found, nights = unordered
    ordered(home, found.trial, nights[0], nights[1], nights[2])
    engine = books.connect(home)
    run = books.StageRun(business_date=nights[2], stage="match", inputs_digest="1", outputs_digest="2")
    carry = partial(restate_books.carry_out, night=nights[2], moment=MOMENT)
    for dies in (True, False, False):
        with monkeypatch.context() as patch:
            if dies:
                patch.setattr(restate_books, "add_step", killed)
            with pytest.raises(KeyboardInterrupt) if dies else nullcontext():
                # A stage that is committed is not committed again: a runner that comes second finds it done.
                if books.committed(engine, nights[2], "match") is None:
                    books.commit_stage(engine, run, (), last=carry)
        (one,) = restate_books.orders(engine)
        assert one.state is (OrderState.APPROVED if dies else OrderState.CARRIED_OUT)


def test_what_cannot_be_ordered_is_refused_in_one_sentence(
    unordered: tuple[Home, Tried, list[date]], restated: Home
) -> None:
    home, found, nights = unordered
    with pytest.raises(TerminalError, match="is landed already: name a night to come"):
        order.propose(home, found, nights[1], "alice", MOMENT)
    with pytest.raises(TerminalError, match="in at most 100 characters"):
        order.perform(restated, replace(found.asked, reason="x" * 101))
    read = pl.DataFrame([(nights[0], "clearing")], schema=["night", "table"], orient="row")
    with pytest.raises(TerminalError, match="would be read otherwise"):
        order.propose(home, replace(found, trial=replace(found.trial, read=read)), nights[2], "alice", MOMENT)
    (home.config / "match.toml").open("a").write("# changed\n")
    with pytest.raises(TerminalError, match="Other match rules than when the nights were performed"):
        order.propose(home, found, nights[2], "alice", MOMENT)
    with pytest.raises(TerminalError, match="is not settled: name settled nights"):
        nights_from(restated, nights[0], nights[4])
    with pytest.raises(TerminalError, match="There is no order 'R9'"):
        restate_books.one_order(books.connect(home), "R9")


def test_a_restatement_begins_where_those_since_then_began() -> None:
    days = [date(2010, 12, day) for day in range(20, 30)]
    one, two = (
        Restatement(business_date=into, first_night=first, last_night=first, reason="x")
        for into, first in ((days[3], days[0]), (days[6], days[2]))
    )
    assert reaches_back(days[7], [one, two]) == days[7]
    assert reaches_back(days[5], [one, two]) == days[0], "the second began before the first was made"
    assert reaches_back(days[5], [two]) == days[2]
    assert reaches_back(days[3], [one]) == days[0]


def test_the_commands_propose_show_approve_list_and_withdraw(
    unordered: tuple[Home, Tried, list[date]], monkeypatch: pytest.MonkeyPatch
) -> None:
    home, found, nights = unordered
    monkeypatch.setattr(order, "perform", lambda *_: found)

    def told(*words: str) -> str:
        done = CliRunner().invoke(app, [*words, "--home", str(home.root)], catch_exceptions=True)
        return str(done.exception) if done.exception else done.stdout

    span = ("--from", str(nights[0]), "--to", str(nights[1]), "--reason", REASON)
    assert "Shares of partners" in told("try", *span)
    assert "0 orders." in told("list")
    proposed = told("propose", *span, "--into", str(nights[2]), "--by", "Alice")
    assert "The order R000001 is proposed: another person looks at it" in proposed
    (one,) = restate_books.orders(books.connect(home))
    assert one.digest in told("show", "R000001")
    assert "cannot approve it" in told("approve", "R000001", "--digest", one.digest, "--by", "alice")
    approved = told("approve", "R000001", "--digest", one.digest[:8], "--by", "bob")
    assert approved == f"The order R000001 is approved: the night {nights[2]} makes it.\n"
    assert "1 orders." in told("list", "--state", "approved")
    assert "is withdrawn" in told("withdraw", "R000001", "--reason", "by mistake", "--by", "alice")
