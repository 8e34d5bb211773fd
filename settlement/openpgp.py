"""OpenPGP on arrival: which keys we have, and a message opened in a process of its own.

Our secret keys come from outside and never stand in a home: the file named by ``SETTLEMENT_OPENPGP_KEY_FILE``, else
``settlement/openpgp_key`` in the user's configuration folder; it may hold several keys, old ones for old files.
``SETTLEMENT_OPENPGP_PASSPHRASE_FILE`` names the file with their passphrase, if they have one. The certificates of
those who sign are public and stand in ``programme.toml``.

A message is opened by ``settlement.openpgp_child``, which may write no more than the limit and holds no other file of
ours: what a hostile message does to the library ends with that process. The plaintext stays in memory.
"""

from __future__ import annotations

import base64
import json
import mmap
import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Final

from settlement.errors import TerminalError
from settlement.keyfile import key_file
from settlement.model.arrival import FeedArrival, Refused
from settlement.model.clearing import Why
from settlement.model.stage import Decrypt
from settlement.store import Home

KEY: Final = "openpgp_key"
"""The name of the file that holds our secret keys."""
_ENCRYPTED_TAGS: Final = frozenset({1, 3, 9, 18, 20})
"""Packets with which an encrypted message begins (RFC 9580, 5)."""
_SIGNED_TAGS: Final = frozenset({2, 4, 8, 11})
_ARMOUR: Final = b"-----BEGIN PGP MESSAGE-----"
_ARMOUR_LOOKED_AT: Final = 4096
_NEW_FORMAT, _TAG_BIT = 0x40, 0x80
_SECONDS: Final = 600

_DETAILS: Final = {
    "NOT_SIGNED": "is not signed by a certificate that its feed declares: find out who sent it",
    "COMPRESSED": (
        "is compressed inside its signature, which cannot be verified here: ask the sender to sign without OpenPGP's "
        "own compression (gpg -z 0)"
    ),
    "NOT_DECRYPTED": "cannot be decrypted with the keys here: it is for another key or cut short; ask the sender",
    "UNREADABLE": "is damaged or cut short inside its OpenPGP message: ask the sender to send it again",
}


def opener(home: Home) -> Decrypt:
    """What opens the home's OpenPGP files."""
    return partial(_opened, home)


def _opened(home: Home, content: memoryview, feed: FeedArrival, most: int) -> memoryview | Refused:
    """The plaintext of a message, or why there is none.

    Raises TerminalError where a message is encrypted and there is no key, or a key stands in the home.
    """
    tag = _first_tag(content)
    encrypted = tag in _ENCRYPTED_TAGS
    if not encrypted and tag not in _SIGNED_TAGS:
        detail = "is no OpenPGP message, though its name says so: ask the sender for the right file"
        return Refused(why=Why.UNREADABLE, detail=detail)
    if feed.encrypted and not encrypted:
        detail = "is signed but not encrypted, and this feed's files must be: ask the sender to encrypt what it sends"
        return Refused(why=Why.NOT_ENCRYPTED, detail=detail)
    keys = _keys(home) if encrypted else b""
    order = {
        "keys": base64.b64encode(keys).decode(),
        "passphrase": _passphrase() if encrypted else "",
        "certificates": list(feed.certificates),
        "signed": feed.signed,
        "most": most,
    }
    return _in_a_child(content, json.dumps(order).encode(), most)


def _first_tag(content: memoryview) -> int | None:
    """The tag of the first packet, also behind ASCII armour; None where there is none."""
    start = bytes(content[:_ARMOUR_LOOKED_AT])
    if start.lstrip().startswith(_ARMOUR):
        body = start.replace(b"\r", b"").partition(b"\n\n")[2].strip()
        try:
            start = base64.b64decode(body[:4])
        except ValueError:
            return None
    if not start or not start[0] & _TAG_BIT:
        return None
    return start[0] & 0x3F if start[0] & _NEW_FORMAT else (start[0] >> 2) & 0xF


def _keys(home: Home) -> bytes:
    path = key_file(KEY).resolve()
    if path.is_relative_to(home.root):
        raise TerminalError(f"The OpenPGP key {path} stands in the home: keep it away from the files that it opens.")
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise TerminalError(
            f"A file is encrypted and there is no OpenPGP key: put it at {path} or name it in "
            "SETTLEMENT_OPENPGP_KEY_FILE."
        ) from None


def _passphrase() -> str:
    named = os.environ.get("SETTLEMENT_OPENPGP_PASSPHRASE_FILE")
    if not named:
        return ""
    try:
        return Path(named).read_text(encoding="utf-8").rstrip("\n")
    except FileNotFoundError:
        raise TerminalError(f"SETTLEMENT_OPENPGP_PASSPHRASE_FILE names {named}, which is not there.") from None


def _in_a_child(content: memoryview, order: bytes, most: int) -> memoryview | Refused:
    """Let the child open the message from one memory file into another."""
    message, plain = os.memfd_create("message"), os.memfd_create("plain")
    try:
        _write_all(message, content)
        done = subprocess.run(  # noqa: S603 - our own module, by the interpreter that runs us
            [sys.executable, "-I", str(Path(__file__).with_name("openpgp_child.py")), str(message), str(plain)],
            input=order,
            capture_output=True,
            check=False,
            pass_fds=(message, plain),
            timeout=_SECONDS,
            env={},
        )
        return _answer(done.returncode, done.stdout, plain, most)
    except subprocess.TimeoutExpired:
        return Refused(why=Why.UNREADABLE, detail=_DETAILS["UNREADABLE"])
    finally:
        os.close(message)
        os.close(plain)


def _answer(code: int, said: bytes, plain: int, most: int) -> memoryview | Refused:
    word = said.decode("ascii", "replace").strip()
    if code == 0 and word == "OPENED":
        size = os.fstat(plain).st_size
        return memoryview(mmap.mmap(plain, size, access=mmap.ACCESS_READ) if size else b"")
    if word == "BAD_KEY":
        raise TerminalError(
            f"{key_file(KEY)} holds no secret OpenPGP key that the passphrase opens: put the right one there."
        )
    if word == "BAD_CERTIFICATE":
        raise TerminalError(
            "config/programme.toml: an entry of `certificates` is no OpenPGP certificate: export it again."
        )
    if os.fstat(plain).st_size >= most or code < 0:
        detail = f"decrypts to more than its limits allow (at most {most} bytes for its size): find out what it is"
        return Refused(why=Why.TOO_LARGE, detail=detail)
    word = word if word in _DETAILS else "UNREADABLE"
    return Refused(why=Why.NOT_SIGNED if word == "COMPRESSED" else Why(word), detail=_DETAILS[word])


def _write_all(descriptor: int, content: memoryview) -> None:
    while len(content):
        content = content[os.write(descriptor, content) :]
