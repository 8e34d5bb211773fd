"""Opens one OpenPGP message, in a process that can do nothing else. It and ``openpgp_seal_child`` alone know pysequoia.

    python openpgp_child.py MESSAGE PLAIN < order

Both are descriptors of memory files. The order is JSON: ``keys`` (base64), ``passphrase``, ``certificates``,
``signed``, ``cleartext`` (the message is signed text), ``signatures`` (base64, detached ones of MESSAGE, which is then
only verified), ``gpg`` (the program's path or null), and ``most``, the bytes that PLAIN may hold. The answer is one
word: ``OPENED``, or why not.
"""

from __future__ import annotations

import base64
import json
import mmap
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pysequoia
from pysequoia.packet import PacketPile, SignatureType, Tag

_ROOM: Final = 2**30
"""Address space beyond the plaintext: the interpreter, the library, the message."""
_MEMORY: Final = "/dev/shm"  # noqa: S108 - a file system in memory, so that no key is written to a disk
_GPG_SECONDS: Final = 300
_SIGNATURE_BEGINS: Final = b"-----BEGIN PGP SIGNATURE-----"

Store = Callable[[list[str]], list[pysequoia.Cert]]
Faults: Final = (RuntimeError, OSError, ValueError)
"""What pysequoia raises on bad content."""


def main() -> str:
    """The word that answers the order."""
    order = json.load(sys.stdin)
    most = int(order["most"])
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    resource.setrlimit(resource.RLIMIT_AS, (_ROOM + 2 * most, _ROOM + 2 * most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    return answer(order, int(sys.argv[1]), int(sys.argv[2]))


def answer(order: dict[str, Any], message: int, plain: int) -> str:
    """The word that answers the order; the plaintext is written to ``plain``."""
    try:
        certificates = [pysequoia.Cert.from_bytes(text.encode()) for text in order["certificates"]]
    except Faults:
        return "BAD_CERTIFICATE"
    store: Store | None = (lambda _ids: certificates) if order["signed"] else None
    if order["signatures"]:
        return _verified(message, [base64.b64decode(text) for text in order["signatures"]], lambda _ids: certificates)
    if order["cleartext"]:
        return _text(message, plain, store)
    keys = base64.b64decode(order["keys"])
    try:
        decryptors = _decryptors(keys, order["passphrase"])
    except Faults:
        return "BAD_KEY"
    word = "NOT_DECRYPTED"
    for decryptor in decryptors:
        word = _opened(message, plain, decryptor, store)
        if word != "NOT_DECRYPTED":
            break
    if word == "COMPRESSED" and keys and order["gpg"]:
        return _without_encryption(message, plain, order, keys, store)
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


def _opened(message: int, plain: int, way: dict[str, Any], store: Store | None) -> str:
    os.ftruncate(plain, 0)
    try:
        pysequoia.decrypt_file(_path(message), _path(plain), store=store, **way)
    except Faults as error:
        return _word(error)
    return "OPENED"


def _word(error: Exception) -> str:
    said = str(error)
    if "ignature verification failed" in said:
        return "NOT_SIGNED"
    if "Unexpected message structure" in said:
        return "COMPRESSED"
    if "No key to decrypt" in said or "session key" in said:
        return "NOT_DECRYPTED"
    return "UNREADABLE"


def _path(descriptor: int) -> str:
    return f"/proc/self/fd/{descriptor}"


def _verified(message: int, files: list[bytes], store: Store) -> str:
    """Whether one of the signatures in those files is of the message, byte by byte, by one of the certificates.

    A signature of a text (type 0x01) leaves line ends open (RFC 9580, 5.2.1.2) and is not taken for a file.
    """
    words = []
    for content in files:
        try:
            found = [(packet.tag, packet.signature_type, bytes(packet)) for packet in PacketPile.from_bytes(content)]
        except Faults:
            found = []
        if not found or any(tag != Tag.Signature for tag, _, _ in found):
            words.append("NO_SIGNATURE")
            continue
        words += [_of_it(message, kind, packet, store) for _, kind, packet in found]
    return "OPENED" if "OPENED" in words else words[0]


def _of_it(message: int, kind: SignatureType | None, packet: bytes, store: Store) -> str:
    if kind != SignatureType.Binary:
        return "TEXT_SIGNATURE"
    try:
        pysequoia.verify(file=_path(message), store=store, signature=pysequoia.Sig.from_bytes(packet))
    except Faults:
        return "WRONG_SIGNATURE"
    return "OPENED"


def _text(message: int, plain: int, store: Store | None) -> str:
    """The text of a cleartext-signed message (RFC 9580, 7), as far as its signature covers it.

    Blanks at line ends and the kind of line end are not covered: the text is given without the first and with line
    feeds. Neither is the end of the last line, which the frame needs and which every signer but one leaves unsigned.
    """
    size = os.fstat(message).st_size
    with mmap.mmap(message, size, access=mmap.ACCESS_READ) as content:
        try:
            found = _unescaped(content[:]) if store is None else pysequoia.verify(bytes=content[:], store=store).bytes
        except Faults as error:
            return _word(error)
    text = (found or b"").replace(b"\r\n", b"\n")
    if text and not text.endswith(b"\n"):
        text += b"\n"
    with open(plain, "wb", closefd=False) as target:
        target.write(text)
    return "OPENED"


def _unescaped(message: bytes) -> bytes:
    """The text where nobody asks who signed it: dashes unescaped, blanks at line ends gone; ValueError without one."""
    lines = message.replace(b"\r\n", b"\n").split(b"\n")
    text = lines[lines.index(b"") + 1 : lines.index(_SIGNATURE_BEGINS)]
    return b"\n".join(line.removeprefix(b"- ").rstrip(b" \t") for line in text)


def _without_encryption(message: int, plain: int, order: dict[str, Any], keys: bytes, store: Store | None) -> str:
    """What is signed and compressed inside its encryption: gpg takes the encryption off, the signature is judged here.

    pysequoia judges a signature behind encryption or behind compression, not behind both.
    """
    with tempfile.TemporaryDirectory(dir=_MEMORY, prefix="settle-openpgp-") as folder:
        words = [order["gpg"], "--homedir", folder, "--batch", "--quiet", "--no-options", "--trust-model", "always"]
        words += ["--pinentry-mode", "loopback"]
        inner = os.memfd_create("inner")
        try:
            _gpg([*words, "--import"], keys)
            unwrap = ["--passphrase-fd", "0", "--unwrap", "--decrypt", _path(message)]
            _gpg([*words, *unwrap], order["passphrase"].encode(), inner, message)
            return _opened(inner, plain, {"passwords": [""]}, store)
        except (OSError, subprocess.SubprocessError):
            return "COMPRESSED"
        finally:
            os.close(inner)
            _gpg(
                [str(Path(order["gpg"]).with_name("gpgconf")), "--homedir", folder, "--kill", "all"],
                b"",
                check=False,
            )


def _gpg(words: list[str], given: bytes, output: int | None = None, *passed: int, check: bool = True) -> None:
    subprocess.run(  # noqa: S603 - the program that the order names
        words,
        input=given,
        stdout=subprocess.DEVNULL if output is None else output,
        stderr=subprocess.DEVNULL,
        check=check,
        pass_fds=passed,
        timeout=_GPG_SECONDS,
        env={"PATH": str(Path(words[0]).parent)},
    )


if __name__ == "__main__":
    sys.stdout.write(main())
