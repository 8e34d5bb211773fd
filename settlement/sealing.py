"""What lies in quarantine is sealed: AES-256-GCM with a key from outside, whose id stands beside each seal.

The key is never the card key and never stands in a home. In order: ``SETTLEMENT_QUARANTINE_KEY`` (64 hex digits), the
file named by ``SETTLEMENT_QUARANTINE_KEY_FILE``, the file ``settlement/quarantine_key`` in the user's configuration
folder. ``SETTLEMENT_QUARANTINE_KEY_ID`` names it (``q1`` by default). A seal under another id needs that id's key.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from settlement.errors import TerminalError
from settlement.keyfile import draw_key, key_file, secret_of

_NAME: Final = "quarantine_key"
_NONCE_BYTES: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class SealingKey:
    """The secret and its id. The secret never appears in a representation, a table or a message."""

    key_id: str
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """Sealed bytes (nonce and ciphertext) and the id of their key."""

    key_id: str
    content: bytes = field(repr=False)


def create_sealing_key() -> Path | None:
    """Draw a quarantine key into its file if no source holds one yet; the file's path if it was created."""
    return None if "SETTLEMENT_QUARANTINE_KEY" in os.environ else draw_key(_NAME)


def outside_sealing_key() -> SealingKey:
    """The key from environment or file; TerminalError where there is none or it is not 64 hex digits."""
    text, source = os.environ.get("SETTLEMENT_QUARANTINE_KEY"), "SETTLEMENT_QUARANTINE_KEY"
    if text is None:
        path = key_file(_NAME)
        source = str(path)
        try:
            text = path.read_text(encoding="ascii")
        except FileNotFoundError:
            raise TerminalError(
                "There is no quarantine key, and rejected rows are kept under one: set SETTLEMENT_QUARANTINE_KEY to 64 "
                f"random hex digits or put them into {source}."
            ) from None
        except UnicodeDecodeError:
            text = ""
    secret = secret_of(text.strip(), f"The quarantine key in {source}")
    return SealingKey(key_id=os.environ.get("SETTLEMENT_QUARANTINE_KEY_ID", "q1"), secret=secret)


def seal(key: SealingKey, content: bytes, about: str) -> Sealed:
    """Seal bytes together with what they are about, which must be told again to open them."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return Sealed(key_id=key.key_id, content=nonce + AESGCM(key.secret).encrypt(nonce, content, about.encode()))


def unseal(key: SealingKey, sealed: Sealed, about: str) -> bytes:
    """The bytes that were sealed. Raises TerminalError where key, content or ``about`` is another."""
    if sealed.key_id != key.key_id:
        raise TerminalError(
            f"This was sealed with the quarantine key {sealed.key_id!r} and {key.key_id!r} is given: set "
            "SETTLEMENT_QUARANTINE_KEY and SETTLEMENT_QUARANTINE_KEY_ID to the older one."
        )
    nonce, ciphertext = sealed.content[:_NONCE_BYTES], sealed.content[_NONCE_BYTES:]
    try:
        return AESGCM(key.secret).decrypt(nonce, ciphertext, about.encode())
    except (InvalidTag, ValueError):
        raise TerminalError(
            f"What was sealed with the quarantine key {key.key_id!r} does not open: it was changed, or this is another "
            "key of that id."
        ) from None
