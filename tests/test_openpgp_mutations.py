"""Ten thousand mutated messages, signed texts and detached signatures: none is taken that no signature covers."""

from __future__ import annotations

import random
import zlib
from pathlib import Path

import pysequoia
import pytest
from openpgp_in_process import in_this_process

from settlement import openpgp
from settlement.model.arrival import FeedArrival, Refused
from settlement.store import Home

pytestmark = pytest.mark.filterwarnings("ignore:Use Tsk:DeprecationWarning")
SEED = 20260131
EACH = 2_500
TEXT = b"".join(b"D;%03d;10.%02d;- x\n-%d\n" % (number, number, number) for number in range(12))
MOST = 2**20
PARTS = (
    b"-----BEGIN PGP MESSAGE-----\n",
    b"- ",
    b"\n\n",
    b"\r\n",
    b"=",
    b"\xc8\xff\xff\xff\xff\xff",
    b"\xcb\x01",
    b"Hash: x\n",
)


def _mutated(content: bytes, draw: random.Random) -> bytes:
    """One to three changes: bits, bytes, cuts, parts that come twice or change places, and parts of other messages."""
    changed = bytearray(content)
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        at, until = sorted(draw.randrange(len(changed) + 1) for _ in range(2))
        kind = draw.randrange(8)
        if kind <= 1 and changed:
            changed[min(at, len(changed) - 1)] ^= 1 << draw.randrange(8)
        elif kind == 2 and changed:
            changed[min(at, len(changed) - 1)] = draw.randrange(256)
        elif kind == 3:
            del changed[at : min(until, at + draw.choice((1, 4, 200)))]
        elif kind == 4:
            del changed[at:]
        elif kind == 5:
            changed[at:at] = changed[at : min(until, at + 64)]
        elif kind == 6:
            changed[at:at] = draw.choice(PARTS)
        else:
            changed[at:at] = draw.randbytes(draw.choice((1, 2, 16)))
    return bytes(changed)


def _compressed(message: bytes) -> bytes:
    """The message in a packet of compressed data, as gpg makes it (RFC 9580, 5.6)."""
    deflate = zlib.compressobj(wbits=-15)
    body = b"\x01" + deflate.compress(message) + deflate.flush()
    return b"\xc8\xff" + len(body).to_bytes(4, "big") + body


@pytest.fixture(scope="module")
def keys() -> tuple[pysequoia.Tsk, pysequoia.Tsk]:
    return pysequoia.Tsk.generate("us"), pysequoia.Tsk.generate("sender")


@pytest.fixture
def home(tmp_path: Path, keys: tuple[pysequoia.Tsk, pysequoia.Tsk], monkeypatch: pytest.MonkeyPatch) -> Home:
    (tmp_path / "openpgp_key").write_text(str(keys[0]))
    monkeypatch.setenv("SETTLEMENT_OPENPGP_KEY_FILE", str(tmp_path / "openpgp_key"))
    monkeypatch.setattr(openpgp, "_in_a_child", in_this_process)
    monkeypatch.setattr(openpgp.shutil, "which", lambda _: None)
    (tmp_path / "home").mkdir()
    return Home(root=tmp_path / "home")


def _feed(sender: pysequoia.Tsk) -> FeedArrival:
    return FeedArrival(feed="x", signed=True, certificates=(str(sender.extract_certificate()),))


def _one_sentence(refused: Refused) -> bool:
    return bool(refused.detail) and not refused.detail.endswith(".") and ". " not in refused.detail


@pytest.mark.parametrize("form", ["compressed", "cleartext", "encrypted"])
def test_no_mutated_message_gives_anything_but_what_was_signed(
    home: Home, keys: tuple[pysequoia.Tsk, pysequoia.Tsk], form: str
) -> None:
    ours, sender = keys
    if form == "compressed":
        message = _compressed(pysequoia.sign(sender.signer(), TEXT, armor=False))
    elif form == "cleartext":
        message = pysequoia.sign(sender.signer(), TEXT, mode=pysequoia.SignatureMode.CLEAR)
    else:
        to = [ours.extract_certificate()]
        message = pysequoia.encrypt(TEXT, recipients=to, signer=sender.signer(), armor=False)
    opener, feed, draw = openpgp.opener(home), _feed(sender), random.Random(SEED)
    found = opener(memoryview(message), feed, MOST)
    assert not isinstance(found, Refused)
    assert bytes(found) == TEXT
    refused = 0
    for number in range(EACH):
        found = opener(memoryview(_mutated(message, draw)), feed, MOST)
        if isinstance(found, Refused):
            refused += 1
            assert _one_sentence(found), (number, found.detail)
        else:
            assert bytes(found) == TEXT, number
    assert refused > EACH // 2


def test_no_mutated_file_or_signature_is_taken(home: Home, keys: tuple[pysequoia.Tsk, pysequoia.Tsk]) -> None:
    signature = pysequoia.sign(keys[1].signer(), TEXT, mode=pysequoia.SignatureMode.DETACHED, armor=False)
    verify, feed, draw = openpgp.verifier(), _feed(keys[1]), random.Random(SEED)
    assert verify(memoryview(TEXT), feed, (memoryview(signature),)) is None
    refused = 0
    for number in range(EACH):
        content, made = (_mutated(TEXT, draw), signature) if number % 2 else (TEXT, _mutated(signature, draw))
        found = verify(memoryview(content), feed, (memoryview(made),))
        if found is None:
            assert content == TEXT, number
        else:
            refused += 1
            assert _one_sentence(found), (number, found.detail)
    assert refused > EACH // 2
