"""The stages of several nights in memory: real files in, tables out, without a home on disk.

Stages are pure, so each stage of each night is run once in a test session and kept::

    tables = run_nights(nights_dir(), ("2010-12-29", "2010-12-30"), until="match")
    tables["2010-12-30", "open_item"]

``stage_input`` gives what a stage is handed, for tests that change it (shuffle rows, drop a file) before they
run the stage themselves. Laws and schemas are asserted after each stage as the runner does.
"""

from __future__ import annotations

import hashlib
import mmap
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import cache
from pathlib import Path

import polars as pl

from settlement import laws, store
from settlement.model.stage import CardKey, Delivery, Part, StageInput, StageOutput
from settlement.model.tables import TABLES
from settlement.stages import STAGES, Stage

CARD_KEY = CardKey(key_id="test", secret=bytes(range(32)))
_REPOSITORY = Path(__file__).resolve().parents[1]


def run_nights(nights_dir: Path, nights: tuple[str, ...], until: str) -> dict[tuple[str, str], pl.DataFrame]:
    """Run ``nights`` (ascending delivery dates) up to and including stage ``until``; (night, table) to rows."""
    names = [stage.name for stage in STAGES]
    found = {}
    for index, night in enumerate(nights):
        for stage in STAGES[: names.index(until) + 1]:
            output = stage_output(nights_dir, nights[: index + 1], stage.name)
            found |= {(night, name): frame for name, frame in output.tables.items()}
            found |= {(night, name): rows_of(name, parts) for name, parts in output.parts.items()}
    return found


@cache
def stage_output(nights_dir: Path, nights: tuple[str, ...], stage_name: str) -> StageOutput:
    """What a stage of the last of ``nights`` gives back, its units put together in sorted order."""
    stage = _stage(stage_name)
    units = stage.plan(stage_input(nights_dir, nights, stage_name))
    outputs = []
    for unit in sorted(units):
        inputs = stage_input(nights_dir, nights, stage_name, unit)
        output = stage.run(inputs)
        laws.assert_unit(stage_name, inputs, output)
        outputs.append(output)
    tables = {}
    for name in (name for name in stage.writes if not any(name in output.parts for output in outputs)):
        parts = [store.checked(TABLES[name], output.tables[name]) for output in outputs if name in output.tables]
        tables[name] = store.checked(TABLES[name], pl.concat([TABLES[name].empty(), *parts]))
    return StageOutput(
        tables=tables,
        parts={name: parts for output in outputs for name, parts in output.parts.items()},
        files={path: content for output in outputs for path, content in output.files.items()},
        entries=tuple(entry for output in outputs for entry in output.entries),
    )


def rows_of(table: str, parts: Sequence[Part]) -> pl.DataFrame:
    """All rows of a table's parts, looked at as the store does: they ascend by the key."""
    rows = pl.concat([TABLES[table].empty(), *(part.rows.collect() for part in parts)])
    assert TABLES[table].ascends(rows)
    return store.checked(TABLES[table], rows)


def in_parts(rows: pl.DataFrame) -> tuple[Part, ...]:
    """Rows in parts of a file each, as ``parse`` leaves them."""
    return tuple(Part(rows=part.lazy()) for part in rows.partition_by("file", maintain_order=True))


def stage_input(nights_dir: Path, nights: tuple[str, ...], stage_name: str, unit: str = "all") -> StageInput:
    """What a stage of the last of ``nights`` is handed; the earlier nights and stages are run as needed."""
    stage = _stage(stage_name)
    night = nights[-1]
    landing, parsing = stage_name == "land", stage_name == "parse"
    return StageInput(
        business_date=date.fromisoformat(night),
        unit=unit,
        documents=documents(),
        tables={name: _table(nights_dir, nights, name) for name in stage.reads},
        parts={name: in_parts(_table(nights_dir, nights, name)) for name in stage.parts},
        scans={name: _table(nights_dir, nights, name).lazy() for name in stage.scans},
        history={name: _history(nights_dir, nights, name) for name in stage.history},
        deliveries=_deliveries(nights_dir / night) if landing else (),
        content=_content(nights_dir, nights) if parsing else None,
        card_keys=(CARD_KEY,) if parsing else (),
    )


@cache
def documents() -> Mapping[str, str]:
    """The configuration of the sample programme, under the paths that a home gives it."""
    contracts, product = _REPOSITORY / "contracts", _REPOSITORY / "settlement"
    found = {"programme.toml": contracts / "programme.toml", "match.toml": product / "match" / "rules.toml"}
    found |= {f"layouts/{path.name}": path for path in (product / "parse" / "layouts").glob("*.toml")}
    found |= {f"contracts/{path.relative_to(contracts).as_posix()}": path for path in contracts.glob("*/*.toml")}
    return {name: found[name].read_text(encoding="utf-8") for name in sorted(found) if found[name].exists()}


def _stage(name: str) -> Stage:
    return next(stage for stage in STAGES if stage.name == name)


def _table(nights_dir: Path, nights: tuple[str, ...], table: str) -> pl.DataFrame:
    output = stage_output(nights_dir, nights, TABLES[table].stage)
    return rows_of(table, output.parts[table]) if table in output.parts else output.tables[table]


def _history(nights_dir: Path, nights: tuple[str, ...], table: str) -> pl.LazyFrame:
    frames = [
        _table(nights_dir, nights[: index + 1], table).with_columns(
            pl.lit(date.fromisoformat(night), pl.Date).alias("business_date")
        )
        for index, night in enumerate(nights[:-1])
    ]
    empty = TABLES[table].empty().with_columns(pl.lit(None, pl.Date).alias("business_date"))
    return pl.concat([empty, *frames]).lazy()


@cache
def _deliveries(folder: Path) -> tuple[Delivery, ...]:
    found = []
    for path in sorted(folder.iterdir()):
        content = path.read_bytes() if path.is_file() else b""
        found.append(
            Delivery(
                file=f"{folder.name}/{path.name}",
                name=path.name,
                sha256=hashlib.sha256(content).hexdigest(),
                size_bytes=len(content),
                regular=path.is_file(),
            )
        )
    return tuple(found)


def _content(nights_dir: Path, nights: tuple[str, ...]) -> Callable[[str], memoryview]:
    paths = {d.sha256: nights_dir / d.file for night in nights for d in _deliveries(nights_dir / night) if d.regular}

    def read(sha256: str) -> memoryview:
        with paths[sha256].open("rb") as reader:
            if paths[sha256].stat().st_size == 0:
                return memoryview(b"")
            return memoryview(mmap.mmap(reader.fileno(), 0, access=mmap.ACCESS_READ))

    return read
