"""The card keys: where they come from, how a home recognises its own, and on which nights each is in use.

A key comes from outside and never stands in a home. In order: ``SETTLEMENT_CARD_KEY``, what the command in
``SETTLEMENT_CARD_KEY_COMMAND`` prints (a client of a secrets store), the file named by ``SETTLEMENT_CARD_KEY_FILE``,
the file ``settlement/card_key`` in the user's configuration folder. Each holds one or more keys, ``id:`` and 64 hex
digits, apart by blanks, commas or line ends; a key without id has that of ``SETTLEMENT_CARD_KEY_ID`` (``k1``). A home
keeps a check value of each key, so that another key is refused instead of giving every card a second reference.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Final

from settlement import store
from settlement.errors import TerminalError
from settlement.keyfile import KEY_BYTES, draw_key, key_file, secret_of
from settlement.model.stage import CardKey
from settlement.store import Home
from settlement.whole_file import write_whole

_NAME: Final = "card_key"
_PATIENCE_S: Final = 60


def create_card_key() -> Path | None:
    """Draw a card key into its file if no source holds one yet; the file's path if it was created."""
    held = "SETTLEMENT_CARD_KEY" in os.environ or os.environ.get("SETTLEMENT_CARD_KEY_COMMAND")
    return None if held else draw_key(_NAME)


def check_value(key: CardKey) -> str:
    """A short value that tells keys apart and reveals nothing of them."""
    return hmac.new(key.secret, b"settlement card key check", hashlib.sha256).hexdigest()[:12]


def outside_keys() -> tuple[CardKey, ...]:
    """The keys from environment, command or file, in the order in which they stand there.

    Raises
    ------
    TerminalError
        Where there is none, one is not 64 hex digits, or two have one id.
    """
    text, source = _outside_text()
    what = f"The card key in {source}"
    told = [entry.rpartition(":") for entry in re.split(r"[\s,]+", text) if entry]
    keys = [CardKey(key_id=key_id or _default_id(), secret=secret_of(digits, what)) for key_id, _, digits in told]
    if not keys:
        raise TerminalError(f"{source} holds no card key: each is `id:` and {2 * KEY_BYTES} hex digits.")
    ids = [key.key_id for key in keys]
    if len(set(ids)) < len(ids):
        raise TerminalError(f"{source} holds two card keys of one id: give each an id of its own.")
    return tuple(keys)


def _outside_text() -> tuple[str, str]:
    """What the first of the sources holds, and what people call the source."""
    text = os.environ.get("SETTLEMENT_CARD_KEY")
    if text is not None:
        return text, "SETTLEMENT_CARD_KEY"
    command = os.environ.get("SETTLEMENT_CARD_KEY_COMMAND")
    if command:
        return _said(command), "SETTLEMENT_CARD_KEY_COMMAND"
    path = key_file(_NAME)
    try:
        return path.read_text(encoding="ascii"), str(path)
    except FileNotFoundError:
        raise TerminalError(
            f"There is no card key: set SETTLEMENT_CARD_KEY to {2 * KEY_BYTES} hex digits or put them into {path}."
        ) from None
    except UnicodeDecodeError:
        raise TerminalError(f"The card key in {path} must be {2 * KEY_BYTES} hex digits.") from None


def _said(command: str) -> str:
    """What a client of a secrets store prints. Of what it says otherwise nothing is repeated: it may be a secret."""
    try:
        words = shlex.split(command)
        done = subprocess.run(words, capture_output=True, check=False, timeout=_PATIENCE_S)  # noqa: S603 (the operator's)
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise TerminalError(
            f"SETTLEMENT_CARD_KEY_COMMAND does not run ({type(error).__name__}): give one that prints the card keys."
        ) from None
    if done.returncode:
        raise TerminalError(
            f"SETTLEMENT_CARD_KEY_COMMAND ended with exit code {done.returncode}: run it by hand and see why."
        )
    return done.stdout.decode("ascii", "replace")


def _default_id() -> str:
    return os.environ.get("SETTLEMENT_CARD_KEY_ID", "k1")


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownKey:
    """What a home knows of a key: its check value, and the nights on which it is used (``until``: the first not)."""

    key_id: str
    check: str
    since: date | None = None
    until: date | None = None

    def used_on(self, night: date) -> bool:
        """Whether card numbers of that night are looked up under this key."""
        return (self.since is None or self.since <= night) and (self.until is None or night < self.until)


def note_of(keys: Sequence[KnownKey]) -> str:
    """The text of ``home.json``."""
    told = [
        {
            "id": key.key_id,
            "check": key.check,
            "since": None if key.since is None else key.since.isoformat(),
            "until": None if key.until is None else key.until.isoformat(),
        }
        for key in keys
    ]
    return json.dumps({"version": 2, "card_keys": told}, indent=2) + "\n"


def known_keys(home: Home) -> tuple[KnownKey, ...]:
    """The keys that the home knows, the oldest first; TerminalError where its note cannot be read."""
    note = home.root / "home.json"
    try:
        found = json.loads(note.read_text(encoding="utf-8"))["card_keys"]
        keys = tuple(
            KnownKey(key_id=str(key["id"]), check=str(key["check"]), since=_day(key["since"]), until=_day(key["until"]))
            for key in found
        )
    except (FileNotFoundError, ValueError, LookupError, TypeError, AttributeError):
        keys = ()
    if not keys:
        raise TerminalError(f"{note}, which tells the home's card keys, cannot be read: restore it from backup.")
    return keys


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


def read_card_keys(home: Home, night: date) -> tuple[CardKey, ...]:
    """The keys in use on a night, the current one first and the oldest last.

    Raises
    ------
    TerminalError
        Where one of them is not at hand, or another key has its id.
    """
    outside = {key.key_id: key for key in outside_keys()}
    used = []
    for known in reversed([key for key in known_keys(home) if key.used_on(night)]):
        key = outside.get(known.key_id)
        if key is None:
            raise TerminalError(
                f"The card key {known.key_id!r}, which {home.root} uses on {night}, is not at hand: give it too; "
                "`settle keys list` shows the keys of this home."
            )
        if check_value(key) != known.check:
            raise TerminalError(
                f"The card key {known.key_id!r} is not the one that {home.root} was made with: "
                "give the right key, or create a new home for a new key."
            )
        used.append(key)
    if not used:
        raise TerminalError(f"{home.root} has no card key for {night}: see `settle keys list`.")
    return tuple(used)


def add_card_key(home: Home, key_id: str, since: date) -> None:
    """Make a key that is at hand the current one from a night on.

    Raises
    ------
    TerminalError
        Where the key is not at hand or known already, or the night is read or has a key to come already.
    """
    known = known_keys(home)
    key = next((key for key in outside_keys() if key.key_id == key_id), None)
    if key is None:
        raise TerminalError(f"The card key {key_id!r} is not at hand: give it beside the current one.")
    if any(key_id == other.key_id or check_value(key) == other.check for other in known):
        raise TerminalError(f"{home.root} has the card key {key_id!r} already: draw a new key with a new id.")
    _require_ahead(home, since)
    if any(other.since is not None and other.since >= since for other in known):
        raise TerminalError(f"A card key is already to be used from {since} on or later: name a later night.")
    _write_note(home, (*known, KnownKey(key_id=key_id, check=check_value(key), since=since)))


def retire_card_key(home: Home, key_id: str, until: date) -> None:
    """Do without a key from a night on; TerminalError where it is the only one then, or the night is read already."""
    known = known_keys(home)
    if key_id not in {key.key_id for key in known}:
        ids = ", ".join(key.key_id for key in known)
        raise TerminalError(f"{home.root} has no card key {key_id!r}; its keys are {ids}.")
    _require_ahead(home, until)
    newest = known[-1]
    if key_id == newest.key_id or (newest.since is not None and newest.since >= until):
        raise TerminalError(f"The card key {key_id!r} is the current one on {until}: add its successor first.")
    _write_note(home, tuple(replace(key, until=until) if key.key_id == key_id else key for key in known))


def _require_ahead(home: Home, night: date) -> None:
    """Nights that were read must re-perform with the keys that they were read with."""
    read = store.nights_of(home, "parsed_file")
    if read and night <= read[-1]:
        raise TerminalError(f"The night of {read[-1]} is read already: name a later one than that.")


def _write_note(home: Home, keys: Sequence[KnownKey]) -> None:
    with store.locked(home):
        write_whole(home.root / "home.json", note_of(keys).encode())
