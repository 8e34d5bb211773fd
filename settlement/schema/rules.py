"""The database's own rules, as triggers that say the same on SQLite and on PostgreSQL.

They hold whatever program writes. Whoever may change the schema can drop them: that is no task of a trigger.
Revisions call what stands here: what a released one has made is changed by a later revision and a new function.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa

REFUSED: Final = "the books refuse this:"
"""How each rule that only a fault or a stranger can break begins what it says."""

_ERRCODE: Final = "USING ERRCODE = 'integrity_constraint_violation'"
_BOOKING: Final = 0x5E771F
"""Number of the advisory lock that a transaction holds in PostgreSQL once it has written a posting."""
_SENDING: Final = 0x5E7720
"""Number of the advisory lock that is held in PostgreSQL while sealed bytes of a delivery are recorded."""
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
_KEPT: Final = f"{REFUSED} rows are added and never changed or removed"


def append_only(connection: sa.Connection, table: str, keys: Sequence[Sequence[str]]) -> None:
    """Let rows of a table be added and neither changed nor removed, by any way that the database has.

    ``keys`` are the primary key and every unique key, by which a row could be replaced on SQLite.
    """
    if connection.dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            _sqlite_trigger(connection, f"{table}_no_{verb.lower()}", f"{verb} ON {table}", _KEPT)
        # Replacing fires no trigger of removal unless the connection asks for it.
        there = " OR ".join(
            f"EXISTS (SELECT 1 FROM {table} WHERE {' AND '.join(f'{column} = NEW.{column}' for column in key)})"  # noqa: S608
            for key in keys
        )
        _sqlite_trigger(
            connection, f"{table}_no_replace", f"INSERT ON {table} WHEN {there}", "the row is there already"
        )
        return
    _function(connection, "books_kept", f"RAISE EXCEPTION '{_KEPT}' {_ERRCODE};")
    _execute(
        connection,
        f"CREATE TRIGGER {table}_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION books_kept()",
    )


def entries_are_whole(connection: sa.Connection) -> None:
    """Let postings be written before their entry only, and an entry only over postings that balance.

    The foreign key of postings, which is looked at when a transaction ends, refuses postings without their entry. So an
    entry and its postings come in one transaction, and none is added to it afterwards, not even in pairs.
    """
    closed = "the entry of this posting is booked already"
    whole = f"{REFUSED} an entry has postings that sum to zero in each currency"
    if connection.dialect.name == "sqlite":
        exists = "EXISTS (SELECT 1 FROM entry WHERE entry_key = NEW.entry_key)"
        _sqlite_trigger(connection, "posting_before_entry", f"INSERT ON posting WHEN {exists}", closed)
        mine = "SELECT 1 FROM posting WHERE entry_key = NEW.entry_key"
        off = f"NOT EXISTS ({mine}) OR EXISTS ({mine} GROUP BY currency HAVING sum(amount_minor) <> 0)"
        _sqlite_trigger(connection, "entry_is_whole", f"INSERT ON entry WHEN {off}", whole)
        return
    # One at a time: of two that write under one key, each would look before the other's rows can be seen.
    _function(connection, "books_one_at_a_time", f"PERFORM pg_advisory_xact_lock({_BOOKING}); RETURN NULL;")
    exists = "EXISTS (SELECT 1 FROM fresh JOIN entry USING (entry_key))"
    _function(
        connection,
        "books_posting_before_entry",
        f"IF {exists} THEN RAISE EXCEPTION '{closed}' {_ERRCODE}; END IF; RETURN NULL;",
    )
    off = (
        "EXISTS (SELECT 1 FROM fresh LEFT JOIN posting USING (entry_key) GROUP BY entry_key, currency "
        "HAVING count(line) = 0 OR sum(amount_minor) <> 0)"
    )
    _function(
        connection,
        "books_entry_is_whole",
        f"IF {off} THEN RAISE EXCEPTION '{whole}' {_ERRCODE}; END IF; RETURN NULL;",
    )
    fresh = "REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION"
    for statement in (
        (
            "CREATE TRIGGER posting_one_at_a_time BEFORE INSERT ON posting "
            "FOR EACH STATEMENT EXECUTE FUNCTION books_one_at_a_time()"
        ),
        f"CREATE TRIGGER posting_before_entry AFTER INSERT ON posting {fresh} books_posting_before_entry()",
        f"CREATE TRIGGER entry_is_whole AFTER INSERT ON entry {fresh} books_entry_is_whole()",
    ):
        _execute(connection, statement)


def never_by_a_repairer(connection: sa.Connection) -> None:
    """Whoever repaired a record at any time cannot release it, whichever repair is released."""
    mine = "SELECT 1 FROM quarantine_repair WHERE reject_id = NEW.reject_id AND person = NEW.replayed_by"
    other = "who repaired cannot replay"
    name = "quarantine_replay_by_another"
    if connection.dialect.name == "sqlite":
        _sqlite_trigger(connection, name, f"INSERT ON quarantine_replay WHEN EXISTS ({mine})", other)
        return
    _function(
        connection,
        "quarantine_by_another",
        f"IF EXISTS ({mine}) THEN RAISE EXCEPTION '{other}' {_ERRCODE}; END IF; RETURN NEW;",
    )
    _execute(
        connection,
        f"CREATE OR REPLACE TRIGGER {name} BEFORE INSERT ON quarantine_replay "
        "FOR EACH ROW EXECUTE FUNCTION quarantine_by_another()",
    )


def deliveries_are_numbered(connection: sa.Connection) -> None:
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
    _refuse(connection, "delivery", "delivery_is_numbered", wrong, "this delivery is not the next one of its partner")


def deliveries_keep_apart(connection: sa.Connection) -> None:
    """A certificate or a place that was one partner's is never another's: swapped declarations are refused here."""
    if connection.dialect.name != "sqlite":
        # One at a time: of two that write, each would look before the other's rows can be seen.
        _function(connection, "delivery_one_at_a_time", f"PERFORM pg_advisory_xact_lock({_SENDING}); RETURN NULL;")
        _execute(
            connection,
            "CREATE TRIGGER delivery_one_at_a_time BEFORE INSERT ON delivery_bytes "
            "FOR EACH STATEMENT EXECUTE FUNCTION delivery_one_at_a_time()",
        )
    other = (
        "EXISTS (SELECT 1 FROM delivery_bytes WHERE partner <> NEW.partner "
        "AND (recipient = NEW.recipient OR place = NEW.place))"
    )
    says = f"{REFUSED} this certificate or place belongs to another partner, whose files have gone there"
    _refuse(connection, "delivery_bytes", "delivery_keeps_apart", other, says)


def deliveries_go_in_steps(connection: sa.Connection) -> None:
    """The states of a delivery follow each other as ``_FOLLOWING`` says; bytes come before them."""
    mine = "partner = NEW.partner AND sequence = NEW.sequence AND resend = NEW.resend"
    last = f"(SELECT coalesce(max(step), 0) FROM delivery_event WHERE {mine})"  # noqa: S608 - no outside text
    state = f"coalesce((SELECT state FROM delivery_event WHERE {mine} AND step = {last}), 'queued')"  # noqa: S608
    follows = " OR ".join(
        f"({state} = '{one}' AND NEW.state IN ({', '.join(repr(name) for name in after)}))"
        for one, after in _FOLLOWING.items()
    )
    sealed = f"EXISTS (SELECT 1 FROM delivery_bytes WHERE {mine})"  # noqa: S608 - no outside text
    newer = (
        "EXISTS (SELECT 1 FROM delivery WHERE partner = NEW.partner AND sequence = NEW.sequence "
        "AND resend > NEW.resend)"
    )
    wrong = (
        f"NEW.step <> {last} + 1 OR NOT ({follows}) OR (NEW.state <> 'held' AND NOT {sealed}) "
        f"OR (NEW.state IN ('prepared', 'sending') AND {newer})"
    )
    _refuse(connection, "delivery_event", "delivery_goes_in_steps", wrong, "a delivery does not take this step now")


def _refuse(connection: sa.Connection, table: str, name: str, when: str, says: str) -> None:
    """Refuse a new row of a table where the condition, which may speak of ``NEW``, holds."""
    if connection.dialect.name == "sqlite":
        _sqlite_trigger(connection, name, f"INSERT ON {table} WHEN {when}", says)
        return
    _function(connection, name, f"IF {when} THEN RAISE EXCEPTION '{says}' {_ERRCODE}; END IF; RETURN NEW;")
    _execute(connection, f"CREATE TRIGGER {name} BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()")


def _function(connection: sa.Connection, name: str, body: str) -> None:
    """Make or replace a trigger function of PostgreSQL."""
    _execute(
        connection,
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $rule$ BEGIN {body} END $rule$",
    )


def _sqlite_trigger(connection: sa.Connection, name: str, on: str, says: str) -> None:
    _execute(connection, f"DROP TRIGGER IF EXISTS {name}")
    _execute(connection, f"CREATE TRIGGER {name} BEFORE {on} BEGIN SELECT RAISE(ABORT, '{says}'); END")


def _execute(connection: sa.Connection, statement: str) -> None:
    connection.exec_driver_sql(statement)
