"""The close of periods: the checklist holds over honest nights, and each thing that is wrong blocks by its check."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from acceptance import nights_dir

from settlement import originals, runner, store
from settlement.cli import commands
from settlement.close import desk
from settlement.close.checks import CheckName, checklist, state_of
from settlement.close.periods import PeriodState, period_named, periods
from settlement.close.scene import Scene, read_scene
from settlement.close.told import Section, told_of
from settlement.close_books import Note
from settlement.errors import SettlementError, TerminalError
from settlement.home import create_home
from settlement.store import Home

CONTRACT, PERIOD = "C2-RET-COBRAND", "2025-Q4"
LAST = date(2025, 12, 31)
_PLACE, _DIGESTS, _FROM = "contract, period", "statement_sha256, checklist_sha256", "FROM close_certificate"


@pytest.fixture
def home(settled_home: Home, tmp_path: Path) -> Home:
    """A home of its own, which a test may change."""
    shutil.copytree(settled_home.root, tmp_path / "home")
    return store.open_home(tmp_path / "home")


def blocking(scene: Scene, contract: str = CONTRACT, period: str = PERIOD) -> set[str]:
    return {check.name for check in checklist(scene, period_named(scene, contract, period)) if not check.holds}


def rewrite(home: Home, table: str, night: date, change: pl.Expr) -> None:
    """Change one night's table behind the system's back."""
    part = min(home.partition(table, night).glob("part-*.parquet"))
    changed = pl.read_parquet(part).with_columns(change)
    part.chmod(0o640)
    part.unlink()
    changed.write_parquet(part)


def test_every_period_stands_in_one_state_and_those_that_ended_are_closed(settled_home: Home) -> None:
    scene = read_scene(settled_home)
    found = {(one.contract, one.period.text): state_of(scene, one) for one in periods(scene)}
    for (contract, text), state in found.items():
        ended = period_named(scene, contract, text).period.last <= date(2026, 1, 1)
        assert state is (PeriodState.CLOSED if ended else PeriodState.OPEN), (contract, text)
    assert list(found.values()).count(PeriodState.CLOSED) == 6
    assert blocking(scene, CONTRACT, "2026-Q1") >= {CheckName.NIGHTS, CheckName.STATED_ONCE}


def test_a_delivered_last_day_that_is_not_settled_is_due(home: Home) -> None:
    shutil.copytree(home.inbox / "2026-01-01", home.inbox / "2026-01-02")
    scene = read_scene(home)
    found = {one.period.text: state_of(scene, one) for one in periods(scene) if one.contract == "C4-CLB-CLUB"}
    assert found["2026-01-02"] is PeriodState.DUE


def test_what_is_told_of_a_close_is_the_statement_and_its_entries(settled_home: Home) -> None:
    scene = read_scene(settled_home)
    told = told_of(scene, period_named(scene, CONTRACT, PERIOD))
    terms = sum(line.amount.minor for s in (Section.TERMS, Section.TRUE_UPS) for line in told.of(s))
    assert terms == sum(line.amount.minor for line in told.of(Section.SHARES)) == told.accrued[0].minor != 0
    assert [line.name for line in told.of(Section.TRUE_UPS)] == ["annual_volume_tier"]
    assert [entry.key for entry in told.entries] == sorted(
        f"close/{CONTRACT}/{PERIOD}/{name}" for name in ("HARBOR-FOUNDATION", "HARBOR-LOYALTY", "HARBOR-RETAIL")
    )
    miles = told_of(scene, period_named(scene, "C1-AIR-MILES", "2025-12"))
    assert {line.name for line in miles.of(Section.MOVES)} == {"recouped"}
    assert miles.of(Section.GUARANTEES)


@pytest.mark.parametrize(
    ("table", "change", "blocks"),
    [
        # The statement itself: its balance, its digest, and what the books say of it.
        ("payout", pl.col("amount_minor") + pl.col("term").eq("payout").cast(pl.Int64), CheckName.RE_ADDS),
        ("payout", pl.col("amount_minor") + pl.col("term").eq("payout").cast(pl.Int64), CheckName.BOOKED),
        ("payout", pl.col("quantities") + pl.lit(" "), CheckName.UNCHANGED),
        ("settlement_file", pl.col("total_minor") + 1, CheckName.UNCHANGED),
        ("control_total", pl.col("agrees") & False, CheckName.CONTROLS),
    ],
)
def test_what_somebody_changed_is_found(home: Home, table: str, change: pl.Expr, blocks: CheckName) -> None:
    assert blocks not in blocking(read_scene(home))
    rewrite(home, table, LAST, change)
    assert blocks in blocking(read_scene(home))


def test_a_partners_file_that_somebody_changed_is_found(home: Home) -> None:
    file = next(home.published("out", LAST).rglob("*CLOSED.csv"))
    file.write_bytes(file.read_bytes() + b" ")
    assert blocking(read_scene(home)) == {CheckName.UNCHANGED}


def test_a_statement_that_was_issued_again_is_found(home: Home) -> None:
    closed = store.read_table(home, "payout", LAST)
    (part,) = home.partition("payout", LAST + timedelta(days=1)).glob("part-*.parquet")
    both = pl.concat([pl.read_parquet(part), closed])
    part.unlink()
    both.write_parquet(part)
    assert {CheckName.STATED_ONCE, CheckName.RE_ADDS} & blocking(read_scene(home)) >= {CheckName.STATED_ONCE}


def test_an_accrual_that_the_close_left_is_found(home: Home) -> None:
    account = f"liability:accrued_share:{CONTRACT}:{PERIOD}"
    left = pl.when(pl.col("account") == account).then(1).otherwise(pl.col("balance_minor")).alias("balance_minor")
    rewrite(home, "trial_balance", date(2026, 1, 1), left)
    assert blocking(read_scene(home)) == {CheckName.ACCRUED}


def test_a_missing_feed_and_an_old_break_block_until_a_person_says_why_they_may_stand(home: Home) -> None:
    programme = home.config / "programme.toml"
    declared = '\n[[expected]]\nfeed = "opening_positions"\ndays = ["wed"]\n[close]\nbreak_days = 0\n'
    programme.write_text(programme.read_text() + declared, encoding="utf-8")
    scene = read_scene(home)
    assert state_of(scene, period_named(scene, CONTRACT, PERIOD)) is PeriodState.BLOCKED
    found = {check.name: check for check in checklist(scene, period_named(scene, CONTRACT, PERIOD))}
    assert list(found[CheckName.FEEDS].open) == ["opening_positions/2025-12-31"]
    items = [(name, item) for name in (CheckName.FEEDS, CheckName.BREAKS) for item in found[name].open]
    assert len(items) > 1
    with pytest.raises(TerminalError, match="cannot be signed: no good file of opening_positions for 2025-12-31"):
        desk.prepare(home, CONTRACT, PERIOD, "alice")
    word = Note(contract=CONTRACT, period=PERIOD, check_name="", subject="", reason="told by mail", person="alice")
    for name, item in items:
        desk.note(home, replace(word, check_name=name, subject=item))
    assert blocking(read_scene(home)) == set()
    with pytest.raises(TerminalError, match="is no open item"):
        desk.note(home, replace(word, check_name=CheckName.FEEDS, subject=items[0][1]))
    with pytest.raises(TerminalError, match="Nothing may be waived of accrued"):
        desk.note(home, replace(word, check_name=CheckName.ACCRUED, subject="all"))


def test_cash_that_is_open_for_too_long_blocks_by_its_account(home: Home) -> None:
    (home.config / "programme.toml").open("a").write("\n[close]\nclearing_days = 0\n")
    account = "asset:clearing:visa_clearing:2025-12-30/VISA.ctf"
    rows = store.read_table(home, "trial_balance", date(2026, 1, 1))
    (part,) = home.partition("trial_balance", date(2026, 1, 1)).glob("part-*.parquet")
    part.unlink()
    pl.concat(
        [rows, rows.head(1).with_columns(account=pl.lit(account), balance_minor=pl.lit(5, pl.Int64))]
    ).write_parquet(part)
    scene = read_scene(home)
    found = {check.name: check for check in checklist(scene, period_named(scene, CONTRACT, PERIOD))}
    assert list(found[CheckName.ACCOUNTS].open) == [account]


def test_two_persons_sign_and_the_database_refuses_one(home: Home) -> None:
    with pytest.raises(TerminalError, match="is not prepared"):
        desk.review(home, CONTRACT, PERIOD, "bob")
    signed = desk.prepare(home, CONTRACT, PERIOD, "alice")
    with pytest.raises(TerminalError, match="is prepared already"):
        desk.prepare(home, CONTRACT, PERIOD, "carol")
    with pytest.raises(TerminalError, match="is not to be reviewed by alice"):
        desk.review(home, CONTRACT, PERIOD, "alice")
    scene = read_scene(home)
    assert state_of(scene, period_named(scene, CONTRACT, PERIOD)) is PeriodState.CLOSED
    desk.review(home, CONTRACT, PERIOD, "bob")
    with pytest.raises(TerminalError, match="reviewed once"):
        desk.review(home, CONTRACT, PERIOD, "carol")
    scene = read_scene(home)
    assert state_of(scene, period_named(scene, CONTRACT, PERIOD)) is PeriodState.CERTIFIED
    (certificate,) = scene.certificates.values()
    assert (certificate.statement_sha256, certificate.reviewed_by) == (signed.statement_sha256, "bob")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE close_certificate SET prepared_by = 'mallory'",
        "DELETE FROM close_certificate",
        f"INSERT OR REPLACE INTO close_certificate SELECT {_PLACE}, known_after, 'x', 'x', closed_on, 'eve' {_FROM}",
        f"INSERT INTO close_review SELECT {_PLACE}, known_after, {_DIGESTS}, prepared_by, prepared_by {_FROM}",
        f"INSERT INTO close_review SELECT {_PLACE}, known_after, {_DIGESTS}, 'mallory', prepared_by {_FROM}",
        f"INSERT INTO close_review SELECT {_PLACE}, known_after, 'x', 'x', prepared_by, 'bob' {_FROM}",
        f"INSERT INTO close_review SELECT {_PLACE}, known_after, {_DIGESTS}, prepared_by, 'Alice ' {_FROM}",
    ],
)
def test_no_statement_goes_past_the_two_signatures(home: Home, statement: str) -> None:
    desk.prepare(home, CONTRACT, PERIOD, "alice")
    assert read_scene(home).certificates
    with closing(sqlite3.connect(home.root / "books.sqlite")) as books:
        books.execute("PRAGMA foreign_keys = ON")
        books.execute("PRAGMA recursive_triggers = ON")
        with pytest.raises(sqlite3.IntegrityError):
            books.execute(statement)


def test_a_signed_statement_that_changes_is_found(home: Home) -> None:
    desk.prepare(home, CONTRACT, PERIOD, "alice")
    rewrite(home, "payout", LAST, pl.col("clause") + "x")
    with pytest.raises(TerminalError, match="cannot be signed"):
        desk.review(home, CONTRACT, PERIOD, "bob")
    scene = read_scene(home)
    check = {one.name: one for one in checklist(scene, period_named(scene, CONTRACT, PERIOD))}[CheckName.UNCHANGED]
    assert set(check.open) == {"rate", "certificate"}


def test_the_page_and_the_commands_tell_the_same(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    page = desk.publish(home, CONTRACT, PERIOD)
    text = page.read_text(encoding="utf-8")
    assert f"<title>Close of {CONTRACT} {PERIOD}</title>" in text
    assert "<script" not in text
    assert desk.publish(home, CONTRACT, PERIOD).read_text(encoding="utf-8") == text
    for words in (["list"], ["show", CONTRACT, PERIOD], ["check", CONTRACT, PERIOD]):
        commands(["close"])(["close", *words, "--home", str(home.root)], standalone_mode=False)
    told = capsys.readouterr().out
    assert f"{CONTRACT}  {PERIOD}" in told
    assert "Accruals reversed" in told
    assert "BLOCK" not in told
    with pytest.raises(SettlementError, match=r"no period 2024-Q4 in these nights: name one of 2025-Q4, 2026-Q1"):
        desk.require_closed(home, CONTRACT, "2024-Q4")


@pytest.fixture(scope="module")
def amended(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """The acceptance nights with a late file; before the fourth night a club contract is amended back to the first."""
    root = tmp_path_factory.mktemp("amended") / "home"
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("CARD_KEY", bytes(range(32)).hex()), ("CARD_KEY_ID", "test")):
            patch.setenv(f"SETTLEMENT_{name}", value)
        source = root.with_name("nights")
        for night in sorted(path for path in nights_dir().glob("20*") if path.is_dir()):
            shutil.copytree(night, source / night.name)
        create_home(root, source)
        home = store.open_home(root)
        for night in originals.delivery_dates(home):
            if night == date(2011, 1, 1):
                before = root / "config" / "contracts" / "orient-estate" / "2009-01-01.toml"
                text = before.read_text(encoding="utf-8").replace("most = 850.00", "most = 900.00")
                text = text.replace("[clauses]", "known_on = 2011-01-01\n[clauses]", 1)
                text = "examples = []\n" + text.partition("[[examples]]")[0]
                before.with_name("2010-12-29.toml").write_text(text, encoding="utf-8")
            runner.run_night(home, night, until="pay")
        yield home


def test_late_facts_and_a_contract_amended_back_close_with_their_causes(amended: Home) -> None:
    scene = read_scene(amended)
    told = told_of(scene, period_named(scene, "C4-CLB-CLUB", "2011-01-01"))
    assert told.state is PeriodState.CLOSED
    assert {one.closed for one in told.adjustments} == {"2010-12-29", "2010-12-30", "2010-12-31"}
    for one in told.adjustments:
        assert one.correction is not None
        assert sum(cause.amount_minor for cause in one.correction.causes) == one.amount_minor
        assert not one.fault
    assert any("2010-12-29.toml" in c.text for o in told.adjustments if o.correction for c in o.correction.causes)
    assert all(state_of(scene, one) in {PeriodState.OPEN, PeriodState.CLOSED} for one in periods(scene))


def test_a_contract_file_that_was_changed_after_the_fact_blocks(amended: Home, tmp_path: Path) -> None:
    root = tmp_path / "home"
    shutil.copytree(amended.root, root)
    file = root / "config" / "contracts" / "orient-estate" / "2010-12-29.toml"
    file.write_text(file.read_text(encoding="utf-8").replace("900.00", "950.00"), encoding="utf-8")
    scene = read_scene(store.open_home(root))
    assert blocking(scene, "C4-CLB-CLUB", "2011-01-01") == {CheckName.ADJUSTMENTS}
