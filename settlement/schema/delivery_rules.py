"""The database's rules of deliveries: a partner's files count on by one, go in steps, and go to that partner alone.

They hold whatever program writes. docs/DELIVERY.md tells the same to a person.
"""
# ruff: noqa: S608 - every condition is made of constants of this module alone

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from settlement.schema import rules

_FOLLOWING: Final = {
    "queued": ("prepared", "held"),
    "prepared": ("sending", "held"),
    "sending": ("sending", "delivered", "failed", "held"),
    "failed": ("sending", "delivered", "held"),
    "held": ("prepared", "sending", "delivered", "held"),
    "delivered": ("acknowledged", "rejected"),
    "acknowledged": ("rejected",),
}
"""Which states of a delivery follow which."""


def make(connection: sa.Connection) -> None:
    """Make the rules; the tables stand already."""
    for table, found in (
        ("delivery", _numbered()),
        ("delivery_bytes", _kept_apart()),
        ("delivery_event", _in_steps()),
    ):
        rules.refuse_rows(connection, table, found)


def _numbered() -> dict[str, tuple[str, str]]:
    """A partner's files count on by one; a file is sent again under its number, with the next count of re-sends.

    It is sent again only where it has come, was refused or is held: anything else is still on its way.
    """
    last = "(SELECT coalesce(max(sequence), 0) FROM delivery WHERE partner = NEW.partner)"
    before = (
        "SELECT 1 FROM delivery d JOIN delivery_event e ON e.partner = d.partner AND e.sequence = d.sequence "
        "AND e.resend = d.resend WHERE d.partner = NEW.partner AND d.sequence = NEW.sequence "
        "AND d.resend = NEW.resend - 1 AND d.business_date = NEW.business_date AND d.path = NEW.path "
        "AND d.plain_sha256 = NEW.plain_sha256 AND e.state IN ('delivered', 'acknowledged', 'rejected', 'held') "
        "AND e.step = (SELECT max(step) FROM delivery_event x WHERE x.partner = d.partner "
        "AND x.sequence = d.sequence AND x.resend = d.resend)"
    )
    wrong = f"(NEW.resend = 0 AND NEW.sequence <> {last} + 1) OR (NEW.resend > 0 AND NOT EXISTS ({before}))"
    return {"is_numbered": (wrong, "this delivery is not the next one of its partner")}


def _kept_apart() -> dict[str, tuple[str, str]]:
    """A certificate or a place that was one partner's is never another's: swapped declarations are refused here."""
    other = (
        "EXISTS (SELECT 1 FROM delivery_bytes WHERE partner <> NEW.partner "
        "AND (recipient = NEW.recipient OR place = NEW.place))"
    )
    says = f"{rules.REFUSED} this certificate or place belongs to another partner, whose files have gone there"
    return {"keeps_apart": (other, says)}


def _in_steps() -> dict[str, tuple[str, str]]:
    """The states of a delivery follow each other as ``_FOLLOWING`` says; bytes come before them."""
    mine = "partner = NEW.partner AND sequence = NEW.sequence AND resend = NEW.resend"
    last = f"(SELECT coalesce(max(step), 0) FROM delivery_event WHERE {mine})"
    state = f"coalesce((SELECT state FROM delivery_event WHERE {mine} AND step = {last}), 'queued')"
    follows = " OR ".join(
        f"({state} = '{one}' AND NEW.state IN ({', '.join(repr(name) for name in after)}))"
        for one, after in _FOLLOWING.items()
    )
    newer = (
        "EXISTS (SELECT 1 FROM delivery WHERE partner = NEW.partner AND sequence = NEW.sequence "
        "AND resend > NEW.resend)"
    )
    wrong = (
        f"NEW.step <> {last} + 1 OR NOT ({follows}) "
        f"OR (NEW.state <> 'held' AND NOT EXISTS (SELECT 1 FROM delivery_bytes WHERE {mine})) "
        f"OR (NEW.state IN ('prepared', 'sending') AND {newer})"
    )
    return {"goes_in_steps": (wrong, "a delivery does not take this step now")}
