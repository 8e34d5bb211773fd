"""Text, numbers and Luhn out of spans: the same tests over the kernel and its twin."""

from __future__ import annotations

from itertools import pairwise
from types import ModuleType

import numpy as np
import pytest
from numpy.typing import NDArray

from settlement.kernels import parse, spans_twin

ASCII_ZERO, EBCDIC_ZERO = 0x30, 0xF0


@pytest.fixture(params=[parse, spans_twin], ids=["chosen", "twin"])
def kernel(request: pytest.FixtureRequest) -> ModuleType:
    return request.param


def _spans(
    fields: list[bytes | None],
) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int32], NDArray[np.int32]]:
    """The fields one after another behind two bytes of something else; odd rows by base, even ones by start."""
    data, base, start, length = b"##", [], [], []
    for row, field in enumerate(fields):
        base.append(len(data) if row % 2 else 0)
        start.append(0 if row % 2 else len(data))
        length.append(-1 if field is None else len(field))
        data += field or b""
    return (
        np.frombuffer(data, dtype=np.uint8),
        np.array(base, dtype=np.int64),
        np.array(start, dtype=np.int32),
        np.array(length, dtype=np.int32),
    )


def _table(encoding: str) -> NDArray[np.uint16]:
    return np.array([ord(bytes([byte]).decode(encoding)) for byte in range(256)], dtype=np.uint16)


def _texts(kernel: ModuleType, fields: list[bytes | None], encoding: str) -> list[str]:
    offsets, characters = kernel.gather(*_spans(fields), _table(encoding), " ".encode(encoding)[0])
    assert offsets.dtype == np.int64
    assert offsets[0] == 0
    whole = characters.tobytes()
    assert offsets[-1] == len(whole)
    return [whole[a:b].decode() for a, b in pairwise(offsets.tolist())]


@pytest.mark.parametrize("encoding", ["cp500", "latin-1"])
@pytest.mark.parametrize("text", ["", "A", " A", "A ", "  ", "CAF\u00c9 \u00a3", "\u00c9" * 30, "a\\b\x00c"])
def test_text_loses_only_the_blanks_on_its_right(kernel: ModuleType, encoding: str, text: str) -> None:
    fields = [text.encode(encoding), None, text.encode(encoding)]
    assert _texts(kernel, fields, encoding) == [text.rstrip(" "), "", text.rstrip(" ")]


@pytest.mark.parametrize("zero", [ASCII_ZERO, EBCDIC_ZERO])
@pytest.mark.parametrize(
    ("digits", "expected"),
    [
        ("0", (0, 1)),
        ("000000000042", (42, 1)),
        ("9" * 18, (10**18 - 1, 1)),
        ("9" * 19, (0, 2)),
        ("", (0, 2)),
        ("12 4", (0, 2)),
        ("-1", (0, 2)),
        ("1:", (0, 2)),
    ],
)
def test_numbers_are_one_to_eighteen_digits(
    kernel: ModuleType, zero: int, digits: str, expected: tuple[int, int]
) -> None:
    field = bytes((ord(digit) - ASCII_ZERO + zero) % 256 for digit in digits)
    values, state = kernel.numbers(*_spans([field, None]), zero)
    assert (values.tolist(), state.tolist()) == ([expected[0], 0], [expected[1], 0])


@pytest.mark.parametrize(
    ("digits", "valid"),
    [("4111111111111111", 1), ("4111111111111112", 0), ("5555555555554444", 1), ("00", 1), ("0", 0), ("", 0),
     ("18", 1), ("41111111x1111111", 0)],
)  # fmt: skip
def test_luhn(kernel: ModuleType, digits: str, valid: int) -> None:
    assert kernel.luhn(*_spans([digits.encode(), None]), ASCII_ZERO).tolist() == [valid, 0]
    ebcdic = digits.encode("cp500")
    assert kernel.luhn(*_spans([ebcdic]), EBCDIC_ZERO).tolist() == [valid]


@pytest.mark.parametrize("zero", [ASCII_ZERO, EBCDIC_ZERO])
def test_a_byte_that_is_no_digit_is_seen_wherever_it_stands(kernel: ModuleType, zero: int) -> None:
    digits = bytes(zero + (7 * place + 1) % 10 for place in range(20))
    fields: list[bytes | None] = [digits[:size] for size in range(2, 19)]
    worth = [int("".join(str(byte - zero) for byte in field or b"")) for field in fields]
    written = [f"{number:020}" for number in worth]
    passing = [
        sum(map(int, text[::-2] + "".join(str(2 * int(one)) for one in text[-2::-2]))) % 10 == 0 for text in written
    ]
    values, state = kernel.numbers(*_spans(fields), zero)
    assert (values.tolist(), set(state.tolist())) == (worth, {1})
    assert kernel.luhn(*_spans(fields), zero).astype(bool).tolist() == passing
    for wrong in (zero - 1, (zero + 10) % 256, zero ^ 0x80, 0):
        bad: list[bytes | None] = [
            digits[:place] + bytes([wrong]) + digits[place + 1 : size] for size in range(2, 19) for place in range(size)
        ]
        assert set(kernel.numbers(*_spans(bad), zero)[1].tolist()) == {2}
        assert not kernel.luhn(*_spans(bad), zero).any()


@pytest.mark.parametrize(("base", "start", "length"), [(0, 0, 5), (4, 1, 1), (0, -1, 2), (-9, 0, 1), (2**40, 0, 1)])
def test_a_span_outside_the_data_is_refused(kernel: ModuleType, base: int, start: int, length: int) -> None:
    data = np.zeros(4, dtype=np.uint8)
    spans = (np.array([base]), np.array([start], dtype=np.int32), np.array([length], dtype=np.int32))
    for call in (
        lambda: kernel.gather(data, *spans, _table("latin-1"), 32),
        lambda: kernel.numbers(data, *spans, ASCII_ZERO),
        lambda: kernel.luhn(data, *spans, ASCII_ZERO),
    ):
        with pytest.raises(IndexError, match="span 0"):
            call()


def test_random_bytes_give_what_the_twin_gives() -> None:
    random = np.random.default_rng(7)
    data = random.integers(0x28, 0x3C, 4000, dtype=np.uint8)
    base = random.integers(0, 3000, 2000)
    start = random.integers(0, 900, 2000, dtype=np.int32)
    length = random.integers(-1, 24, 2000, dtype=np.int32)
    table = _table("cp500")
    for one, other in (
        (
            parse.gather(data, base, start, length, table, 0x30),
            spans_twin.gather(data, base, start, length, table, 0x30),
        ),
        (parse.numbers(data, base, start, length, 0x30), spans_twin.numbers(data, base, start, length, 0x30)),
        ((parse.luhn(data, base, start, length, 0x30),), (spans_twin.luhn(data, base, start, length, 0x30),)),
    ):
        for a, b in zip(one, other, strict=True):
            assert a.dtype == b.dtype
            assert a.tolist() == b.tolist()
