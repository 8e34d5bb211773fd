"""OpenPGP on arrival: which keys we have, and a message opened or a file verified in a process of its own.

Our secret keys come from outside and never stand in a home: the file named by ``SETTLEMENT_OPENPGP_KEY_FILE``, else
``settlement/openpgp_key`` in the user's configuration folder; it may hold several keys, old ones for old files.
``SETTLEMENT_OPENPGP_PASSPHRASE_FILE`` names the file with their passphrase, if they have one. The certificates of
those who sign are public and stand in ``programme.toml``.

A message is opened by ``settlement.openpgp_child``, which may write no more than the limit and holds no other file of
ours: what a hostile message does to the library ends with that process. The plaintext stays in memory.
"""

from __future__ import annotations

import base64
import mmap
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Final

from settlement.errors import TerminalError
from settlement.keyfile import key_file, outside_file
from settlement.model.arrival import SMALL_BYTES, FeedArrival, Refused
from settlement.model.clearing import Why
from settlement.model.stage import Decrypt, Verify
from settlement.openpgp_process import in_a_child
from settlement.store import Home

KEY: Final = "openpgp_key"
"""The name of the file that holds our secret keys."""
_ENCRYPTED_TAGS: Final = frozenset({1, 3, 9, 18, 20})
"""Packets with which an encrypted message begins (RFC 9580, 5)."""
_SIGNED_TAGS: Final = frozenset({2, 4, 8, 11})
_ARMOUR: Final = b"-----BEGIN PGP MESSAGE-----"
_CLEARTEXT: Final = b"-----BEGIN PGP SIGNED MESSAGE-----"
_TEXT_ENDS: Final = b"-----END PGP SIGNATURE-----"
_SIGNATURE: Final = b"-----BEGIN PGP SIGNATURE-----"
_ARMOUR_LOOKED_AT: Final = 4096
_NEW_FORMAT, _TAG_BIT = 0x40, 0x80

_DETAILS: Final = {
    "NOT_SIGNED": "is not signed by a certificate that its feed declares: find out who sent it",
    "COMPRESSED": (
        "is compressed inside its encryption, and gpg is not here or cannot open it: install gpg, or ask the sender to "
        "sign without OpenPGP's own compression (gpg -z 0)"
    ),
    "NO_SIGNATURE": "came with a signature file that holds no OpenPGP signature: ask the sender to sign it again",
    "TEXT_SIGNATURE": (
        "is signed as a text, which leaves its line ends open: ask the sender to sign the file as it is (no --textmode)"
    ),
    "WRONG_SIGNATURE": (
        "is not what its signature was made for, or the signature is by nobody that its feed declares: ask the sender "
        "to send both again"
    ),
    "NOT_DECRYPTED": "cannot be decrypted with the keys here: it is for another key or cut short; ask the sender",
    "UNREADABLE": "is damaged or cut short inside its OpenPGP message: ask the sender to send it again",
}


def opener(home: Home) -> Decrypt:
    """What opens the home's OpenPGP files."""
    return partial(_opened, home)


def verifier() -> Verify:
    """What verifies files that come beside their signatures; it needs no key of ours."""
    return _verified


def _opened(home: Home, content: memoryview, feed: FeedArrival, most: int) -> memoryview | Refused:
    """The plaintext of a message, or why there is none.

    Raises TerminalError where a message is encrypted and there is no key, or a key stands in the home.
    """
    cleartext = bytes(content[: len(_CLEARTEXT)]) == _CLEARTEXT
    tag = None if cleartext else _first_tag(content)
    encrypted = tag in _ENCRYPTED_TAGS
    if cleartext:
        if not _one_frame(content):
            detail = "has text before, behind or between its signed text: ask the sender to sign all of it at once"
            return Refused(why=Why.UNREADABLE, detail=detail)
    elif not encrypted and tag not in _SIGNED_TAGS:
        detail = "is no OpenPGP message, though its name says so: ask the sender for the right file"
        return Refused(why=Why.UNREADABLE, detail=detail)
    if feed.encrypted and not encrypted:
        detail = "is signed but not encrypted, and this feed's files must be: ask the sender to encrypt what it sends"
        return Refused(why=Why.NOT_ENCRYPTED, detail=detail)
    order = _order(feed, most) | {"cleartext": cleartext}
    if encrypted:
        keys = base64.b64encode(_keys(home)).decode()
        order |= {"keys": keys, "passphrase": _passphrase(), "gpg": shutil.which("gpg")}
    return _in_a_child(content, order, most)


def _verified(content: memoryview, feed: FeedArrival, signatures: tuple[memoryview, ...]) -> Refused | None:
    """Why a file is not taken for what its detached signatures were made for; None where one of them is of it."""
    told = [base64.b64encode(signature).decode() for signature in signatures]
    found = _in_a_child(content, _order(feed, SMALL_BYTES) | {"signatures": told}, SMALL_BYTES)
    return found if isinstance(found, Refused) else None


def _order(feed: FeedArrival, most: int) -> dict[str, object]:
    """What the child is told of a message that needs no key."""
    return {
        "keys": "",
        "passphrase": "",
        "certificates": list(feed.certificates),
        "signed": feed.signed,
        "cleartext": False,
        "signatures": [],
        "gpg": None,
        "most": most,
    }


def _one_frame(content: memoryview) -> bool:
    """Whether nothing stands before, behind or between the frame of a cleartext-signed message."""
    ends = bytes(content[-_ARMOUR_LOOKED_AT:]).rstrip()
    lines = re.findall(rb"^-----(?:BEGIN|END) PGP [A-Z ]+-----", content, re.MULTILINE)
    return ends.endswith(_TEXT_ENDS) and lines == [_CLEARTEXT, _SIGNATURE, _TEXT_ENDS]


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
    path = outside_file(home.root, KEY, "OpenPGP key", "the files that it opens")
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


def _in_a_child(content: memoryview, order: Mapping[str, object], most: int) -> memoryview | Refused:
    """Let the child open the message from one memory file into another."""
    try:
        with in_a_child("openpgp_child.py", content, order) as done:
            return _answer(done.code, done.said, done.written, most)
    except subprocess.TimeoutExpired:
        return Refused(why=Why.UNREADABLE, detail=_DETAILS["UNREADABLE"])


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
    return Refused(why=Why(word) if word in set(Why) else Why.NOT_SIGNED, detail=_DETAILS[word])
