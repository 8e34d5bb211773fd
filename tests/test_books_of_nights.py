"""The books, partner files and explanations of a settled sample: what must hold after every night."""

from __future__ import annotations

import csv
import io
from collections import Counter
from datetime import date

import polars as pl
import pytest

from settlement import books, originals, reperform, runner, store
from settlement.explain import explain_line, line_addresses, parse_line_address
from settlement.store import Home


@pytest.fixture
def home(settled_on_each_database: Home) -> Home:
    return settled_on_each_database


def nights(home: Home) -> list[date]:
    return originals.delivery_dates(home)


def balances(home: Home, night: date) -> dict[tuple[str, str], int]:
    rows = store.read_table(home, "trial_balance", night).select("account", "currency", "balance_minor")
    return {(account, currency): balance for account, currency, balance in rows.iter_rows()}


def test_the_trial_balance_is_the_journal_in_sql_added_up(home: Home) -> None:
    engine = books.connect(home)
    for night in nights(home):
        debits: Counter[tuple[str, str]] = Counter()
        credits_: Counter[tuple[str, str]] = Counter()
        for entry in books.read_entries(engine, night):
            entry.check()
            for posting in entry.postings:
                side = debits if posting.amount_minor > 0 else credits_
                side[posting.account, posting.currency] += abs(posting.amount_minor)
        table = store.read_table(home, "trial_balance", night)
        told = {(r["account"], r["currency"]): (r["debit_minor"], r["credit_minor"]) for r in table.rows(named=True)}
        assert told == {key: (debits[key], credits_[key]) for key in debits | credits_}
        assert table["balance_minor"].sum() == 0


def test_the_books_digest_does_not_depend_on_the_database(home: Home, settled_home: Home) -> None:
    night = nights(home)[-1]
    found = runner.books_digest(home, night)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("SETTLEMENT_BOOKS_URL", raising=False)
        assert found == runner.books_digest(settled_home, night)
    assert (home.root / "books.sqlite").exists() == (home == settled_home)


def test_a_night_re_performs_on_either_database(home: Home) -> None:
    result = reperform.verify_night(home, nights(home)[-1])
    assert (result.differing, result.performed) == ((), result.standing)


def test_clearing_and_suspense_accounts_are_zero_or_explained(home: Home) -> None:
    judged: dict[tuple[str, int], str] = {}
    met: Counter[str] = Counter()
    for night in nights(home):
        for row in store.read_table(home, "cash_tie", night).iter_rows(named=True):
            judged[row["camt_file"], row["entry"]] = row["status"]
            met[row["ties_to"]] += row["status"] in ("TIED", "SHORT_BY_FEE")
        for (account, _), balance in balances(home, night).items():
            if account.startswith("asset:clearing:"):
                file = account.split(":", 3)[3]
                assert balance == 0 or not met[file]
            if account.startswith("asset:suspense:cash:"):
                camt, _, entry = account.removeprefix("asset:suspense:cash:").rpartition("#")
                assert (balance != 0) == (judged[camt, int(entry)] in ("FILE_PENDING", "UNEXPLAINED"))


def test_accrued_and_payable_stand_at_the_latest_amounts(home: Home) -> None:
    latest: dict[tuple[str, str], int] = {}
    carried: dict[tuple[str, str], int] = {}
    due: Counter[tuple[str, str]] = Counter()
    for night in nights(home):
        payout = store.read_table(home, "payout", night).filter(pl.col("state") != "RESTATED")
        terms = payout.filter(pl.col("beneficiary").is_null()).group_by("contract", "period", "state")
        for row in terms.agg(pl.col("amount_minor").sum()).iter_rows(named=True):
            latest[row["contract"], row["period"]] = 0 if row["state"] == "CLOSED" else row["amount_minor"]
        for row in payout.filter(pl.col("state") == "CLOSED").sort("as_of").iter_rows(named=True):
            pair = (row["contract"], row["beneficiary"])
            if row["term"] == "carry_out":
                carried[pair] = row["amount_minor"]
            if row["term"] == "payout":
                due[pair] += row["amount_minor"]
        books_now = balances(home, night)
        for (contract, period), amount in latest.items():
            assert -books_now.get((f"liability:accrued_share:{contract}:{period}", "USD"), 0) == amount
        for (contract, who), amount in carried.items():
            payable = f"liability:payable:{contract}:{who}"
            assert -books_now.get((f"{payable}:carried", "USD"), 0) == amount
            assert -books_now.get((f"{payable}:due", "USD"), 0) == due[contract, who]
    assert carried
    assert any(due.values())


def test_each_partner_has_a_file_for_each_statement_and_it_re_adds(home: Home) -> None:
    for number, night in enumerate(nights(home), start=1):
        files = store.read_table(home, "settlement_file", night)
        out = home.published("out", night)
        assert sorted(p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file()) == sorted(files["path"])
        payable = store.read_table(home, "payable", night)
        paid = {(r["beneficiary"], r["contract"], r["period"]): r["amount_minor"] for r in payable.rows(named=True)}
        settlement = files.filter(pl.col("told") == "settlement")
        assert paid.keys() == {row[:3] for row in settlement.select("beneficiary", "contract", "period").rows()}
        assert len(paid) == settlement.height > 0
        assert set(settlement["sequence"]) == {number}
        # In the layouts that some partners declare they are read back by tests/pay/test_layouts.py.
        standing = settlement.filter(pl.col("format") == "delimited")
        assert set(standing["beneficiary"]) >= {"ALMA-MATER", "HARBOR-FOUNDATION", "MERIDIAN-AIR", "ORIENT-CLUB"}
        for row in standing.iter_rows(named=True):
            cells = list(csv.reader(io.StringIO((out / row["path"]).read_text(encoding="utf-8"))))
            detail = {line[3]: int(line[6]) for line in cells if line[0] == "D"}
            assert int(cells[0][-1]) == number
            assert detail["payout"] == paid[row["beneficiary"], row["contract"], row["period"]]
            balance = next(int(line[6]) for line in cells if line[0] == "S" and line[3] == "balance")
            assert balance == detail["payout"] + detail["carry_out"]


def test_every_line_is_explained_down_to_its_quantities_and_records(home: Home) -> None:
    night = nights(home)[-1]
    records = 0
    for text in line_addresses(home, night):
        found = explain_line(home, night, parse_line_address(text), limit=5)
        assert found.clause_text
        told = dict(pair.rsplit("=", 1) for pair in found.quantities if pair.count("=") == 1)
        volume = sum(s.quantity for s in found.subtotals)
        opening = sum(p.amount_minor for p in found.parts if not p.text.startswith("tier_paid"))
        names = ["own_volume", "elsewhere_volume", "quarter_volume", "sum_month_end_balances", "credited_bonus_miles"]
        # Of units with a limit the accounts are only told.
        names += [] if "uncapped" in told else ["accounts"]
        for name in names:
            if name in told:
                assert volume + opening == int(told[name]), text
        if found.rule.startswith("what"):
            assert sum(p.amount_minor for p in found.parts) == found.amount_minor
        for contribution in found.contributions:
            assert contribution.sources, (text, contribution)
            records += bool(contribution.matches)
    assert records > 10
