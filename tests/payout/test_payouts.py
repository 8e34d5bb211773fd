"""Payout batches from what is due to the file in the outbox, on both databases."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from nacha_oracle import read
from payout_home import (
    ABROAD,
    AIR,
    APPROVED,
    DUES,
    NIGHT,
    OPENED,
    PROPOSED,
    RELEASED,
    RETAIL,
    approved,
    balance,
    made_home,
    proposed,
    released,
    settle,
    us_account,
    with_account,
    with_accounts,
)

from settlement import account_books, books, payout_books
from settlement.errors import RetryableError, TerminalError
from settlement.model.payout import AccountState, Batch
from settlement.payout import desk, steps
from settlement.payout.text import batch_lines
from settlement.store import Home

TOTAL = sum(amount for _, _, amount in DUES)


@pytest.fixture
def home(tmp_path: Path, on_each_database: object) -> Home:
    return made_home(tmp_path / "home")


def engine(home: Home) -> books.Engine:
    return books.connect(home)


def test_a_batch_goes_from_what_is_due_to_the_outbox_by_three_people(home: Home) -> None:
    with_accounts(home)
    batch = proposed(home)
    assert (batch.state, batch.total_minor, batch.approvals, batch.night) == ("proposed", TOTAL, 2, NIGHT)
    assert batch.value_date == date(2011, 1, 4)
    assert [one.partner for one in batch.payouts] == ["HARBOR-LOYALTY", "HARBOR-RETAIL", "MERIDIAN-AIR"]
    batch = approved(home, batch, "cem", "dora")
    done = steps.release(home, engine(home), batch.batch_id, "cem", RELEASED)
    assert [(step.state, step.person) for step in done.steps] == [
        ("proposed", "ann"), ("approved", "cem"), ("approved", "dora"), ("released", "cem"), ("sent", "cem"),
    ]  # fmt: skip
    (path,) = steps.outbox(home).iterdir()
    content = path.read_bytes()
    assert path.name == "P000001.ach"
    assert hashlib.sha256(content).hexdigest() == done.steps[-1].note
    assert balance(home, "liability:payable") == 0
    assert balance(home, "asset:transit:4400100:P000001-001") == -9_022_52
    assert balance(home, "asset:transit") == -TOTAL


def test_what_is_proposed_once_is_not_proposed_again_and_comes_free_by_a_rejection(home: Home) -> None:
    with_accounts(home)
    batch = proposed(home)
    assert steps.propose(home, engine(home), "eve", PROPOSED).batches == ()
    steps.reject(engine(home), batch.batch_id, "eve", APPROVED, "a wrong account")
    again = proposed(home)
    assert (again.batch_id, again.total_minor) == ("P000002", TOTAL)
    assert [one.trace for one in again.payouts] == ["021000020000004", "021000020000005", "021000020000006"]


def test_all_contracts_of_a_partner_are_netted_and_what_is_below_the_minimum_waits(tmp_path: Path) -> None:
    home = made_home(tmp_path / "home", [(RETAIL, "A", 30_00), (AIR, "A", 25_00), (RETAIL, "B", 49_99)])
    for partner in "AB":
        with_account(home, partner)
    found = steps.propose(home, engine(home), "ann", PROPOSED)
    (payout,) = found.batches[0].payouts
    assert (payout.partner, payout.amount_minor, len(payout.statements)) == ("A", 55_00, 2)
    assert [(left.partner, left.amount_minor) for left in found.left] == [("B", 49_99)]
    assert "below the minimum of 50.00 USD" in found.left[0].why
    settle(home, NIGHT + timedelta(days=1), [(RETAIL, "B", 1)], "2011-Q1")
    assert proposed(home).payouts[0].amount_minor == 50_00


def test_a_partner_who_owes_more_than_is_due_waits_for_later_statements(tmp_path: Path) -> None:
    home = made_home(tmp_path / "home", [(RETAIL, "A", -80_00), (AIR, "A", 80_00), (RETAIL, "B", -1)])
    for partner in "AB":
        with_account(home, partner)
    found = steps.propose(home, engine(home), "ann", PROPOSED)
    assert not found.batches
    assert [(left.partner, left.amount_minor) for left in found.left] == [("A", 0), ("B", -1)]
    assert {left.why for left in found.left} == {
        "nothing is left to pay once all contracts are netted; it waits for later statements."
    }
    settle(home, NIGHT + timedelta(days=1), [(RETAIL, "A", 60_00)], "2011-Q1")
    (payout,) = proposed(home).payouts
    assert (payout.partner, payout.amount_minor, len(payout.statements)) == ("A", 60_00, 3)


def test_accounts_decide_the_file_and_each_paying_account_has_its_batch(home: Home) -> None:
    with_account(home, "HARBOR-RETAIL", ABROAD)
    with_account(home, "HARBOR-LOYALTY")
    found = steps.propose(home, engine(home), "ann", PROPOSED)
    files = [steps.payment_file(batch, steps.moment_from(PROPOSED)).name for batch in found.batches]
    assert files == ["P000001.ach", "P000002.xml"]
    assert [(left.partner, left.why) for left in found.left] == [
        ("MERIDIAN-AIR", "no bank account is known: `settle accounts propose`, and have it approved.")
    ]


@pytest.mark.parametrize(
    ("people", "releaser", "sentence"),
    [
        (["ann"], "cem", "who proposed a batch cannot approve it"),
        (["cem", "cem"], "cem", "a person approves a batch once"),
        (["cem"], "dora", "the batch needs more approvals"),
        (["cem", "dora"], "ann", "who proposed a batch cannot release it"),
    ],
)
def test_nobody_pays_alone(home: Home, people: list[str], releaser: str, sentence: str) -> None:
    with_accounts(home)
    batch = proposed(home)
    with pytest.raises(TerminalError, match=sentence):
        steps.release(home, engine(home), approved(home, batch, *people).batch_id, releaser, RELEASED)
    assert balance(home, "asset:transit") == 0
    assert not steps.outbox(home).exists()


def test_who_proposed_a_bank_account_is_not_its_only_approver(home: Home) -> None:
    with_account(home, "HARBOR-RETAIL", by="cem")
    batch = approved(home, proposed(home), "cem")
    with pytest.raises(TerminalError, match="who proposed none of its bank accounts"):
        steps.release(home, engine(home), batch.batch_id, "cem", RELEASED)
    approved(home, payout_books.one_batch(engine(home), batch.batch_id), "dora")
    assert steps.release(home, engine(home), batch.batch_id, "cem", RELEASED).state == "sent"


def test_an_approval_names_what_was_seen(home: Home) -> None:
    with_accounts(home)
    batch = proposed(home)
    for digest in ("", batch.digest[:7], "0" * 64):
        with pytest.raises(TerminalError, match="approve what you have seen"):
            steps.approve(engine(home), batch.batch_id, "cem", APPROVED, digest)
    steps.approve(engine(home), batch.batch_id, "cem", APPROVED, batch.digest[:8])


def test_a_batch_that_was_changed_past_the_program_is_not_released(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    with_accounts(home)
    batch = approved(home, proposed(home), "cem", "dora")
    first = replace(batch.payouts[0], amount_minor=batch.payouts[0].amount_minor + 1)
    changed = replace(batch, payouts=(first, *batch.payouts[1:]))
    monkeypatch.setattr(payout_books, "one_batch", lambda *_: changed)
    with pytest.raises(TerminalError, match="not what was proposed and approved"):
        steps.release(home, engine(home), batch.batch_id, "cem", RELEASED)
    assert not steps.outbox(home).exists()


def test_a_full_disk_leaves_the_batch_released_and_send_goes_on(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    with_accounts(home)
    batch = approved(home, proposed(home), "cem", "dora")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        with pytest.raises(RetryableError, match=r"No space left on device.*settle payouts send"):
            steps.release(home, engine(home), batch.batch_id, "cem", RELEASED)
    assert payout_books.one_batch(engine(home), batch.batch_id).state == "released"
    assert not (steps.outbox(home) / "P000001.ach").exists()
    assert steps.send(home, engine(home), batch.batch_id, "cem", RELEASED).state == "sent"
    assert [path.name for path in steps.outbox(home).iterdir()] == ["P000001.ach"]


def test_a_second_release_and_a_second_sending_do_nothing(home: Home) -> None:
    with_accounts(home)
    done = released(home)
    (path,) = steps.outbox(home).iterdir()
    path.unlink()
    again = steps.release(home, engine(home), done.batch_id, "dora", RELEASED)
    assert again == done == steps.send(home, engine(home), done.batch_id, "dora", RELEASED)
    assert not any(steps.outbox(home).iterdir())


def test_an_account_that_is_being_closed_is_neither_proposed_nor_paid(home: Home) -> None:
    account = with_account(home, "HARBOR-RETAIL")
    batch = approved(home, proposed(home), "cem")
    account_books.take_step(engine(home), account.account_id, AccountState.CLOSING, "fay", PROPOSED)
    with pytest.raises(TerminalError, match="of HARBOR-RETAIL is closing; reject the batch"):
        steps.release(home, engine(home), batch.batch_id, "dora", RELEASED)
    steps.reject(engine(home), batch.batch_id, "dora", RELEASED, "closing")
    account_books.take_step(engine(home), account.account_id, AccountState.CLOSED, "gus", PROPOSED)
    found = steps.propose(home, engine(home), "ann", RELEASED)
    assert not found.batches
    (left,) = [left for left in found.left if left.partner == "HARBOR-RETAIL"]
    assert "is closed: propose another one" in left.why
    proposal = account_books.ProposedAccount(
        partner="HARBOR-RETAIL", currency="USD", holder="Harbor", account=us_account("000987654321")
    )
    other = account_books.propose(engine(home), proposal, "ann", RELEASED)
    account_books.take_step(engine(home), other.account_id, AccountState.APPROVED, "bea", RELEASED, date(2011, 1, 6))
    assert not steps.propose(home, engine(home), "ann", "2011-01-05T10:00:00Z").batches
    cooled = "2011-01-06T10:00:00Z"
    again = approved(home, proposed(home, at=cooled), "cem", "dora", at=cooled)
    assert [(one.account.account_id, one.amount_minor) for one in again.payouts] == [(other.account_id, 12_613_53)]
    assert steps.release(home, engine(home), again.batch_id, "cem", cooled).state == "sent"
    (entry,) = read((steps.outbox(home) / f"{again.batch_id}.ach").read_bytes()).entries
    assert (entry.account.strip(), entry.cents) == ("000987654321", 12_613_53)


def test_an_account_is_paid_to_once_its_cooling_off_is_over(home: Home) -> None:
    proposal = account_books.ProposedAccount(
        partner="HARBOR-RETAIL", currency="USD", holder="Harbor", account=us_account()
    )
    account = account_books.propose(engine(home), proposal, "ann", OPENED)
    ready = date(2011, 1, 4)
    account_books.take_step(engine(home), account.account_id, AccountState.APPROVED, "bea", OPENED, ready)
    found = steps.propose(home, engine(home), "ann", PROPOSED)
    (left,) = [left for left in found.left if left.partner == "HARBOR-RETAIL"]
    assert "in its cooling-off: it is paid to from 2011-01-04 on" in left.why
    assert len(steps.propose(home, engine(home), "ann", "2011-01-04T00:00:00Z").batches) == 1


def test_a_currency_without_a_paying_account_is_left_and_told(home: Home) -> None:
    programme = home.config / "programme.toml"
    right = programme.read_text()
    programme.write_text(right.replace('currency = "USD"\nscheme', 'currency = "EUR"\nscheme'))
    with_accounts(home)
    found = steps.propose(home, engine(home), "ann", PROPOSED)
    assert not found.batches
    assert {left.why.partition(" of ")[0] for left in found.left} == {"no [[payouts.debtor]]"}
    programme.write_text(right)
    done = released(home)
    assert (done.state, done.total_minor) == ("sent", TOTAL)
    assert [path.name for path in steps.outbox(home).iterdir()] == ["P000001.ach"]
    assert balance(home, "liability:payable") == 0


def test_one_person_neither_opens_nor_closes_an_account(home: Home) -> None:
    account = with_account(home, "HARBOR-RETAIL")
    proposal = account_books.ProposedAccount(partner="B", currency="USD", holder="B", account=us_account())
    other = account_books.propose(engine(home), proposal, "ann", OPENED)
    with pytest.raises(TerminalError, match="who proposed a bank account cannot approve it"):
        account_books.take_step(engine(home), other.account_id, AccountState.APPROVED, "ann", OPENED, NIGHT)
    account_books.take_step(engine(home), account.account_id, AccountState.CLOSING, "fay", OPENED)
    with pytest.raises(TerminalError, match="who asked to close a bank account cannot confirm it"):
        account_books.take_step(engine(home), account.account_id, AccountState.CLOSED, "fay", OPENED)
    with pytest.raises(TerminalError, match="is closing, so it cannot be approved"):
        account_books.take_step(engine(home), account.account_id, AccountState.APPROVED, "gus", OPENED, NIGHT)
    with pytest.raises(TerminalError, match="close it or reject it first"):
        account_books.propose(engine(home), replace(proposal, partner="HARBOR-RETAIL"), "ann", OPENED)


def test_a_later_night_is_looked_at_again_and_a_failing_check_needs_two_words(home: Home) -> None:
    with_accounts(home)
    batch = approved(home, proposed(home), "cem", "dora")
    later = NIGHT + timedelta(days=1)
    settle(home, later, [])
    (home.partition("expectation", later) / "part-00000.parquet").unlink()
    home.partition("expectation", later).rmdir()
    with pytest.raises(TerminalError, match="data_quality of HARBOR-LOYALTY fails, the data of 2011-01-01"):
        steps.release(home, engine(home), batch.batch_id, "cem", RELEASED)
    with pytest.raises(TerminalError, match="who proposed a batch cannot override its checks"):
        steps.override(engine(home), batch.batch_id, "ann", RELEASED, "looked at by hand")
    steps.override(engine(home), batch.batch_id, "cem", RELEASED, "looked at by hand")
    with pytest.raises(TerminalError, match="is not released"):
        steps.release(home, engine(home), batch.batch_id, "cem", RELEASED)
    steps.override(engine(home), batch.batch_id, "dora", RELEASED, "looked at by hand")
    # Both words are of that night: another one that fails needs words of its own.
    settle(home, later + timedelta(days=1), [])
    (home.partition("expectation", later + timedelta(days=1)) / "part-00000.parquet").unlink()
    home.partition("expectation", later + timedelta(days=1)).rmdir()
    with pytest.raises(TerminalError, match="the data of 2011-01-02 are not judged"):
        steps.release(home, engine(home), batch.batch_id, "cem", RELEASED)
    for person in ("cem", "dora"):
        steps.override(engine(home), batch.batch_id, person, RELEASED, "looked at by hand")
    done: Batch = steps.release(home, engine(home), batch.batch_id, "cem", RELEASED)
    assert done.state == "sent"


def test_the_file_pays_what_was_approved(home: Home) -> None:
    with_accounts(home)
    done = released(home)
    read_back = read((steps.outbox(home) / "P000001.ach").read_bytes())
    assert [(entry.identification.strip(), entry.cents) for entry in read_back.entries] == [
        (payout.payment_id, payout.amount_minor) for payout in done.payouts
    ]


def test_a_night_is_looked_at_again_where_it_tells_more_and_words_on_what_was_seen_count_no_more(home: Home) -> None:
    with_accounts(home)
    report = home.partition("expectation", NIGHT) / "part-00000.parquet"
    content = report.read_bytes()
    report.unlink()
    report.parent.rmdir()
    batch = approved(home, proposed(home), "cem", "dora")
    for person in ("cem", "dora"):
        steps.override(engine(home), batch.batch_id, person, RELEASED, "looked at by hand")

    def look() -> Batch:
        return steps.look(home, engine(home), batch.batch_id, "eve", RELEASED)

    assert (look().last_look, len(look().last_overrides)) == ((NIGHT, 1), 2)
    assert [str(line) for line in batch_lines(look(), {}, "")].count(
        f"overridden   {RELEASED} by cem: looked at by hand"
    ) == 1
    report.parent.mkdir()
    report.write_bytes(content)
    again = look()
    assert (again.last_look, again.last_overrides, steps.failing(again)) == ((NIGHT, 2), (), [])
    told = "\n".join(str(line) for line in batch_lines(again, {}, ""))
    assert (told.count("overridden   "), told.count("spent word   ")) == (0, 2)
    assert {check.name for check in again.checks if not check.passed} == {"data_quality"}
    assert look() == again
    assert steps.release(home, engine(home), batch.batch_id, "cem", RELEASED).state == "sent"


def test_a_payee_that_does_not_fit_the_format_is_left_and_named_and_the_others_are_paid(home: Home) -> None:
    with_account(home, "HARBOR-LOYALTY")
    proposal = account_books.ProposedAccount(
        partner="HARBOR-RETAIL", currency="USD", holder="The Harbor Retail Company", account=us_account()
    )
    account = account_books.propose(engine(home), proposal, "ann", OPENED)
    account_books.take_step(engine(home), account.account_id, AccountState.APPROVED, "bea", OPENED, NIGHT)
    found = steps.propose(home, engine(home), "ann", PROPOSED)
    assert [one.partner for batch in found.batches for one in batch.payouts] == ["HARBOR-LOYALTY"]
    (left,) = [left for left in found.left if left.partner == "HARBOR-RETAIL"]
    assert left.why == (
        "The name of the payee of HARBOR-RETAIL has 25 characters; 22 fit into the file. Close that bank account and "
        "propose one that fits, or correct [payouts] of config/programme.toml."
    )


def test_the_trace_number_of_a_debit_that_balances_a_file_is_not_given_again(home: Home) -> None:
    programme = home.config / "programme.toml"
    programme.write_text(
        programme.read_text().replace("[payouts.debtor.nacha]", "[payouts.debtor.nacha]\nbalanced = true")
    )
    with_accounts(home)
    first = proposed(home)
    steps.reject(engine(home), first.batch_id, "eve", APPROVED, "a wrong account")
    assert [one.trace for one in proposed(home).payouts] == ["021000020000005", "021000020000006", "021000020000007"]


def test_the_value_date_is_a_banking_day_of_the_calendar_that_the_feed_tells(tmp_path: Path) -> None:
    """Of 4 and 5 January the feed says that they are closed, and of the 5th a later file takes it back."""
    home = made_home(tmp_path / "home")
    with_accounts(home)
    programme = home.config / "programme.toml"
    text = programme.read_text("utf-8")
    programme.write_text(text.replace("[payouts]\n", '[payouts]\ncalendar = "US-FED"\n', 1), encoding="utf-8")
    told = [
        ("2011-01-04", "a", "CLOSED", None),
        ("2011-01-05", "a", "CLOSED", None),
        ("2011-01-05", "b", "CLOSED", "R"),
    ]
    rows = [
        {"file": file, "record": number, "calendar": "US-FED", "day": date.fromisoformat(day), "kind": kind}
        | {"retracted": retracted}
        for number, (day, file, kind, retracted) in enumerate(told, start=1)
    ]
    files = [{"file": name, "file_date": NIGHT} for name in "ab"]
    for table, content in (("calendar_day", rows), ("file", files)):
        folder = home.partition(table, NIGHT)
        folder.mkdir(parents=True, exist_ok=True)
        pl.DataFrame(content, schema_overrides={"retracted": pl.String}).write_parquet(folder / "part-00000.parquet")
    batch = proposed(home)
    assert batch.value_date == date(2011, 1, 5)
    assert steps.calendar_warning(home, engine(home), batch) is None
    programme.write_text(programme.read_text("utf-8").replace("US-FED", "US-ACH"), encoding="utf-8")
    assert steps.calendar_warning(home, engine(home), batch) == (
        f"The value date of {batch.batch_id}, 2011-01-05, is counted by the bank calendar US-ACH, which tells no day "
        "of 2011: `weekend` and `holidays` of [payouts] hold instead; deliver the calendar, or correct its name."
    )
    (question, *_) = desk.ask(home, "ann", PROPOSED, PROPOSED).questions
    assert "**Warning:** The value date of" in question.body
