"""Nights that are settled to their end, so that each has a seal, and their books in either database."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from settlement import books, originals, runner, store
from settlement.home import create_home
from settlement.sample.generate import generate
from settlement.store import Home

CONTRACTS = Path(__file__).parent / "contracts"


def make_sealed_home(folder: Path) -> Home:
    """Two nights of fifty transactions, ended, under contracts that need accounts of every kind."""
    generate(folder / "nights", nights=2, rows=50, seed=5)
    create_home(folder / "home", folder / "nights")
    home = store.open_home(folder / "home")
    shutil.copytree(CONTRACTS, home.config / "contracts", dirs_exist_ok=True)
    for night in originals.delivery_dates(home):
        runner.run_night(home, night)
    return home


def let_go(engine: sa.Engine) -> None:
    """Take the rules away, as who owns the tables can."""
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            names = sa.text("SELECT name FROM sqlite_master WHERE type = 'trigger'")
            for (name,) in connection.execute(names).all():
                connection.exec_driver_sql(f'DROP TRIGGER "{name}"')
        else:
            for name in sa.inspect(connection).get_table_names():
                connection.exec_driver_sql(f'ALTER TABLE "{name}" DISABLE TRIGGER ALL')


def loose_engine(home: Home) -> sa.Engine:
    """The books without rules, triggers or foreign keys."""
    engine = books.connect(home)
    let_go(engine)
    return sa.create_engine(engine.url) if engine.dialect.name == "sqlite" else engine


def copy_books(source: sa.Engine, target: sa.Engine) -> None:
    """Put every row into books of another kind, as a restore does, past the rules; ``target`` has none yet."""
    let_go(target)
    with source.connect() as reader, target.begin() as writer:
        for table in books.METADATA.sorted_tables:
            rows = [dict(row) for row in reader.execute(sa.select(table)).mappings()]
            for row in rows:
                row |= {name: value.replace(tzinfo=UTC) for name, value in row.items() if isinstance(value, datetime)}
            if rows:
                writer.execute(sa.insert(table), rows)
