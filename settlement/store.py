"""The only door to storage: a home directory with deliveries, originals, tables, files and the commit log.

Deliveries and originals are read and kept by ``originals``, all else here.

    HOME/inbox/<delivery date>/     files as partners and networks deliver them
    HOME/originals/<aa>/<sha256>    every landed content, once, read-only
    HOME/config/                    programme, layouts, match rules, contracts (TOML)
    HOME/tables/<table>/business_date=YYYY-MM-DD/part-*.parquet
    HOME/out/business_date=YYYY-MM-DD/      settlement files for partners
    HOME/report/business_date=YYYY-MM-DD/   the night's report and Data Docs
    HOME/work/                      units that are not committed yet
    HOME/books.sqlite               journal and commit log (see books.py)

A stage becomes true by one row in the commit log. Everything it publishes is moved into place before
that row is written, and whatever lies in place without its row is replaced by the next run.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from settlement.errors import RetryableError, TerminalError
from settlement.model.journal import Entry, entry_from_json, entry_to_json
from settlement.model.stage import Part, StageOutput
from settlement.model.table import Table
from settlement.model.tables import TABLES
from settlement.whole_file import sync_folder

_BLOCK: Final = 1 << 20
DELIVERY: Final = "delivery.toml"
"""The one document that no night rests on: where files go and how is declared there."""
_LOOKED_UP: Final = frozenset({"rated_key"})
"""Tables, sorted by what is looked up, of which only the groups of rows are read that can hold it."""
_ROWS_LOOKED_UP: Final = 1 << 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """The paths of one home directory. ``own_books`` keeps its journal beside its tables whatever is configured."""

    root: Path
    own_books: bool = False

    @property
    def inbox(self) -> Path:
        """Where files are delivered, one folder a date."""
        return self.root / "inbox"

    @property
    def originals(self) -> Path:
        """Every landed content, once, by its digest."""
        return self.root / "originals"

    @property
    def config(self) -> Path:
        """Programme, layouts, match rules and contracts."""
        return self.root / "config"

    def partition(self, table: str, business_date: date) -> Path:
        """Folder of one table's rows of one night."""
        return self.root / "tables" / table / f"business_date={business_date}"

    def published(self, kind: str, business_date: date) -> Path:
        """Folder of the files (``out`` or ``report``) of one night."""
        return self.root / kind / f"business_date={business_date}"

    def stage_work(self, business_date: date, stage: str) -> Path:
        """Folder of a stage's uncommitted units."""
        return self.root / "work" / str(business_date) / stage

    def unit_work(self, business_date: date, stage: str, unit: str) -> Path:
        """Folder of one uncommitted unit; its name is a digest because unit names may be hostile."""
        return self.stage_work(business_date, stage) / hashlib.sha256(unit.encode()).hexdigest()[:24]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptFile:
    """A file of the home as its digest tells it; ``path`` is below the home, with slashes."""

    path: str
    sha256: str
    size_bytes: int


def kept_file(home: Home, path: Path) -> KeptFile:
    """A file as it lies in the home."""
    name = path.relative_to(home.root).as_posix()
    return KeptFile(path=name, sha256=_file_digest(path), size_bytes=path.stat().st_size)


def config_files(home: Home) -> tuple[KeptFile, ...]:
    """All files of the configuration, sorted by path."""
    return tuple(kept_file(home, path) for path in sorted(home.config.rglob("*")) if path.is_file())


def open_home(root: Path) -> Home:
    """The home at ``root``; TerminalError where there is none."""
    if not (root / "config").is_dir():
        raise TerminalError(f"{root} is no settlement home: create one with `settle init {root}`.")
    return Home(root=root.resolve())


def read_documents(home: Home) -> dict[str, str]:
    """All configuration texts that nights rest on, by their path under ``HOME/config``, sorted."""
    names = [path.relative_to(home.config).as_posix() for path in sorted(home.config.rglob("*.toml"))]
    return {name: read_document(home, name) for name in names if name != DELIVERY}


def read_document(home: Home, name: str) -> str:
    """One configuration text by its path under ``HOME/config``; TerminalError where it is no UTF-8."""
    try:
        return (home.config / name).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise TerminalError(f"config/{name} is not UTF-8 text (byte {error.start}): save it as UTF-8.") from None


def read_table(home: Home, table: str, business_date: date) -> pl.DataFrame:
    """One night's rows of a table; no rows where that night did not write it.

    A column that came to the table after that night is empty, also where it may not be in a night of today.
    """
    parts = _parts(home, table, business_date)
    if not parts:
        return TABLES[table].empty()
    return pl.concat([_read_part(part) for part in parts]).select(_columns(TABLES[table], parts))


def table_parts(home: Home, table: str, business_date: date) -> tuple[Part, ...]:
    """One night's rows of a table in the parts in which they lie, read as they are asked for."""
    found, today = [], TABLES[table].schema
    for part in _parts(home, table, business_date):
        rows = pl.scan_parquet(part, hive_partitioning=False)
        # A part that another version wrote may lack columns.
        same = [*_written(part).items()] == [*today.items()]
        found.append(Part(rows=rows, stored=part) if same else Part(rows=rows.select(_columns(TABLES[table], [part]))))
    return tuple(found)


def _parts(home: Home, table: str, business_date: date) -> list[Path]:
    return [Path(name) for name in _part_names(home, table, business_date)]


def _part_names(home: Home, table: str, business_date: date) -> list[str]:
    folder = f"{home.root}/tables/{table}/business_date={business_date}"
    return [f"{folder}/{name}" for name in _entries(folder) if name.startswith("part-") and name.endswith(".parquet")]


def _entries(folder: Path | str) -> list[str]:
    """The names in a folder, sorted; none where it is missing. Every stage lists a year of nights of each table."""
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208 - names, without a Path of each
    except (FileNotFoundError, NotADirectoryError):
        return []


def _columns(table: Table, parts: Sequence[Path]) -> list[pl.Expr]:
    """What reads the table's columns from a night's parts, which one run wrote; empty where that run had none."""
    schema, written = table.schema, _written(parts[0])
    kept = [pl.col(name) if name in written else pl.lit(None, kind).alias(name) for name, kind in schema.items()]
    return [*kept, *(pl.col(name) for name in written if name not in schema)]


def _written(part: Path) -> dict[str, pl.DataType]:
    try:
        return dict(pl.read_parquet_schema(part))
    except pl.exceptions.PolarsError:
        raise _unreadable(part) from None


def _unreadable(part: Path) -> TerminalError:
    # Through links: a re-performed night stands on the tables of the nights before it.
    return TerminalError(f"{part.resolve()} is no readable Parquet file: restore it from backup.")


def _read_part(part: Path) -> pl.DataFrame:
    try:
        return pl.read_parquet(part, hive_partitioning=False)
    except pl.exceptions.PolarsError:
        raise _unreadable(part) from None


def scan_table(home: Home, table: str, business_date: date) -> pl.LazyFrame:
    """One night's rows of a table as ``read_table`` reads them, lazily: columns that nobody asks for are not read."""
    parts = _parts(home, table, business_date)
    if not parts:
        return TABLES[table].empty().lazy()
    return pl.scan_parquet(parts, hive_partitioning=False).select(_columns(TABLES[table], parts))


def require_readable(home: Home, tables: Sequence[str], until: date) -> None:
    """Raise TerminalError that names the first part of these tables, up to a night, that cannot be read."""
    for table in tables:
        for partition in sorted((home.root / "tables" / table).glob("business_date=*")):
            if date.fromisoformat(partition.name.removeprefix("business_date=")) <= until:
                for part in sorted(partition.glob("part-*.parquet")):
                    _read_part(part)


def nights_of(home: Home, table: str) -> list[date]:
    """The nights of which a table is published, in order."""
    begin = "business_date="
    names = [name for name in _entries(home.root / "tables" / table) if name.startswith(begin)]
    return [date.fromisoformat(name.removeprefix(begin)) for name in names]


def scan_history(home: Home, table: str, before: date) -> pl.LazyFrame:
    """All rows of a table from nights before ``before``, with their ``business_date``, in night order.

    A column that came to the table after a night is empty in that night's rows. No file is opened before its rows are
    asked for: of nights that a filter on ``business_date`` leaves out, none is.
    """
    return scan_nights(home, table, [night for night in nights_of(home, table) if night < before])


def scan_nights(home: Home, table: str, nights: Collection[date]) -> pl.LazyFrame:
    """All rows of a table from some nights as ``scan_history`` gives them; of others no folder is listed."""
    schema = pl.Schema({**TABLES[table].schema, "business_date": pl.Date()})
    parts = [part for night in sorted(nights) for part in _part_names(home, table, night)]
    if not parts:
        return schema.to_frame().lazy()
    return pl.scan_parquet(
        parts,
        schema=schema,
        hive_schema={"business_date": pl.Date()},
        missing_columns="insert",
        extra_columns="ignore",
    ).select(schema.names())


def begin_stage(home: Home, business_date: date, stage: str, inputs_digest: str) -> None:
    """Drop units that a run before kept for other inputs (another configuration), so that none of them is published."""
    if begun_with(home, business_date, stage, inputs_digest):
        return
    work = home.stage_work(business_date, stage)
    mark = work / "inputs"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True, exist_ok=True)
    arriving = work / f".inputs-{os.getpid()}"
    arriving.write_text(inputs_digest, encoding="ascii")
    arriving.replace(mark)


def begun_with(home: Home, business_date: date, stage: str, inputs_digest: str) -> bool:
    """Whether the units that are kept of a stage rest on these inputs."""
    mark = home.stage_work(business_date, stage) / "inputs"
    return mark.exists() and mark.read_text(encoding="ascii") == inputs_digest


@contextmanager
def keeping_parts(home: Home, business_date: date, stage: str, unit: str) -> Iterator[Callable[[pl.DataFrame], Part]]:
    """What stores rows of the table ``parsed_clearing`` aside while a unit is read; behind the block they are gone.

    The parts are to be given to ``save_unit``, which links them, or dropped.
    """
    table = TABLES["parsed_clearing"]
    final = home.unit_work(business_date, stage, unit)
    aside = final.with_name(f".parts-{final.name}-{os.getpid()}")
    shutil.rmtree(aside, ignore_errors=True)
    kept: list[Path] = []

    def keep(rows: pl.DataFrame) -> Part:
        aside.mkdir(parents=True, exist_ok=True)
        kept.append(aside / f"{len(kept):05d}.parquet")
        _write_part(checked(table, rows), kept[-1])
        return Part(rows=pl.scan_parquet(kept[-1], hive_partitioning=False), stored=kept[-1])

    try:
        yield keep
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def save_unit(home: Home, business_date: date, stage: str, unit: str, output: StageOutput) -> None:
    """Keep a unit's output until its stage commits. Saving the same unit twice leaves one of the two."""
    final = home.unit_work(business_date, stage, unit)
    arriving = final.with_name(f".{final.name}-{os.getpid()}")
    shutil.rmtree(arriving, ignore_errors=True)
    (arriving / "tables").mkdir(parents=True)
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as writers:
        # Tables are written beside one another; the first that cannot be written is told.
        for done in [writers.submit(_write_table, arriving, name, frame) for name, frame in output.tables.items()]:
            done.result()
    for name, parts in output.parts.items():
        _save_parts(TABLES[name], parts, arriving / "tables")
    for path, content in output.files.items():
        target = arriving / "files" / path
        if not target.resolve().is_relative_to((arriving / "files").resolve()):
            raise TerminalError(f"Stage {stage} names a file outside its folder: {path!r}.")
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            target.write_bytes(content)
        else:
            os.link(content.stored, target)
    (arriving / "entries.json").write_text(json.dumps([entry_to_json(entry) for entry in output.entries]))
    _sync_files(arriving)
    if final.exists():
        shutil.rmtree(arriving)
        return
    try:
        arriving.rename(final)
    except OSError:
        shutil.rmtree(arriving, ignore_errors=True)
        if not final.exists():
            raise RetryableError(f"Could not keep the output of {stage} for {unit}: try again.") from None


def _save_parts(table: Table, parts: Sequence[Part], folder: Path) -> None:
    """Write the parts of a table, or link those that are stored; TerminalError where a key comes twice or too late."""
    last: tuple[object, ...] = ()
    for index, part in enumerate(parts):
        target = folder / f"{table.name}.{index:05d}.parquet"
        if part.stored is None:
            keys = checked(table, part.rows.collect())
            _write_part(keys, target)
        else:
            # Its rows were looked at when they were written; here they have another name.
            os.link(part.stored, target)
            if pl.read_parquet_schema(target) != table.schema:
                raise TerminalError(f"Table {table.name}: {part.stored} has other columns.")
            keys = pl.scan_parquet(target).select(table.key).collect()
        keys = keys.select(table.key)
        if not table.ascends(keys) or (last and keys.height and keys.row(0) <= last):
            raise TerminalError(f"Table {table.name}: its parts do not ascend by {table.key}, or a key is there twice.")
        last = keys.row(-1) if keys.height else last


def _write_table(folder: Path, name: str, frame: pl.DataFrame) -> None:
    rows = _ROWS_LOOKED_UP if name in _LOOKED_UP else None
    _write_part(checked(TABLES[name], frame), folder / "tables" / f"{name}.parquet", rows)


def _write_part(frame: pl.DataFrame, path: Path, group: int | None = None) -> None:
    """Write rows; with ``group`` so many together, each such group with the least and greatest value of a column."""
    try:
        # In one piece: where its rows were put together must not show in the bytes.
        frame.rechunk().write_parquet(
            path, compression="zstd", compression_level=1, statistics=group is not None, row_group_size=group
        )
    except (pl.exceptions.PolarsError, OSError) as error:
        # A full disk comes as either of the two.
        raise RetryableError(f"{path} could not be written: {error}.") from None


def unit_saved(home: Home, business_date: date, stage: str, unit: str) -> bool:
    """Whether a unit's output is kept and waits for its stage to commit."""
    return home.unit_work(business_date, stage, unit).is_dir()


def read_unit_table(home: Home, business_date: date, stage: str, unit: str, table: str) -> pl.DataFrame:
    """A table of a unit whose stage has not committed yet."""
    return _read_part(home.unit_work(business_date, stage, unit) / "tables" / f"{table}.parquet")


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What a stage has put into place: the digest of all of it, its journal entries and each of its files."""

    digest: str
    entries: list[Entry]
    files: tuple[KeptFile, ...]


def publish(
    home: Home, business_date: date, stage: str, *, writes: Sequence[str], files: str | None, units: Sequence[str]
) -> Published:
    """Move a stage's units into place and return what they are.

    Nothing counts until the caller writes the commit row; what lies in place from a run that died before is replaced.
    """
    digest = hashlib.sha256()
    work = home.stage_work(business_date, stage)
    folders = [home.unit_work(business_date, stage, unit) for unit in sorted(units)]
    kept: list[KeptFile] = []
    for name in writes:
        staged = work / f".publish-{name}"
        shutil.rmtree(staged, ignore_errors=True)
        staged.mkdir(parents=True)
        parts = [part for folder in folders for part in sorted((folder / "tables").glob(f"{name}.*parquet"))]
        for index, part in enumerate(parts):
            os.link(part, staged / f"part-{index:05d}.parquet")
        if not parts:
            _write_part(TABLES[name].empty(), staged / "part-00000.parquet")
        found = _kept(home, staged, home.partition(name, business_date))
        if parts:
            # A table that no unit has written is no part of the digest.
            digest.update(_told(f"{name}/", found))
        kept += found.values()
        _swap(staged, home.partition(name, business_date))
    if files is not None:
        staged = work / ".publish-files"
        shutil.rmtree(staged, ignore_errors=True)
        staged.mkdir(parents=True)
        for folder in folders:
            if (folder / "files").is_dir():
                _refuse_same_file(stage, folder / "files", staged)
                shutil.copytree(folder / "files", staged, dirs_exist_ok=True)
        found = _kept(home, staged, home.published(files, business_date))
        digest.update(_told("", found))
        kept += found.values()
        _swap(staged, home.published(files, business_date))
    entries = [
        entry_from_json(item) for folder in folders for item in json.loads((folder / "entries.json").read_text())
    ]
    return Published(digest=digest.hexdigest(), entries=entries, files=tuple(kept))


def _kept(home: Home, staged: Path, target: Path) -> dict[str, KeptFile]:
    """The files of a folder that is about to be moved to ``target``, by their path in it, sorted."""
    found = {}
    for path in sorted(path for path in staged.rglob("*") if path.is_file()):
        name = path.relative_to(staged)
        file = kept_file(home, path)
        found[name.as_posix()] = replace(file, path=(target / name).relative_to(home.root).as_posix())
    return found


def published_digest(home: Home, business_date: date, *, writes: Sequence[str], files: str | None) -> str:
    """The digest of what a stage has published, taken anew: that of its commit row unless somebody has changed it."""
    digest = hashlib.sha256()
    for name in writes:
        folder = home.partition(name, business_date)
        digest.update(_told(f"{name}/", _kept(home, folder, folder)))
    if files is not None:
        folder = home.published(files, business_date)
        digest.update(_told("", _kept(home, folder, folder)))
    return digest.hexdigest()


def _told(prefix: str, found: Mapping[str, KeptFile]) -> bytes:
    """What a digest is taken of: a line a file, with its path in its folder and its own digest."""
    return "".join(f"{prefix}{path} {file.sha256}\n" for path, file in found.items()).encode()


def _refuse_same_file(stage: str, folder: Path, staged: Path) -> None:
    """Two units that make a file of the same path would publish only one of the two."""
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder)
        if (staged / name).exists():
            raise TerminalError(f"Two units of stage {stage} make the same file {name.as_posix()}: name them apart.")


def drop_work(home: Home, business_date: date, stage: str) -> None:
    """Remove a stage's units once it is committed."""
    shutil.rmtree(home.stage_work(business_date, stage), ignore_errors=True)


def _sync_files(folder: Path) -> None:
    for part in folder.rglob("*"):
        if part.is_file():
            with part.open("rb") as reader:
                os.fsync(reader.fileno())


def _swap(staged: Path, target: Path) -> None:
    _sync_files(staged)
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        shutil.rmtree(target)
    staged.rename(target)
    sync_folder(target.parent)


def _file_digest(path: Path) -> str:
    with path.open("rb") as reader:
        return hashlib.file_digest(reader, "sha256").hexdigest()


def checked(table: Table, frame: pl.DataFrame) -> pl.DataFrame:
    """The frame in the table's column order; TerminalError where columns, types, empties or the key are wrong."""
    if dict(frame.schema) != dict(table.schema):
        wrong = {name: str(dtype) for name, dtype in frame.schema.items() if table.schema.get(name) != dtype}
        missing = [name for name in table.schema if name not in frame.schema]
        raise TerminalError(f"Table {table.name}: wrong columns {wrong}, missing {missing}.")
    required = [column.name for column in table.columns if not column.nullable]
    empties = frame.select(pl.col(required).null_count()).row(0) if required else ()
    found = [name for name, count in zip(required, empties, strict=True) if count]
    if found:
        raise TerminalError(f"Table {table.name}: empty values in {found}, which must never be empty.")
    if not table.ascends(frame) and not _unique(frame.select(table.key)):
        raise TerminalError(f"Table {table.name}: its key {table.key} is not unique.")
    return frame.select(table.schema.names())


def _unique(keys: pl.DataFrame) -> bool:
    """Whether all rows differ. Rows of different hashes do; where two share one, the rows themselves are compared."""
    hashes = np.sort(keys.hash_rows().to_numpy())
    return not (hashes[1:] == hashes[:-1]).any() or keys.n_unique() == keys.height


@contextmanager
def locked(home: Home) -> Iterator[None]:
    """Hold the home for a commit; a second runner waits until the first has finished or died."""
    with (home.root / ".lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
