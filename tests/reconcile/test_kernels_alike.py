"""A whole ``settle match`` writes the same bytes by compiled kernels on one core and on all, and by their twins."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

from reconcile_runs import HEAD, row, write_csv

RULES = (
    HEAD
    + """
[[pass]]
name = "exact"
keys = ["key"]
days = 0

[[pass]]
name = "near"
keys = ["key"]
amount = { rule = "within", minor = 4 }
days = 2
ambiguity = "hold"

[[pass]]
name = "sums"
keys = ["key"]
cardinality = ["1:N", "N:1"]
search = { most_members = 3, most_candidates = 12 }
days = 3
"""
)
MATCH = (
    "import os, sys; cores = sorted(os.sched_getaffinity(0)); os.sched_setaffinity(0, cores[:int(sys.argv.pop(1))]); "
    "from settlement.__main__ import main; main()"
)


def test_twins_and_any_number_of_cores_write_the_same(tmp_path: Path) -> None:
    source = random.Random(41)
    sides = [
        [
            row(f"{name}{at}", source.randint(1, 30), f"K{source.randint(0, 9)}", f"2024-03-{source.randint(1, 9):02d}")
            for at in range(120)
        ]
        for name in "BT"
    ]
    for name, side in zip(("left", "right"), sides, strict=True):
        write_csv(tmp_path / f"{name}.csv", side)
    (tmp_path / "rules.toml").write_text(RULES, encoding="utf-8")
    written = []
    for cores, kernels in (("1", "compiled"), ("64", "compiled"), ("64", "python")):
        words = ["match", "left.csv", "right.csv", "--rules", "rules.toml", "--out", f"out-{cores}-{kernels}"]
        subprocess.run(
            [sys.executable, "-c", MATCH, cores, *words],
            cwd=tmp_path,
            env=os.environ | {"SETTLEMENT_KERNELS": kernels},
            check=True,
            capture_output=True,
        )
        out = tmp_path / f"out-{cores}-{kernels}"
        written.append({path.name: path.read_bytes() for path in sorted(out.iterdir())})
    assert written[0] == written[1] == written[2]
    told = written[0]["matches.csv"].decode()
    assert all(f",{name}," in told for name in ("exact", "near", "sums"))
    assert b"held_ambiguous" in written[0]["breaks.csv"]
