"""Opens one OpenPGP message, in a process that can do nothing else. The only module that knows pysequoia.

    python openpgp_child.py MESSAGE PLAIN < order

Both are descriptors of memory files. The order is JSON: ``keys`` (base64), ``passphrase``, ``certificates``,
``signed``, and ``most``, the bytes that PLAIN may hold. The answer is one word: ``OPENED``, or why not.
"""

from __future__ import annotations

import base64
import json
import resource
import sys
from typing import Any, Final

import pysequoia

_ROOM: Final = 2**30
"""Address space beyond the plaintext: the interpreter, the library, the message."""


def main() -> str:
    """The word that answers the order."""
    order = json.load(sys.stdin)
    most = int(order["most"])
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    resource.setrlimit(resource.RLIMIT_AS, (_ROOM + 2 * most, _ROOM + 2 * most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        decryptors = _decryptors(base64.b64decode(order["keys"]), order["passphrase"])
    except (RuntimeError, ValueError):
        return "BAD_KEY"
    try:
        certificates = [pysequoia.Cert.from_bytes(text.encode()) for text in order["certificates"]]
    except (RuntimeError, ValueError):
        return "BAD_CERTIFICATE"
    store = (lambda _ids: certificates) if order["signed"] else None
    word = "NOT_DECRYPTED"
    for decryptor in decryptors:
        word = _opened(decryptor, store)
        if word != "NOT_DECRYPTED":
            break
    return word


def _decryptors(keys: bytes, passphrase: str) -> list[dict[str, Any]]:
    """One way to open for each secret key; a message that is only signed needs none."""
    if not keys:
        return [{"passwords": [""]}]
    found = [certificate.secrets for certificate in pysequoia.Cert.split_bytes(keys)]
    secrets = [secret for secret in found if secret is not None]
    if not secrets:
        raise ValueError("no secret key")
    return [{"decryptor": s.decryptor(passphrase) if passphrase else s.decryptor()} for s in secrets]


def _opened(way: dict[str, Any], store: Any) -> str:
    message, plain = sys.argv[1:3]
    with open(int(plain), "r+b", closefd=False) as target:
        target.truncate(0)
    try:
        pysequoia.decrypt_file(f"/proc/self/fd/{message}", f"/proc/self/fd/{plain}", store=store, **way)
    except (RuntimeError, OSError, ValueError) as error:
        said = str(error)
        if "ignature verification failed" in said:
            return "NOT_SIGNED"
        if "Unexpected message structure" in said:
            return "COMPRESSED"
        if "No key to decrypt" in said or "session key" in said:
            return "NOT_DECRYPTED"
        return "UNREADABLE"
    return "OPENED"


if __name__ == "__main__":
    sys.stdout.write(main())
