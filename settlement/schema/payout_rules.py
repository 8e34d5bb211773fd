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
RULED: Final = (*RULED_FIRST, "payout_cash", "payout_check_again", "payout_word")
"""All tables that have rules."""


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


def _on_transit(entry: str) -> str:
    """What an entry books on the transit account of a payment ``p``, in the currency of its batch."""
    return (
        "coalesce((SELECT sum(g.amount_minor) FROM posting g JOIN payout_batch b ON b.batch_id = p.batch_id "
        f"WHERE g.entry_key = {entry} AND g.currency = b.currency AND substr(g.account, 1, 14) = 'asset:transit:' "
        "AND substr(g.account, length(g.account) - length(p.payment_id)) = ':' || p.payment_id), 0)"
    )


_BACK_MINOR: Final = (
    "(SELECT CASE WHEN t.outcome = 'REJECTED' THEN p.amount_minor ELSE coalesce(t.amount_minor, p.amount_minor) END "
    "FROM payout_status t WHERE t.payment_id = p.payment_id AND t.effect = 'back')"
)
_BACK: Final = f"coalesce({_BACK_MINOR}, 0) = p.amount_minor"
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
            f"AND {_on_transit(_RELEASE)} <> -p.amount_minor) "
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


def _due_again(entry: str) -> str:
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
            f"AND ({_NEW_BACK} <= 0 OR {_NEW_BACK} > p.amount_minor OR {_on_transit('NEW.entry_key')} <> {_NEW_BACK} "
            f"OR {_due_again('NEW.entry_key')} <> -{_NEW_BACK}))"
        ),
        "as much is due again as came back, and no more than was paid",
    ),
}
_CASH: Final = {
    "of_a_sent_batch": (
        (
            "NOT EXISTS (SELECT 1 FROM payout p JOIN payout_event e ON e.batch_id = p.batch_id "
            "WHERE p.payment_id = NEW.payment_id AND e.state = 'sent')"
        ),
        "a bank statement shows payments that were sent",
    ),
    "debited_in_full": (
        (
            "NEW.way = 'debit' AND EXISTS (SELECT 1 FROM payout p WHERE p.payment_id = NEW.payment_id "
            f"AND {_on_transit('NEW.entry_key')} <> p.amount_minor)"
        ),
        "what a bank statement debits is a whole payment",
    ),
    "credited_as_it_came_back": (
        (
            "NEW.way = 'credit' AND EXISTS (SELECT 1 FROM payout p WHERE p.payment_id = NEW.payment_id "
            f"AND ({_on_transit('NEW.entry_key')} <> -coalesce({_BACK_MINOR}, 0) OR {_BACK_MINOR} IS NULL))"
        ),
        "what a bank statement credits of a payment is what came back of it",
    ),
    "off_suspense": (
        (
            "coalesce((SELECT sum(g.amount_minor) FROM posting g WHERE g.entry_key = NEW.entry_key AND g.account = "
            "'asset:suspense:cash:' || NEW.statement || '#' || NEW.entry), 0) + (SELECT sum(g.amount_minor) "
            "FROM posting g WHERE g.entry_key = NEW.entry_key AND substr(g.account, 1, 14) = 'asset:transit:') <> 0"
        ),
        "cash of a payment is taken off the suspense account of its bank entry",
    ),
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
}
