"""The database's own rules, as triggers that say the same on SQLite and on PostgreSQL.

They hold whatever program writes. Whoever may change the schema can drop them: that is no task of a trigger.
Revisions call what stands here: what a released one has made is changed by a later revision and a new function.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import sqlalchemy as sa

REFUSED: Final = "the books refuse this:"
"""How each rule that only a fault or a stranger can break begins what it says."""

_ERRCODE: Final = "USING ERRCODE = 'integrity_constraint_violation'"
_BOOKING: Final = 0x5E771F
"""Number of the advisory lock that a transaction holds in PostgreSQL once it has written a row of the books."""
_FOLLOWS: Final = "follows"
_KEPT: Final = f"{REFUSED} rows are added and never changed or removed"


MOMENT: Final = "length(moment) = 20 AND moment LIKE '____-__-__T__:__:__Z'"
"""What a column ``moment`` holds: UTC to the second."""


def person(column: str = "person") -> str:
    """What a column of a person holds: a name as ``books.person_of`` writes it."""
    return f"{column} = lower(trim({column})) AND {column} <> ''"


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


def noted(connection: sa.Connection, table: str, key: Sequence[str]) -> None:
    """Note the key of each row in ``book_row``, in the order of writing: of rows that stand, and of each that is added.

    ``key`` is the table's primary key, in its order; its values are joined by tabs. In PostgreSQL those who write wait
    for one another, so that a row with a lower number is never seen later than one with a higher.
    """
    write = f"INSERT INTO book_row (table_name, row_key) SELECT '{table}', "
    order = f"ORDER BY {', '.join(key)}"
    if connection.dialect.name == "sqlite":
        _execute(connection, f"{write}{' || char(9) || '.join(key)} FROM {table} {order}")
        fresh = " || char(9) || ".join(f"NEW.{column}" for column in key)
        _execute(connection, f"CREATE TRIGGER {table}_noted AFTER INSERT ON {table} BEGIN {write}{fresh}; END")
        return
    # JSON writes a date in one way, whatever the session does.
    texts = ", ".join(f"to_jsonb({column}) #>> '{{}}'" for column in key)
    joined = f"concat_ws(chr(9), {texts})"
    _execute(connection, f"{write}{joined} FROM {table} {order}")
    _function(connection, f"{table}_noted", f"{write}{joined} FROM fresh {order}; RETURN NULL;")
    for statement in (
        (
            f"CREATE TRIGGER {table}_one_at_a_time BEFORE INSERT ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION books_one_at_a_time()"
        ),
        (
            f"CREATE TRIGGER {table}_noted AFTER INSERT ON {table} REFERENCING NEW TABLE AS fresh "
            f"FOR EACH STATEMENT EXECUTE FUNCTION {table}_noted()"
        ),
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


def refuse_rows(connection: sa.Connection, table: str, rules: Mapping[str, tuple[str, str]]) -> None:
    """Refuse rows of a table by rules: of each a name, the condition in which a row ``NEW`` is refused, and the words.

    Words that begin with ``REFUSED`` are of what is wrong whoever tries again. A condition sees what others have
    written: rows of the books are written by one transaction at a time (``noted``).
    """
    if connection.dialect.name == "sqlite":
        for name, (condition, says) in rules.items():
            _sqlite_trigger(connection, f"{table}_{name}", f"INSERT ON {table} WHEN {condition}", says)
        return
    checks = " ".join(
        f"IF {condition} THEN RAISE EXCEPTION '{says}' {_ERRCODE}; END IF;" for condition, says in rules.values()
    )
    _function(connection, f"{table}_ruled", f"{checks} RETURN NEW;")
    _execute(
        connection,
        f"CREATE OR REPLACE TRIGGER {table}_ruled BEFORE INSERT ON {table} "
        f"FOR EACH ROW EXECUTE FUNCTION {table}_ruled()",
    )


def refuse_steps(connection: sa.Connection, table: str, rules: Mapping[str, tuple[str, str]]) -> None:
    """Refuse rows as ``refuse_rows`` does, all for good but a step that does not follow the last one (``in_order``).

    Another may have taken a step meanwhile: whoever looks again may go on.
    """
    told = {
        name: (condition, says if name == _FOLLOWS else f"{REFUSED} {says}")
        for name, (condition, says) in rules.items()
    }
    refuse_rows(connection, table, told)


def last(table: str, key: str, column: str, of: str = "NEW") -> str:
    """What the last event of what a row is about has in a column; ``key`` names that in a table of events."""
    return f"(SELECT {column} FROM {table} WHERE {key} = {of}.{key} ORDER BY number DESC LIMIT 1)"  # noqa: S608


def in_order(table: str, key: str) -> dict[str, tuple[str, str]]:
    """An event follows the last one: by its number, from its state, and not before its moment."""
    return {
        _FOLLOWS: (
            (
                f"NEW.number <> coalesce({last(table, key, 'number')}, 0) + 1 "
                f"OR NEW.was <> coalesce({last(table, key, 'state')}, 'none')"
            ),
            "this step does not follow the last one",
        ),
        "later": (f"NEW.moment < {last(table, key, 'moment')}", "a step is not taken before the one that it follows"),
    }


def _function(connection: sa.Connection, name: str, body: str) -> None:
    """Make or replace a trigger function of PostgreSQL."""
    _execute(
        connection,
        # However a session writes dates.
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql SET datestyle = 'ISO, YMD' "
        f"AS $rule$ BEGIN {body} END $rule$",
    )


def _sqlite_trigger(connection: sa.Connection, name: str, on: str, says: str) -> None:
    _execute(connection, f"DROP TRIGGER IF EXISTS {name}")
    _execute(connection, f"CREATE TRIGGER {name} BEFORE {on} BEGIN SELECT RAISE(ABORT, '{says}'); END")


def _execute(connection: sa.Connection, statement: str) -> None:
    connection.exec_driver_sql(statement)
