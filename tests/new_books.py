"""New books in SQLite without a run of the revisions: they get the tables that one run has made.

A run takes longer than most tests. Tests of the revisions themselves ask for ``real_revisions``.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa

from settlement.schema import upgrade

RUN = upgrade._run
_MADE: list[str] = []


@contextmanager
def tables_from_one_run() -> Iterator[None]:
    """Within the block, new books in SQLite are made by the statements of the first ones."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(upgrade, "_run", _run)
        yield


def _run(connection: sa.Connection) -> None:
    if connection.dialect.name != "sqlite" or sa.inspect(connection).get_table_names():
        RUN(connection)
        return
    if not _MADE:
        _MADE.extend(_statements())
    for statement in _MADE:
        connection.exec_driver_sql(statement)


def _statements() -> list[str]:
    engine = sa.create_engine("sqlite://")
    with engine.begin() as connection:
        RUN(connection)
    with engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        return [one for one in driver.iterdump() if one not in {"BEGIN TRANSACTION;", "COMMIT;"}]
