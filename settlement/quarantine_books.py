"""Quarantine in SQL: rejects, repairs, replays and their outcomes, each added once and never edited.

Who repaired a record cannot replay it: the row of a replay names the person who repaired, which a foreign key ties to
the repair, a check refuses the same person twice, and a trigger whoever repaired the record before. A record is applied
once: by a unique index. Rows cannot be changed or removed: by triggers. All of it is made by the revisions of
``settlement.schema``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

import sqlalchemy as sa

from settlement import books
from settlement.errors import TerminalError
from settlement.sealing import Sealed


class RejectState(StrEnum):
    """Where a reject stands; it stands in exactly one."""

    OPEN = "open"
    REPAIRED = "repaired"
    REPLAYED = "replayed"
    APPLIED = "applied"
    REFUSED = "refused"


REJECT = sa.Table(
    "quarantine_reject",
    books.METADATA,
    sa.Column("reject_id", sa.String(16), primary_key=True),
    sa.Column("business_date", sa.Date, nullable=False, index=True),
    sa.Column("file", sa.String(500), nullable=False),
    sa.Column("record", sa.BigInteger, nullable=False),
    sa.Column("original_file", sa.String(500), nullable=False),
    sa.Column("original_sha256", sa.String(64), nullable=False),
    sa.Column("layout", sa.String(200), nullable=False),
    sa.Column("byte_offset", sa.BigInteger),
    sa.Column("byte_length", sa.BigInteger),
    sa.Column("reason", sa.String(40), nullable=False),
    sa.Column("field", sa.String(200), nullable=False),
    sa.Column("preview", sa.String(400), nullable=False),
    sa.Column("key_id", sa.String(40)),
    sa.Column("sealed", sa.LargeBinary),
    sa.UniqueConstraint("file", "record"),
)
REPAIR = sa.Table(
    "quarantine_repair",
    books.METADATA,
    sa.Column("reject_id", sa.ForeignKey("quarantine_reject.reject_id"), primary_key=True),
    sa.Column("attempt", sa.Integer, primary_key=True),
    sa.Column("person", sa.String(100), nullable=False),
    sa.Column("key_id", sa.String(40), nullable=False),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.UniqueConstraint("reject_id", "attempt", "person"),
)
REPLAY_FILE = sa.Table(
    "quarantine_file",
    books.METADATA,
    sa.Column("business_date", sa.Date, primary_key=True),
    sa.Column("name", sa.String(500), primary_key=True),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("content", sa.LargeBinary, nullable=False),
)
REPLAY = sa.Table(
    "quarantine_replay",
    books.METADATA,
    sa.Column("reject_id", sa.String(16), primary_key=True),
    sa.Column("attempt", sa.Integer, primary_key=True),
    sa.Column("repaired_by", sa.String(100), nullable=False),
    sa.Column("replayed_by", sa.String(100), nullable=False),
    sa.Column("business_date", sa.Date, nullable=False),
    sa.Column("name", sa.String(500), nullable=False),
    sa.ForeignKeyConstraint(
        ["reject_id", "attempt", "repaired_by"],
        ["quarantine_repair.reject_id", "quarantine_repair.attempt", "quarantine_repair.person"],
    ),
    sa.ForeignKeyConstraint(["business_date", "name"], ["quarantine_file.business_date", "quarantine_file.name"]),
    sa.UniqueConstraint("reject_id", "attempt", "business_date"),
)
OUTCOME = sa.Table(
    "quarantine_outcome",
    books.METADATA,
    sa.Column("reject_id", sa.String(16), primary_key=True),
    sa.Column("attempt", sa.Integer, primary_key=True),
    sa.Column("business_date", sa.Date, nullable=False),
    sa.Column("outcome", sa.String(10), nullable=False),
    sa.ForeignKeyConstraint(
        ["reject_id", "attempt", "business_date"],
        ["quarantine_replay.reject_id", "quarantine_replay.attempt", "quarantine_replay.business_date"],
    ),
)
sa.Index(
    "quarantine_applied_once",
    OUTCOME.c.reject_id,
    unique=True,
    sqlite_where=OUTCOME.c.outcome == "applied",
    postgresql_where=OUTCOME.c.outcome == "applied",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject:
    """One rejected record as quarantine keeps it; ``sealed`` is empty where its bytes could not be told."""

    reject_id: str
    business_date: date
    file: str
    record: int
    original_file: str
    original_sha256: str
    layout: str
    byte_offset: int | None
    byte_length: int | None
    reason: str
    field: str
    preview: str
    sealed: Sealed | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """One repair: the record's new bytes and who stands for them."""

    reject_id: str
    attempt: int
    person: str
    sealed: Sealed


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One replay: the repair it rests on, who released it, the night it goes into and its file there."""

    reject_id: str
    attempt: int
    repaired_by: str
    replayed_by: str
    business_date: date
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayFile:
    """The file of a replay, as it is put into a night's delivery folder."""

    business_date: date
    name: str
    sha256: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a replay in its night: ``applied`` or ``refused``."""

    reject_id: str
    attempt: int
    business_date: date
    outcome: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A reject and all that was done about it, in order."""

    reject: Reject
    repairs: tuple[Repair, ...]
    releases: tuple[Release, ...]
    outcomes: tuple[Outcome, ...]

    @property
    def state(self) -> RejectState:
        """Where the reject stands, by its last repair."""
        if any(outcome.outcome == RejectState.APPLIED for outcome in self.outcomes):
            return RejectState.APPLIED
        if not self.repairs:
            return RejectState.OPEN
        last = self.repairs[-1].attempt
        if any(outcome.attempt == last for outcome in self.outcomes):
            return RejectState.REFUSED
        if any(release.attempt == last for release in self.releases):
            return RejectState.REPLAYED
        return RejectState.REPAIRED


def add_night(connection: sa.Connection, rejects: Sequence[Reject], outcomes: Sequence[Outcome]) -> None:
    """Add a night's rejects and the outcomes of its replays, inside the transaction that commits its stage."""
    if rejects:
        connection.execute(sa.insert(REJECT), [_reject_row(reject) for reject in rejects])
    if outcomes:
        rows = [{c.name: getattr(outcome, c.name) for c in OUTCOME.columns} for outcome in outcomes]
        connection.execute(sa.insert(OUTCOME), rows)


def add_repair(engine: sa.Engine, repair: Repair) -> None:
    """Add a repair; TerminalError where its attempt stands already."""
    row = {"reject_id": repair.reject_id, "attempt": repair.attempt, "person": repair.person}
    try:
        with engine.begin() as connection:
            sealed = {"key_id": repair.sealed.key_id, "sealed": repair.sealed.content}
            connection.execute(sa.insert(REPAIR), [row | sealed])
    except sa.exc.IntegrityError:
        raise TerminalError(
            f"Reject {repair.reject_id} was repaired by somebody else meanwhile: look at it again."
        ) from None


def add_replay(engine: sa.Engine, file: ReplayFile, releases: Sequence[Release]) -> None:
    """Add a replay of one file; TerminalError where the database refuses one of its records."""
    try:
        with engine.begin() as connection:
            row = {c.name: getattr(file, c.name) for c in REPLAY_FILE.columns}
            connection.execute(sa.insert(REPLAY_FILE), [row])
            rows = [{c.name: getattr(release, c.name) for c in REPLAY.columns} for release in releases]
            connection.execute(sa.insert(REPLAY), rows)
    except sa.exc.IntegrityError:
        raise TerminalError(
            "The books refuse this replay: who repaired a record cannot replay it, and a repair is replayed once."
        ) from None


def cases(engine: sa.Engine, reject_ids: Sequence[str] | None = None) -> list[Case]:
    """All rejects, or some, with what was done about them, by night, file and record."""
    with books.transaction(engine) as connection:
        rejects = sa.select(REJECT).order_by(REJECT.c.business_date, REJECT.c.file, REJECT.c.record)
        if reject_ids is not None:
            rejects = rejects.where(REJECT.c.reject_id.in_(reject_ids))
        found = [_reject(row) for row in connection.execute(rejects).mappings()]
        repairs: dict[str, list[Repair]] = {}
        for row in connection.execute(sa.select(REPAIR).order_by(REPAIR.c.reject_id, REPAIR.c.attempt)).mappings():
            repairs.setdefault(row["reject_id"], []).append(_repair(row))
        releases: dict[str, list[Release]] = {}
        for row in connection.execute(sa.select(REPLAY).order_by(REPLAY.c.reject_id, REPLAY.c.attempt)).mappings():
            releases.setdefault(row["reject_id"], []).append(Release(**row))
        outcomes: dict[str, list[Outcome]] = {}
        for row in connection.execute(sa.select(OUTCOME).order_by(OUTCOME.c.reject_id, OUTCOME.c.attempt)).mappings():
            outcomes.setdefault(row["reject_id"], []).append(Outcome(**row))
    return [
        Case(
            reject=reject,
            repairs=tuple(repairs.get(reject.reject_id, ())),
            releases=tuple(releases.get(reject.reject_id, ())),
            outcomes=tuple(outcomes.get(reject.reject_id, ())),
        )
        for reject in found
    ]


def replay_files(engine: sa.Engine, business_date: date) -> list[ReplayFile]:
    """The replays that were released for a night, by name."""
    query = sa.select(REPLAY_FILE).where(REPLAY_FILE.c.business_date == business_date).order_by(REPLAY_FILE.c.name)
    with books.transaction(engine) as connection:
        return [ReplayFile(**row) for row in connection.execute(query).mappings()]


def releases_of(engine: sa.Engine, business_date: date) -> list[Release]:
    """The records that were released for a night."""
    query = sa.select(REPLAY).where(REPLAY.c.business_date == business_date).order_by(REPLAY.c.reject_id)
    with books.transaction(engine) as connection:
        return [Release(**row) for row in connection.execute(query).mappings()]


def copy_quarantine_before(source: sa.Engine, target: sa.Engine, before: date) -> None:
    """Copy what a night rests on into empty books: rejects of earlier nights, and replays up to the night itself."""
    with books.transaction(source) as reader, books.transaction(target) as writer:
        earlier = sa.select(REJECT.c.reject_id).where(REJECT.c.business_date < before)
        queries = {
            REJECT: sa.select(REJECT).where(REJECT.c.business_date < before),
            REPAIR: sa.select(REPAIR).where(REPAIR.c.reject_id.in_(earlier)),
            REPLAY_FILE: sa.select(REPLAY_FILE).where(REPLAY_FILE.c.business_date <= before),
            REPLAY: sa.select(REPLAY).where(REPLAY.c.business_date <= before),
            OUTCOME: sa.select(OUTCOME).where(OUTCOME.c.business_date < before),
        }
        for table, query in queries.items():
            rows = [dict(row) for row in reader.execute(query).mappings()]
            if rows:
                writer.execute(sa.insert(table), rows)


def _sealed(row: sa.RowMapping) -> Sealed | None:
    return None if row["sealed"] is None else Sealed(key_id=row["key_id"], content=bytes(row["sealed"]))


def _reject(row: sa.RowMapping) -> Reject:
    plain = {name: row[name] for name in REJECT.columns.keys() if name not in {"key_id", "sealed"}}  # noqa: SIM118
    return Reject(**plain, sealed=_sealed(row))


def _reject_row(reject: Reject) -> dict[str, object]:
    row = {name: getattr(reject, name) for name in REJECT.columns.keys() if name not in {"key_id", "sealed"}}  # noqa: SIM118
    sealed = reject.sealed
    return row | {"key_id": sealed and sealed.key_id, "sealed": sealed and sealed.content}


def _repair(row: sa.RowMapping) -> Repair:
    sealed = Sealed(key_id=row["key_id"], content=bytes(row["sealed"]))
    return Repair(reject_id=row["reject_id"], attempt=row["attempt"], person=row["person"], sealed=sealed)
