"""Units of a stage beside one another: how many bytes each takes, and which run at once within a bound of memory.

What a file takes to be read is its size times what its reader makes of a byte; a reader that reads in parts holds one
part, and of the rest of the file less or nothing. The factors are measured, with a margin.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from threading import Lock
from typing import Final

import polars as pl

from settlement.errors import TerminalError
from settlement.model.layout import Layout
from settlement.model.stage import Bounds, Progress
from settlement.parse.line_stretches import in_parts

RESIDENT: Final = 320 * 2**20
"""What the program and its libraries take before the first row, and what small files take."""
_MIB: Final = 2**20
_IN_PARTS: Final = {
    "delimited": (8, 0),
    "fixed_width": (8, 0),
    "json_lines": (24, 0),
    "mastercard_ipm": (8, 0),
    "visa_ctf": (8, 2),
}
"""What a reader that reads in parts takes for a byte of a part, and for a byte of the file."""
_WHOLE: Final = 7
"""What any other reader takes for a byte of its file."""
_SHARE: Final = 2


def needs(deliveries: pl.DataFrame, layouts: Sequence[Layout], bounds: Bounds) -> dict[str, int]:
    """Bytes of memory that each registered file of the night takes while it is read, by file.

    A file that came packed or encrypted counts as it came: how large it becomes is not known before.
    """
    known = {layout.layout: layout for layout in layouts}
    found = {}
    for row in deliveries.filter(pl.col("fate") == "registered").iter_rows(named=True):
        layout, size = known.get(row["layout"]), int(row["size_bytes"])
        of_part, of_file = (0, _WHOLE) if layout is None else _IN_PARTS.get(layout.format, (0, _WHOLE))
        part = min(size, bounds.part_bytes) if layout is None or in_parts(layout) else size
        found[str(row["file"])] = part * of_part + size * of_file
    return found


def room(bounds: Bounds, needed: Mapping[str, int]) -> int:
    """Bytes that files may take together; TerminalError that names the least where one does not fit a given bound."""
    if bounds.memory is None:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // _SHARE
    free = bounds.memory - RESIDENT
    most = max(needed, key=lambda file: (needed[file], file), default=None)
    if most is not None and needed[most] > free:
        least = -(-(RESIDENT + needed[most]) // _MIB)
        raise TerminalError(
            f"--memory of {bounds.memory // _MIB} MiB is too little to read {most}: give at least {least}MiB."
        )
    return free


def counted(progress: Progress, stage: str, sizes: Mapping[str, int]) -> Callable[..., None]:
    """Tells the progress of units that run beside one another, weighed by their sizes.

    The result is called with a unit, how much of its size is done, and the rows read so far where there are others.
    """
    done, rows, lock = dict.fromkeys(sizes, 0), dict.fromkeys(sizes, 0), Lock()

    def tell(unit: str, size: int, seen: int | None = None) -> None:
        with lock:
            # What came packed is read as more bytes than came.
            done[unit] = min(size, sizes[unit])
            rows[unit] = rows[unit] if seen is None else seen
            progress(stage, sum(done.values()), sum(sizes.values()), sum(rows.values()))

    return tell


def run_units(
    units: Sequence[str], needed: Mapping[str, int], free: int, most: int, work: Callable[[str], None]
) -> None:
    """Do the work on all units, at most so many at once, the largest first, as far as they fit beside one another.

    One that does not fit runs alone. After a failure no other unit begins; the failure is raised when those that run
    have ended, so that none writes on behind its caller's back.
    """
    waiting = sorted(units, key=lambda unit: (-needed.get(unit, 0), unit))
    if min(most, len(units)) <= 1:
        for unit in waiting:
            work(unit)
        return
    running: dict[Future[None], str] = {}
    with ThreadPoolExecutor(max_workers=most, thread_name_prefix="unit") as threads:
        while waiting or running:
            taken = sum(needed.get(unit, 0) for unit in running.values())
            fits = [unit for unit in waiting if not running or taken + needed.get(unit, 0) <= free]
            if fits and len(running) < most:
                waiting.remove(fits[0])
                running[threads.submit(work, fits[0])] = fits[0]
                continue
            for ended in wait(running, return_when=FIRST_COMPLETED).done:
                del running[ended]
                ended.result()
