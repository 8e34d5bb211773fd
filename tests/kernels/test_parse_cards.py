"""Tokens of card numbers out of spans: kernel and twin beside the standard library's HMAC."""

from __future__ import annotations

import hashlib
import hmac
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from random_cases import examples

from settlement.kernels import cards_twin, parse

SEEDED = settings(derandomize=True, deadline=None, max_examples=examples(66))
SECRET = np.arange(32, dtype=np.uint8)
DIGITS = st.text("0123456789", max_size=60) | st.text("0123456789a/:", max_size=20)
Spans = tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int32], NDArray[np.int32]]


@pytest.fixture(params=[parse, cards_twin], ids=["chosen", "twin"])
def kernel(request: pytest.FixtureRequest) -> ModuleType:
    return request.param


def spans(fields: list[bytes | None]) -> Spans:
    base = np.cumsum([0, *(len(field or b"") for field in fields)])[:-1].astype(np.int64)
    length = np.array([-1 if field is None else len(field) for field in fields], dtype=np.int32)
    data = np.frombuffer(b"".join(field or b"" for field in fields), dtype=np.uint8)
    return data, base, np.zeros(len(fields), dtype=np.int32), length


def told(kernel: ModuleType, fields: list[bytes | None], zero: int = 0x30, threads: int = 1) -> list[str | None]:
    found, hexes = kernel.tokens(*spans(fields), zero, SECRET, threads)
    return [bytes(row).decode() if there else None for there, row in zip(found, hexes, strict=True)]


def expected(text: str | None) -> str | None:
    if text is None or not 0 < len(text) <= 55 or not set(text) <= set("0123456789"):
        return None
    return hmac.new(SECRET.tobytes(), text.encode(), hashlib.sha256).hexdigest()[:32]


@SEEDED
@given(texts=st.lists(st.none() | DIGITS, max_size=20), encoding=st.sampled_from(["ascii", "cp500"]))
def test_a_token_is_the_keyed_hash_of_the_digits_whatever_their_encoding(texts, encoding) -> None:
    fields = [None if text is None else text.encode(encoding) for text in texts]
    for kernel in (parse, cards_twin):
        assert told(kernel, fields, "0".encode(encoding)[0]) == [expected(text) for text in texts]


def test_rows_over_several_blocks_and_threads() -> None:
    fields: list[bytes | None] = [b"5555550100%06d" % number for number in range(10_000)]
    assert (
        told(parse, fields, threads=3) == told(parse, fields) == [expected((field or b"").decode()) for field in fields]
    )


def test_what_is_no_number_leaves_nothing_of_itself(kernel: ModuleType) -> None:
    found, hexes = kernel.tokens(*spans([b"4111", b"41x1", None]), 0x30, SECRET)
    assert found.tolist() == [1, 0, 0]
    assert bytes(hexes[1:].ravel()) == b"0" * 64
    none, empty = kernel.tokens(*spans([]), 0x30, SECRET)
    assert none.shape == (0,)
    assert empty.shape == (0, 32)


def test_what_stands_before_the_digits_is_told(kernel: ModuleType) -> None:
    _, written = kernel.tokens(*spans([b"4111", None]), 0x30, SECRET, 1, b"key-")
    assert bytes(written[0]).decode() == f"key-{expected('4111')}"
    assert bytes(written[1]) == b"key-" + b"0" * 32


@SEEDED
@given(texts=st.lists(st.none() | st.text("0123456789x", max_size=30), max_size=20))
def test_a_mask_shows_six_and_four_of_at_least_twelve(texts) -> None:
    fields = [None if text is None else text.encode() for text in texts]
    told = [text or "" for text in texts]
    told = [f"{t[:6]}{'*' * (len(t) - 10)}{t[-4:]}" if len(t) >= 12 else "*" * len(t) for t in told]
    for kernel in (parse, cards_twin):
        found = kernel.masks(*spans(fields))
        assert found.shape[1] == max([12, *map(len, told)])
        assert [bytes(row).rstrip(b"\0").decode() for row in found] == told


def test_what_does_not_fit_is_refused(kernel: ModuleType) -> None:
    data, base, start, length = spans([b"4111"])
    with pytest.raises(IndexError, match="span 0 lies outside"):
        kernel.tokens(data, base + 1, start, length, 0x30, SECRET)
    for key, threads in ((SECRET[:0], 1), (np.zeros(65, np.uint8), 1), (SECRET, 0)):
        with pytest.raises(ValueError, match="1 to 64 bytes"):
            kernel.tokens(data, base, start, length, 0x30, key, threads)
