"""Law 5: neither the order of rows nor of files decides anything; output is byte-identical on re-run."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from pipeline import rows_of, stage_input, stage_output

from settlement import originals, runner, store
from settlement.home import create_home
from settlement.model.stage import Part
from settlement.stages import STAGES
from settlement.store import Home

SHUFFLED = ("check", "match", "rate", "post", "pay")


def _bytes_of(home: Home, night: date) -> dict[str, str]:
    found = {}
    for kind in ("tables", "out"):
        for path in sorted((home.root / kind).rglob("*")):
            if path.is_file() and f"business_date={night}" in str(path):
                found[str(path.relative_to(home.root))] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def test_another_run_in_another_place_writes_the_same_bytes(
    tmp_path: Path, sample_dir: Path, settled_home: Home
) -> None:
    nights = originals.delivery_dates(settled_home)[:2]
    for night in reversed(nights):
        for path in sorted((sample_dir / str(night)).iterdir(), reverse=True):
            (tmp_path / "in" / str(night)).mkdir(parents=True, exist_ok=True)
            shutil.copy(path, tmp_path / "in" / str(night))
    create_home(tmp_path / "home", tmp_path / "in")
    home = store.open_home(tmp_path / "home")
    for night in nights:
        runner.run_night(home, night, until="pay")
        assert _bytes_of(home, night) == _bytes_of(settled_home, night)


@pytest.mark.parametrize("stage_name", SHUFFLED)
@pytest.mark.parametrize("seed", [1, 2])
def test_shuffled_rows_give_the_same_output(sample_dir: Path, stage_name: str, seed: int) -> None:
    nights = tuple(sorted(path.name for path in sample_dir.iterdir() if path.name[:2] == "20"))[:2]
    stage = next(stage for stage in STAGES if stage.name == stage_name)
    expected = stage_output(sample_dir, nights, stage_name)
    units = stage.plan(stage_input(sample_dir, nights, stage_name))
    for unit in units:
        inputs = stage_input(sample_dir, nights, stage_name, unit)
        shuffled = replace(
            inputs,
            tables={
                name: frame.sample(fraction=1, shuffle=True, seed=seed) if frame.height else frame
                for name, frame in inputs.tables.items()
            },
            parts={
                name: tuple(
                    Part(rows=part.rows.collect().sample(fraction=1, shuffle=True, seed=seed).lazy())
                    for part in reversed(parts)
                )
                for name, parts in inputs.parts.items()
            },
            history={
                name: frame.collect().sample(fraction=1, shuffle=True, seed=seed).lazy()
                for name, frame in inputs.history.items()
            },
        )
        found = stage.run(shuffled)
        plain = stage.run(inputs)
        for name, frame in plain.tables.items():
            assert found.tables[name].equals(frame), f"{stage_name} {name}"
        for name, parts in plain.parts.items():
            assert rows_of(name, found.parts[name]).equals(rows_of(name, parts)), f"{stage_name} {name}"
        assert found.files == plain.files
        assert found.entries == plain.entries
        if len(units) == 1:
            assert found.entries == expected.entries
