"""Questions to people elsewhere, and what their answers do, without any machine between."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from payout_home import AIR, APPROVED, DUES, NIGHT, PROPOSED, RELEASED, RETAIL, made_home, settle, with_accounts

from settlement import books, payout_books
from settlement.errors import TerminalError
from settlement.payout import desk, steps
from settlement.store import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = made_home(tmp_path / "home", DUES)
    with_accounts(home)
    return home


def test_each_approval_is_a_question_until_it_is_answered(home: Home) -> None:
    first, second = desk.ask(home, "Airflow", PROPOSED, PROPOSED).questions
    assert first == second
    assert first.subject == "Payouts P000001: 56136.05 USD for 2011-01-04"
    assert "Proposed by airflow; 2 persons must approve." in first.body
    said = desk.answer(home, first.of, first.digest, "Approve", " Cem", APPROVED)
    assert "1 more approval is needed" in said
    # A run that is tried again asks the same; what it proposed stands with the moment at which it did.
    assert desk.ask(home, "airflow", PROPOSED, RELEASED).questions == (first,)
    assert desk.ask(home, "airflow", APPROVED, APPROVED).questions == ()
    for again in range(2):
        said = desk.answer(home, first.of, first.digest, "Approve", "dora", RELEASED)
        assert said.startswith("The batch P000001 is sent"), again
    assert [path.name for path in steps.outbox(home).iterdir()] == ["P000001.ach"]
    assert desk.ask(home, "airflow", PROPOSED, PROPOSED).questions == ()


def test_one_answer_twice_is_one_approval(home: Home) -> None:
    (one, _) = desk.ask(home, "airflow", PROPOSED, PROPOSED).questions
    for _ in range(2):
        said = desk.answer(home, one.of, one.digest, "Approve", "cem", APPROVED)
        assert "1 more approval is needed" in said


def test_a_rejection_is_recorded_once_and_frees_what_is_due(home: Home) -> None:
    (one, _) = desk.ask(home, "airflow", PROPOSED, PROPOSED).questions
    for _ in range(2):
        said = desk.answer(home, one.of, one.digest, "Reject", "cem", APPROVED)
        assert "is rejected: what it would have paid is due" in said
    assert len(payout_books.one_batch(books.connect(home), one.of).steps) == 2
    with pytest.raises(TerminalError, match="'Maybe' is no answer"):
        desk.answer(home, one.of, one.digest, "Maybe", "cem", APPROVED)


def test_the_proposer_answers_nothing(home: Home) -> None:
    (one, _) = desk.ask(home, "cem", PROPOSED, PROPOSED).questions
    with pytest.raises(TerminalError, match="who proposed a batch cannot approve it"):
        desk.answer(home, one.of, one.digest, "Approve", "cem", APPROVED)
    with pytest.raises(TerminalError, match="approve what you have seen"):
        desk.answer(home, one.of, "0" * 64, "Approve", "dora", APPROVED)


def test_who_is_left_out_stands_in_each_question_and_is_told_where_there_is_none(home: Home) -> None:
    assert "Left out" not in desk.ask(home, "airflow", PROPOSED, PROPOSED).questions[0].body
    settle(home, NIGHT + timedelta(days=1), [(RETAIL, "NEW|COMER", 70_00), (AIR, "SMALL", 1_00)], "2011-Q1")
    asked = desk.ask(home, "airflow", PROPOSED, PROPOSED)
    unknown = "no bank account is known: `settle accounts propose`, and have it approved."
    small = "it is below the minimum of 50.00 USD and waits for later statements."
    for one in asked.questions:
        head = "\n\nLeft out, and still due:\n\n| partner | due | why, and what to do |\n|---|---|---|\n"
        assert (
            f"{head}| NEW\\|COMER | 70.00 USD | {unknown} |\n| SMALL | 1.00 USD | {small} |\n\nProposed by" in one.body
        )
    assert len(asked.questions) == 2
    nothing = desk.ask(home, "airflow", RELEASED, RELEASED)
    assert nothing == desk.Asked(
        questions=(),
        left=(
            f"NEW|COMER is not paid 70.00 USD, which stays due: {unknown}",
            f"SMALL is not paid 1.00 USD, which stays due: {small}",
        ),
    )
    assert nothing.left == asked.left


def test_a_text_does_not_end_its_cell(home: Home) -> None:
    assert desk._cell("a|b\nc") == "a\\|b c"
