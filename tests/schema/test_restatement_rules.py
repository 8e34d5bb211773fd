"""The database's rules of restatements, attacked by SQL past the program, and the orders of before taken over."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from itertools import product
from pathlib import Path

import pytest
import sqlalchemy as sa
from written_rows import write

from settlement import books, restate_books
from settlement.errors import RetryableError, TerminalError
from settlement.model.stage import Restatement
from settlement.restate import order as steps
from settlement.schema import upgrade
from settlement.schema.restatement_rules import ORDER_STEPS
from settlement.store import Home

STATES = ("none", "proposed", "approved", "withdrawn", "carried_out")
WAYS = {
    "proposed": ("ann",),
    "approved": ("ann", "bea"),
    "withdrawn": ("ann", "ann"),
    "carried_out": ("ann", "bea", "night"),
}
"""Who took the steps of the shortest way to each state."""
MOMENT = "2011-01-03T10:00:00Z"


@pytest.fixture
def engine(tmp_path: Path, on_each_database: object) -> sa.Engine:
    return books.connect(Home(root=tmp_path))


def refuses(engine: sa.Engine, statement: str) -> bool:
    try:
        write(engine, statement)
    except (RetryableError, TerminalError):
        return True
    return False


def order(number: int, night: str = "2011-01-03", nights: str = "'2010-12-29', '2010-12-30', 'x', '2010-12-31'") -> str:
    values = f"'R{number}', {number}, '{night}', {nights}, '1', '2', '3', '4', '', 'd'"
    return f"INSERT INTO restatement_order VALUES ({values})"


def event(  # noqa: PLR0917 - the row's own columns
    number: int, step: int, was: str, state: str, person: str, moment: str = MOMENT, digest: str = "d"
) -> str:
    words = f"'R{number}', {step}, '{was}', '{state}', '{person}', '{moment}', '{digest}', 'why'"
    return f"INSERT INTO restatement_event VALUES ({words})"


def stage(night: str, name: str) -> str:
    return f"INSERT INTO stage_run VALUES ('{night}', '{name}', '1', '2', NULL)"


def way(number: int, state: str, night: str) -> Iterator[str]:
    """An order, each of another night, brought to a state."""
    yield order(number, night)
    persons = WAYS[state]
    states = ("proposed", "withdrawn") if state == "withdrawn" else STATES[1 : len(persons) + 1]
    states = ("proposed", "approved", "carried_out") if state == "carried_out" else states
    for step, (was, to) in enumerate(zip(("none", *states), states, strict=False), start=1):
        if to == "carried_out":
            yield from (stage(night, "land"), stage(night, "match"))
        yield event(number, step, was, to, persons[step - 1])


def test_no_step_is_skipped_invented_or_repeated(engine: sa.Engine) -> None:
    tried = enumerate(product(WAYS, STATES[1:]), start=1)
    for number, (was, state) in tried:
        night = str(date(2011, 1, 3 + number))
        write(engine, *way(number, was, night))
        if state == "carried_out" and was != "carried_out":
            write(engine, stage(night, "land"), stage(night, "match"))
        step = event(number, len(WAYS[was]) + 1, was, state, "cem")
        assert refuses(engine, step) == ((was, state) not in ORDER_STEPS), (was, state)


def test_four_eyes_digest_moment_and_one_order_a_night(engine: sa.Engine) -> None:
    write(engine, order(1), event(1, 1, "none", "proposed", "ann"))
    for wrong in (
        event(1, 2, "proposed", "approved", "ann"),
        event(1, 2, "proposed", "approved", "Bea"),
        event(1, 2, "proposed", "approved", "bea", digest="e"),
        event(1, 2, "proposed", "approved", "bea", moment="2011-01-03T09:59:59Z"),
        event(1, 3, "proposed", "approved", "bea"),
        "INSERT INTO restatement_difference VALUES ('R1', 1, 'account', 'a', 'USD', 1, 2)",
    ):
        assert refuses(engine, wrong), wrong
    write(engine, order(2))
    assert refuses(engine, event(2, 1, "none", "proposed", "cem")), "a night has one order"
    write(engine, event(1, 2, "proposed", "withdrawn", "ann"), event(2, 1, "none", "proposed", "cem"))


def test_an_order_is_of_nights_before_its_own_and_taken_before_that_is_landed(engine: sa.Engine) -> None:
    for nights in ("'2010-12-30', '2010-12-29', 'x', '2010-12-31'", "'2010-12-29', '2010-12-30', ' ', '2010-12-31'"):
        assert refuses(engine, order(1, nights=nights))
    assert refuses(engine, order(1, night="2010-12-31"))
    write(engine, order(1), event(1, 1, "none", "proposed", "ann"), stage("2011-01-03", "land"))
    assert refuses(engine, event(1, 2, "proposed", "approved", "bea"))
    # Nobody has approved it: its night has matched without it.
    write(engine, stage("2011-01-03", "match"), event(1, 2, "proposed", "withdrawn", "bea"))
    write(engine, order(2, "2011-01-04"), event(2, 1, "none", "proposed", "ann"))
    write(engine, event(2, 2, "proposed", "approved", "bea"), stage("2011-01-04", "land"))
    assert refuses(engine, event(2, 3, "approved", "carried_out", "night")), "before the matching is committed"
    write(engine, stage("2011-01-04", "match"))
    assert refuses(engine, event(2, 3, "approved", "withdrawn", "ann")), "behind the matching"
    write(engine, event(2, 3, "approved", "carried_out", "night"))


def test_orders_of_one_person_are_taken_over_and_none_is_made_any_more(
    tmp_path: Path, on_each_without_tables: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = "INSERT INTO restatement VALUES ('{}', '2010-12-29', '2010-12-30', 'a reason', 'ann')"
    home = Home(root=tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(upgrade, "LATEST", "0007")
        old = books.connect(home)
        write(old, before.format("2010-12-31"), before.format("2011-01-03"), before.format("2011-01-04"))
        write(old, stage("2010-12-31", "match"), stage("2011-01-03", "land"))
    engine = books.connect(home)
    nights = {"first_night": date(2010, 12, 29), "last_night": date(2010, 12, 30), "reason": "a reason"}
    found = restate_books.restatements(engine, date(2011, 1, 4))
    assert found == (Restatement(business_date=date(2010, 12, 31), **nights),), "what a night has made, and no other"
    made, *waiting = restate_books.orders(engine)
    assert [(step.state, step.person) for step in made.steps] == [
        ("proposed", "ann"),
        ("approved", "nobody"),
        ("carried_out", "night"),
    ]
    assert [one.order_id for one in (made, *waiting)] == ["R000001", "R000002", "R000003"]
    for one in waiting:
        assert [(step.state, step.person) for step in one.steps] == [("proposed", "ann")]
        assert "needs a second one" in one.steps[0].note
        with pytest.raises(TerminalError, match=r"of one person, .* there is nothing to approve"):
            steps.approve(home, one.order_id, "bea", MOMENT, "")
        assert steps.withdraw(home, one.order_id, "bea", MOMENT, "proposed anew").state == "withdrawn"
    with pytest.raises(TerminalError, match="ordered by two persons"):
        write(engine, before.format("2011-01-05"))


def test_the_next_order_is_counted_behind_one_that_was_written_and_not_proposed(tmp_path: Path) -> None:
    engine = books.connect(Home(root=tmp_path))
    assert restate_books.next_number(engine) == 1
    write(engine, order(7))
    assert (restate_books.orders(engine), restate_books.next_number(engine)) == ([], 8)
    write(engine, event(7, 1, "none", "proposed", "ann"), event(7, 2, "proposed", "approved", "bea"))
    assert [one.number for one in restate_books.approved_until(engine, date(2011, 1, 3))] == [7]
    assert restate_books.approved_until(engine, date(2011, 1, 2)) == []
