"""Deliveries to partners in SQL: what was queued, sealed, tried, sent and acknowledged, added and never edited.

A partner's files are numbered from 1 without a gap. A file that is sent again keeps its number and counts its re-sends.
A delivery stands in exactly one state, that of its last step; which state follows which is the database's own rule,
and so is that no certificate and no place of one partner is ever another's (``settlement.schema.rules``).
"""

from __future__ import annotations

import fcntl
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Final

import sqlalchemy as sa

from settlement import books
from settlement.errors import RetryableError
from settlement.store import Home

_SENDER: Final = 0x5E77
"""First number of the advisory lock that a sender holds in PostgreSQL; the second is of its partner."""
_DETAIL: Final = 1000


class DeliveryState(StrEnum):
    """Where a delivery stands; it stands in exactly one."""

    QUEUED = "queued"
    PREPARED = "prepared"
    SENDING = "sending"
    FAILED = "failed"
    HELD = "held"
    DELIVERED = "delivered"
    ACKNOWLEDGED = "acknowledged"
    REJECTED = "rejected"


TO_SEND: Final = frozenset(
    {
        DeliveryState.QUEUED,
        DeliveryState.PREPARED,
        DeliveryState.SENDING,
        DeliveryState.FAILED,
        DeliveryState.HELD,
    }
)
"""States of what has not arrived, as far as is known here."""


class Status(StrEnum):
    """What a partner says of a file."""

    ACCEPTED = "ACCEPTED"
    REJECTED = "REJECTED"


def _delivery_key() -> list[sa.Column[object]]:
    return [
        sa.Column("partner", sa.String(100), primary_key=True),
        sa.Column("sequence", sa.Integer, primary_key=True),
        sa.Column("resend", sa.Integer, primary_key=True),
    ]


def _of_a_delivery() -> sa.ForeignKeyConstraint:
    columns = ["partner", "sequence", "resend"]
    return sa.ForeignKeyConstraint(columns, [f"delivery.{column}" for column in columns])


def _recorded() -> sa.Column[datetime]:
    # The database's clock; the driver of SQLite gives it without its zone, which is UTC.
    return sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False, default=sa.func.current_timestamp())


DELIVERY = sa.Table(
    "delivery",
    books.METADATA,
    *_delivery_key(),
    sa.Column("business_date", sa.Date, nullable=False),
    sa.Column("path", sa.String(400), nullable=False),
    sa.Column("plain_sha256", sa.String(64), nullable=False),
    sa.Column("lines", sa.BigInteger, nullable=False),
    sa.Column("total_minor", sa.BigInteger, nullable=False),
    sa.Column("currency", sa.String(10), nullable=False),
    sa.Column("name", sa.String(255), nullable=False),
    sa.Column("person", sa.String(100)),
    sa.Column("reason", sa.String(400)),
    _recorded(),
    sa.UniqueConstraint("business_date", "path", "resend"),
)
BYTES = sa.Table(
    "delivery_bytes",
    books.METADATA,
    *_delivery_key(),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.Column("signing_key", sa.String(40), nullable=False),
    sa.Column("recipient", sa.String(128), nullable=False),
    sa.Column("place", sa.String(400), nullable=False),
    _recorded(),
    _of_a_delivery(),
)
EVENT = sa.Table(
    "delivery_event",
    books.METADATA,
    *_delivery_key(),
    sa.Column("step", sa.Integer, primary_key=True),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("detail", sa.String(_DETAIL), nullable=False),
    _recorded(),
    _of_a_delivery(),
)
ACKNOWLEDGEMENT = sa.Table(
    "acknowledgement",
    books.METADATA,
    sa.Column("partner", sa.String(100), primary_key=True),
    sa.Column("sha256", sa.String(64), primary_key=True),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("name", sa.String(255), nullable=False),
    sa.Column("content", sa.LargeBinary, nullable=False),
    sa.Column("last_sequence", sa.Integer),
    sa.Column("problem", sa.String(_DETAIL)),
    _recorded(),
    sa.UniqueConstraint("partner", "number"),
)
LINE = sa.Table(
    "acknowledgement_line",
    books.METADATA,
    sa.Column("partner", sa.String(100), primary_key=True),
    sa.Column("sha256", sa.String(64), primary_key=True),
    sa.Column("line", sa.Integer, primary_key=True),
    sa.Column("sequence", sa.Integer, nullable=False),
    sa.Column("resend", sa.Integer, nullable=False),
    sa.Column("status", sa.String(10), nullable=False),
    sa.Column("reason", sa.String(400), nullable=False),
    sa.ForeignKeyConstraint(["partner", "sha256"], ["acknowledgement.partner", "acknowledgement.sha256"]),
    _of_a_delivery(),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One file for one partner under one number; ``person`` and ``reason`` are of a re-send alone.

    ``path`` is the file's under the night's folder of outgoing files, ``plain_sha256`` its digest, ``total_minor`` the
    sum of its detail lines in minor units of ``currency``; ``name`` is what the partner gets.
    """

    partner: str
    sequence: int
    resend: int
    business_date: date
    path: str
    plain_sha256: str
    lines: int
    total_minor: int
    currency: str
    name: str
    person: str | None = None
    reason: str | None = None

    @property
    def number(self) -> str:
        """The number as people write it: ``12``, and ``12.r1`` for the first re-send."""
        return f"{self.sequence}.r{self.resend}" if self.resend else str(self.sequence)


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedFile:
    """The bytes of a delivery, made once: digest and size, our key, the certificate and the place they are for."""

    sha256: str
    size_bytes: int
    signing_key: str
    recipient: str
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One step of a delivery; ``recorded_at`` is the database's clock (UTC)."""

    step: int
    state: DeliveryState
    detail: str
    recorded_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A delivery, its bytes once they are made, and all its steps in order."""

    delivery: Delivery
    sealed: SealedFile | None
    events: tuple[Event, ...]

    @property
    def state(self) -> DeliveryState:
        """The state of the last step."""
        return self.events[-1].state if self.events else DeliveryState.QUEUED

    @property
    def detail(self) -> str:
        """What is told of the last step."""
        return self.events[-1].detail if self.events else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledgement:
    """A partner's file of what it has: the last number it got, or what is wrong with the file."""

    partner: str
    sha256: str
    name: str
    content: bytes
    last_sequence: int | None
    problem: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AcknowledgedLine:
    """What a partner says of one delivery, in one line of its file."""

    line: int
    sequence: int
    resend: int
    status: Status
    reason: str


@contextmanager
def one_sender(home: Home, engine: sa.Engine, partner: str) -> Iterator[None]:
    """Be the only one that sends to a partner; the hold ends with the process. RetryableError where another has it."""
    busy = RetryableError(f"Another run is sending to {partner}, and this one sent nothing.")
    if engine.dialect.name == "sqlite":
        folder = home.root / "work"
        folder.mkdir(exist_ok=True)
        with (folder / f".sending-{partner}").open("w") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise busy from None
            yield
        return
    number = zlib.crc32(partner.encode()) - 2**31
    with books.reached(), engine.connect() as connection:
        alone = connection.execution_options(isolation_level="AUTOCOMMIT")
        if not alone.execute(sa.select(sa.func.pg_try_advisory_lock(_SENDER, number))).scalar_one():
            raise busy
        try:
            yield
        finally:
            # The server notices a closed connection a moment later: the next sender need not wait for that.
            alone.execute(sa.select(sa.func.pg_advisory_unlock(_SENDER, number)))


def add_delivery(connection: sa.Connection, delivery: Delivery) -> None:
    """Queue a delivery in a transaction; the database refuses a number that is not the next one."""
    row = {column.name: getattr(delivery, column.name) for column in DELIVERY.columns if column.name != "recorded_at"}
    connection.execute(sa.insert(DELIVERY), [row])


def take_step(
    engine: sa.Engine, one: Standing, state: DeliveryState, detail: str, sealed: SealedFile | None = None
) -> Standing:
    """Record the next step of a delivery, its bytes with it where they are made; the delivery as it stands then.

    Raises RetryableError where another has taken a step meanwhile, TerminalError where certificate or place are of
    another partner.
    """
    with books.transaction(engine) as connection:
        if sealed is not None:
            row = {column.name: getattr(sealed, column.name, None) for column in BYTES.columns}
            del row["recorded_at"]
            connection.execute(sa.insert(BYTES), [row | _key(one.delivery)])
        return add_event(connection, one, state, detail)


def add_event(connection: sa.Connection, one: Standing, state: DeliveryState, detail: str) -> Standing:
    """Record the next step in a transaction; the delivery as it stands then. A step that is not next is refused."""
    row = {"step": len(one.events) + 1, "state": state.value, "detail": detail[:_DETAIL]}
    connection.execute(sa.insert(EVENT), [_key(one.delivery) | row])
    standings_now = read_standings(connection, one.delivery.partner, one.delivery.sequence)
    return next(now for now in standings_now if now.delivery == one.delivery)


def add_acknowledgement(connection: sa.Connection, told: Acknowledgement, lines: Sequence[AcknowledgedLine]) -> None:
    """Keep a partner's file and what its lines say, in a transaction."""
    row = {name: getattr(told, name) for name in ("partner", "sha256", "name", "content", "last_sequence", "problem")}
    last = sa.select(sa.func.max(ACKNOWLEDGEMENT.c.number)).where(ACKNOWLEDGEMENT.c.partner == told.partner)
    number = (connection.execute(last).scalar_one() or 0) + 1
    connection.execute(sa.insert(ACKNOWLEDGEMENT), [row | {"number": number}])
    rows = [
        {
            "partner": told.partner,
            "sha256": told.sha256,
            "line": line.line,
            "sequence": line.sequence,
            "resend": line.resend,
            "status": line.status.value,
            "reason": line.reason,
        }
        for line in lines
    ]
    if rows:
        connection.execute(sa.insert(LINE), rows)


def _key(delivery: Delivery) -> dict[str, object]:
    return {"partner": delivery.partner, "sequence": delivery.sequence, "resend": delivery.resend}


def standings(engine: sa.Engine, partner: str | None = None) -> list[Standing]:
    """All deliveries, or those to one partner, with their bytes and steps, by partner and number."""
    with books.reached(), engine.connect() as connection:
        return read_standings(connection, partner)


def read_standings(
    connection: sa.Connection, partner: str | None = None, sequence: int | None = None
) -> list[Standing]:
    """What ``standings`` gives, as a transaction sees it; of one number alone where it is told."""
    bytes_of: dict[tuple[object, ...], SealedFile] = {}
    events: dict[tuple[object, ...], list[Event]] = {}
    for row in connection.execute(_of(BYTES, partner, sequence)).mappings():
        names = ("sha256", "size_bytes", "signing_key", "recipient", "place")
        bytes_of[_place(row)] = SealedFile(**{name: row[name] for name in names})
    for row in connection.execute(_of(EVENT, partner, sequence).order_by(EVENT.c.step)).mappings():
        event = Event(
            step=row["step"], state=DeliveryState(row["state"]), detail=row["detail"], recorded_at=row["recorded_at"]
        )
        events.setdefault(_place(row), []).append(event)
    found = []
    for row in connection.execute(_of(DELIVERY, partner, sequence)).mappings():
        plain = {name: row[name] for name in row if name != "recorded_at"}
        key = _place(row)
        found.append(Standing(delivery=Delivery(**plain), sealed=bytes_of.get(key), events=tuple(events.get(key, ()))))
    # Sorted here: the order of texts in a database depends on its collation.
    return sorted(found, key=lambda one: (one.delivery.partner, one.delivery.sequence, one.delivery.resend))


def latest(found: Sequence[Standing]) -> list[Standing]:
    """The last re-send of each number alone: what came before it is not sent any more."""
    return list({(one.delivery.partner, one.delivery.sequence): one for one in found}.values())


def acknowledgements(engine: sa.Engine, partner: str) -> list[Acknowledgement]:
    """All files in which a partner said what it has, in the order in which they were read."""
    query = sa.select(ACKNOWLEDGEMENT).where(ACKNOWLEDGEMENT.c.partner == partner).order_by(ACKNOWLEDGEMENT.c.number)
    with books.reached(), engine.connect() as connection:
        rows = connection.execute(query).mappings().all()
    names = ("partner", "sha256", "name", "last_sequence", "problem")
    return [Acknowledgement(**{name: row[name] for name in names}, content=bytes(row["content"])) for row in rows]


def _of(table: sa.Table, partner: str | None, sequence: int | None) -> sa.Select[tuple[object, ...]]:
    query = sa.select(table)
    if partner is not None:
        query = query.where(table.c.partner == partner)
    return query if sequence is None else query.where(table.c.sequence == sequence)


def _place(row: sa.RowMapping) -> tuple[object, ...]:
    return row["partner"], row["sequence"], row["resend"]
