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
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import pysequoia
from pysequoia.packet import Packet, PacketPile, SignatureType, Tag

Faults: Final = (RuntimeError, OSError, ValueError, TypeError)
"""What pysequoia raises on bad content."""
_DONE: Final = "DONE"
_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)


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
        ends, revoked = _ends_of_subkeys(
            certificate, lambda flags: flags.transport_encryption or flags.storage_encryption
        )
    except Faults:
        return {"word": "BAD_CERTIFICATE"}
    found: dict[str, Any] = {"fingerprint": certificate.fingerprint.upper()}
    if certificate.has_secret_keys:
        return found | {"word": "SECRET"}
    if certificate.is_revoked:
        return found | {"word": "REVOKED"}
    ended = _ended(certificate, ends)
    if ended is not None:
        return found | {"word": "EXPIRED", "on": ended}
    none_left = bool(revoked) and not ends
    if revoked and not none_left:
        # It would be encrypted to both.
        return found | {"word": "REVOKED_SUBKEY"}
    return found | {"word": "NO_ENCRYPTION" if none_left or not _takes(certificate) else _DONE}


def _ended(certificate: pysequoia.Cert, ends: list[datetime | None]) -> str | None:
    """The last day of those of its keys that end so, or of itself; None where one of them still holds."""
    if certificate.expiration is not None:
        ends = [certificate.expiration if end is None else min(end, certificate.expiration) for end in ends]
        ends = ends or [certificate.expiration]
    known = [end for end in ends if end is not None and end <= datetime.now(UTC)]
    return max(known).date().isoformat() if known and len(known) == len(ends) else None


def _takes(certificate: pysequoia.Cert) -> bool:
    try:
        pysequoia.encrypt(b"", recipients=[certificate], armor=False)
    except Faults:
        return False
    return True


def _ends_of_subkeys(certificate: pysequoia.Cert, may: Callable[[Any], bool]) -> tuple[list[datetime | None], int]:
    """When each subkey whose flags let it do this ends, None for never, and how many of them are revoked.

    pysequoia itself encrypts to subkeys that have ended, and to revoked ones.
    """
    subkeys: list[tuple[datetime | None, list[Packet]]] = []
    for packet in PacketPile.from_bytes(bytes(certificate)):
        if packet.tag == Tag.PublicSubkey:
            subkeys.append((packet.key_created, []))
        elif packet.tag == Tag.Signature and subkeys:
            subkeys[-1][1].append(packet)
    ends: list[datetime | None] = []
    revoked = 0
    for made, signatures in subkeys:
        bindings = [one for one in signatures if one.signature_type == SignatureType.SubkeyBinding]
        # Renewed by a later binding; the library may write the latest one first.
        binding = max(bindings, key=lambda one: one.signature_created or _LONG_AGO, default=None)
        flags = None if binding is None else binding.key_flags
        if binding is None or made is None or flags is None:
            continue
        if not may(flags):
            continue
        if any(one.signature_type == SignatureType.SubkeyRevocation for one in signatures):
            revoked += 1
            continue
        period = binding.key_validity_period
        ends.append(None if period is None else made + period)
    return ends, revoked


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
        return _why_it_does_not_sign(order)
    try:
        pysequoia.encrypt_file(content, sealed, recipients=[certificate], signer=signer, armor=False)
    except Faults:
        return {"word": "NO_ENCRYPTION"}
    return {"word": _DONE}


def _why_it_does_not_sign(order: dict[str, Any]) -> dict[str, Any]:
    """That our key has ended, itself or with all that may sign of it, and when; else that it is none that signs."""
    bad = {"word": "BAD_KEY"}
    try:
        certificate = _secret(order).extract_certificate()
        packets = list(PacketPile.from_bytes(bytes(certificate)))
        ends, _ = _ends_of_subkeys(certificate, lambda flags: flags.signing)
    except Faults:
        return bad
    of_subkeys = (SignatureType.SubkeyBinding, SignatureType.SubkeyRevocation)
    flags = [one.key_flags for one in packets if one.tag == Tag.Signature and one.signature_type not in of_subkeys]
    if any(one is not None and one.signing for one in flags):
        ends.append(None)
    ended = _ended(certificate, ends)
    return bad if ended is None else {"word": "EXPIRED", "on": ended, "fingerprint": certificate.fingerprint.upper()}


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
