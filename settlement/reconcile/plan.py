"""How a run is kept within a bound of memory: the phases of the work, the buckets, and the rows of a batch."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl

from settlement.errors import TerminalError
from settlement.reconcile.amounts import LIKELY_CURRENCY
from settlement.reconcile.batches import read_batches
from settlement.reconcile.carry import Run
from settlement.reconcile.language import Rules
from settlement.reconcile.phases import Phase, phases
from settlement.reconcile.read import kind_of
from settlement.reconcile.sides import columns_wanted, prepared

_MIB: Final = 2**20
_UNITS: Final = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "KI": 2**10, "MI": 2**20, "GI": 2**30}
LEAST_BYTES: Final = 288 * _MIB
_RESIDENT: Final = 240 * _MIB
"""What the program and its libraries take before the first row."""
_FACTOR: Final = 8
"""Memory that the work on a bucket takes, in sizes of its rows."""
_CARRIED_FACTOR: Final = 16
"""The same where open rows are carried: what a bucket has matched is told for reversals to come."""
_MOST_BUCKETS: Final = 4096
_BATCH: Final = 2**16
_SAMPLED: Final = 2**14


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How rows are dealt out: by the keys of which phases, to how many buckets, from batches of how many rows.

    ``room`` are the bytes that rows worked on at once may have; the work takes ``factor`` times as many.
    """

    phases: tuple[Phase, ...]
    buckets: int
    batch: int
    room: int
    factor: int = _FACTOR


def read_bytes(text: str) -> int:
    """``384MB``, ``2GB`` or ``1.5GiB`` as bytes; TerminalError for anything else, or for less than is needed."""
    found = re.fullmatch(r"(\d{1,6})(?:\.(\d))?\s*([KMG]I?|)B?", text.strip().upper())
    if found is None:
        raise TerminalError(f"--memory {text!r} is no size: write one such as 384MB or 2GB.")
    tenths = int(found[1]) * 10 + int(found[2] or 0)
    size = tenths * _UNITS[found[3]] // 10
    if size < LEAST_BYTES:
        raise TerminalError(f"--memory {text} is too little to work in: give at least {LEAST_BYTES // _MIB + 1} MiB.")
    return size


def planned(rules: Rules, left: Path, right: Path, memory: int, run: Run | None = None) -> Plan | None:
    """How to reconcile two files within a bound of memory, in bytes; None where they fit as they are.

    Raises
    ------
    TerminalError
        Where the files do not fit and the first pass has no key by which they could be parted.
    """
    size = sum(_size(rules, which, path, run) for which, path in (("left", left), ("right", right)))
    free = memory - _RESIDENT
    factor = _FACTOR if rules.carry is None else _CARRIED_FACTOR
    if size * factor <= free:
        return None
    steps = phases(rules)
    if not any(steps[0].keys(which) for which in ("left", "right")):
        raise TerminalError(
            f"The rows of {left.name} and {right.name} take some {size * factor // _MIB} MiB to reconcile, and pass "
            f"`{rules.passes[0].name}` has no key to part them by: give more --memory, or add a key."
        )
    buckets = min(size * factor // free + 1, _MOST_BUCKETS)
    return Plan(phases=steps, buckets=buckets, batch=_BATCH, room=free // factor, factor=factor)


def _size(rules: Rules, which: str, path: Path, run: Run | None) -> int:
    """Bytes that the rows of a side take in memory, by its first rows, with those of earlier runs."""
    side = rules.left if which == "left" else rules.right
    raw = next(read_batches(path, side, columns_wanted(rules, which), LIKELY_CURRENCY, rows=_SAMPLED))
    frame, ids = prepared(rules, which, raw, path.name)
    sample = int(frame.estimated_size()) + int(ids.cast(pl.String).estimated_size())
    earlier = 0 if run is None else run.carried(which) + run.taken(which)
    return sample * (_rows(path, kind_of(path, side), raw) + earlier) // raw.height


def _rows(path: Path, kind: str, raw: pl.DataFrame) -> int:
    """Rows of a file: counted where it tells them, otherwise by the size of its first ones."""
    if kind == "parquet":
        return int(pl.scan_parquet(path).select(pl.len()).collect().item())
    if kind == "excel":
        return raw.height
    size = path.stat().st_size
    with path.open("rb") as stream:
        head = stream.read(_MIB)
    if kind == "csv":
        return size * max(head.count(b"\n"), 1) // max(len(head), 1)
    return max(size * raw.height // max(int(raw.estimated_size()), 1), raw.height)
