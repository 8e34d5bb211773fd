"""A process of its own for what touches OpenPGP: one order in, one word out, content by files in memory alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_SECONDS: Final = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """How the process ended, what it said, and the descriptor of the file that it wrote."""

    code: int
    said: bytes
    written: int


@contextmanager
def in_a_child(script: str, content: memoryview, order: Mapping[str, object]) -> Iterator[Done]:
    """Let a module beside this one work on a content; what it wrote is there as long as the block lasts.

    It starts with no environment and holds no other file of ours. Raises subprocess.TimeoutExpired.
    """
    read, written = os.memfd_create("read"), os.memfd_create("written")
    try:
        write_all(read, content)
        done = subprocess.run(  # noqa: S603 - our own module, by the interpreter that runs us
            [sys.executable, "-I", str(Path(__file__).with_name(script)), str(read), str(written)],
            input=json.dumps(order).encode(),
            capture_output=True,
            check=False,
            pass_fds=(read, written),
            timeout=_SECONDS,
            env={},
        )
        yield Done(code=done.returncode, said=done.stdout, written=written)
    finally:
        os.close(read)
        os.close(written)


def write_all(descriptor: int, content: memoryview) -> None:
    """Write all of a content."""
    while len(content):
        content = content[os.write(descriptor, content) :]
