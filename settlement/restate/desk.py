"""Restatements for those who decide elsewhere than at a terminal: the question that is open, and the answer to it."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Final

from settlement import books, restate_books
from settlement.books import person_of
from settlement.errors import TerminalError
from settlement.model.restatement import OrderState
from settlement.model.steps import Question
from settlement.restate import order as steps
from settlement.restate.order import Asked
from settlement.restate.text import render_order
from settlement.store import Home
from settlement.whole_file import write_whole

APPROVE: Final = "Approve"
WITHDRAW: Final = "Withdraw"
OPTIONS: Final = (APPROVE, WITHDRAW)


def try_and_propose(home: Home, asked: Asked, into: date | None, person: str | None, moment: str) -> list[Question]:
    """Perform nights again, write what differs, and propose it where a night to come is named; the open question.

    The text is written to ``HOME/restate/<first>_<last>.txt``. There is no question where nothing differs, no night is
    named, or the order is approved. Called again it proposes nothing twice.
    """
    if into is not None and not (person or "").strip():
        raise TerminalError("Nobody proposes the restatement: say who does, and another person approves it.")
    tried = steps.perform(home, asked)
    write_whole(text_place(home, asked), f"{tried.text}\n".encode())
    if into is None or tried.trial.nothing:
        return []
    order = steps.propose(home, tried, into, person_of(person or ""), moment)
    if order.state is not OrderState.PROPOSED:
        return []
    subject = f"Restatement {order.order_id}: {asked.first_night} to {asked.last_night}, made by the night {into}"
    body = f"```\n{render_order(order)}\n```\n\nDigest: `{order.digest}`"
    return [Question(of=order.order_id, digest=order.digest, subject=subject, body=body)]


def text_place(home: Home, asked: Asked) -> Path:
    """Where it is written what a range of nights would come to."""
    return home.root / "restate" / f"{asked.first_night}_{asked.last_night}.txt"


def answer(home: Home, order_id: str, digest: str, option: str, person: str, moment: str) -> str:  # noqa: PLR0917
    """Put one person's answer on record; what came of it. The same answer again changes nothing.

    Raises TerminalError where the answer is none of ``OPTIONS``, or the books refuse it.
    """
    if option not in OPTIONS:
        raise TerminalError(f"{option!r} is no answer to {order_id}: it is {APPROVE} or {WITHDRAW}.")
    order = restate_books.one_order(books.connect(home), order_id)
    if option == APPROVE:
        order = steps.approve(home, order_id, person_of(person), moment, digest)
    elif order.state is not OrderState.WITHDRAWN:
        order = steps.withdraw(home, order_id, person_of(person), moment, "withdrawn where it was asked for")
    return f"The order {order_id} is {order.state}: {steps.what_is_next(order)}."
