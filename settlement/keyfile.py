"""Keys from outside: where their files are, how one is drawn, and how a secret of 64 hex digits is read.

A key never stands in a home. The file of the key ``NAME`` is what ``SETTLEMENT_NAME_FILE`` names, else
``settlement/name`` in the user's configuration folder.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Final

from settlement.errors import TerminalError

KEY_BYTES: Final = 32


def key_file(name: str) -> Path:
    """Where the key of this name is kept where nothing else holds it."""
    named = os.environ.get(f"SETTLEMENT_{name.upper()}_FILE")
    if named:
        return Path(named)
    folder = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(folder) / "settlement" / name


def draw_key(name: str) -> Path | None:
    """Draw a random key into the key's file, readable by this user alone; None where there is a file already."""
    return write_new(name, f"{secrets.token_hex(KEY_BYTES)}\n".encode())


def write_new(name: str, content: bytes) -> Path | None:
    """Write the file of a key, readable by this user alone; None where there is a file already."""
    path = key_file(name)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return None
    with os.fdopen(handle, "wb") as writer:
        writer.write(content)
    return path


def outside_file(root: Path, name: str, what: str, away_from: str) -> Path:
    """The file of a key, links followed; TerminalError where it stands in the home at ``root``."""
    path = key_file(name).resolve()
    if path.is_relative_to(root):
        raise TerminalError(f"The {what} {path} stands in the home: keep it away from {away_from}.")
    return path


def secret_of(digits: str, what: str) -> bytes:
    """The bytes of 64 hex digits; TerminalError, which repeats nothing of them, where they are something else."""
    try:
        secret = bytes.fromhex(digits)
    except ValueError:
        secret = b""
    if len(secret) != KEY_BYTES:
        raise TerminalError(f"{what} must be {2 * KEY_BYTES} hex digits.")
    return secret
