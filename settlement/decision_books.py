"""Decisions on what banks tell, in SQL: what was decided of what, and who took which step.

Rows are added and never edited. What each step demands is refused by the database (``schema/decision_rules.py``).
"""

from __future__ import annotations

from functools import partial
from typing import Final

import sqlalchemy as sa

from settlement import books, step_books
from settlement.errors import TerminalError
from settlement.model.decision import Decision, DecisionId, DecisionState, Meaning
from settlement.payout_tables import DECISION, DECISION_EVENT, DECISION_PAYMENT


def decisions(engine: books.Engine) -> list[Decision]:
    """All decisions with all that was done about them, in the order in which they were proposed.

    One without a step was never proposed, and is none.
    """
    with books.transaction(engine) as connection:
        steps = step_books.steps_in(connection, DECISION_EVENT)
        payments: dict[str, list[tuple[str, int]]] = {}
        for one in connection.execute(sa.select(DECISION_PAYMENT).order_by(DECISION_PAYMENT.c.payment_id)):
            payments.setdefault(one.decision_id, []).append((one.payment_id, one.amount_minor))
        rows = connection.execute(sa.select(DECISION).order_by(DECISION.c.number)).all()
    return [
        Decision(
            decision_id=DecisionId(row.decision_id),
            number=row.number,
            meaning=Meaning(row.meaning),
            place=_pair(row.statement, row.entry),
            other=_pair(row.other_statement, row.other_entry),
            answer=_pair(row.sha256, row.line),
            payments=tuple(payments.get(row.decision_id, ())),
            fee_minor=row.fee_minor,
            reason=row.reason,
            digest=row.digest,
            steps=steps[row.decision_id],
        )
        for row in rows
        if row.decision_id in steps
    ]


def _pair(name: str | None, number: int | None) -> tuple[str, int] | None:
    return None if name is None or number is None else (name, number)


def one_decision(engine: books.Engine, decision_id: str) -> Decision:
    """A decision by its id; TerminalError where there is none."""
    found = [one for one in decisions(engine) if one.decision_id == decision_id]
    if not found:
        raise TerminalError(f"There is no decision {decision_id!r}: `settle decisions list` shows their ids.")
    return found[0]


def next_number(engine: books.Engine) -> int:
    """The number of the next decision."""
    return step_books.next_number(engine, DECISION.c.number)


def add_decision(connection: books.Connection, decision: Decision, person: str, moment: str) -> None:
    """Add a proposed decision with its payments and its first step."""
    statement, entry = decision.place or (None, None)
    other_statement, other_entry = decision.other or (None, None)
    sha256, line = decision.answer or (None, None)
    plain = {name: getattr(decision, name) for name in ("decision_id", "number", "fee_minor", "reason", "digest")}
    row = {
        **plain,
        "meaning": decision.meaning.value,
        "statement": statement,
        "entry": entry,
        "other_statement": other_statement,
        "other_entry": other_entry,
        "sha256": sha256,
        "line": line,
    }
    connection.execute(sa.insert(DECISION), [row])
    key = {"decision_id": decision.decision_id}
    if decision.payments:
        rows = [key | {"payment_id": name, "amount_minor": amount} for name, amount in decision.payments]
        connection.execute(sa.insert(DECISION_PAYMENT), rows)
    add_step(connection, decision, DecisionState.PROPOSED, person, moment)


add_step: Final = partial(step_books.add_step, DECISION_EVENT)
"""Add a step to a decision."""
