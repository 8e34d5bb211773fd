"""What no rule books two persons decide: it leaves suspense, what came back is due again, and every law holds."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
import written_rows
from made_replies import LATER, read, report, returned
from payout_home import (
    ABROAD,
    NIGHT,
    PAYS_ABROAD,
    RETAIL,
    balance,
    bank_entry,
    bank_shows,
    made_home,
    released,
    with_account,
)
from typer.testing import CliRunner

from settlement import balances, books, cli, decision_books, payout_books
from settlement.errors import RetryableError, TerminalError
from settlement.model.decision import Decision, DecisionState, Meaning
from settlement.payout import cash, conservation, decisions, steps
from settlement.payout.decisions import Proposed
from settlement.schema.decision_rules import DECISION_STEPS
from settlement.store import Home

FIRST = NIGHT + timedelta(days=1)
ENTRY = f"{FIRST}/statement.xml#1"


def made(root: Path) -> Home:
    """A batch P000001 of A with 100.00 and B with 250.00, which has gone out."""
    home = made_home(root, ((RETAIL, "A", 100_00), (RETAIL, "B", 250_00)))
    for partner in "AB":
        with_account(home, partner, ABROAD)
    released(home)
    return home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return made(tmp_path / "home")


def said(home: Home, subject: str, meaning: Meaning, *payments: str, **other: str) -> Decision:
    proposed = Proposed(subject=subject, meaning=meaning, reason="the bank wrote", payments=payments, **other)
    return decisions.propose(home, books.connect(home), proposed, "ann", LATER)


def decided(home: Home, subject: str, meaning: Meaning, *payments: str, **other: str) -> Decision:
    """A decision of ann and bea, after which every law holds."""
    one = said(home, subject, meaning, *payments, **other)
    engine = books.connect(home)
    one = decisions.approve(home, engine, one.decision_id, "bea", LATER, one.digest[:8])
    assert conservation.broken(engine) == []
    return one


def waiting(home: Home) -> list[str]:
    return [one.subject for one in decisions.waiting(home, books.connect(home))]


def stands(home: Home) -> tuple[int, int, int]:
    """What is in transit, on suspense, and due."""
    return tuple(balance(home, prefix) for prefix in ("asset:transit", "asset:suspense", "liability:payable"))


def test_a_rejection_of_what_was_accepted_is_decided_and_makes_the_payout_due(home: Home) -> None:
    batch = payout_books.one_batch(books.connect(home), "P000001")
    read(home, report(batch, ("P000001-001", "ACSC")))
    rejection = report(batch, ("P000001-001", "RJCT"))
    assert read(home, rejection).decided == frozenset()
    (subject,) = waiting(home)
    decided(home, subject, Meaning.BACK, "P000001-001")
    assert (stands(home), waiting(home)) == ((-250_00, 0, -100_00), [])
    assert read(home, rejection).decided == {1}
    payout = payout_books.one_batch(books.connect(home), "P000001").payouts[0]
    assert (payout.back, payout.rejected, payout.settled) == (True, True, True)
    (again,) = steps.propose(home, books.connect(home), "ann", LATER).batches
    assert [one.statements for one in again.payouts] == [payout.statements]
    read(home, returned("P000001-002", "250.00"))
    assert payout_books.one_batch(books.connect(home), "P000001").state == "returned"


def test_a_debit_without_a_name_and_a_charge_on_top_are_decided(home: Home) -> None:
    bank_shows(home, FIRST, bank_entry(-350_25, end_to_end_id="BULK"), bank_entry(-4_00, remittance="FEES"))
    assert waiting(home) == [ENTRY, ENTRY.replace("#1", "#2")]
    one = decided(home, ENTRY, Meaning.DEBIT, "P000001")
    assert one.fee_minor == 25
    decided(home, ENTRY.replace("#1", "#2"), Meaning.CHARGE)
    assert (stands(home), balance(home, "expense:fees:bank")) == ((0, 0, 0), 4_25)
    assert all(payout.settled for payout in payout_books.one_batch(books.connect(home), "P000001").payouts)
    engine = books.connect(home)
    assert balances.open_items(home, FIRST + timedelta(days=1), books.balances_now(engine, FIRST)) == []
    with books.transaction(engine) as connection:
        assert payout_books.cash_of(connection, FIRST) == {}
        assert payout_books.cash_of(connection, FIRST + timedelta(days=1)).keys() == {
            (f"{FIRST}/statement.xml", 1), (f"{FIRST}/statement.xml", 2),
        }  # fmt: skip


def test_a_credit_that_no_answer_explains_comes_back_with_its_cash(home: Home) -> None:
    bank_shows(home, FIRST, bank_entry(-350_00, payment_id="P000001"), bank_entry(97_00, remittance="RETURN"))
    cash.tie(home, books.connect(home), "fay", LATER)
    (subject,) = waiting(home)
    one = decided(home, subject, Meaning.BACK, "P000001-001", amount="100.00")
    assert (one.fee_minor, stands(home)) == (3_00, (0, 0, -100_00))
    assert balance(home, f"asset:bank:{PAYS_ABROAD}") == -253_00


def test_a_credit_without_a_name_of_what_an_answer_told_is_decided(home: Home) -> None:
    bank_shows(home, FIRST, bank_entry(-350_00, payment_id="P000001"), bank_entry(60_00, remittance="RETURN"))
    read(home, returned("P000001-001", "60.00"))
    subject = ENTRY.replace("#1", "#2")
    decided(home, subject, Meaning.CREDIT, "P000001-001")
    cash.tie(home, books.connect(home), "fay", LATER)
    assert stands(home) == (0, 0, -60_00)


def test_two_entries_that_take_each_other_back_are_decided(home: Home) -> None:
    bank_shows(home, FIRST, bank_entry(-77_00, remittance="X"), bank_entry(77_00, reversal=True))
    other = ENTRY.replace("#1", "#2")
    decided(home, ENTRY, Meaning.OFFSET, against=other)
    assert (stands(home), waiting(home)) == ((-350_00, 0, 0), [])


def test_a_notice_is_noted_and_moves_nothing(home: Home) -> None:
    read(home, returned("P000001-009", "100.00"))
    (subject,) = waiting(home)
    before = stands(home)
    one = said(home, subject, Meaning.NOTED)
    assert waiting(home) == []
    engine = books.connect(home)
    decisions.withdraw(engine, one.decision_id, "ann", LATER, "it is a return of ours")
    assert waiting(home) == [subject]
    decided(home, subject, Meaning.BACK, "P000001-001", amount="40.00")
    assert stands(home) == (before[0] + 40_00, before[1], -40_00)


@pytest.mark.parametrize(
    ("meaning", "payments", "other", "says"),
    [
        (Meaning.CREDIT, ("P000001-001",), {}, "may mean charge, debit, offset"),
        (Meaning.DEBIT, (), {}, "may mean charge, debit, offset, with payments"),
        (Meaning.CHARGE, ("P000001-001",), {}, "may mean"),
        (Meaning.DEBIT, ("P000001-002",), {}, "differ by 150.00 USD that no charge"),
        (Meaning.DEBIT, ("P000009",), {}, "There is no payment 'P000009'"),
        (Meaning.DEBIT, ("P000001",), {"amount": "1.00"}, "is no amount of one payment"),
        (Meaning.OFFSET, (), {"against": ENTRY}, "of the same account and amount the other way"),
        (Meaning.OFFSET, (), {"against": "x#1"}, "Nothing named 'x#1' stands on suspense"),
    ],
)
def test_what_does_not_fit_is_not_proposed(
    home: Home, meaning: Meaning, payments: tuple[str, ...], other: dict[str, str], says: str
) -> None:
    bank_shows(home, FIRST, bank_entry(-100_00, end_to_end_id="X"))
    with pytest.raises(TerminalError, match=says):
        said(home, ENTRY, meaning, *payments, **other)
    assert decision_books.decisions(books.connect(home)) == []


def test_what_was_taken_meanwhile_is_not_approved(home: Home) -> None:
    bank_shows(home, FIRST, bank_entry(-100_00, end_to_end_id="P000001-001"))
    one = said(home, ENTRY, Meaning.CHARGE)
    engine = books.connect(home)
    with pytest.raises(TerminalError, match="is decided once"):
        said(home, ENTRY, Meaning.DEBIT, "P000001-001")
    cash.tie(home, engine, "fay", LATER)
    with pytest.raises(TerminalError, match="on suspense no more"):
        decisions.approve(home, engine, one.decision_id, "bea", LATER, one.digest)
    with pytest.raises(TerminalError, match="waits: `settle decisions open`"):
        said(home, ENTRY, Meaning.CHARGE)


def test_the_database_lets_nobody_decide_alone_or_past_a_step(tmp_path: Path, on_each_database: object) -> None:
    home = made(tmp_path / "home")
    read(home, returned("P000001-009", "100.00"))
    one = said(home, waiting(home)[0], Meaning.BACK, "P000001-001", amount="40.00")
    engine = books.connect(home)
    with pytest.raises(TerminalError, match="who proposed a decision cannot approve it"):
        decisions.approve(home, engine, one.decision_id, "ann", LATER, one.digest)
    with pytest.raises(TerminalError, match="approve what you have seen"):
        decisions.approve(home, engine, one.decision_id, "bea", LATER, "0" * 64)
    row = "INSERT INTO payout_decision_event VALUES ('D000001', {}, '{}', '{}', '{}', '{}', '{}', 'x')"

    def step(was: str, state: str, number: int = 2, person: str = "bea", digest: str = one.digest) -> str:
        return row.format(number, was, state, person, LATER, digest)

    def booked(amount: int, again: int, kind: str = "payout_part") -> list[str]:
        key = "payout_back/P000001-001/D000001"
        sides = (
            (f"asset:transit:{PAYS_ABROAD}:P000001-001", amount),
            (f"liability:payable:{RETAIL}:A:due", -again),
            ("equity:opening", again - amount),
        )
        lines = [
            f"INSERT INTO posting VALUES ('{key}', {line}, '{account}', 'USD', {amount})"
            for line, (account, amount) in enumerate(sides, start=1)
        ]
        return [*lines, f"INSERT INTO entry VALUES ('{key}', '2011-01-01', '{kind}', 'x', 'payout/P000001')"]

    refused = [
        [step("proposed", "approved")],
        [*booked(40_00, 40_00), step("proposed", "approved", person="ann")],
        [*booked(40_00, 40_00), step("proposed", "approved", digest="0" * 64)],
        [*booked(40_01, 40_01), step("proposed", "approved")],
        [*booked(40_00, 39_99), step("proposed", "approved")],
        [*booked(40_00, 40_00, "payout_back"), step("proposed", "approved")],
        ["INSERT INTO payout_decision_payment VALUES ('D000001', 'P000001-002', 1)"],
        *(
            [step(was, state)]
            for was in ("none", *DecisionState)
            for state in DecisionState
            if (was, state.value) not in DECISION_STEPS
        ),
    ]
    for statements in refused:
        with pytest.raises((TerminalError, RetryableError)):
            written_rows.write(engine, *statements)
    written_rows.write(engine, *booked(40_00, 40_00), step("proposed", "approved"))
    assert conservation.broken(engine) == []
    # What came back by decision counts with what the bank tells: together no more than was paid.
    assert [status.effect for status in read(home, returned("P000001-001", "60.01")).statuses] == ["to_look_at"]
    assert [status.effect for status in read(home, returned("P000001-001", "60.00")).statuses] == ["back"]
    assert conservation.broken(engine) == []


def test_commands_show_what_waits_and_what_was_decided(home: Home) -> None:
    bank_shows(home, FIRST, bank_entry(-100_00, end_to_end_id="X"))

    def run(*words: str) -> str:
        words = ("decisions", *words, "--home", str(home.root))
        found = CliRunner().invoke(cli.commands(words), words, catch_exceptions=False)
        assert found.exit_code == 0
        return found.output

    assert "1 wait for a decision" in run("open")
    told = ("--means", "debit", "--payment", "P000001-001", "--reason", "the bank wrote", "--by", "ann")
    assert "D000001 is proposed: another person looks at it" in run("propose", ENTRY, *told)
    shown = run("show", "D000001")
    assert f"about        {ENTRY}" in shown
    assert "payment      P000001-001 with 10000 minor units" in shown
    digest = shown.partition("digest       ")[2][:16]
    assert "is approved: it is booked" in run("approve", "D000001", "--digest", digest, "--by", "bea")
    assert "1 decisions." in run("list")
    assert "0 wait for a decision" in run("open")
