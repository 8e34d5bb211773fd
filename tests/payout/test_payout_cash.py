"""What bank statements show of our payments is taken off suspense by name and amount; all else stays, and says why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from made_replies import LATER, read, report, returned
from payout_home import (
    ABROAD,
    NIGHT,
    PAYS_ABROAD,
    PROPOSED,
    RELEASED,
    RETAIL,
    approved,
    balance,
    bank_entry,
    bank_shows,
    closing,
    made_home,
    released,
    table,
    with_account,
)

from settlement import balances, books, payout_books
from settlement.model.payout import Batch, BatchId, BatchState
from settlement.payout import cash, conservation, steps
from settlement.payout.bank_entries import BankEntry
from settlement.payout.judged import named
from settlement.store import Home

DUES = ((RETAIL, "A", 100_00), (RETAIL, "D", 250_00), (RETAIL, "U", 70_00), (RETAIL, "V", 80_00))
PAYS = "4400100"
"""The account of the NACHA batch P000001, of U and V; P000002 goes abroad by pain.001, to A and D."""
FIRST = NIGHT + timedelta(days=1)


def account_of(partner: str) -> object:
    return ABROAD if partner in "AD" else None


def home_of(root: Path, dues: tuple[tuple[str, str, int], ...]) -> Home:
    home = made_home(root, dues)
    for _, partner, _ in dues:
        with_account(home, partner, account_of(partner))
    return home


@pytest.fixture(scope="module")
def batches(tmp_path_factory: pytest.TempPathFactory) -> list[Batch]:
    """Both batches, of which the NACHA one has gone out balanced."""
    home = home_of(tmp_path_factory.mktemp("cash") / "home", DUES)
    programme = home.config / "programme.toml"
    programme.write_text(
        programme.read_text().replace('description = "PAYOUT"', 'description = "PAYOUT"\nbalanced = true')
    )
    engine = books.connect(home)
    for batch in steps.propose(home, engine, "ann", PROPOSED).batches:
        approved(home, batch, "cem")
        steps.release(home, engine, batch.batch_id, "cem", RELEASED)
    return payout_books.batches(engine)


def entry(amount_minor: int, *names: str, at: int = 0, account: str = PAYS_ABROAD, **other: object) -> BankEntry:
    """An entry that tells names in the at-th surest place."""
    places = [(), (), ()]
    places[at] = names
    plain = {"statement": "2011-01-05/s.xml", "entry": 1, "entry_ref": "R", "currency": "USD", "reversal": False}
    return BankEntry(**plain | {"account": account, "amount_minor": amount_minor, "names": tuple(places)} | other)


def meant(batches: list[Batch], *entries: BankEntry) -> list[tuple[str, str]]:
    return [(named(one.meant), one.why) for one in cash.judged(entries, batches)]


def places(*names: tuple[str, ...]) -> BankEntry:
    """An entry of 100.00 that tells these names, the surest place first."""
    return replace(entry(-100_00), names=names)


U_TRACE, OFFSET, NACHA_BATCH = "021000020000001", "021000020000003", "021000020000001"


@pytest.mark.parametrize(
    ("shown", "payments"),
    [
        (entry(-100_00, "P000002-001"), "P000002-001"),
        (entry(-350_00, "P000002", at=1), "P000002"),
        (entry(-250_00, "NONREF?", "PAYMENT", "P000002-002", at=2), "P000002-002"),
        (entry(-70_00, U_TRACE, account=PAYS), "P000001-001"),
        (entry(-150_00, NACHA_BATCH, account=PAYS), "P000001"),
        (entry(-150_00, OFFSET, at=2, account=PAYS), "P000001"),
        (entry(-350_00, parts=((("P000002-002",), -250_00), (("P000002-001",), None))), "P000002"),
        (places((), ("P000002",), ("P000002-001",)), "P000002-001"),
        (places((), (), ("P000002-7", "P000002-001")), "P000002-001"),
        (places((), (), ("P000002", "C2-RET-COBRAND", "2010-Q4")), "P000002-001"),
    ],
)
def test_an_entry_is_taken_by_any_name_that_a_bank_may_use(
    batches: list[Batch], shown: BankEntry, payments: str
) -> None:
    assert meant(batches, shown) == [(payments, "")]


@pytest.mark.parametrize(
    ("shown", "payments", "why"),
    [
        (entry(-99_99, "P000002-001"), "P000002-001", "it is of 99.99 USD, and P000002-001 of 100.00 USD"),
        (entry(-100_00, "P000002-009"), "P000002", "it names P000002-009, which P000002 does not order"),
        (entry(-100_00, "OTHER"), "P000002-001", "it names no payment; the nearest is P000002-001 of 100.00 USD"),
        (entry(-100_00, "P000002-001", account=PAYS), "P000002-001", "on the account 4400100"),
        (entry(-100_00, "P000002-001", currency="EUR"), "P000002-001", "it is in EUR, and P000002-001 in USD"),
        (entry(-100_00, "P000002-001", reversal=True), "P000002-001", "it takes back an earlier entry"),
        (entry(100_00, "P000002-001"), "P000002-001", "no answer of the bank says that P000002-001 came back"),
        (entry(-350_00, parts=((("P000002-002",), -250_00), (("X",), -100_00))), "P000002-002", "its part X is no"),
    ],
)
def test_an_entry_that_does_not_fit_stays_with_the_nearest_payment(
    batches: list[Batch], shown: BankEntry, payments: str, why: str
) -> None:
    ((named, said),) = meant(batches, shown)
    assert named == payments
    assert why in said


def test_a_payment_that_is_told_twice_in_one_entry_is_not_taken_twice(batches: list[Batch]) -> None:
    part = (("P000002-001",), -100_00)
    ((_, why),) = meant(batches, entry(-200_00, parts=(part, part)))
    assert why == "its parts name P000002-001 twice: ask the bank"
    ((_, why),) = meant(batches, entry(-150_00, parts=((("P000002-002",), -250_00), (("P000002-001",), 100_00))))
    assert "its part P000002-001 is no payment" in why


def test_what_has_nothing_to_do_with_payments_is_left_out(batches: list[Batch]) -> None:
    assert meant(batches, entry(100_00, "OTHER"), entry(-100_00, "OTHER", account="ELSEWHERE")) == []
    assert cash.judged([entry(-100_00, "P000002-001")], []) == []


def test_the_second_debit_of_one_payment_stays(batches: list[Batch]) -> None:
    twice = [entry(-100_00, "P000002-001", entry=number) for number in (2, 1)]
    first, second = cash.judged(twice, batches)
    assert (first.entry.entry, first.why) == (1, "")
    assert "shows P000002-001 already" in second.why
    whole = entry(-350_00, "P000002", entry=3)
    assert "shows P000002-001 already" in cash.judged([*twice, whole], batches)[-1].why


def test_one_name_of_two_things_is_decided_by_the_amount_or_not_at_all(batches: list[Batch]) -> None:
    nacha, abroad = batches
    # A later NACHA batch whose number is that of a trace before.
    other = replace(nacha, batch_id=BatchId("P000009"), payouts=(replace(nacha.payouts[0], payment_id="P000009-001"),))
    ((_, why),) = meant([nacha, other, abroad], entry(-70_00, U_TRACE, account=PAYS))
    assert why.startswith("it may be P000001-001 and P000009")


def test_a_batch_alone_names_one_of_its_payments_where_only_one_has_the_amount(batches: list[Batch]) -> None:
    nacha, abroad = batches
    twins = replace(abroad, payouts=tuple(replace(one, amount_minor=100_00) for one in abroad.payouts))
    shown = places((), (), ("P000002", "2010-Q4"))
    assert meant([nacha, twins], shown) == [
        ("P000002-001", "it may be P000002-001 and P000002-002: ask the bank which")
    ]
    gone = replace(abroad, payouts=(replace(abroad.payouts[0], debited=True), abroad.payouts[1]))
    assert meant([gone], shown) == [
        ("P000002-001", "P000002-001 was debited before: ask the bank for the second debit back")
    ]
    ((_, why),) = meant(batches, places((), ("P000002",), ("P000002-002",)))
    assert "of 100.00 USD, and P000002-002 of 250.00 USD" in why


def test_a_batch_that_did_not_go_out_takes_no_debit(batches: list[Batch]) -> None:
    _, abroad = batches
    rejected = replace(abroad, steps=(*abroad.steps[:1], replace(abroad.steps[1], state=BatchState.REJECTED)))
    ((_, why),) = meant([rejected], entry(-350_00, "P000002", at=1))
    assert why == "it names P000002-001 of P000002, which is rejected in the books and not sent"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A batch P000001 of A and D abroad, which has gone out."""
    home = home_of(tmp_path / "home", DUES[:2])
    released(home)
    return home


def tie(home: Home) -> list[str]:
    return [one.why for one in cash.tie(home, books.connect(home), "fay", LATER)]


def stands(home: Home) -> tuple[int, int]:
    """What is in transit and on suspense, where every law holds."""
    assert conservation.broken(books.connect(home)) == []
    return balance(home, "asset:transit"), balance(home, "asset:suspense")


def test_a_debit_is_taken_once_and_the_books_know_it(tmp_path: Path, on_each_database: object) -> None:
    home = home_of(tmp_path / "home", DUES[:2])
    released(home)
    bank_shows(home, FIRST, bank_entry(-100_00, end_to_end_id="P000001-001"), bank_entry(-250_00, end_to_end_id="X"))
    assert stands(home) == (-350_00, 350_00)
    expected = ["", "it names no payment; the nearest is P000001-002 of 250.00 USD"]
    assert tie(home) == expected
    assert stands(home) == (-250_00, 250_00)
    assert tie(home) == expected[1:]
    engine = books.connect(home)
    batch = payout_books.one_batch(engine, "P000001")
    assert [(one.debited, one.settled) for one in batch.payouts] == [(True, True), (False, False)]
    (standing,) = conservation.standing(engine)
    assert (standing.paid_minor, standing.in_transit_minor) == (100_00, 250_00)
    (item,) = [one for one in balances.open_items(home, FIRST, books.balances_now(engine, FIRST)) if "X" not in one.text
               and one.balance.account.startswith("asset:suspense")]  # fmt: skip
    assert item.text.endswith("is explained by no file; it names no payment; the nearest is P000001-002 of 250.00 USD")


def test_what_the_books_refuse_stays_and_holds_up_no_other(home: Home) -> None:
    engine = books.connect(home)
    with books.transaction(engine) as connection:
        connection.exec_driver_sql(
            "CREATE TRIGGER strict BEFORE INSERT ON payout_cash WHEN NEW.payment_id = 'P000001-001' AND "
            "NEW.way = 'debit' BEGIN SELECT RAISE(ABORT, 'no'); END"
        )
    read(home, returned("P000001-001", "60.00"))
    shown = {"end_to_end_id": "P000001-001"}
    bank_shows(
        home, FIRST, bank_entry(60_00, **shown), bank_entry(-100_00, **shown),
        bank_entry(-250_00, end_to_end_id="P000001-002"),
    )  # fmt: skip
    held, refused, taken = tie(home)
    assert (held, taken) == ("no bank entry shows yet that P000001-001 left: it is taken together with that", "")
    assert refused == "the database refuses it (no): `settle payouts check`"
    assert stands(home) == (-40_00, 40_00)
    # What somebody has booked under the entry's key is another refusal.
    bank_shows(home, FIRST + timedelta(days=1), bank_entry(-100_00, **shown))
    other = closing(RETAIL, "A", 5, FIRST + timedelta(days=1), "2011-Q1")[0]
    with books.transaction(engine) as connection:
        connection.exec_driver_sql("DROP TRIGGER strict")
        books.book(connection, [replace(other, key=f"payout_cash/{FIRST}/statement.xml/2")])
    _, refused, _ = tie(home)
    assert "is booked with other amounts" in refused


def test_transactions_that_a_notification_tells_name_what_an_entry_pays(home: Home) -> None:
    bank_shows(home, FIRST, bank_entry(-100_00, end_to_end_id="BULK"), bank_entry(-250_00))
    file = f"{FIRST}/camt054.xml"
    names = ("P000001-001", "P000001-002")
    details = [
        bank_entry(-amount, file=file, record=number, entry=number, end_to_end_id=name)
        for number, (amount, name) in enumerate(zip((100_00, 250_00), names, strict=True), start=1)
    ]
    table(home, "bank_detail", FIRST, *details)
    linked = {"file": file, "statement_file": f"{FIRST}/statement.xml"}
    states = ((1, "LINKED"), (2, "PARTIAL"))
    ties = [linked | {"entry": number, "statement_entry": number, "status": state} for number, state in states]
    table(home, "detail_tie", FIRST, *ties)
    assert tie(home) == ["", "it names no payment; the nearest is P000001-002 of 250.00 USD"]


def debit(home: Home, day: int) -> None:
    bank_shows(home, FIRST + timedelta(days=day), bank_entry(-350_00, payment_id="P000001"))


def credit(home: Home, day: int) -> None:
    bank_shows(home, FIRST + timedelta(days=day), bank_entry(60_00, end_to_end_id="P000001-001"))


def answer(home: Home, day: int) -> None:
    del day
    read(home, returned("P000001-001", "60.00"))


def all_come(home: Home, order: tuple[Callable[[Home, int], None], ...]) -> None:
    """What comes day by day leaves nothing in transit and nothing on suspense in the end."""
    for day, comes in enumerate(order):
        comes(home, day)
        tie(home)
        stands(home)
    assert stands(home) == (0, 0)


@pytest.mark.parametrize("order", [(debit, answer, credit), (answer, credit, debit), (credit, debit, answer)])
def test_debit_answer_and_credit_come_in_any_order(home: Home, order: tuple[Callable[[Home, int], None], ...]) -> None:
    all_come(home, order)
    assert balance(home, "liability:payable") == -60_00
    assert balance(home, f"asset:bank:{PAYS_ABROAD}") == -290_00


def test_a_debit_of_what_came_back_waits_for_its_credit_and_one_of_what_was_rejected_stays(home: Home) -> None:
    read(home, returned("P000001-001", "100.00"))
    bank_shows(home, FIRST, bank_entry(-100_00, end_to_end_id="P000001-001"))
    assert tie(home) == ["P000001-001 came back, and no bank entry shows yet how: it is taken together with that"]
    batch = payout_books.one_batch(books.connect(home), "P000001")
    read(home, report(batch, ("P000001-002", "RJCT")))
    bank_shows(home, FIRST + timedelta(days=1), bank_entry(-250_00, end_to_end_id="P000001-002"))
    assert "the bank rejected P000001-002 and shows a debit of it" in tie(home)[1]
    assert stands(home) == (0, 350_00)


def whole_credit(home: Home, day: int) -> None:
    bank_shows(home, FIRST + timedelta(days=day), bank_entry(100_00, end_to_end_id="P000001-001"))


def other_answer(home: Home, day: int) -> None:
    del day
    read(home, returned("P000001-001", "40.00"))


def other_credit(home: Home, day: int) -> None:
    bank_shows(home, FIRST + timedelta(days=day), bank_entry(40_00, end_to_end_id="P000001-001"))


@pytest.mark.parametrize(
    "order",
    [
        (debit, answer, credit, other_answer, other_credit),
        (other_credit, credit, answer, other_answer, debit),
        (answer, other_answer, debit, whole_credit),
    ],
)
def test_each_part_that_comes_back_is_credited_once_alone_or_with_the_others(
    home: Home, order: tuple[Callable[[Home, int], None], ...]
) -> None:
    all_come(home, order)
    assert balance(home, f"asset:bank:{PAYS_ABROAD}") == -250_00
    credit(home, 9)
    assert tie(home) == ["what came back of P000001-001 was credited before"]


def second(home: Home, day: int) -> None:
    bank_shows(home, FIRST + timedelta(days=day), bank_entry(-350_00, payment_id="P000001"))


def gives_back(home: Home, day: int) -> None:
    bank_shows(home, FIRST + timedelta(days=day), bank_entry(350_00, payment_id="P000001", reversal=True))


@pytest.mark.parametrize("order", [(debit, second, gives_back), (gives_back, debit, second)])
def test_a_second_debit_and_the_credit_that_gives_it_back_are_set_off(
    home: Home, order: tuple[Callable[[Home, int], None], ...]
) -> None:
    all_come(home, order)
    assert balance(home, f"asset:bank:{PAYS_ABROAD}") == -350_00
    second(home, 9)
    assert tie(home) == ["P000001-001 was debited before: ask the bank for the second debit back"]
    assert all(one.settled for one in payout_books.one_batch(books.connect(home), "P000001").payouts)


def test_a_credit_of_another_amount_or_account_gives_no_second_debit_back(batches: list[Batch]) -> None:
    twice = [entry(-100_00, "P000002-001", entry=number) for number in (1, 2)]
    for credited in (
        entry(99_99, "P000002-001", entry=3),
        entry(100_00, "P000002-001", entry=3, account=PAYS),
        entry(100_00, "P000002-002", entry=3),
    ):
        assert [one.against for one in cash.judged([*twice, credited], batches)] == [None] * 3
    fits = entry(100_00, "P000002-001", entry=3)
    assert [one.why == "" for one in cash.judged([*twice, fits], batches)] == [True] * 3
    assert [one.why == "" for one in cash.judged([*twice, twice[0], fits], batches)] == [True, True, False, True]


def rejection(home: Home, day: int) -> None:
    del day
    told = read(home, report(payout_books.one_batch(books.connect(home), "P000001"), ("P000001-001", "RJCT")))
    assert [status.effect for status in told.statuses] == ["back"]


@pytest.mark.parametrize(
    "order", [(debit, rejection, whole_credit), (rejection, debit, whole_credit), (whole_credit, rejection, debit)]
)
def test_what_is_debited_and_rejected_closes_with_its_credit_and_is_due(
    home: Home, order: tuple[Callable[[Home, int], None], ...]
) -> None:
    all_come(home, order)
    assert balance(home, "liability:payable") == -100_00
    assert all(one.settled for one in payout_books.one_batch(books.connect(home), "P000001").payouts)
    assert [one.amount_minor for one in steps.propose(home, books.connect(home), "ann", LATER).batches[0].payouts] == [
        100_00
    ]


def test_what_moved_money_is_no_statement_and_the_books_say_so_where_a_rule_was_dropped(home: Home) -> None:
    rejection(home, 0)
    engine = books.connect(home)
    batch = payout_books.one_batch(engine, "P000001")
    one, digest, day = batch.payouts[0], "0" * 64, f"'{NIGHT}', 'USD', '{FIRST}'"
    names = f"'payout_back/{one.payment_id}', '{one.statements[0].account}'"
    with books.transaction(engine) as connection:
        for statement in (
            "DROP TRIGGER payout_statement_as_booked",
            f"INSERT INTO payout_batch VALUES ('P9', 9, {day}, '{batch.debtor}', 1, 1, '{digest}')",
            f"INSERT INTO payout VALUES ('P9-1', 'P9', 'A', '{one.account.account_id}', 10000, 'x', NULL)",
            f"INSERT INTO payout_statement VALUES ('P9-1', {names}, 10000)",
            f"INSERT INTO payout_event VALUES ('P9', 1, 'none', 'proposed', 'ann', '{LATER}', '{digest}', '')",
        ):
            connection.exec_driver_sql(statement)
    assert conservation.broken(engine) == [
        "P9-1 pays payout_back/P000001-001, which is of kind payout_back and no statement."
    ]


def test_an_entry_that_waits_for_a_file_of_a_feed_is_none_of_ours_unless_it_names_us(home: Home) -> None:
    bank_shows(home, FIRST, bank_entry(-250_00, end_to_end_id="SCHEME"), bank_entry(-100_00))
    tied = home.partition("cash_tie", FIRST) / "part-00000.parquet"
    ties = pl.read_parquet(tied)
    waits = pl.when(pl.col("entry") == 1).then(pl.lit("FILE_PENDING")).otherwise("status")
    ties.with_columns(status=waits).write_parquet(tied)
    assert tie(home) == ["it names no payment; the nearest is P000001-001 of 100.00 USD"]
    later = FIRST + timedelta(days=1)
    bank_shows(home, later)
    table(home, "cash_tie", later, *ties.filter(pl.col("entry") == 1).to_dicts())
    assert "the nearest is P000001-002" in tie(home)[0]


def test_the_gate_knows_what_was_taken(home: Home) -> None:
    bank_shows(home, FIRST, bank_entry(-350_00, payment_id="P000001"), bank_entry(-5_00, end_to_end_id="X"))
    engine = books.connect(home)
    read(home, returned("P000001-001", "60.00"))
    # The proposal takes the debit first: nothing but the unknown entry counts, and the debit waits for its credit.
    (batch,) = steps.propose(home, engine, "ann", LATER).batches
    found = {check.name: check.figure for check in batch.checks}
    assert found["unexplained_cash"] == 355_00
    bank_shows(home, FIRST + timedelta(days=1), bank_entry(60_00, end_to_end_id="P000001-001"))
    steps.reject(engine, batch.batch_id, "cem", LATER, "again")
    (batch,) = steps.propose(home, engine, "ann", LATER).batches
    assert {check.figure for check in batch.checks if check.name == "unexplained_cash"} == {5_00}
