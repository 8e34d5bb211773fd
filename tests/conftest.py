"""What all tests share: a test card key, one small sample, settled once a worker, and a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from airflow_home import Airflow, running_airflow
from postgres_server import Server, binaries, running_server

from settlement import originals, runner, store
from settlement.home import create_home
from settlement.sample.generate import generate
from settlement.store import Home

TEST_CARD_KEY = bytes(range(32)).hex()
TEST_QUARANTINE_KEY = bytes(range(32, 64)).hex()


@pytest.fixture(autouse=True)
def _test_card_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SETTLEMENT_CARD_KEY", TEST_CARD_KEY)
    monkeypatch.setenv("SETTLEMENT_CARD_KEY_ID", "test")
    monkeypatch.setenv("SETTLEMENT_QUARANTINE_KEY", TEST_QUARANTINE_KEY)


@pytest.fixture(scope="session")
def sample_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three delivered nights of 300 transactions with every planted fault."""
    target = tmp_path_factory.mktemp("sample") / "nights"
    generate(target, nights=3, rows=300, seed=11)
    return target


@pytest.fixture(scope="session")
def settled_home(tmp_path_factory: pytest.TempPathFactory, sample_dir: Path) -> Home:
    """A home whose three nights are settled up to the partners' files. Tests must not change it."""
    return settle_sample(tmp_path_factory.mktemp("home") / "home", sample_dir)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def settled_on_each_database(request: pytest.FixtureRequest) -> Iterator[Home]:
    """The settled home with its books in SQLite, and another with the books in PostgreSQL. Tests must not change it."""
    if request.param == "sqlite":
        yield request.getfixturevalue("settled_home")
        return
    server: Server = request.getfixturevalue("postgres")
    root = request.getfixturevalue("tmp_path_factory").mktemp("home") / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SETTLEMENT_BOOKS_URL", server.new_database().render_as_string(hide_password=False))
        yield settle_sample(root, request.getfixturevalue("sample_dir"))


def settle_sample(root: Path, sample_dir: Path) -> Home:
    """A new home at ``root`` with the sample's nights settled up to the partners' files."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SETTLEMENT_CARD_KEY", TEST_CARD_KEY)
        patch.setenv("SETTLEMENT_CARD_KEY_ID", "test")
        patch.setenv("SETTLEMENT_QUARANTINE_KEY", TEST_QUARANTINE_KEY)
        create_home(root, sample_dir)
        home = store.open_home(root)
        for night in originals.delivery_dates(home):
            runner.run_night(home, night, until="pay")
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

    The function given takes another, empty database where it is PostgreSQL; SQLite needs another home alone.
    """
    if request.param == "sqlite":
        return lambda: None
    server: Server = request.getfixturevalue("postgres")

    def another() -> None:
        monkeypatch.setenv("SETTLEMENT_BOOKS_URL", server.new_database().render_as_string(hide_password=False))

    another()
    return another
