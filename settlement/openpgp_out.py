"""OpenPGP on the way out: a partner's certificate looked at, and a file signed by us and encrypted to it.

Our signing keys come from outside and have ids. The key ``s1`` is the file named by ``SETTLEMENT_SIGNING_KEY_S1_FILE``,
else ``settlement/signing_key_s1`` in the user's configuration folder; its passphrase, if it has one, stands in the file
of ``signing_passphrase_s1``, found the same way. Partners' certificates are public and stand in ``delivery.toml``.

A message is signed inside its encryption, with AES-256 and SHA-512, and not compressed: what a partner receives is
of a length that tells little more than the file's own, and every OpenPGP of today reads it.
"""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from settlement.errors import RetryableError, TerminalError
from settlement.keyfile import key_file, outside_file, write_new
from settlement.openpgp_process import in_a_child
from settlement.store import Home

_SCRIPT: Final = "openpgp_seal_child.py"


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateFound:
    """A certificate's fingerprint, and in one sentence why nothing may be encrypted to it now; None where it may."""

    fingerprint: str
    trouble: str | None


def look_at_certificate(partner: str, certificate: str) -> CertificateFound:
    """Whose certificate a partner's is, and whether it is good today. Raises TerminalError where it is none."""
    found, _ = _ordered({"does": "look", "certificate": certificate})
    begin = f"config/delivery.toml: the OpenPGP certificate of {partner}"
    troubles = {
        "DONE": None,
        "REVOKED": "is revoked: ask the partner for its new one and compare the fingerprint by another way",
        "REVOKED_SUBKEY": "has a revoked subkey beside a good one, and would be encrypted to both: ask the "
        "partner for its certificate without the revoked one",
        "EXPIRED": f"has expired on {found.get('on')}: ask the partner for it with a later end, or for its new one",
        "NO_ENCRYPTION": "has no key that may be encrypted to: ask the partner for one that has",
        "SECRET": "holds secret keys: take them out at once and tell the partner that they are known here",
    }
    if found["word"] not in troubles:
        raise TerminalError(f"{begin} cannot be read: ask the partner to export it again, in ASCII armour.")
    trouble = troubles[found["word"]]
    return CertificateFound(fingerprint=found["fingerprint"], trouble=trouble and f"{begin} {trouble}.")


def seal_file(home: Home, content: bytes, certificate: str, signing_key: str) -> bytes:
    """The content signed by our key and encrypted to a certificate that was looked at.

    Raises TerminalError where the key is missing, has expired, stands in the home or is not opened by its passphrase.
    """
    key = outside_file(home.root, _file_name(signing_key), "signing key", "what it signs")
    passphrase = key_file(f"signing_passphrase_{signing_key}")
    order = {
        "does": "seal",
        "certificate": certificate,
        "key": _secret_text(key, signing_key),
        "passphrase": passphrase.read_text(encoding="utf-8").rstrip("\n") if passphrase.is_file() else "",
    }
    found, sealed = _ordered(order, content)
    if found["word"] == "EXPIRED":
        raise TerminalError(
            f"Our OpenPGP signing key {signing_key!r} ({key}, fingerprint {found['fingerprint']}) has expired on "
            f"{found['on']}: put it there with a later end, or put it aside and have a new one made with `settle "
            "deliveries key`; then tell the partner its certificate, and send again."
        )
    if found["word"] == "BAD_KEY":
        raise TerminalError(
            f"{key} holds no secret OpenPGP key that can sign and that its passphrase opens: put the right one there."
        )
    if found["word"] != "DONE":
        raise TerminalError("A file could not be encrypted to its partner's certificate: ask the partner for another.")
    return sealed


def draw_signing_key(signing_key: str, name: str) -> Path | None:
    """Make a signing key into its file, readable by this user alone; None where there is a file already."""
    if key_file(_file_name(signing_key)).exists():
        return None
    _, made = _ordered({"does": "make", "name": name})
    return write_new(_file_name(signing_key), made)


def public_certificate(signing_key: str) -> tuple[str, str]:
    """The certificate of a signing key of ours in ASCII armour, which partners verify with, and its fingerprint."""
    path = key_file(_file_name(signing_key))
    found, public = _ordered({"does": "public", "key": _secret_text(path, signing_key)})
    if found["word"] != "DONE":
        raise TerminalError(f"{path} holds no secret OpenPGP key: put the right one there.")
    return public.decode(), str(found["fingerprint"])


def _file_name(signing_key: str) -> str:
    return f"signing_key_{signing_key}"


def _secret_text(path: Path, signing_key: str) -> str:
    try:
        return path.read_text(encoding="ascii")
    except FileNotFoundError:
        raise TerminalError(
            f"There is no signing key {signing_key!r}: put it at {path}, name it in "
            f"SETTLEMENT_SIGNING_KEY_{signing_key.upper()}_FILE, or make one with `settle deliveries key`."
        ) from None
    except UnicodeDecodeError:
        raise TerminalError(f"{path} is no OpenPGP key in ASCII armour: export it so.") from None


def _ordered(order: dict[str, str], content: bytes = b"") -> tuple[dict[str, Any], bytes]:
    """The child's answer to an order, and what it wrote."""
    try:
        with in_a_child(_SCRIPT, memoryview(content), order) as done:
            if done.code != 0:
                raise RetryableError("The process that signs and encrypts ended before its work: try again.")
            size = os.fstat(done.written).st_size
            return json.loads(done.said), os.pread(done.written, size, 0)
    except subprocess.TimeoutExpired:
        raise RetryableError("Signing and encrypting a file took too long: try again.") from None
