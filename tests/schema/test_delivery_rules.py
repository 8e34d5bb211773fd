"""The database's own rules of deliveries, attacked by SQL past the program, on both databases."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from written_rows import write

from settlement import books
from settlement.delivery_books import DeliveryState
from settlement.errors import RetryableError, TerminalError
from settlement.store import Home

AT = "'2010-12-29 00:00:00'"
WAYS = {
    "queued": (),
    "prepared": ("prepared",),
    "sending": ("prepared", "sending"),
    "failed": ("prepared", "sending", "failed"),
    "held": ("prepared", "held"),
    "delivered": ("prepared", "sending", "delivered"),
    "acknowledged": ("prepared", "sending", "delivered", "acknowledged"),
    "rejected": ("prepared", "sending", "delivered", "rejected"),
}
"""The shortest way to each state."""
#        from            prepared sending failed held delivered acknowledged rejected
ALLOWED = """
queued         yes     no     no     yes  no    no  no
prepared       no      yes    no     yes  no    no  no
sending        no      yes    yes    yes  yes   no  no
failed         no      yes    no     yes  yes   no  no
held           yes     yes    no     yes  yes   no  no
delivered      no      no     no     no   no    yes yes
acknowledged   no      no     no     no   no    no  yes
rejected       no      no     no     no   no    no  no
"""
TO = ("prepared", "sending", "failed", "held", "delivered", "acknowledged", "rejected")


@pytest.fixture
def engine(tmp_path: Path, on_each_database: object) -> sa.Engine:
    return books.connect(Home(root=tmp_path))


def delivery(
    sequence: int, resend: int = 0, path: str | None = None, by: str = "NULL, NULL", partner: str = "P"
) -> str:
    values = f"'{partner}', {sequence}, {resend}, '2010-12-29', '{path or f'{partner}/{sequence}'}'"
    return f"INSERT INTO delivery VALUES ({values}, '0', 1, 1, 'USD', 'n', {by}, {AT})"


def sealed(sequence: int, resend: int = 0, partner: str = "P", recipient: str = "F", place: str = "x") -> str:
    values = f"'{partner}', {sequence}, {resend}, '0', 1, 's1', '{recipient}', '{place}'"
    return f"INSERT INTO delivery_bytes VALUES ({values}, {AT})"


def event(sequence: int, step: int, state: str, resend: int = 0, partner: str = "P") -> str:
    return f"INSERT INTO delivery_event VALUES ('{partner}', {sequence}, {resend}, {step}, '{state}', '', {AT})"


def events(sequence: int, way: tuple[str, ...]) -> list[str]:
    return [event(sequence, step, state) for step, state in enumerate(way, start=1)]


def refused(engine: sa.Engine, statement: str) -> bool:
    try:
        write(engine, statement)
    except (RetryableError, TerminalError):
        return True
    return False


def test_every_step_from_every_state_is_as_the_table_says(engine: sa.Engine) -> None:
    rows = [line.split() for line in ALLOWED.split("\n") if line]
    assert {row[0] for row in rows} == set(DeliveryState) == set(WAYS)
    number = 0
    for state, *allowed in rows:
        for to, may in zip(TO, allowed, strict=True):
            number += 1
            way = WAYS[state]
            write(engine, delivery(number), sealed(number), *events(number, way))
            assert refused(engine, event(number, len(way) + 1, to)) == (may == "no"), (state, to)


def test_numbers_have_no_gap_and_steps_neither(engine: sa.Engine) -> None:
    assert refused(engine, delivery(2))
    assert refused(engine, delivery(0))
    write(engine, delivery(1), sealed(1))
    for wrong in (delivery(1, path="P/other"), delivery(3), delivery(2, path="P/1"), event(1, 2, "prepared")):
        assert refused(engine, wrong), wrong
    write(engine, delivery(2), delivery(1, partner="Q"))


def test_nothing_but_a_hold_comes_before_the_bytes(engine: sa.Engine) -> None:
    write(engine, delivery(1))
    assert refused(engine, event(1, 1, "prepared"))
    write(engine, event(1, 1, "held"))
    for state in ("prepared", "sending", "delivered"):
        assert refused(engine, event(1, 2, state))
    write(engine, sealed(1), event(1, 2, "prepared"))


def test_a_file_is_sent_again_by_a_person_with_a_reason_and_only_what_has_come_to_an_end(engine: sa.Engine) -> None:
    again = "'ann', 'lost'"
    write(engine, delivery(1), sealed(1), *events(1, ("prepared", "sending")))
    assert refused(engine, delivery(1, 1, by=again)), "it is still on its way"
    write(engine, event(1, 3, "delivered"))
    for by in ("NULL, NULL", "'ann', NULL", "NULL, 'lost'", "'', 'lost'", "'Ann', 'lost'", "'ann', ' '"):
        assert refused(engine, delivery(1, 1, by=by)), by
    for wrong in (
        delivery(1, 2, by=again),
        delivery(1, 1, "P/2", again),
        delivery(2, by=again),
        delivery(2, 1, by=again),
    ):
        assert refused(engine, wrong), wrong
    write(engine, delivery(1, 1, by=again))
    assert refused(engine, delivery(1, 2, by=again)), "the first re-send is still on its way"


def test_what_is_sent_again_is_not_sent_by_its_old_name_any_more(engine: sa.Engine) -> None:
    write(engine, delivery(1), sealed(1), *events(1, ("prepared", "held")), delivery(1, 1, by="'ann', 'why'"))
    assert refused(engine, event(1, 3, "sending"))
    write(engine, sealed(1, 1), event(1, 1, "prepared", 1), event(1, 2, "sending", 1))


@pytest.mark.parametrize(("recipient", "place"), [("F", "y"), ("G", "x")])
def test_no_certificate_and_no_place_is_of_two_partners(engine: sa.Engine, recipient: str, place: str) -> None:
    write(engine, delivery(1), sealed(1), delivery(1, partner="Q"), delivery(2))
    with pytest.raises(TerminalError, match="belongs to another partner"):
        write(engine, sealed(1, partner="Q", recipient=recipient, place=place))
    write(engine, sealed(2), sealed(1, partner="Q", recipient="G", place="y"))
