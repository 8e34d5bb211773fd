"""What all tests share: a test card key, one small sample, settled once a worker, and a real PostgreSQL."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from airflow_home import Airflow, running_airflow
from new_books import RUN, tables_from_one_run
from postgres_server import NOTHING, Server, binaries, running_server
from shared import made_once

from settlement import originals, runner, store
from settlement.home import create_home
from settlement.sample.generate import generate
from settlement.schema import upgrade
from settlement.store import Home

TEST_CARD_KEY = bytes(range(32)).hex()
TEST_QUARANTINE_KEY = bytes(range(32, 64)).hex()


@pytest.fixture(autouse=True)
def _test_card_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SETTLEMENT_CARD_KEY", TEST_CARD_KEY)
    monkeypatch.setenv("SETTLEMENT_CARD_KEY_ID", "test")
    monkeypatch.setenv("SETTLEMENT_QUARANTINE_KEY", TEST_QUARANTINE_KEY)


@pytest.fixture(scope="session", autouse=True)
def _new_books() -> Iterator[None]:
    with tables_from_one_run():
        yield


@pytest.fixture
def real_revisions(monkeypatch: pytest.MonkeyPatch) -> None:
    """New books are made by the revisions themselves."""
    monkeypatch.setattr(upgrade, "_run", RUN)


@pytest.fixture(scope="session")
def sample_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three delivered nights of 300 transactions with every planted fault."""
    return (
        made_once(tmp_path_factory, "sample", lambda folder: generate(folder / "nights", nights=3, rows=300, seed=11))
        / "nights"
    )


@pytest.fixture(scope="session")
def settled_sample(tmp_path_factory: pytest.TempPathFactory, sample_dir: Path) -> Path:
    """``home`` as ``settled_home`` tells it, and ``two_nights`` as it was when its last night was only delivered."""

    def make(folder: Path) -> None:
        settle_sample(folder / "home", sample_dir, lambda home: shutil.copytree(home.root, folder / "two_nights"))

    return made_once(tmp_path_factory, "settled", make)


@pytest.fixture(scope="session")
def settled_home(settled_sample: Path) -> Home:
    """A home whose three nights are settled up to the partners' files. Tests must not change it."""
    return store.open_home(settled_sample / "home")


@pytest.fixture(scope="session")
def settled_on_postgresql(
    tmp_path_factory: pytest.TempPathFactory, sample_dir: Path, postgres: Server
) -> tuple[Home, sa.URL, sa.URL]:
    """The settled home with its books in PostgreSQL, their URL, and that of the books as they were after two nights."""
    url, before = postgres.new_database(), []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SETTLEMENT_BOOKS_URL", url.render_as_string(hide_password=False))
        home = settle_sample(
            tmp_path_factory.mktemp("home") / "home",
            sample_dir,
            lambda _: before.append(postgres.new_database(like=str(url.database))),
        )
    return home, url, before[0]


@pytest.fixture(params=["sqlite", "postgresql"])
def settled_on_each_database(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Home:
    """The settled home with its books in SQLite, and another with the books in PostgreSQL. Tests must not change it."""
    if request.param == "sqlite":
        home: Home = request.getfixturevalue("settled_home")
        return home
    home, url, _ = request.getfixturevalue("settled_on_postgresql")
    monkeypatch.setenv("SETTLEMENT_BOOKS_URL", url.render_as_string(hide_password=False))
    return home


@pytest.fixture(params=["sqlite", "postgresql"])
def two_nights_on_each_database(
    request: pytest.FixtureRequest, tmp_path: Path, settled_sample: Path, monkeypatch: pytest.MonkeyPatch
) -> Home:
    """A home of the test's own, whose first two nights are settled and whose third is delivered, on each database."""
    if request.param == "postgresql":
        _, _, before = request.getfixturevalue("settled_on_postgresql")
        server: Server = request.getfixturevalue("postgres")
        url = server.new_database(like=str(before.database))
        monkeypatch.setenv("SETTLEMENT_BOOKS_URL", url.render_as_string(hide_password=False))
    shutil.copytree(settled_sample / "two_nights", tmp_path / "home")
    return store.open_home(tmp_path / "home")


def settle_sample(root: Path, sample_dir: Path, before_last: Callable[[Home], object]) -> Home:
    """A new home at ``root`` with the sample's nights settled up to the partners' files."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SETTLEMENT_CARD_KEY", TEST_CARD_KEY)
        patch.setenv("SETTLEMENT_CARD_KEY_ID", "test")
        patch.setenv("SETTLEMENT_QUARANTINE_KEY", TEST_QUARANTINE_KEY)
        create_home(root, sample_dir)
        home = store.open_home(root)
        *nights, last = originals.delivery_dates(home)
        for night in nights:
            runner.run_night(home, night, until="pay")
        before_last(home)
        runner.run_night(home, last, until="pay")
    return home


@pytest.fixture(scope="session")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Airflow]:
    """A real Airflow, loaded once a worker; all tests share its metadata database."""
    with running_airflow(tmp_path_factory.mktemp("airflow")) as airflow:
        yield airflow


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A real PostgreSQL, started once a worker."""
    programs = binaries()
    if programs is None:
        pytest.skip("no PostgreSQL under /usr/lib/postgresql: books on it are not tried on this machine")
    with running_server(programs) as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def on_each_database(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """The test runs twice: with its home's books in SQLite beside it, and in a database of their own in PostgreSQL.

    The function given takes another database without rows where it is PostgreSQL; SQLite needs another home alone.
    """
    return _database(request, monkeypatch)


@pytest.fixture(scope="session")
def _made_homes() -> dict[tuple[str, bool], tuple[Path, str]]:
    """Homes by name and whether their books are in PostgreSQL: where they lie, and their database there."""
    return {}


@pytest.fixture
def own_home(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    tmp_path: Path,
    on_each_database: object,
    _made_homes: dict[tuple[str, bool], tuple[Path, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[str, Callable[[Path], object]], Home]:
    """Gives the test a home of its own by a name and what makes such a home: it is made once and then copied."""

    def own(name: str, make: Callable[[Path], object]) -> Home:
        url = os.environ.get("SETTLEMENT_BOOKS_URL")
        key = name, url is not None
        if key not in _made_homes:
            root = tmp_path_factory.mktemp(name) / "home"
            make(root)
            _made_homes[key] = root, str(sa.make_url(url).database) if url else ""
        root, database = _made_homes[key]
        if url is not None:
            server: Server = request.getfixturevalue("postgres")
            copy = server.new_database(like=database)
            monkeypatch.setenv("SETTLEMENT_BOOKS_URL", copy.render_as_string(hide_password=False))
        shutil.copytree(root, tmp_path / "home")
        return store.open_home(tmp_path / "home")

    return own


@pytest.fixture(params=["sqlite", "postgresql"])
def on_each_without_tables(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, real_revisions: None
) -> Callable[[], None]:
    """As ``on_each_database``, but there are no tables yet, which the revisions make."""
    return _database(request, monkeypatch, like=NOTHING)


def _database(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, **like: str) -> Callable[[], None]:
    if request.param == "sqlite":
        return lambda: None
    server: Server = request.getfixturevalue("postgres")

    def another() -> None:
        monkeypatch.setenv("SETTLEMENT_BOOKS_URL", server.new_database(**like).render_as_string(hide_password=False))

    another()
    return another
