"""Files that stand under their name whole or not at all, whatever stops the one who writes them."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def write_whole(path: Path, content: bytes, mode: int | None = None) -> None:
    """Write a file under another name, bring it to the disk, and rename it; its folder is made where there is none.

    What a writer that was killed has left is taken away. Of two that write one file at once, one may be refused: each
    has a name of its own, so neither shows a part. ``mode`` are the rights of the file. Raises OSError where a disk
    fails or refuses; nothing is left then but what stood there before.
    """
    path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    for left in _arriving(path):
        left.unlink(missing_ok=True)
    arriving = path.with_name(f".{path.name}.{os.getpid()}.arriving")
    try:
        with arriving.open("wb") as writer:
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


def _arriving(path: Path) -> list[Path]:
    begin, end = f".{path.name}.", ".arriving"
    return [one for one in path.parent.iterdir() if one.name.startswith(begin) and one.name.endswith(end)]


def sync_folder(folder: Path) -> None:
    """Make sure that the names in a folder are on the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
