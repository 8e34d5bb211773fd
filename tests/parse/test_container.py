"""What is put around a file for its way: it comes off whole or not at all, and never beyond its limits."""

from __future__ import annotations

import gzip
import io
import random
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from settlement.model.arrival import FeedArrival, Layer, Limits, Refused, unwrapped
from settlement.model.clearing import Why
from settlement.parse.container import opened

NOTHING = FeedArrival(feed="any")
LIMITS = Limits(most_unpacked_bytes=8 * 2**20, most_ratio=200)
LINES = b"".join(b"%06d;55555501;10.00\n" % number for number in range(400))


def _open(content: bytes, *layers: Layer, feed: FeedArrival = NOTHING, limits: Limits = LIMITS) -> bytes | Refused:
    found = opened(memoryview(content), layers, feed, limits, None)
    return found if isinstance(found, Refused) else bytes(found)


def _zip(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return target.getvalue()


def _why(found: bytes | Refused) -> Why:
    assert isinstance(found, Refused), f"{len(found)} bytes were taken"
    assert found.detail.count(". ") == 0, "one sentence"
    return found.why


@given(st.lists(st.binary(max_size=3000), min_size=1, max_size=3), st.integers(0, 9), st.integers(0, 40))
@settings(max_examples=150, deadline=None)
def test_gzip_comes_off_whole(pieces: list[bytes], level: int, zeros: int) -> None:
    packed = b"".join(gzip.compress(piece, level, mtime=0) for piece in pieces)
    whole = b"".join(pieces)
    if whole[:2] == b"\x1f\x8b" or whole[:4] == b"PK\x03\x04":
        return
    assert _open(packed + bytes(zeros), Layer.GZIP) == whole


@given(st.binary(max_size=3000), st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]), st.text(max_size=12))
@settings(max_examples=150, deadline=None)
def test_zip_comes_off_whole_whatever_the_member_is_called(content: bytes, method: int, name: str) -> None:
    if content[:2] in {b"\x1f\x8b", b"PK"}:
        return
    packed = _zip(("../" + name.replace("/", "").replace("\0", "") + "x", content), method=method)
    assert _open(packed, Layer.ZIP) == content


@pytest.mark.parametrize(
    ("layer", "packed"), [(Layer.GZIP, gzip.compress(LINES, mtime=0)), (Layer.ZIP, _zip(("a", LINES)))]
)
def test_no_cut_of_a_container_is_taken(layer: Layer, packed: bytes) -> None:
    assert _open(packed, layer) == LINES
    for size in range(len(packed)):
        assert _why(_open(packed[:size], layer)) in {Why.TRUNCATED, Why.UNREADABLE}, size


@pytest.mark.parametrize(
    ("layer", "packed"), [(Layer.GZIP, gzip.compress(LINES, mtime=0)), (Layer.ZIP, _zip(("a", LINES)))]
)
def test_no_flipped_bit_changes_what_is_taken(layer: Layer, packed: bytes) -> None:
    for at in range(8 * len(packed)):
        flipped = bytearray(packed)
        flipped[at // 8] ^= 1 << at % 8
        found = _open(bytes(flipped), layer)
        assert isinstance(found, Refused) or found == LINES, at


def _bombs() -> dict[str, tuple[bytes, Layer]]:
    zeros = bytes(64 * 2**20)
    quick = zlib.compressobj(9, zlib.DEFLATED, 31)
    lying = bytearray(_zip(("a", zeros)))
    at = lying.index(b"PK\x01\x02")
    lying[at + 24 : at + 28] = (100).to_bytes(4, "little")
    return {
        "gzip": (quick.compress(zeros) + quick.flush(), Layer.GZIP),
        "members": (gzip.compress(bytes(2**20), mtime=0) * 64, Layer.GZIP),
        "zip": (_zip(("a", zeros)), Layer.ZIP),
        "lying zip": (bytes(lying), Layer.ZIP),
    }


@pytest.mark.parametrize("name", ["gzip", "members", "zip", "lying zip"])
def test_a_bomb_ends_at_its_limit(name: str) -> None:
    bomb, layer = _bombs()[name]
    tracemalloc.start()
    found = _open(bomb, layer)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert _why(found) in {Why.TOO_LARGE, Why.UNREADABLE}
    # The ratio is looked at while bytes come: of 64 MiB only about the first one is ever made.
    assert peak < 8 * 2**20 + 3 * len(bomb)


def test_the_limit_on_bytes_holds_whatever_the_ratio() -> None:
    noise = random.Random(5).randbytes(2**21)
    small = Limits(most_unpacked_bytes=2**20, most_ratio=10_000)
    assert _why(_open(gzip.compress(noise), Layer.GZIP, limits=small)) is Why.TOO_LARGE
    assert _why(_open(_zip(("a", noise)), Layer.ZIP, limits=small)) is Why.TOO_LARGE
    assert _open(gzip.compress(noise), Layer.GZIP) == noise


@pytest.mark.parametrize(
    "content",
    [
        _zip(),
        _zip(("a", b"1"), ("b", b"2")),
        _zip(("folder/", b"")),
        _zip(("a", LINES), method=zipfile.ZIP_BZIP2),
        _zip(("a", LINES), method=zipfile.ZIP_LZMA),
        b"MZ" + _zip(("a", LINES)),
        _zip(("a", LINES)).replace(b"\x00\x00\x08\x00", b"\x01\x00\x08\x00"),
        b"not a zip",
        _zip(("a", _zip(("b", LINES)))),
        _zip(("a", gzip.compress(LINES))),
    ],
    ids=["none", "two", "folder", "bzip2", "lzma", "polyglot", "password", "no zip", "zip in zip", "gz in zip"],
)
def test_archives_that_are_not_one_plain_file(content: bytes) -> None:
    assert _why(_open(content, Layer.ZIP)) is Why.UNREADABLE


def test_an_archive_of_more_files_than_its_end_can_count() -> None:
    """Made here and not beside the others, as every worker would make it."""
    assert _why(_open(_zip(*((f"{n}", b"") for n in range(70_000))), Layer.ZIP)) is Why.UNREADABLE


def test_a_workbook_may_be_packed_though_it_is_an_archive() -> None:
    book = _zip(("xl/workbook.xml", LINES))
    found = opened(memoryview(gzip.compress(book)), (Layer.GZIP,), NOTHING, LIMITS, None, archive=True)
    assert isinstance(found, memoryview)
    assert bytes(found) == book


@pytest.mark.parametrize(
    ("name", "own", "layers"),
    [
        ("A_20101229.csv", "A_20101229.csv", ()),
        ("A.csv.gz", "A.csv", (Layer.GZIP,)),
        ("A.csv.ZIP.PGP", "A.csv", (Layer.OPENPGP, Layer.ZIP)),
        ("A.csv.asc.gz", "A.csv", (Layer.GZIP, Layer.OPENPGP)),
        (".gz", ".gz", ()),
        ("A.xlsx", "A.xlsx", ()),
        ("../../A.csv.gz", "../../A.csv", (Layer.GZIP,)),
    ],
)
def test_a_name_tells_what_is_put_around_a_file(name: str, own: str, layers: tuple[Layer, ...]) -> None:
    assert unwrapped(name) == (own, layers)


def test_what_a_feed_demands_is_asked_of_the_name_first() -> None:
    signed = FeedArrival(feed="any", signed=True, certificates=("x",))
    assert _why(_open(LINES, feed=signed)) is Why.NOT_SIGNED
    assert _why(_open(gzip.compress(LINES), Layer.GZIP, feed=signed)) is Why.NOT_SIGNED
    assert _why(_open(LINES, feed=FeedArrival(feed="any", encrypted=True))) is Why.NOT_ENCRYPTED


@pytest.mark.parametrize("layers", [(Layer.GZIP, Layer.GZIP), (Layer.ZIP, Layer.GZIP), (Layer.OPENPGP, Layer.OPENPGP)])
def test_a_file_is_packed_once_and_encrypted_once(layers: tuple[Layer, ...]) -> None:
    assert _why(_open(gzip.compress(gzip.compress(LINES)), *layers)) is Why.UNREADABLE


def test_nothing_is_written_where_a_member_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert _open(_zip((str(tmp_path / "escaped"), LINES)), Layer.ZIP) == LINES
    assert list(tmp_path.iterdir()) == []
