"""Signs and encrypts one file, in a process that does nothing else. It and ``openpgp_child`` alone know pysequoia.

    python openpgp_seal_child.py CONTENT SEALED < order

Both are descriptors of memory files. The order is JSON: ``certificate`` (text), ``key`` (text) and ``passphrase``, and
``does``: ``look`` at the certificate, ``seal`` CONTENT into SEALED, or ``make`` a key for the ``name`` into SEALED, or
write the ``public`` certificate of the key there. The answer is JSON: ``word`` and what else was found.
"""

from __future__ import annotations

import json
import resource
import sys
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pysequoia
from pysequoia.packet import PacketPile, SignatureType, Tag

Faults: Final = (RuntimeError, OSError, ValueError, TypeError)
"""What pysequoia raises on bad content."""
_DONE: Final = "DONE"


def main() -> str:
    """The answer to the order, as JSON."""
    # A core file of this process would hold a secret key.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    order = json.load(sys.stdin)
    content, sealed = (f"/proc/self/fd/{number}" for number in sys.argv[1:3])
    does = {"look": _look, "seal": _seal, "make": _make, "public": _public}[order["does"]]
    return json.dumps(does(order, content, sealed))


def _look(order: dict[str, Any], _content: str, _sealed: str) -> dict[str, Any]:
    """Whose certificate it is, and whether something may be encrypted to it now."""
    try:
        certificate = pysequoia.Cert.from_bytes(order["certificate"].encode())
        ends = _ends_of_encryption(certificate)
    except Faults:
        return {"word": "BAD_CERTIFICATE"}
    now = datetime.now(UTC)
    found: dict[str, Any] = {"fingerprint": certificate.fingerprint.upper()}
    if certificate.has_secret_keys:
        return found | {"word": "SECRET"}
    if certificate.is_revoked:
        return found | {"word": "REVOKED"}
    last = certificate.expiration
    known = [end for end in ends if end is not None]
    if known and len(known) == len(ends):
        last = max(known) if last is None else min(last, max(known))
    if last is not None and last <= now:
        return found | {"word": "EXPIRED", "on": last.date().isoformat()}
    try:
        pysequoia.encrypt(b"", recipients=[certificate], armor=False)
    except Faults:
        return found | {"word": "NO_ENCRYPTION"}
    return found | {"word": _DONE}


def _ends_of_encryption(certificate: pysequoia.Cert) -> list[datetime | None]:
    """When each subkey ends that is not revoked, None for never; pysequoia encrypts to those that have ended too."""
    ends: list[datetime | None] = []
    made, end, revoked = None, None, False
    for packet in [*PacketPile.from_bytes(bytes(certificate)), None]:
        if packet is None or packet.tag == Tag.PublicSubkey:
            if made is not None and not revoked:
                ends.append(end)
            made, end, revoked = (None if packet is None else packet.key_created), None, False
        elif packet.tag == Tag.Signature and made is not None:
            if packet.signature_type == SignatureType.SubkeyBinding:
                period = packet.key_validity_period
                end = None if period is None else made + _duration(period)
            revoked = revoked or packet.signature_type == SignatureType.SubkeyRevocation
    return ends


def _duration(period: timedelta | int) -> timedelta:
    return period if isinstance(period, timedelta) else timedelta(seconds=period)


def _seal(order: dict[str, Any], content: str, sealed: str) -> dict[str, Any]:
    try:
        certificate = pysequoia.Cert.from_bytes(order["certificate"].encode())
    except Faults:
        return {"word": "BAD_CERTIFICATE"}
    try:
        secret = _secret(order)
        signer = secret.signer(order["passphrase"]) if order["passphrase"] else secret.signer()
        # Tried here, so that a wrong passphrase is not taken for a fault of the certificate.
        pysequoia.sign(signer, b"")
    except Faults:
        return {"word": "BAD_KEY"}
    try:
        pysequoia.encrypt_file(content, sealed, recipients=[certificate], signer=signer, armor=False)
    except Faults:
        return {"word": "NO_ENCRYPTION"}
    return {"word": _DONE}


def _secret(order: dict[str, Any]) -> pysequoia.Tsk:
    secret = pysequoia.Cert.from_bytes(order["key"].encode()).secrets
    if secret is None:
        raise ValueError("no secret key")
    return secret


def _make(order: dict[str, Any], _content: str, sealed: str) -> dict[str, Any]:
    """A key pair that every OpenPGP of today reads: version 4, Ed25519 and X25519."""
    _write(sealed, str(pysequoia.Tsk.generate(order["name"])))
    return {"word": _DONE}


def _public(order: dict[str, Any], _content: str, sealed: str) -> dict[str, Any]:
    try:
        certificate = _secret(order).extract_certificate()
    except Faults:
        return {"word": "BAD_KEY"}
    _write(sealed, str(certificate))
    return {"word": _DONE, "fingerprint": certificate.fingerprint.upper()}


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="ascii") as writer:  # noqa: PTH123 - a descriptor's name
        writer.write(text)


if __name__ == "__main__":
    sys.stdout.write(main())
