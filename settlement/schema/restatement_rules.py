"""The database's rules of restatements: allowed steps, four eyes, an order that is whole, one order a night.

What a restatement comes to is worked out by the program; that nobody orders it alone, or past a step, is decided here,
whatever program writes. docs/CLOSE.md tells the same to a person.
"""
# ruff: noqa: S608 - every condition is made of constants of this module alone

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from settlement.schema import rules

ORDER_STEPS: Final = (
    ("none", "proposed"),
    ("proposed", "approved"),
    ("proposed", "withdrawn"),
    ("approved", "withdrawn"),
    ("approved", "carried_out"),
)


def make(connection: sa.Connection) -> None:
    """Make the rules; the tables stand already."""
    for table, found in (
        ("restatement_difference", _DIFFERENCE),
        ("restatement_event", _EVENT),
        ("restatement", _ORDERED_ALONE),
    ):
        rules.refuse_steps(connection, table, found)


def _night_has(stage: str) -> str:
    """Whether a stage of the order's night is committed."""
    night = "(SELECT business_date FROM restatement_order WHERE order_id = NEW.order_id)"
    return f"EXISTS (SELECT 1 FROM stage_run WHERE business_date = {night} AND stage = '{stage}')"


_ORDERED_ALONE: Final = {"closed": ("1 = 1", "a restatement is ordered by two persons, as a restatement_order")}
_DIFFERENCE: Final = {
    "sealed": (
        "EXISTS (SELECT 1 FROM restatement_event WHERE order_id = NEW.order_id)",
        "a proposed order gets no further differences",
    ),
}
_EVENT: Final = {
    **rules.in_order("restatement_event", "order_id"),
    "of_this_order": (
        "NEW.digest <> (SELECT digest FROM restatement_order WHERE order_id = NEW.order_id)",
        "the digest is that of another order: look at it again",
    ),
    "one_a_night": (
        (
            "NEW.state = 'proposed' AND EXISTS (SELECT 1 FROM restatement_order a JOIN restatement_order b "
            "ON b.business_date = a.business_date AND b.order_id <> a.order_id JOIN restatement_event e "
            f"ON e.order_id = b.order_id AND e.number = {rules.last('restatement_event', 'order_id', 'number', 'b')} "
            "WHERE a.order_id = NEW.order_id AND e.state <> 'withdrawn')"
        ),
        "a night has one order of a restatement",
    ),
    "approved_by_another": (
        (
            "NEW.state = 'approved' AND EXISTS (SELECT 1 FROM restatement_event WHERE order_id = NEW.order_id "
            "AND state = 'proposed' AND person = NEW.person)"
        ),
        "who proposed a restatement cannot approve it",
    ),
    "before_its_night": (
        f"NEW.state IN ('proposed', 'approved') AND {_night_has('land')}",
        "the night of this order is landed already",
    ),
    "before_its_matching": (
        f"NEW.was = 'approved' AND NEW.state = 'withdrawn' AND {_night_has('match')}",
        "the night of this order has matched already",
    ),
    "by_its_night": (
        f"NEW.state = 'carried_out' AND NOT {_night_has('match')}",
        "an order is carried out with the matching of its night",
    ),
}
