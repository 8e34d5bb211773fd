"""Files put into a folder of this machine, whole or not at all, and files read from one."""

from __future__ import annotations

import fnmatch
import os
from pathlib import Path

from settlement.deliver.declared import Outbox
from settlement.deliver.place import MOST_BYTES, Arrival, require_same, unfinished
from settlement.errors import RetryableError, TerminalError
from settlement.whole_file import sync_folder


def put(target: Outbox, name: str, content: bytes) -> Arrival:
    """Put a file into the folder under its name, which never shows less than the whole of it.

    Raises TerminalError where the folder is missing or holds another file of that name, RetryableError where the disk
    is full or fails; what was written until then is taken away, or written over by the next try.
    """
    folder = Path(target.folder)
    final, arriving = folder / name, folder / unfinished(name)
    if not folder.is_dir():
        raise TerminalError(f"The outbox {folder} is no folder: make it, or mend config/delivery.toml.")
    try:
        if final.exists():
            require_same(f"The outbox {folder}", name, final.read_bytes(), content)
            arriving.unlink(missing_ok=True)
            sync_folder(folder)
            return Arrival.FOUND
        with arriving.open("wb") as writer:
            writer.write(content)
            writer.flush()
            os.fsync(writer.fileno())
        # A link and no rename: it is refused where a file of that name has come meanwhile.
        os.link(arriving, final)
        sync_folder(folder)
        arriving.unlink()
    except PermissionError as error:
        raise TerminalError(f"The outbox {folder} refuses {name} ({error.strerror}): mend its permissions.") from None
    except OSError as error:
        if not final.exists():
            arriving.unlink(missing_ok=True)
        raise RetryableError(f"{name} could not be put into the outbox {folder}: {error.strerror}.") from None
    return Arrival.PUT


def files(folder: str, pattern: str) -> dict[str, bytes]:
    """The files of a folder that are named so, each with its first bytes, by name; RetryableError where it fails."""
    found = {}
    try:
        for entry in os.scandir(folder):
            if entry.is_file(follow_symlinks=False) and fnmatch.fnmatchcase(entry.name, pattern):
                with open(entry.path, "rb") as reader:  # noqa: PTH123 - an entry is no Path
                    found[entry.name] = reader.read(MOST_BYTES + 1)
    except OSError as error:
        raise RetryableError(f"The folder {folder} cannot be read: {error.strerror}.") from None
    return dict(sorted(found.items()))
