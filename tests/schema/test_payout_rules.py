"""The database's rules of payouts, attacked by SQL past the program, on both databases."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import written_rows
from payout_home import (
    APPROVED,
    RELEASED,
    RETAIL,
    approved,
    made_home,
    proposed,
    released,
    with_account,
)

from settlement import books, payout_books
from settlement.errors import RetryableError, TerminalError
from settlement.model.payout import Batch
from settlement.schema.payout_rules import ACCOUNT_STEPS, BATCH_STEPS
from settlement.store import Home

STATES = ("none", "proposed", "approved", "rejected", "released", "sent", "acknowledged", "failed", "returned")
DUES = ((RETAIL, "A", 100_00), (RETAIL, "B", 250_00))
EVENT = (
    "INSERT INTO payout_event VALUES ('{batch}', {number}, '{was}', '{state}', '{person}', '{moment}', '{digest}', 'x')"
)


@pytest.fixture
def home(own_home: Callable[[str, Callable[[Path], object]], Home]) -> Home:
    return own_home("two_due", _two_due)


def _two_due(root: Path) -> None:
    home = made_home(root, DUES)
    for partner in "AB":
        with_account(home, partner)


def write(home: Home, *statements: str) -> None:
    written_rows.write(books.connect(home), *statements)


def refuses(home: Home, *statements: str) -> None:
    with pytest.raises((TerminalError, RetryableError)):
        write(home, *statements)


def event(batch: Batch, state: str, person: str = "dora", **parts: object) -> str:
    last = batch.steps[-1]
    plain = {
        "batch": batch.batch_id, "number": last.number + 1, "was": last.state, "state": state, "person": person,
        "moment": RELEASED, "digest": batch.digest,
    }  # fmt: skip
    return EVENT.format(**plain | parts)


def booked(key: str, kind: str, corrects: str, *postings: tuple[str, int]) -> tuple[str, ...]:
    """The statements that book an entry in dollars."""
    lines = [
        f"INSERT INTO posting VALUES ('{key}', {line}, '{account}', 'USD', {amount})"
        for line, (account, amount) in enumerate(postings, start=1)
    ]
    return (*lines, f"INSERT INTO entry VALUES ('{key}', '2011-01-01', '{kind}', 'x', {corrects})")


def due(partner: str) -> str:
    return f"liability:payable:{RETAIL}:{partner}:due"


def transit(payment: str) -> str:
    return f"asset:transit:4400100:{payment}"


def test_no_step_is_skipped_invented_repeated_or_dated_back(home: Home) -> None:
    batch = approved(home, proposed(home), "cem")
    for was in STATES:
        for state in STATES:
            if (was, state) not in BATCH_STEPS or was != "approved":
                refuses(home, event(batch, state, was=was))
    refuses(home, event(batch, "approved", number=2))
    refuses(home, event(batch, "approved", number=9))
    refuses(home, event(batch, "approved", moment="2010-01-01T00:00:00Z"))
    refuses(home, event(batch, "approved", moment="yesterday"))
    refuses(home, event(batch, "approved", digest="0" * 64))
    refuses(home, event(batch, "approved", person="Dora "))
    refuses(home, event(batch, "approved", person="cem"))
    refuses(home, event(batch, "approved", person="ann"))
    assert payout_books.one_batch(books.connect(home), batch.batch_id).steps == batch.steps
    write(home, event(batch, "approved"))


def test_a_release_needs_its_file_its_entry_and_two_people(home: Home) -> None:
    batch = proposed(home)
    refuses(home, event(batch, "released"))
    batch = approved(home, batch, "cem")
    refuses(home, event(batch, "released"))
    first, second = (transit(f"P000001-00{number}") for number in (1, 2))

    def release(*postings: tuple[str, int]) -> tuple[str, ...]:
        return booked("payout/P000001", "payout", "NULL", *postings)

    entry = release((due("A"), 100_00), (due("B"), 250_00), (first, -100_00), (second, -250_00))
    file = "INSERT INTO payout_file VALUES ('P000001', 'n', '0', '0')"
    refuses(home, *entry, event(batch, "released"))
    refuses(home, file, event(batch, "released"))
    refuses(home, *entry, file, event(batch, "released", person="ann"))
    for wrong in (
        release((due("A"), 100_00), (due("B"), 250_01), (first, -100_00), (second, -250_01)),
        release((due("A"), 100_01), (due("B"), 249_99), (first, -100_00), (second, -250_00)),
        release((due("A"), 100_00), (due("B"), 250_00), (first, -350_00)),
        release(("equity:opening", 350_00), (first, -100_00), (second, -250_00)),
    ):
        refuses(home, *wrong, file, event(batch, "released"))
    write(home, *entry, file, event(batch, "released"))


def test_a_proposed_batch_is_sealed_and_a_statement_is_paid_once_as_it_was_booked(home: Home) -> None:
    batch = proposed(home)
    key, account = f"close/{RETAIL}/2010-Q4/A", f"liability:payable:{RETAIL}:A:due"
    one = batch.payouts[0]
    refuses(home, f"INSERT INTO payout VALUES ('X', '{batch.batch_id}', 'A', '{one.account.account_id}', 5, 'x', NULL)")
    refuses(home, f"INSERT INTO payout_statement VALUES ('{one.payment_id}', 'close/{RETAIL}/2010-Q4/B', 'x', 1)")
    other = (
        f"INSERT INTO payout_batch VALUES ('P9', 9, '2010-12-31', 'USD', '2011-01-04', 'x', 1, {{}}, '{'0' * 64}')",
        f"INSERT INTO payout VALUES ('P9-1', 'P9', 'A', '{one.account.account_id}', {{}}, 'x', NULL)",
        f"INSERT INTO payout_statement VALUES ('P9-1', '{key}', '{account}', {{}})",
    )
    flag = "true" if books.connect(home).dialect.name == "postgresql" else "1"
    first = f"INSERT INTO payout_event VALUES ('P9', 1, 'none', 'proposed', 'ann', '{APPROVED}', '{'0' * 64}', '')"
    refuses(home, other[0].format(flag), other[1].format(10000), other[2].format(10000), first)
    write(home, event(batch, "rejected"))
    refuses(home, other[0].format(flag), other[1].format(10001), other[2].format(10001), first)
    refuses(home, other[0].format(flag), other[1].format(10001), other[2].format(10000), first)
    refuses(home, other[0].format(flag), first)
    refuses(
        home, other[0].format(flag), other[1].format(10000), other[2].format(10000).replace(":due", ":carried"), first
    )
    write(home, other[0].format(flag), other[1].format(10000), other[2].format(10000), first)


def test_money_comes_back_once_and_by_an_entry_that_corrects_its_payout(home: Home) -> None:
    batch = released(home)
    reply = "INSERT INTO payout_reply VALUES ('s', 'n', 'r', 'fay', '2011-01-05T10:00:00Z', '0')"
    status = "INSERT INTO payout_status VALUES ('s', {}, '{}', 'n', 'RETURNED', 'x', 'x', NULL, NULL, 'back', {})"
    payment = batch.payouts[0].payment_id
    refuses(home, reply, status.format(1, payment, "NULL"))
    refuses(home, reply, status.format(1, payment, f"'close/{RETAIL}/2010-Q4/A'"))

    def back(amount: int, again: int | None = None, account: str = due("A")) -> tuple[str, ...]:
        rest = () if again is None else (("equity:opening", again - amount),)
        owed = amount if again is None else again
        kind = "payout_back" if amount == 100_00 else "payout_part"
        return booked("k", kind, "'payout/P000001'", (transit(payment), amount), (account, -owed), *rest)

    for wrong in (back(99_99), back(100_01), back(100_00, 99_99), back(100_00, account=due("B"))):
        refuses(home, *wrong, reply, status.format(1, payment, "'k'"))
    refuses(home, *back(100_00), reply, status.format(1, payment, "'k'"), status.format(2, payment, "'k'"))
    part = status.replace("NULL, NULL", "{}, 'USD'")
    for amount, told in ((60_00, 59_99), (100_01, 100_01), (0, 0)):
        refuses(home, *back(amount), reply, part.format(1, payment, told, "'k'"))
    refuses(home, *back(100_00), reply, part.format(1, payment, 60_00, "'k'"))
    write(home, *back(60_00), reply, part.format(1, payment, 60_00, "'k'"))
    # The rest was paid: what the part's statement made due is paid by no other batch.
    assert [one.amount_minor for one in proposed(home).payouts] == [60_00]


def test_a_bank_statement_shows_a_payment_once_whole_and_off_suspense(home: Home) -> None:
    batch = released(home)
    payment, suspense = batch.payouts[0].payment_id, "asset:suspense:cash:2011-01-05/s#1"
    row = "INSERT INTO payout_cash VALUES ('{}', '{}', '2011-01-05/s', 1, 'k', 'fay', '2011-01-05T10:00:00Z')"
    debit, credit = row.format(payment, "debit"), row.format(payment, "credit")

    def cash(amount: int, account: str = suspense, of: str = payment) -> tuple[str, ...]:
        return booked("k", "payout_cash", "NULL", (transit(of), amount), (account, -amount))

    refuses(home, debit)
    for wrong in (cash(99_99), cash(-100_00), cash(100_00, "equity:opening"), cash(100_00, of="P000001-002")):
        refuses(home, *wrong, debit)
    refuses(home, *cash(-100_00), credit)
    refuses(home, *cash(100_00), debit, debit)
    write(home, *cash(100_00), debit)
    reply = "INSERT INTO payout_reply VALUES ('s', 'n', 'r', 'fay', '2011-01-05T10:00:00Z', '0')"
    rejected = (
        f"INSERT INTO payout_status VALUES ('s', 1, '{payment}', 'n', 'REJECTED', 'x', 'x', NULL, NULL, 'back', 'b')"
    )
    again = booked("b", "payout_back", "'payout/P000001'", (transit(payment), 100_00), (due("A"), -100_00))
    # What was debited comes back by a rejection as by a return, and its statement is due again as it was before.
    write(home, *again, reply, rejected)
    account = batch.payouts[0].account.account_id
    flag = "true" if books.connect(home).dialect.name == "postgresql" else "1"

    def paid(*keys: str) -> list[str]:
        digest, total = "0" * 64, 100_00 * len(keys)
        return [
            f"INSERT INTO payout_batch VALUES ('P9', 9, '2010-12-31', 'USD', '2011-01-04', 'x', 1, {flag}, '{digest}')",
            f"INSERT INTO payout VALUES ('P9-1', 'P9', 'A', '{account}', {total}, 'x', NULL)",
            *(f"INSERT INTO payout_statement VALUES ('P9-1', '{key}', '{due('A')}', 10000)" for key in keys),
            f"INSERT INTO payout_event VALUES ('P9', 1, 'none', 'proposed', 'ann', '{RELEASED}', '{digest}', '')",
        ]

    close = f"close/{RETAIL}/2010-Q4/A"
    refuses(home, *paid(close, "b"))
    refuses(home, *paid("b"))
    write(home, *paid(close))


def test_accounts_take_no_step_that_is_not_allowed_and_none_alone(home: Home) -> None:
    account = with_account(home, "C")
    states = ("none", "proposed", "approved", "rejected", "closing", "closed")

    def step(state: str, person: str = "dora", was: str = "approved", usable: str = "NULL", number: int = 3) -> str:
        values = f"'{account.account_id}', {number}, '{was}', '{state}', '{person}', '{APPROVED}', {usable}"
        return f"INSERT INTO bank_account_event VALUES ({values})"

    for was in states:
        for state in states:
            if (was, state) not in ACCOUNT_STEPS or was != "approved":
                refuses(home, step(state, was=was, usable="'2011-01-01'" if state == "approved" else "NULL"))
    again = "INSERT INTO bank_account VALUES ('other', 'C', 'USD', 'C', '{}')"
    first = f"INSERT INTO bank_account_event VALUES ('other', 1, 'none', 'proposed', 'ann', '{APPROVED}', NULL)"
    refuses(home, again, first)
    write(home, step("closing"))
    refuses(home, step("closed", was="closing", number=4))
    write(home, step("closed", person="fay", was="closing", number=4))


def test_checks_are_not_added_or_overridden_where_it_is_not_declared(home: Home) -> None:
    programme = home.config / "programme.toml"
    programme.write_text(programme.read_text().replace("may_override = true", "may_override = false"))
    batch = proposed(home)
    word = f"INSERT INTO payout_word VALUES ('{batch.batch_id}', '{{}}', {{}}, '{{}}', '{APPROVED}', 'x')"
    refuses(home, word.format("2010-12-31", 1, "dora"))
    flag = "false" if books.connect(home).dialect.name == "postgresql" else "0"
    check = f"INSERT INTO payout_check VALUES ('{batch.batch_id}', '2011-01-01', 'A', 'c', {flag}, 0, 1, 'x')"
    refuses(home, check)


def test_a_word_is_of_the_last_look_and_looks_count_on(home: Home) -> None:
    batch = proposed(home)
    flag = "true" if books.connect(home).dialect.name == "postgresql" else "1"
    again = f"INSERT INTO payout_check_again VALUES ('{batch.batch_id}', '{{}}', {{}}, 'A', 'c', {flag}, 0, 1, 'x')"
    word = f"INSERT INTO payout_word VALUES ('{batch.batch_id}', '{{}}', {{}}, '{{}}', '{APPROVED}', 'x')"
    refuses(home, f"INSERT INTO payout_override VALUES ('{batch.batch_id}', 'dora', '{APPROVED}', 'x')")
    refuses(home, word.format("2010-12-31", 1, "ann"))
    write(home, word.format("2010-12-31", 1, "dora"))
    for night, look in (("2010-12-31", 1), ("2010-12-31", 3), ("2010-12-30", 2), ("2011-01-01", 2)):
        refuses(home, again.format(night, look))
    write(home, again.format("2010-12-31", 2))
    for night, look in (("2010-12-31", 1), ("2010-12-31", 3), ("2011-01-01", 1)):
        refuses(home, word.format(night, look, "cem"))
    write(home, word.format("2010-12-31", 2, "cem"))
