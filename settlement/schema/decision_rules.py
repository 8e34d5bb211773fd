"""The database's rules of decisions on what banks tell: allowed steps, four eyes, entries that say what was decided.

What a word or an entry of a bank means is judged by persons; that nobody judges it alone, and that no more comes back
than was paid, is decided here, whatever program writes. docs/PAYOUTS.md tells the same to a person.
"""
# ruff: noqa: S608 - every condition is made of constants of this module alone

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from settlement.schema import rules
from settlement.schema.payout_rules import BACK_MINOR, due_again, on_transit, taken

DECISION_STEPS: Final = (
    ("none", "proposed"),
    ("proposed", "approved"),
    ("proposed", "withdrawn"),
)


def make(connection: sa.Connection) -> None:
    """Make the rules; the tables stand already."""
    for table, found in (("payout_decision_payment", _PAYMENT), ("payout_decision_event", _EVENT)):
        rules.refuse_steps(connection, table, found)


_THIS: Final = "FROM payout_decision d WHERE d.decision_id = NEW.decision_id"
_PAYMENTS: Final = (
    "FROM payout_decision d JOIN payout_decision_payment m ON m.decision_id = d.decision_id "
    "JOIN payout p ON p.payment_id = m.payment_id WHERE d.decision_id = NEW.decision_id"
)
_BACK_ENTRY: Final = "'payout_back/' || m.payment_id || '/' || d.decision_id"
_CASH_ENTRY: Final = "'payout_cash/' || d.statement || '/' || d.entry"
_SAME: Final = (
    "((b.statement = a.statement AND b.entry = a.entry) OR (b.sha256 = a.sha256 AND b.line = a.line) "
    "OR (b.other_statement = a.statement AND b.other_entry = a.entry) "
    "OR (b.statement = a.other_statement AND b.entry = a.other_entry) "
    "OR (b.other_statement = a.other_statement AND b.other_entry = a.other_entry))"
)
_PAYMENT: Final = {
    "sealed": (
        "EXISTS (SELECT 1 FROM payout_decision_event WHERE decision_id = NEW.decision_id)",
        "a proposed decision gets no further payments",
    ),
}
_EVENT: Final = {
    **rules.in_order("payout_decision_event", "decision_id"),
    "of_this_decision": (
        "NEW.digest <> (SELECT digest FROM payout_decision WHERE decision_id = NEW.decision_id)",
        "the digest is that of another decision: look at it again",
    ),
    "one_at_a_time": (
        (
            "NEW.state = 'proposed' AND EXISTS (SELECT 1 FROM payout_decision a JOIN payout_decision b "
            f"ON b.decision_id <> a.decision_id AND {_SAME} JOIN payout_decision_event e "
            "ON e.decision_id = b.decision_id AND e.number = "
            f"{rules.last('payout_decision_event', 'decision_id', 'number', 'b')} "
            "WHERE a.decision_id = NEW.decision_id AND e.state <> 'withdrawn')"
        ),
        "what a bank told is decided once",
    ),
    "of_payments": (
        (
            f"NEW.state = 'proposed' AND EXISTS (SELECT 1 {_THIS} AND (d.meaning IN ('debit', 'credit', 'back')) <> "
            "EXISTS (SELECT 1 FROM payout_decision_payment m WHERE m.decision_id = d.decision_id))"
        ),
        "a decision names payments where money of them moved, and only there",
    ),
    "of_what_is_open": (
        (
            f"EXISTS (SELECT 1 {_THIS} AND d.sha256 IS NOT NULL AND NOT EXISTS (SELECT 1 FROM payout_status t "
            "WHERE t.sha256 = d.sha256 AND t.line = d.line AND t.effect = 'to_look_at'))"
        ),
        "persons decide on an answer that wants one",
    ),
    "approved_by_another": (
        (
            "NEW.state = 'approved' AND EXISTS (SELECT 1 FROM payout_decision_event "
            "WHERE decision_id = NEW.decision_id AND state = 'proposed' AND person = NEW.person)"
        ),
        "who proposed a decision cannot approve it",
    ),
    "of_a_sent_batch": (
        (
            f"NEW.state = 'approved' AND EXISTS (SELECT 1 {_PAYMENTS} AND NOT EXISTS (SELECT 1 FROM payout_event e "
            "WHERE e.batch_id = p.batch_id AND e.state = 'sent'))"
        ),
        "a bank tells of payments that were sent",
    ),
    "as_much_as_came": (
        (
            f"NEW.state = 'approved' AND EXISTS (SELECT 1 {_PAYMENTS} AND d.meaning = 'back' "
            f"AND (m.amount_minor > p.amount_minor - {BACK_MINOR} OR {on_transit(_BACK_ENTRY)} <> m.amount_minor "
            f"OR {due_again(_BACK_ENTRY)} <> -m.amount_minor OR NOT EXISTS (SELECT 1 FROM entry c "
            f"WHERE c.entry_key = {_BACK_ENTRY} AND c.corrects = 'payout/' || p.batch_id AND c.kind = "
            "CASE WHEN m.amount_minor = p.amount_minor THEN 'payout_back' ELSE 'payout_part' END)))"
        ),
        "as much is due again as came back, by an entry that corrects the payout, and together no more than was paid",
    ),
    "taken_once": (
        f"NEW.state = 'approved' AND EXISTS (SELECT 1 {_THIS} AND {taken('d.statement', 'd.entry')})",
        "a bank entry is taken once",
    ),
    "booked": (
        (
            f"NEW.state = 'approved' AND EXISTS (SELECT 1 {_THIS} AND d.statement IS NOT NULL "
            f"AND NOT EXISTS (SELECT 1 FROM entry c WHERE c.entry_key = {_CASH_ENTRY}))"
        ),
        "a decision on a bank entry is approved with the journal entry that takes it off suspense",
    ),
}
