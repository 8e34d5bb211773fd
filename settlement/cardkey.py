"""The card key: where it comes from and how a home recognises it.

The key comes from outside and never stands in a home. In order: ``SETTLEMENT_CARD_KEY`` (64 hex digits),
the file named by ``SETTLEMENT_CARD_KEY_FILE``, the file ``settlement/card_key`` in the user's configuration
folder. ``SETTLEMENT_CARD_KEY_ID`` names it (``k1`` by default). A home keeps a check value of its key, so that
another key is refused instead of giving every card a second reference.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from pathlib import Path
from typing import Final

from settlement.errors import TerminalError
from settlement.model.stage import CardKey
from settlement.store import Home

_BYTES: Final = 32


def key_file() -> Path:
    """Where the key is kept where no environment variable holds it."""
    named = os.environ.get("SETTLEMENT_CARD_KEY_FILE")
    if named:
        return Path(named)
    folder = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(folder) / "settlement" / "card_key"


def create_card_key() -> Path | None:
    """Create a random key file for this user if there is no key yet; the file's path if it was created."""
    path = key_file()
    if "SETTLEMENT_CARD_KEY" in os.environ or path.exists():
        return None
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return None
    with os.fdopen(handle, "w") as writer:
        writer.write(secrets.token_hex(_BYTES) + "\n")
    return path


def check_value(key: CardKey) -> str:
    """A short value that tells keys apart and reveals nothing of them."""
    return hmac.new(key.secret, b"settlement card key check", hashlib.sha256).hexdigest()[:12]


def outside_card_key() -> CardKey:
    """The key from environment or file; TerminalError where there is none or it is not 64 hex digits."""
    text = os.environ.get("SETTLEMENT_CARD_KEY")
    source = "SETTLEMENT_CARD_KEY"
    if text is None:
        path = key_file()
        source = str(path)
        try:
            text = path.read_text(encoding="ascii")
        except FileNotFoundError:
            raise TerminalError(
                f"There is no card key: set SETTLEMENT_CARD_KEY to 64 hex digits or put them into {path}."
            ) from None
        except UnicodeDecodeError:
            text = ""
    try:
        secret = bytes.fromhex(text.strip())
    except ValueError:
        secret = b""
    if len(secret) != _BYTES:
        raise TerminalError(f"The card key in {source} must be {2 * _BYTES} hex digits.")
    return CardKey(key_id=os.environ.get("SETTLEMENT_CARD_KEY_ID", "k1"), secret=secret)


def read_card_key(home: Home) -> CardKey:
    """The card key of this home; TerminalError where the key outside is another one than the home was made with."""
    key = outside_card_key()
    if _check_values(home).get(key.key_id) != check_value(key):
        raise TerminalError(
            f"The card key {key.key_id!r} is not the one that {home.root} was made with: "
            "give the right key, or create a new home for a new key."
        )
    return key


def _check_values(home: Home) -> dict[str, str]:
    """The check values that the home keeps, by key id."""
    note = home.root / "home.json"
    try:
        found = json.loads(note.read_text(encoding="utf-8"))["card_keys"]
        return {str(key_id): str(value) for key_id, value in found.items()}
    except (FileNotFoundError, ValueError, LookupError, TypeError, AttributeError):
        raise TerminalError(
            f"{note}, which tells the home's card key, cannot be read: restore it from backup."
        ) from None
