"""Files that stand under their name whole or not at all, whatever stops the one who writes them."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO


def write_whole(path: Path, content: bytes, mode: int | None = None) -> None:
    """Write a file under another name, bring it to the disk, and rename it; its folder is made where there is none.

    Each writer has a name of its own, and holds its file for as long as it writes: what a writer that was killed has
    left is taken away, and what another is writing is let alone. Of two that write one file at once the later stands.
    ``mode`` are the rights of the file. Raises OSError where a disk fails or refuses; nothing is left then but what
    stood there before.
    """
    path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    for left in _arriving(path):
        _take_away(left)
    arriving, writer = _begun(path)
    try:
        with writer:
            writer.write(content)
            writer.flush()
            os.fsync(writer.fileno())
            if mode is not None:
                arriving.chmod(mode)
            arriving.replace(path)
        sync_folder(path.parent)
    except OSError:
        with suppress(OSError):
            arriving.unlink(missing_ok=True)
        raise


def _begun(path: Path) -> tuple[Path, BinaryIO]:
    """A new file beside a path, under a name of its own, which is held until it is closed."""
    while True:
        arriving = path.with_name(f".{path.name}.{token_hex(8)}.arriving")
        writer = arriving.open("xb")
        fcntl.flock(writer, fcntl.LOCK_EX)
        # Before it was held, another may have taken it for one that was left.
        if arriving.exists():
            return arriving, writer
        writer.close()


def _arriving(path: Path) -> list[Path]:
    begin, end = f".{path.name}.", ".arriving"
    return [one for one in path.parent.iterdir() if one.name.startswith(begin) and one.name.endswith(end)]


def _take_away(left: Path) -> None:
    """Remove what is written no more; what its writer holds, or has renamed by now, is none of it.

    What cannot be read or removed stays, and keeps no other file from being written.
    """
    with suppress(OSError), left.open("rb") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        left.unlink()


def sync_folder(folder: Path) -> None:
    """Make sure that the names in a folder are on the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
