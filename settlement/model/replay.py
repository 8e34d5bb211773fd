"""A replay: records of an earlier file that were rejected, repaired by one person and released by another.

A replay lies in the inbox as a file of its own, named after the file it comes from::

    RET_CAPTURE_20101230_01.csv.3f2a9c01.replay

It is read by the layout of that file, with the records' new bytes in their places, and gives those records alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_NAME: Final = re.compile(r"(?P<original>.+)\.(?P<token>[0-9a-f]{8})\.replay")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayRecord:
    """One record: its number in the original file, the reject that it was, its new bytes, and who stands for them."""

    record: int
    reject_id: str
    content: bytes
    repaired_by: str
    replayed_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """The records of one replay by number, and the file (name and digest, as delivered) that they belong to."""

    token: str
    original_file: str
    original_sha256: str
    records: Mapping[int, ReplayRecord]


def replay_name(original_name: str, token: str) -> str:
    """The name of the file that replays records of another."""
    return f"{original_name}.{token}.replay"


def replayed_name(name: str) -> str | None:
    """The name of the file that a replay comes from; None where the name is no replay's."""
    found = _NAME.fullmatch(name)
    return None if found is None else found["original"]
