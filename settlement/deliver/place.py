"""What a place answers when a file is put there, and how one that stands there already is judged."""

from __future__ import annotations

import hashlib
from enum import StrEnum
from typing import Final

from settlement.errors import TerminalError

MOST_BYTES: Final = 1 << 20
"""An acknowledgement is small: of a larger file one byte more than this is read, and it is refused."""


class Arrival(StrEnum):
    """How a file came to stand at its place."""

    PUT = "put there now"
    FOUND = "found there whole, put by an earlier try"


def unfinished(name: str) -> str:
    """The name under which a file is written until it is whole."""
    return f".{name}.part"


def require_same(place: str, name: str, standing: bytes, content: bytes) -> None:
    """Raise TerminalError where the file that stands at a place is not the one to be sent."""
    if hashlib.sha256(standing).digest() != hashlib.sha256(content).digest():
        raise TerminalError(
            f"{place} holds a file {name} with another content, and nothing was put over it: ask the partner who wrote "
            "it, have it taken away, and send again."
        )
