"""Single changes past the rules, of any cell, row, file or night: each is found, and told by its place."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from conftest import Server
from sealed_home import copy_books, loose_engine
from typer.testing import CliRunner

from settlement import books, store
from settlement.errors import TerminalError
from settlement.evidence import verify_books
from settlement.evidence.folder import check_home, read_books, write_folder
from settlement.evidence.verify_books import Found
from settlement.night_commands import app as commands
from settlement.store import Home

ROWS = ("entry", "posting", "stage_run", "stage_file", "quarantine_reject", "book_row", "seal")


@pytest.fixture(scope="module")
def loose_home(sealed_home: Home, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A copy whose books have lost their rules. Each test puts back what it changes."""
    root = tmp_path_factory.mktemp("loose") / "home"
    shutil.copytree(sealed_home.root, root)
    loose_engine(store.open_home(root))
    return store.open_home(root)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def books_of_home(request: pytest.FixtureRequest, loose_home: Home) -> Iterator[sa.Engine]:
    """The books of the loose home in either database, where ``SETTLEMENT_BOOKS_URL`` names it."""
    if request.param == "sqlite":
        yield loose_engine(loose_home)
        return
    server: Server = request.getfixturevalue("postgres")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SETTLEMENT_BOOKS_URL", server.new_database().render_as_string(hide_password=False))
        engine = books.connect(loose_home)
        patch.delenv("SETTLEMENT_BOOKS_URL")
        copy_books(loose_engine(loose_home), engine)
        patch.setenv("SETTLEMENT_BOOKS_URL", engine.url.render_as_string(hide_password=False))
        yield engine


def looks(home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """What the checker says of the books as the program reads them, and alone of those in CSV, each as one text."""
    chain = Found()
    verify_books.check_all(read_books(home), chain, None)
    assert chain.problems, "nothing was found in the books"
    evidence = tmp_path / "evidence"
    shutil.rmtree(evidence, ignore_errors=True)
    write_folder(home, evidence)
    capsys.readouterr()
    code = verify_books.main([str(evidence)])
    alone = capsys.readouterr().out
    assert code == 2, alone
    return ["\n".join(map(str, chain.problems)), alone.partition("DOES NOT HOLD")[2]]


def another(value: object) -> object:
    """A value of the same type that is not this one."""
    match value:
        case None:
            return "x"
        case datetime():
            return value + timedelta(seconds=1)
        case date():
            return value + timedelta(days=4000)
        case int():
            return value + 4000
        case bytes():
            return value + b"x"
        case str():
            return ("0" if value[0] != "0" else "1") + value[1:] if value else "x"
    raise AssertionError(value)


def rows_of(engine: sa.Engine, name: str) -> list[dict[str, object]]:
    table = books.METADATA.tables[name]
    with engine.connect() as connection:
        key = [column.name for column in table.primary_key]
        rows = [dict(row) for row in connection.execute(sa.select(table)).mappings()]
    return sorted(rows, key=lambda row: [str(row[column]) for column in key])


def remove(engine: sa.Engine, name: str, row: dict[str, object]) -> None:
    table = books.METADATA.tables[name]
    with engine.begin() as connection:
        wanted = [column == row[column.name] for column in table.primary_key]
        assert connection.execute(sa.delete(table).where(*wanted)).rowcount == 1


def add(engine: sa.Engine, name: str, row: dict[str, object]) -> None:
    with engine.begin() as connection:
        connection.execute(sa.insert(books.METADATA.tables[name]), [row])


@contextmanager
def instead(engine: sa.Engine, name: str, row: dict[str, object], other: dict[str, object]) -> Iterator[None]:
    """Another row in the place of one."""
    remove(engine, name, row)
    add(engine, name, other)
    yield
    remove(engine, name, other)
    add(engine, name, row)


def place_of(name: str, row: dict[str, object]) -> str:
    """How a row is named where it is told."""
    match name:
        case "posting":
            return str(row["entry_key"])
        case "seal":
            return f"seal {row['number']}"
        case "book_row":
            return str(row["row_key"]).replace("\t", "/")
    return "/".join(str(row[column.name]) for column in books.METADATA.tables[name].primary_key)


def told_at(text: str, place: str) -> bool:
    return place in text.replace("\t", "/")


CELLS = {
    f"{name}.{column.name}": (name, type(column.type))
    for name in ROWS
    for column in books.METADATA.tables[name].columns
}
OF_EACH_TYPE = {kind: cell for cell, kind in reversed(CELLS.items())}.values()
"""What a database tells of a value hangs on its type: in the second database one column of each type of each table."""


@pytest.mark.parametrize(
    ("books_of_home", "cell"),
    [*(("sqlite", cell) for cell in CELLS), *(("postgresql", cell) for cell in OF_EACH_TYPE)],
    indirect=["books_of_home"],
)
def test_a_changed_cell_is_found_at_its_row(
    books_of_home: sa.Engine, loose_home: Home, cell: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name, _, column = cell.partition(".")
    chosen = random.Random(cell)
    row = chosen.choice(rows_of(books_of_home, name))
    with instead(books_of_home, name, row, row | {column: another(row[column])}):
        for text in looks(loose_home, tmp_path, capsys):
            assert told_at(text, place_of(name, row)), text


@pytest.mark.parametrize("name", ROWS)
def test_a_row_that_is_gone_or_came_is_found(
    books_of_home: sa.Engine, loose_home: Home, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = rows_of(books_of_home, name)
    for row in (rows[0], rows[-1]):
        remove(books_of_home, name, row)
        gone = looks(loose_home, tmp_path, capsys)
        add(books_of_home, name, row)
        place = place_of(name, row)
        # Of the last seal its night tells that it is missing.
        place = f"{row['business_date']}/report" if (name, row) == ("seal", rows[-1]) else place
        assert all(told_at(text, place) for text in gone), gone
    key = [column.name for column in books.METADATA.tables[name].primary_key][-1]
    more = rows[-1] | {key: another(rows[-1][key])}
    more |= {"business_date": another(more["business_date"])} if name == "seal" else {}
    more |= {"row_key": "nothing"} if name == "book_row" else {}
    more |= {"record": 4000} if name == "quarantine_reject" else {}
    add(books_of_home, name, more)
    came = looks(loose_home, tmp_path, capsys)
    remove(books_of_home, name, more)
    assert all(told_at(text, place_of(name, more)) for text in came), came


def test_nothing_is_told_where_nothing_was_changed(
    books_of_home: sa.Engine, loose_home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    del books_of_home
    found = check_home(loose_home)
    assert (found.problems, found.unsealed) == ([], [])
    write_folder(loose_home, tmp_path / "evidence")
    assert verify_books.main([str(tmp_path / "evidence"), "--home", str(loose_home.root)]) == 0
    assert "All that is sealed holds." in capsys.readouterr().out


def test_any_cell_of_any_row_is_found(sealed_home: Home) -> None:
    """In memory, with rows chosen by chance over and over: the seed is told by the failure."""
    seed = 2011
    chosen = random.Random(seed)
    read = verify_books.sqlite_books(sealed_home.root / "books.sqlite")
    for turn in range(150):
        name = chosen.choice(ROWS)
        row = chosen.choice(read.tables[name])
        column = chosen.choice([column for column in row if row[column] is not None])
        kept = row[column]
        row[column] = chosen.choice([None, "", f"{kept} ", f"{kept}1", (kept or "")[:-1], "0"])
        if column in {"number", "last_row", "amount_minor", "line"}:
            row[column] = f"{kept}1"
        found = Found()
        verify_books.check_all(read, found, None)
        row[column], changed = kept, row[column]
        assert found.problems or changed == kept, (seed, turn, name, column, kept, changed)


@pytest.mark.parametrize("name", ["stage_run", "entry", "stage_file"])
def test_nights_that_changed_places_are_found(sealed_home: Home, name: str) -> None:
    read = verify_books.sqlite_books(sealed_home.root / "books.sqlite")
    first, second = sorted({row["business_date"] or "" for row in read.tables["stage_run"]})
    for row in read.tables[name]:
        row["business_date"] = {first: second, second: first}[row["business_date"] or ""]
    found = Found()
    verify_books.check_all(read, found, None)
    assert {problem.night for problem in found.problems} == {first, second}


def test_seals_that_changed_places_are_found(sealed_home: Home) -> None:
    read = verify_books.sqlite_books(sealed_home.root / "books.sqlite")
    one, two = read.tables["seal"]
    one["content"], two["content"] = two["content"], one["content"]
    one["sha256"], two["sha256"] = two["sha256"], one["sha256"]
    found = Found()
    verify_books.check_all(read, found, None)
    assert {"seal 1", "seal 2"} <= {problem.place for problem in found.problems}


def files_of(home: Home) -> list[str]:
    """One file of each table, and some of all other files and of the configuration."""
    rows = verify_books.sqlite_books(home.root / "books.sqlite").rows("stage_file")
    paths = sorted({row["path"] for row in rows})
    night = max(row["business_date"] for row in rows)
    tables = [path for path in paths if path.startswith("tables/") and night in path]
    others = [path for path in paths if not path.startswith("tables/")]
    report = next(path for path in paths if path.startswith("report/"))
    config = [file.path for file in store.config_files(home)]
    return sorted({*tables, *others[::12], report, *config[::6]})


def test_a_changed_or_missing_file_is_found(copied_home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    chosen = random.Random(13)
    read = verify_books.sqlite_books(copied_home.root / "books.sqlite")
    seals = verify_books.check_chain(read, None, Found())

    def found_in(home: Home) -> list[str]:
        found = Found()
        verify_books.check_files(read, seals, home.root, True, found)
        return sorted({problem.place for problem in found.problems})

    paths = files_of(copied_home)
    assert {path.partition("/")[0] for path in paths} == {"tables", "originals", "out", "report", "quality", "config"}
    contents = {path: (copied_home.root / path).read_bytes() for path in paths}
    for path, content in contents.items():
        changed = bytearray(content)
        changed[chosen.randrange(len(content))] ^= 1 << chosen.randrange(8)
        (copied_home.root / path).chmod(0o640)
        (copied_home.root / path).write_bytes(changed)
    assert found_in(copied_home) == paths
    for path in paths:
        (copied_home.root / path).unlink()
    assert found_in(copied_home) == paths
    for path, content in contents.items():
        (copied_home.root / path).write_bytes(content)
    assert verify_books.main([str(copied_home.root)]) == 0, capsys.readouterr().out


def test_every_byte_of_a_file_counts(copied_home: Home) -> None:
    rows = verify_books.sqlite_books(copied_home.root / "books.sqlite").rows("stage_file")
    row = min((row for row in rows if row["path"].startswith("out/")), key=lambda row: int(row["size_bytes"]))
    file = copied_home.root / row["path"]
    content = file.read_bytes()
    for index in range(len(content)):
        file.write_bytes(content[:index] + bytes([content[index] ^ 1]) + content[index + 1 :])
        found = Found()
        verify_books.check_file(file, row, found)
        assert found.problems, index


@pytest.mark.parametrize(
    "change",
    [
        lambda root, a, b: (root / f"tables/payout/{a}/more.parquet").write_bytes(b"x"),
        lambda root, a, b: shutil.copytree(
            root / f"tables/payout/{a}", root / "tables/payout/business_date=2001-01-01"
        ),
        lambda root, a, b: (root / f"out/{b}/stranger.csv").write_bytes(b"x"),
        lambda root, a, b: (root / f"report/{a}/index.html").replace(root / f"report/{b}/index.html"),
    ],
    ids=["a part more", "a night more", "a partner's file more", "another night's report"],
)
def test_files_of_nobody_and_of_another_night_are_found(
    copied_home: Home, change: Callable[[Path, str, str], object]
) -> None:
    nights = [f"business_date={night}" for night in store.nights_of(copied_home, "payout")]
    change(copied_home.root, nights[0], nights[1])
    assert check_home(copied_home).problems


def test_the_command_says_what_and_where_and_ends_with_a_refusal(copied_home: Home) -> None:
    file = next(path for path in sorted((copied_home.root / "out").rglob("*.csv")))
    file.write_bytes(file.read_bytes() + b"x")
    place = file.relative_to(copied_home.root).as_posix()
    done = CliRunner().invoke(commands, ["verify", "--home", str(copied_home.root), "--chain"])
    assert isinstance(done.exception, TerminalError)
    assert place in str(done.exception)
    assert f"{place}: is not what stage pay has written or landed" in done.output
    none = CliRunner().invoke(commands, ["verify", "--home", str(copied_home.root)])
    assert "--business-date, or look at all of them with --chain" in str(none.exception)
