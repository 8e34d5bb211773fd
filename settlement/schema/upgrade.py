"""Bringing books to the revision of this version, by whoever opens them first.

Books that are new get all tables; books of a version before get what they lack, also those from before there were
revisions. All of it happens in one transaction behind a lock: of several that open the books at once one does it and
the others find it done. Why nobody has to ask for it stands in docs/adr/0008-books-upgrade-themselves.md.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import sqlalchemy as sa

from settlement.errors import TerminalError

LATEST: Final = "0009"
"""The revision that this version reads and writes."""

_FOLDER: Final = Path(__file__).resolve().parent
_LOCK: Final = 0x5E771E
"""Number of the advisory lock that is held in PostgreSQL while books are upgraded."""


def upgrade(engine: sa.Engine) -> None:
    """Bring the books to ``LATEST``; nothing where they are there.

    Raises TerminalError where the books are of a later version than the program.
    """
    with engine.connect() as connection:
        found = _revision(connection)
    if found == LATEST:
        return
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            # Before the first change of tables the driver begins nothing by itself.
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        if _revision(connection) != LATEST:
            _run(connection)


def _revision(connection: sa.Connection) -> str | None:
    """The revision of the books, None for new ones and those from before there were revisions."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    if found is not None and found > LATEST:
        raise TerminalError(
            f"The books are of revision {found} and this program knows {LATEST}: use the program's later version, "
            "which has upgraded them."
        )
    return found


def _run(connection: sa.Connection) -> None:
    # Loaded where books are new or old, which is rare: it takes longer than most commands.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, LATEST)
