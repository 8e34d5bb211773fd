"""A real PostgreSQL for the tests: a server of their own on a socket in a temporary folder, a database a test."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import psycopg
import sqlalchemy as sa

from settlement.schema.upgrade import upgrade

_NUMBERS = count(1)
EMPTY_BOOKS, NOTHING = "empty_books", "template0"
"""Databases to copy: books of this version without rows, and a database without tables."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A running server; ``folder`` holds its socket."""

    folder: Path

    def new_database(self, like: str = EMPTY_BOOKS) -> sa.URL:
        """A database of its own, a copy of another one that nobody uses: by default of books without rows."""
        name = f"books{next(_NUMBERS)}"
        with psycopg.connect(host=str(self.folder), user="postgres", dbname="postgres", autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {like}")
        return self.url(name)

    def url(self, name: str) -> sa.URL:
        """The URL of a database."""
        return sa.URL.create("postgresql+psycopg", "postgres", database=name, query={"host": str(self.folder)})


def binaries() -> Path | None:
    """Where the programs of the latest installed PostgreSQL are, as Debian puts them; None where it is not there."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


@contextmanager
def running_server(programs: Path) -> Iterator[Server]:
    """A server that forgets on power loss, ended behind the block. It refuses root, who runs it as somebody else."""
    folder = Path(tempfile.mkdtemp(prefix="settlement-postgres-", dir="/tmp"))
    who = _unprivileged()
    if who is not None:
        os.chown(folder, who.pw_uid, who.pw_gid)
    user = {} if who is None else {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []}

    def call(*words: str) -> None:
        done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=folder, **user)
        assert done.returncode == 0, done.stdout + done.stderr

    data = str(folder / "data")
    options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off -c full_page_writes=off"
    try:
        call(str(programs / "initdb"), "-D", data, "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8")
        call(str(programs / "pg_ctl"), "-D", data, "-w", "-l", str(folder / "log"), "-o", options, "start")
        try:
            server = Server(folder=folder)
            with psycopg.connect(host=str(folder), user="postgres", dbname="postgres", autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE {EMPTY_BOOKS}")
            upgrade(sa.create_engine(server.url(EMPTY_BOOKS), poolclass=sa.NullPool))
            yield server
        finally:
            call(str(programs / "pg_ctl"), "-D", data, "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)


def _unprivileged() -> pwd.struct_passwd | None:
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name: entry for entry in pwd.getpwall()}
    return names.get("postgres") or names["nobody"]
