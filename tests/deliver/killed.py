"""What a process does that sends and is killed at a named step."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, NoReturn

import asyncssh

from settlement import delivery_books, store
from settlement.deliver import outbox, send
from settlement.delivery_books import DeliveryState
from settlement.errors import SettlementError

PARTNER = "HARBOR-RETAIL"


def _die(*_: object) -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("still here")


def _and_then_die(work: Callable[..., Any]) -> Callable[..., Any]:
    def done(*arguments: Any) -> None:
        work(*arguments)
        _die()

    return done


def _behind(state: DeliveryState) -> Callable[[], None]:
    def patched() -> None:
        take_step = delivery_books.take_step

        def taken(engine: Any, one: Any, step: DeliveryState, *more: Any) -> Any:
            result = take_step(engine, one, step, *more)
            return _die() if step is state else result

        delivery_books.take_step = taken

    return patched


def _half_written() -> None:
    write = asyncssh.SFTPClientFile.write

    async def half(file: Any, data: bytes) -> None:
        await write(file, data[: len(data) // 2])
        _die()

    asyncssh.SFTPClientFile.write = half


def _renamed() -> None:
    rename = asyncssh.SFTPClient.rename

    async def done(client: Any, *names: Any) -> None:
        await rename(client, *names)
        _die()

    asyncssh.SFTPClient.rename = done


STEPS: dict[str, Callable[[], None]] = {
    "never": lambda: None,
    "queued": lambda: setattr(send, "look_at_certificate", _die),
    "sealed and not recorded": lambda: setattr(send, "_keep", _and_then_die(send._keep)),
    "prepared": _behind(DeliveryState.PREPARED),
    "sending": _behind(DeliveryState.SENDING),
    "half written": _half_written,
    "written": lambda: setattr(asyncssh.SFTPClient, "stat", _die),
    "renamed": _renamed,
    "delivered": _behind(DeliveryState.DELIVERED),
    "written to the outbox": lambda: setattr(outbox.os, "link", _die),
    "linked in the outbox": lambda: setattr(outbox.os, "link", _and_then_die(os.link)),
}


def main(home: str, night: str, step: str) -> int:
    """Send a night's files and be killed at this step; 1 and a sentence where that is refused."""
    STEPS[step]()
    try:
        send.send(store.open_home(Path(home)), PARTNER, date.fromisoformat(night))
    except SettlementError as error:
        print(error)
        return 1
    return 0
