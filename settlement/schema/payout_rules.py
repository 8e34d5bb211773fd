"""The database's rules of payouts: allowed steps, four eyes, a batch that is whole, a statement that is paid once.

Who pays whom how much is decided by the program; that nobody does it alone, or twice, or past a step, is decided here,
whatever program writes. docs/PAYOUTS.md tells the same to a person.
"""
# ruff: noqa: S608 - every condition is made of constants of this module alone

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import sqlalchemy as sa

from settlement.schema import rules

ACCOUNT_STEPS: Final = (
    ("none", "proposed"),
    ("proposed", "approved"),
    ("proposed", "rejected"),
    ("approved", "closing"),
    ("closing", "closed"),
)
BATCH_STEPS: Final = (
    ("none", "proposed"),
    ("proposed", "approved"),
    ("approved", "approved"),
    ("proposed", "rejected"),
    ("approved", "rejected"),
    ("approved", "released"),
    ("released", "sent"),
    ("sent", "acknowledged"),
    ("sent", "failed"),
    ("acknowledged", "returned"),
)
RULED_FIRST: Final = (
    *("bank_account_event", "payout", "payout_statement", "payout_check", "payout_override", "payout_event"),
    "payout_status",
)
"""The tables that the revision which made payouts has rules for."""
RULED_CASH: Final = (*RULED_FIRST, "payout_cash", "payout_check_again", "payout_word")
"""Those of the revision that made what bank statements show of payments."""
RULED: Final = (*RULED_CASH, "payout_credit", "payout_offset")
"""All tables that have rules here; those of decisions are in ``decision_rules``."""


def make(connection: sa.Connection, tables: Iterable[str]) -> None:
    """Make the rules of tables, which stand already, or make them anew.

    What a rule asks of a table that a later revision makes is asked once rows are written, when it is there.
    """
    for table in tables:
        rules.refuse_steps(connection, table, _RULES[table])


def _took(state: str, table: str = "payout_event", key: str = "batch_id", person: str = "NEW.person") -> str:
    """Whether a person has taken a step to that state before."""
    return f"EXISTS (SELECT 1 FROM {table} WHERE {key} = NEW.{key} AND state = '{state}' AND person = {person})"


_ACCOUNT_EVENT: Final = {
    **rules.in_order("bank_account_event", "account_id"),
    "one_at_a_time": (
        (
            "NEW.state = 'proposed' AND EXISTS (SELECT 1 FROM bank_account a JOIN bank_account b "
            "ON b.partner = a.partner AND b.currency = a.currency AND b.account_id <> a.account_id "
            "WHERE a.account_id = NEW.account_id AND EXISTS (SELECT 1 FROM bank_account_event e "
            "WHERE e.account_id = b.account_id) AND NOT EXISTS (SELECT 1 FROM bank_account_event e "
            "WHERE e.account_id = b.account_id AND e.state IN ('closed', 'rejected')))"
        ),
        "a partner has one bank account in a currency at a time",
    ),
    "approved_by_another": (
        f"NEW.state = 'approved' AND {_took('proposed', 'bank_account_event', 'account_id')}",
        "who proposed a bank account cannot approve it",
    ),
    "closed_by_another": (
        f"NEW.state = 'closed' AND {_took('closing', 'bank_account_event', 'account_id')}",
        "who asked to close a bank account cannot confirm it",
    ),
}
_BATCH_STANDS: Final = "EXISTS (SELECT 1 FROM payout_event WHERE batch_id = {0}.batch_id)"
_PAYOUT: Final = {"sealed": (_BATCH_STANDS.format("NEW"), "a proposed batch gets no further payouts")}


def on_transit(entry: str) -> str:
    """What an entry books on the transit account of a payment ``p``, in the currency of its batch."""
    return (
        "coalesce((SELECT sum(g.amount_minor) FROM posting g JOIN payout_batch b ON b.batch_id = p.batch_id "
        f"WHERE g.entry_key = {entry} AND g.currency = b.currency AND substr(g.account, 1, 14) = 'asset:transit:' "
        "AND substr(g.account, length(g.account) - length(p.payment_id)) = ':' || p.payment_id), 0)"
    )


BACKS: Final = (
    "(SELECT t.payment_id, t.entry_key, CASE WHEN t.outcome = 'REJECTED' THEN q.amount_minor "
    "ELSE coalesce(t.amount_minor, q.amount_minor) END AS amount_minor "
    "FROM payout_status t JOIN payout q ON q.payment_id = t.payment_id WHERE t.effect = 'back' "
    "UNION ALL SELECT m.payment_id, 'payout_back/' || m.payment_id || '/' || d.decision_id, m.amount_minor "
    "FROM payout_decision d JOIN payout_decision_payment m ON m.decision_id = d.decision_id "
    "JOIN payout_decision_event v ON v.decision_id = d.decision_id AND v.state = 'approved' WHERE d.meaning = 'back')"
)
"""All that came back of payments, by an answer of the bank or by decision of two persons, each with its entry."""
BACK_MINOR: Final = f"coalesce((SELECT sum(k.amount_minor) FROM {BACKS} k WHERE k.payment_id = p.payment_id), 0)"
_BACK: Final = f"EXISTS (SELECT 1 FROM {BACKS} k WHERE k.payment_id = p.payment_id AND k.amount_minor = p.amount_minor)"
"""Whether a payment came back whole and at once, so that its statements are due as they were."""
_BESIDE_NIGHTS: Final = "('payout', 'payout_back', 'payout_cash')"
"""Kinds of entries that move what is due and make nothing due; a part that came back is due by its own entry."""
_REJECTED: Final = "EXISTS (SELECT 1 FROM payout_event e WHERE e.batch_id = p.batch_id AND e.state = 'rejected')"
_STATEMENT: Final = {
    "sealed": (
        f"EXISTS (SELECT 1 FROM payout p WHERE p.payment_id = NEW.payment_id AND {_BATCH_STANDS.format('p')})",
        "a proposed batch gets no further statements",
    ),
    "once": (
        (
            "EXISTS (SELECT 1 FROM payout_statement s JOIN payout p ON p.payment_id = s.payment_id "
            "WHERE s.entry_key = NEW.entry_key AND s.account = NEW.account AND "
            "(SELECT currency FROM payout_batch b WHERE b.batch_id = p.batch_id) = (SELECT b.currency FROM payout q "
            "JOIN payout_batch b ON b.batch_id = q.batch_id WHERE q.payment_id = NEW.payment_id) "
            f"AND NOT {_REJECTED} AND NOT {_BACK})"
        ),
        "this statement is in a batch already, or paid",
    ),
    "as_booked": (
        (
            "substr(NEW.account, 1, 18) <> 'liability:payable:' OR replace(NEW.account, ':due', '') = NEW.account "
            "OR NEW.amount_minor + coalesce((SELECT sum(g.amount_minor) "
            "FROM posting g WHERE g.entry_key = NEW.entry_key AND g.account = NEW.account AND g.currency = "
            "(SELECT b.currency FROM payout q JOIN payout_batch b ON b.batch_id = q.batch_id "
            "WHERE q.payment_id = NEW.payment_id)), 0) <> 0 OR EXISTS "
            f"(SELECT 1 FROM entry m WHERE m.entry_key = NEW.entry_key AND m.kind IN {_BESIDE_NIGHTS})"
        ),
        "a statement is paid with what the journal has booked as due for it",
    ),
}
_CHECK: Final = {
    "before_release": (
        "EXISTS (SELECT 1 FROM payout_event WHERE batch_id = NEW.batch_id AND state = 'released')",
        "a released batch is checked no more",
    ),
}
_LOOKS: Final = (
    "(SELECT batch_id, night, 1 AS look, partner, passed FROM payout_check "
    "UNION ALL SELECT batch_id, night, look, partner, passed FROM payout_check_again)"
)
_LAST_NIGHT: Final = "(SELECT max(night) FROM payout_check WHERE batch_id = NEW.batch_id)"
_LAST_LOOK: Final = f"(SELECT max(l.look) FROM {_LOOKS} l WHERE l.batch_id = NEW.batch_id AND l.night = {_LAST_NIGHT})"
_CHECK_AGAIN: Final = {
    **_CHECK,
    "follows_a_look": (
        (
            f"NEW.look < 2 OR NEW.night <> coalesce({_LAST_NIGHT}, '0001-01-01') "
            f"OR NEW.look < {_LAST_LOOK} OR NEW.look > {_LAST_LOOK} + 1"
        ),
        "looks at one night count on",
    ),
}
_OVERRIDE: Final = {"of_no_look": ("1 = 1", "the word of a person names the look at the checks that it is of")}
_WORD: Final = {
    "of_the_last_look": (
        f"NEW.night <> coalesce({_LAST_NIGHT}, '0001-01-01') OR NEW.look <> {_LAST_LOOK}",
        "the word of a person is of the last look at the checks: look at them again",
    ),
    "declared": (
        "NOT (SELECT may_override FROM payout_batch WHERE batch_id = NEW.batch_id)",
        "the configuration does not let the checks of this batch be overridden",
    ),
    "by_another": (_took("proposed"), "who proposed a batch cannot override its checks"),
}
_FAILING: Final = (
    f"EXISTS (SELECT 1 FROM {_LOOKS} c WHERE c.batch_id = NEW.batch_id AND NOT c.passed "
    f"AND c.night = {_LAST_NIGHT} AND c.look = {_LAST_LOOK}) "
    "AND (SELECT count(*) FROM payout_word w WHERE w.batch_id = NEW.batch_id "
    f"AND w.night = {_LAST_NIGHT} AND w.look = {_LAST_LOOK}) < 2"
)
_UNCHECKED: Final = (
    f"EXISTS (SELECT 1 FROM payout p WHERE p.batch_id = NEW.batch_id AND NOT EXISTS (SELECT 1 FROM {_LOOKS} c "
    f"WHERE c.batch_id = p.batch_id AND c.partner = p.partner AND c.night = {_LAST_NIGHT} AND c.look = {_LAST_LOOK}))"
)
_ACCOUNT_OF_PAYOUT: Final = "payout p JOIN bank_account_event e ON e.account_id = p.account_id"
_UNUSABLE: Final = (
    "EXISTS (SELECT 1 FROM payout p WHERE p.batch_id = NEW.batch_id AND NOT EXISTS "
    "(SELECT 1 FROM bank_account_event e WHERE e.account_id = p.account_id AND e.state = 'approved' "
    "AND CAST(e.usable_from AS VARCHAR(10)) <= substr(NEW.moment, 1, 10) AND e.number = "
    f"{rules.last('bank_account_event', 'account_id', 'number', 'p')}))"
)
_RELEASE: Final = "'payout/' || p.batch_id"
_EVENT: Final = {
    **rules.in_order("payout_event", "batch_id"),
    "of_this_batch": (
        "NEW.digest <> (SELECT digest FROM payout_batch WHERE batch_id = NEW.batch_id)",
        "the digest is that of another batch: look at it again",
    ),
    "whole": (
        (
            "NEW.state = 'proposed' AND (NOT EXISTS (SELECT 1 FROM payout WHERE batch_id = NEW.batch_id) OR EXISTS "
            "(SELECT 1 FROM payout p WHERE p.batch_id = NEW.batch_id AND p.amount_minor <> coalesce((SELECT "
            "sum(s.amount_minor) FROM payout_statement s WHERE s.payment_id = p.payment_id), 0)))"
        ),
        "a batch has payouts, and each is the sum of its statements",
    ),
    "by_nobody": (
        (
            "NEW.state = 'proposed' AND NEW.person = 'airflow' "
            "AND (SELECT approvals FROM payout_batch WHERE batch_id = NEW.batch_id) < 2"
        ),
        "what no person has proposed needs two approvals",
    ),
    "approved_by_another": (
        f"NEW.state = 'approved' AND {_took('proposed')}",
        "who proposed a batch cannot approve it",
    ),
    "approved_once": (f"NEW.state = 'approved' AND {_took('approved')}", "a person approves a batch once"),
    "released_by_another": (
        f"NEW.state = 'released' AND {_took('proposed')}",
        "who proposed a batch cannot release it",
    ),
    "approved_by_enough": (
        (
            "NEW.state = 'released' AND (SELECT count(*) FROM payout_event WHERE batch_id = NEW.batch_id "
            "AND state = 'approved') < (SELECT approvals FROM payout_batch WHERE batch_id = NEW.batch_id)"
        ),
        "the batch needs more approvals",
    ),
    "approved_by_a_stranger": (
        (
            "NEW.state = 'released' AND NOT EXISTS (SELECT 1 FROM payout_event a WHERE a.batch_id = NEW.batch_id "
            f"AND a.state = 'approved' AND NOT EXISTS (SELECT 1 FROM {_ACCOUNT_OF_PAYOUT} "
            "WHERE p.batch_id = NEW.batch_id AND e.state = 'proposed' AND e.person = a.person))"
        ),
        "a batch is approved by somebody who proposed none of its bank accounts",
    ),
    "accounts_usable": (
        f"NEW.state = 'released' AND {_UNUSABLE}",
        "a bank account of the batch is closed, being closed, or in its cooling-off",
    ),
    "checked": (
        f"NEW.state = 'released' AND ({_UNCHECKED} OR ({_FAILING}))",
        "a check of the batch fails and is not overridden by two persons",
    ),
    "with_file_and_entry": (
        (
            "NEW.state = 'released' AND NOT (EXISTS (SELECT 1 FROM payout_file WHERE batch_id = NEW.batch_id) "
            "AND EXISTS (SELECT 1 FROM entry WHERE entry_key = 'payout/' || NEW.batch_id))"
        ),
        "a batch is released with its file and its journal entry",
    ),
    "books_what_it_pays": (
        (
            "NEW.state = 'released' AND (EXISTS (SELECT 1 FROM payout p WHERE p.batch_id = NEW.batch_id "
            f"AND {on_transit(_RELEASE)} <> -p.amount_minor) "
            "OR EXISTS (SELECT 1 FROM payout p JOIN payout_statement s ON s.payment_id = p.payment_id "
            "WHERE p.batch_id = NEW.batch_id GROUP BY s.account HAVING sum(s.amount_minor) <> coalesce((SELECT "
            "sum(g.amount_minor) FROM posting g WHERE g.account = s.account "
            "AND g.entry_key = 'payout/' || NEW.batch_id), 0)))"
        ),
        "a release books each payment in transit and takes off what its statements made due",
    ),
}
_NEW_BACK: Final = (
    "(CASE WHEN NEW.outcome = 'REJECTED' THEN p.amount_minor ELSE coalesce(NEW.amount_minor, p.amount_minor) END)"
)


def due_again(entry: str) -> str:
    """What an entry books on the due accounts of a payment ``p``."""
    return (
        f"coalesce((SELECT sum(g.amount_minor) FROM posting g WHERE g.entry_key = {entry} AND g.account IN "
        "(SELECT s.account FROM payout_statement s WHERE s.payment_id = p.payment_id)), 0)"
    )


_STATUS: Final = {
    "of_a_sent_batch": (
        (
            "NEW.effect IN ('accepted', 'back') AND NOT EXISTS (SELECT 1 FROM payout p JOIN payout_event e "
            "ON e.batch_id = p.batch_id WHERE p.payment_id = NEW.payment_id AND e.state = 'sent')"
        ),
        "a bank tells of payments that were sent",
    ),
    "corrects_the_payout": (
        (
            "NEW.effect = 'back' AND NOT EXISTS (SELECT 1 FROM entry c JOIN payout p ON p.payment_id = NEW.payment_id "
            "WHERE c.entry_key = NEW.entry_key AND c.corrects = 'payout/' || p.batch_id AND c.kind = "
            f"CASE WHEN {_NEW_BACK} = p.amount_minor THEN 'payout_back' ELSE 'payout_part' END)"
        ),
        "money comes back by an entry that corrects the payout, a part of it as a part",
    ),
    "as_much_as_came": (
        (
            "NEW.effect = 'back' AND EXISTS (SELECT 1 FROM payout p WHERE p.payment_id = NEW.payment_id "
            f"AND ({_NEW_BACK} <= 0 OR {_NEW_BACK} > p.amount_minor - {BACK_MINOR} "
            f"OR {on_transit('NEW.entry_key')} <> {_NEW_BACK} "
            f"OR {due_again('NEW.entry_key')} <> -{_NEW_BACK}))"
        ),
        "as much is due again as came back, and together no more than was paid",
    ),
    "once": (
        f"NEW.effect = 'back' AND EXISTS (SELECT 1 FROM {BACKS} k WHERE k.entry_key = NEW.entry_key)",
        "an entry brings money back once",
    ),
}


def _suspense(statement: str = "NEW.statement", entry: str = "NEW.entry") -> str:
    """What the entry ``NEW.entry_key`` books on the suspense account of a bank entry."""
    return (
        "coalesce((SELECT sum(g.amount_minor) FROM posting g WHERE g.entry_key = NEW.entry_key AND g.account = "
        f"'asset:suspense:cash:' || {statement} || '#' || {entry}), 0)"
    )


def taken(statement: str, entry: str) -> str:
    """Whether a bank entry was taken off suspense by an entry of another key than its own."""
    own = f"'payout_cash/' || {statement} || '/' || {entry}"
    return (
        f"(EXISTS (SELECT 1 FROM payout_cash c WHERE c.statement = {statement} AND c.entry = {entry} "
        f"AND c.entry_key <> {own}) OR EXISTS (SELECT 1 FROM payout_offset o WHERE "
        f"(o.statement = {statement} AND o.entry = {entry}) "
        f"OR (o.other_statement = {statement} AND o.other_entry = {entry})))"
    )


_FEES: Final = (
    "(CASE WHEN EXISTS (SELECT 1 FROM payout_decision d JOIN payout_decision_event v ON v.decision_id = d.decision_id "
    "WHERE v.state = 'approved' AND d.statement = NEW.statement AND d.entry = NEW.entry) THEN coalesce((SELECT "
    "sum(g.amount_minor) FROM posting g WHERE g.entry_key = NEW.entry_key AND g.account = 'expense:fees:bank'), 0) "
    "ELSE 0 END)"
)
"""What the bank kept or took on top, where two persons have decided it."""
_OFF_SUSPENSE: Final = (
    (
        f"{_suspense()} = 0 OR {_suspense()} + {_FEES} + coalesce((SELECT sum(g.amount_minor) FROM posting g "
        "WHERE g.entry_key = NEW.entry_key AND substr(g.account, 1, 14) = 'asset:transit:'), 0) <> 0"
    ),
    "cash of a payment is taken off the suspense account of its bank entry",
)
_OF_A_SENT_BATCH: Final = (
    (
        "NOT EXISTS (SELECT 1 FROM payout p JOIN payout_event e ON e.batch_id = p.batch_id "
        "WHERE p.payment_id = NEW.payment_id AND e.state = 'sent')"
    ),
    "a bank statement shows payments that were sent",
)
_CREDITED: Final = (
    "(coalesce((SELECT sum(c.amount_minor) FROM payout_credit c WHERE c.payment_id = p.payment_id), 0) "
    "- coalesce((SELECT sum(g.amount_minor) FROM payout_cash c JOIN posting g ON g.entry_key = c.entry_key "
    "WHERE c.payment_id = p.payment_id AND c.way = 'credit' AND substr(g.account, 1, 14) = 'asset:transit:' "
    "AND substr(g.account, length(g.account) - length(p.payment_id)) = ':' || p.payment_id), 0))"
)
"""What bank statements have shown of what came back; before revision 0009 as one row of ``payout_cash``."""
_CREDIT: Final = {
    "of_a_sent_batch": _OF_A_SENT_BATCH,
    "off_suspense": _OFF_SUSPENSE,
    "as_it_came_back": (
        (
            "EXISTS (SELECT 1 FROM payout p WHERE p.payment_id = NEW.payment_id "
            f"AND ({on_transit('NEW.entry_key')} <> -NEW.amount_minor "
            f"OR NEW.amount_minor > {BACK_MINOR} - {_CREDITED}))"
        ),
        "a bank statement credits what came back of a payment, and no more of it",
    ),
    "taken_once": (taken("NEW.statement", "NEW.entry"), "a bank entry is taken once"),
}
_OFFSET: Final = {
    "of_nothing": (
        (
            f"{_suspense()} = 0 OR {_suspense()} + {_suspense('NEW.other_statement', 'NEW.other_entry')} <> 0 "
            "OR (SELECT count(*) FROM posting g WHERE g.entry_key = NEW.entry_key) <> 2"
        ),
        "two bank entries that are set off come to nothing and stand on suspense",
    ),
    "taken_once": (
        (
            f"{taken('NEW.statement', 'NEW.entry')} OR {taken('NEW.other_statement', 'NEW.other_entry')} "
            "OR EXISTS (SELECT 1 FROM entry e WHERE e.entry_key = "
            "'payout_cash/' || NEW.other_statement || '/' || NEW.other_entry)"
        ),
        "a bank entry is taken once",
    ),
}
_CASH: Final = {
    "of_a_sent_batch": _OF_A_SENT_BATCH,
    "debited_in_full": (
        (
            "NEW.way = 'debit' AND EXISTS (SELECT 1 FROM payout p WHERE p.payment_id = NEW.payment_id "
            f"AND {on_transit('NEW.entry_key')} <> p.amount_minor)"
        ),
        "what a bank statement debits is a whole payment",
    ),
    "credited_as_it_came_back": ("NEW.way = 'credit'", "what a bank statement credits is told with its amount"),
    "off_suspense": _OFF_SUSPENSE,
    "taken_once": (taken("NEW.statement", "NEW.entry"), "a bank entry is taken once"),
}
_RULES: Final[Mapping[str, Mapping[str, tuple[str, str]]]] = {
    "bank_account_event": _ACCOUNT_EVENT,
    "payout": _PAYOUT,
    "payout_statement": _STATEMENT,
    "payout_check": _CHECK,
    "payout_override": _OVERRIDE,
    "payout_event": _EVENT,
    "payout_status": _STATUS,
    "payout_cash": _CASH,
    "payout_check_again": _CHECK_AGAIN,
    "payout_word": _WORD,
    "payout_credit": _CREDIT,
    "payout_offset": _OFFSET,
}
