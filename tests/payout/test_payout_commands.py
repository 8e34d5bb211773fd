"""Bank accounts and payouts through their commands, as finance operations meet them."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
from made_replies import report, returned
from payout_home import ABROAD, DUES, NIGHT, RETAIL, bank_entry, bank_shows, made_home, released, settle, with_account
from typer.testing import CliRunner, Result

from settlement import account_books, books, payout_books
from settlement.cli import commands
from settlement.errors import TerminalError
from settlement.model.steps import moment_from
from settlement.store import Home

DAY = "2011-01-{:02}T09:00:00+00:00"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return made_home(tmp_path / "home", DUES)


def call(home: Home, *words: str, by: str | None = None, day: int | None = None) -> Result:
    more = [*(("--by", by) if by else ()), *(("--at", DAY.format(day)) if day else ())]
    return CliRunner().invoke(commands(words[:1]), [*words, "--home", str(home.root), *more])


def says(home: Home, *words: str, by: str | None = None, day: int | None = None) -> str:
    done = call(home, *words, by=by, day=day)
    assert done.exit_code == 0, (done.output, done.exception)
    return done.output


def refused(home: Home, *words: str, by: str | None = None, day: int | None = None) -> str:
    done = call(home, *words, by=by, day=day)
    assert isinstance(done.exception, TerminalError), done.output
    return str(done.exception)


def test_an_account_is_opened_and_closed_by_two_people_and_its_number_is_not_shown(home: Home) -> None:
    number = ("--number", "000123456789", "--country", "US", "--clearing", "USABA", "--bank", "091000019")
    words = ("accounts", "propose", "MERIDIAN-AIR", "--currency", "USD", "--holder", "Meridian Air")
    assert "either --iban, or --number" in refused(home, *words, by="ann", day=3)
    assert "has 21 characters" in refused(home, *words, "--iban", "DE8937040044053201300", by="ann", day=3)
    said = says(home, *words, *number, "--kind", "checking", by="Ann ", day=3)
    (account,) = account_books.accounts(books.connect(home))
    assert "is proposed: another person approves it" in said
    assert "cannot approve it" in refused(home, "accounts", "approve", account.account_id, by="ann")
    said = says(home, "accounts", "approve", account.account_id, by="bea")
    (account,) = account_books.accounts(books.connect(home))
    approved_on = moment_from(account.steps[-1].moment).date()
    assert account.usable_from == approved_on + timedelta(days=3)
    assert f"is paid to from {account.usable_from} on" in said
    listed = says(home, "accounts", "list")
    assert "...6789" in listed
    assert "000123456789" not in listed
    assert "nothing is paid to it" in says(home, "accounts", "close", account.account_id, by="ann")
    assert "cannot confirm" in refused(home, "accounts", "close", account.account_id, by="ann")
    assert "it is no more" in says(home, "accounts", "close", account.account_id, by="bea")
    assert "There is no bank account 'x'" in refused(home, "accounts", "close", "x", by="bea")


def test_a_batch_through_all_of_its_commands(home: Home, tmp_path: Path) -> None:
    assert "no bank account is known" in refused(home, "payouts", "propose", by="ann", day=3)
    for _, partner, _ in DUES:
        with_account(home, partner, ABROAD)
    said = says(home, "payouts", "propose", by="ann", day=3)
    assert "P000001" in said
    assert "56136.05 USD" in said
    assert "all that is due is in a batch already" in refused(home, "payouts", "propose", by="ann", day=3)
    shown = says(home, "payouts", "show", "P000001")
    batch = payout_books.one_batch(books.connect(home), "P000001")
    for part in (batch.digest, "HARBOR-RETAIL", "12613.53 USD", "first payout", "C2-RET-COBRAND 2010-Q4", "0 of 2"):
        assert part in shown.replace("\n", " "), part
    wrong = ("payouts", "approve", "P000001", "--digest", "00")
    assert "approve what you have seen" in refused(home, *wrong, by="cem", day=3)
    said = says(home, "payouts", "approve", "P000001", "--digest", batch.digest[:10], by="cem", day=3)
    assert "1 more approval is needed" in said
    said = says(home, "payouts", "approve", "P000001", "--digest", batch.digest, by="dora", day=3)
    assert "`settle payouts release` goes on" in said
    assert "its value date 2011-01-04 has passed" in refused(home, "payouts", "release", "P000001", by="cem", day=5)
    assert "is sent" in says(home, "payouts", "release", "P000001", by="cem", day=4)
    assert "is sent" in says(home, "payouts", "send", "P000001", by="cem", day=4)
    assert "is sent" in refused(home, "payouts", "reject", "P000001", "--reason", "late", by="cem", day=4)
    answer, back = tmp_path / "answer.xml", tmp_path / "back.xml"
    answer.write_bytes(report(batch, *((one.payment_id, "ACSC") for one in batch.payouts)))
    assert says(home, "payouts", "read", str(answer), by="fay", day=5).count("ACCEPTED") == 3
    assert "read before, nothing is done twice" in says(home, "payouts", "read", str(answer), by="fay", day=5)
    back.write_bytes(returned("P000001-001", "2.00"))
    assert "2.00 USD came back, the rest stays paid" in says(home, "payouts", "read", str(back), by="fay", day=6)
    back.write_bytes(returned("P000001-001", "1.00"))
    assert "1.00 USD came back, the rest stays paid" in says(home, "payouts", "read", str(back), by="fay", day=6)
    back.write_bytes(returned("P000001-001", "99999.00"))
    assert "1 of what the bank tells moved nothing" in refused(home, "payouts", "read", str(back), by="fay", day=6)
    listed = says(home, "payouts", "list", "--state", "acknowledged")
    assert "1 batches." in listed
    said = says(home, "payouts", "check")
    assert "USD: earned 56136.05 = paid 56133.05 + due 3.00" in said


def test_a_change_against_the_payout_before_is_told(home: Home) -> None:
    with_account(home, "HARBOR-RETAIL", ABROAD)
    for number, day in ((1, 3), (2, 5)):
        says(home, "payouts", "propose", by="ann", day=day)
        name = f"P00000{number}"
        digest = payout_books.one_batch(books.connect(home), name).digest
        if number == 2:
            assert "-12513.53" in says(home, "payouts", "show", name)
        says(home, "payouts", "approve", name, "--digest", digest, by="cem", day=day)
        says(home, "payouts", "release", name, by="cem", day=day)
        night = date(2011, 1, number)
        settle(home, night, [(RETAIL, "HARBOR-RETAIL", 100_00)], night.isoformat())


def test_a_rejected_batch_says_why_and_a_failing_check_is_overridden_by_two(home: Home) -> None:
    with_account(home, "MERIDIAN-AIR", ABROAD)
    programme = home.config / "programme.toml"
    programme.write_text(programme.read_text().replace('programme = "AIR"\nfeeds', 'programme = "OTHER"\nfeeds', 1))
    says(home, "payouts", "propose", by="ann", day=3)
    assert "feeds_declared" in says(home, "payouts", "show", "P000001")
    digest = payout_books.one_batch(books.connect(home), "P000001").digest
    says(home, "payouts", "approve", "P000001", "--digest", digest, by="cem", day=3)
    sentence = refused(home, "payouts", "release", "P000001", by="cem", day=3)
    assert "feeds_declared of MERIDIAN-AIR fails, declare [[payouts.rests_on]] for AIR" in sentence
    said = says(home, "payouts", "override", "P000001", "--reason", "seen", by="cem", day=3)
    assert "1 of 2 persons" in said
    assert "Give a reason" in refused(home, "payouts", "override", "P000001", "--reason", " ", by="dora", day=3)
    says(home, "payouts", "reject", "P000001", "--reason", "declared wrong", by="dora", day=3)
    assert "(declared wrong)" in says(home, "payouts", "show", "P000001")
    assert "is rejected: what it would have paid is due" in refused(
        home, "payouts", "release", "P000001", by="cem", day=3
    )


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("[payouts]", "[other]", r"declares no \[payouts\]"),
        ('minimum = "50.00"', 'minimum = "50.001"', "'50.001' is no amount of USD"),
        ('bank = "021000021", number', 'bank = "021000022", number', "fails its check digit"),
        ('entry_class = "CCD"', 'entry_klass = "CCD"', "'entry_klass' is nothing that is agreed with a bank"),
        ("value_days = 1", "value_days = -1", "payouts.value_days"),
        ('iban = "FR14', 'ibn = "FR14', "lacks a field, or has one that accounts have not"),
    ],
)
def test_a_wrong_declaration_is_told_by_its_place(home: Home, old: str, new: str, sentence: str) -> None:
    programme = home.config / "programme.toml"
    text = programme.read_text()
    assert old in text
    head, _, tail = text.partition("[payouts]")
    whole = (head, f"[payouts]{tail}")
    if old == "[payouts]":
        programme.write_text(head)
    else:
        programme.write_text(whole[0] + whole[1].replace(old, new, 1))
    with_account(home, "MERIDIAN-AIR")
    with pytest.raises(TerminalError, match=sentence):
        raise TerminalError(refused(home, "payouts", "propose", by="ann", day=3))


def test_moments_and_names_that_are_none(home: Home) -> None:
    assert "is no moment" in str(call(home, "payouts", "propose", "--at", "now", by="ann").exception)
    assert "is still to come" in refused(home, "payouts", "propose", "--at", "2999-01-03T09:00:00Z", by="ann")
    assert "must tell its offset" in str(
        call(home, "payouts", "propose", "--at", "2011-01-03T09:00:00", by="ann").exception
    )
    assert "Say who does this" in refused(home, "payouts", "propose", by=" ", day=3)
    assert "There is no payout batch 'x'" in refused(home, "payouts", "show", "x")


def test_the_bank_statement_is_tied_and_names_what_stays(home: Home) -> None:
    with_account(home, "MERIDIAN-AIR", ABROAD)
    batch = released(home)
    paid = bank_entry(-batch.total_minor, message_id="P000001")
    bank_shows(home, NIGHT + timedelta(days=1), paid, paid)
    assert "Entry 2 of 2011-01-01/statement.xml stays on suspense" in refused(home, "payouts", "tie", by="fay", day=5)
    done = call(home, "payouts", "tie", by="fay", day=5)
    assert "0 bank entries taken, 1 left on suspense." in done.output
    assert "MERIDIAN-AIR" in (shown := says(home, "payouts", "show", "P000001"))
    assert "debited" in shown
    assert "bank statements show all of it" in shown
    assert "paid 34500.00" in says(home, "payouts", "check")


def test_entries_that_wait_for_each_other_alone_ask_for_nobody(home: Home) -> None:
    with_account(home, "MERIDIAN-AIR", ABROAD)
    batch = released(home)
    answer = home.root / "answer.xml"
    answer.write_bytes(returned("P000001-001", "34500.00"))
    says(home, "payouts", "read", str(answer), by="fay", day=5)
    bank_shows(home, NIGHT + timedelta(days=1), bank_entry(-batch.total_minor, message_id="P000001"))
    said = says(home, "payouts", "tie", by="fay", day=5)
    assert "it is taken together with that" in " ".join(said.split())
    assert "0 bank entries taken, 1 left on suspense." in said
