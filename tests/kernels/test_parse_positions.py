"""Fields at fixed positions, places of a byte, records put together: the same tests over kernels and twins."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from random_cases import batches

from settlement.kernels import parse, positions_twin
from settlement.parse.positions import number_columns, text_columns
from settlement.parse.spans import Spans, alphabet, texts

Arrays = tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int32]]
ASCII = np.where(np.arange(256) < 128, np.arange(256), 128).astype(np.uint8)


@pytest.fixture(params=[parse, positions_twin], ids=["chosen", "twin"])
def kernel(request: pytest.FixtureRequest) -> ModuleType:
    return request.param


def _records(*records: bytes | None) -> Arrays:
    data, base, length = b"##", [], []
    for record in records:
        base.append(len(data))
        length.append(-1 if record is None else len(record))
        data += record or b""
    return np.frombuffer(data, dtype=np.uint8), np.array(base, dtype=np.int64), np.array(length, dtype=np.int32)


def _fields(*fields: tuple[int, int]) -> NDArray[np.int32]:
    return np.array(fields, dtype=np.int32).reshape(-1, 2)


def test_numbers_are_digits_and_nothing_else(kernel: ModuleType) -> None:
    records = _records(b"0012  7", b"x1  -1 ", b"12", b"123", None, b"")
    values, state = kernel.position_numbers(*records, _fields((0, 4), (4, 3)), 48, 32)
    assert values.tolist() == [[12, 0, 12, 123, 0, 0], [0] * 6]
    assert state.tolist() == [[1, 2, 1, 1, 0, 0], [2, 2, 0, 0, 0, 0]]


def test_a_field_of_18_digits_is_a_number_and_a_longer_one_is_refused(kernel: ModuleType) -> None:
    records = _records(b"9" * 19)
    values, state = kernel.position_numbers(*records, _fields((0, 18)), 48, 32)
    assert (values.tolist(), state.tolist()) == ([[10**18 - 1]], [[1]])
    with pytest.raises(ValueError, match="18"):
        kernel.position_numbers(*records, _fields((0, 19)), 48, 32)


def test_texts_are_views_of_what_stands_before_the_blanks(kernel: ModuleType) -> None:
    records = _records(b"ABCDEFGHIJKLM  xy", b"twelve chars     ", b" a", None, b"AB\xc9")
    views, chars, other = kernel.position_texts(*records, _fields((0, 15), (15, 2)), ASCII, 32)
    told = [bytes(view) for view in views[0]]
    assert told[0] == (13).to_bytes(4, "little") + b"ABCD" + bytes(8)
    assert bytes(chars[0][:13]) == b"ABCDEFGHIJKLM"
    assert told[1] == (12).to_bytes(4, "little") + b"twelve chars"
    assert told[2] == (2).to_bytes(4, "little") + b" a" + bytes(10)
    assert told[3] == bytes(16)
    assert [bytes(view)[4:6] for view in views[1]] == [b"xy", bytes(2), bytes(2), bytes(2), bytes(2)]
    assert other.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("base", "length", "fields"),
    [([-1], [2], [(0, 1)]), ([3], [9], [(0, 1)]), ([0, 1], [1], [(0, 1)]), ([0], [1], [(-1, 1)])],
)
def test_what_lies_outside_is_refused(
    kernel: ModuleType, base: list[int], length: list[int], fields: list[tuple[int, int]]
) -> None:
    data, at = np.zeros(10, dtype=np.uint8), np.array(base, dtype=np.int64)
    sizes = np.array(length, dtype=np.int32)
    with pytest.raises(IndexError):
        kernel.position_numbers(data, at, sizes, _fields(*fields), 48, 32)
    with pytest.raises(IndexError):
        kernel.position_texts(data, at, sizes, _fields(*fields), ASCII, 32)


def test_nothing_gives_nothing(kernel: ModuleType) -> None:
    empty = _records()
    assert [part.shape for part in kernel.position_numbers(*empty, _fields((0, 4)), 48, 32)] == [(1, 0), (1, 0)]
    assert kernel.position_texts(*empty, _fields((0, 4)), ASCII, 32)[0].shape == (1, 0, 16)
    assert kernel.byte_places(np.empty(0, dtype=np.uint8), 10).tolist() == []
    none = np.empty(0, dtype=np.int64)
    assert [len(part) for part in kernel.grouped_records(none, none, none, none, none, none)] == [0, 0, 0, 0, 0]


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("size", [1, 4095, 20_000])
def test_every_place_of_a_byte_is_found(kernel: ModuleType, threads: int, size: int) -> None:
    for share in (0.0, 0.01, 1.0):
        random = np.random.default_rng(size)
        data = np.where(random.random(size) < share, 10, 48).astype(np.uint8)
        assert kernel.byte_places(data, 10, threads).tolist() == [k for k, byte in enumerate(data) if byte == 10]


def test_records_continue_the_first_one_of_their_code_and_kind(kernel: ModuleType) -> None:
    heads = "9000 0500 0501 0505 0505 0600 0501 0610 0611 0601 0502 9100 0503 -100 -101"
    code = np.array([int(head[:2]) for head in heads.split()], dtype=np.int64)
    kind, number = (np.array([int(head[at]) for head in heads.split()], dtype=np.int64) for at in (2, 3))
    size, outside, wanted = 1 << np.arange(len(code)), np.array([90, 91]), np.array([1, 5])
    first, parts, times, whole, continues = kernel.grouped_records(code, kind, number, size, outside, wanted)
    assert first.tolist() == [1, 5, 6, 7, 9, 10, 12, 13, 14]
    assert parts[:, :4].tolist() == [[2, -1, -1, 8], [4, -1, -1, -1]]
    assert times[:, :4].tolist() == [[1, 0, 0, 1], [2, 0, 0, 0]]
    assert whole.tolist() == [0b11110, 1 << 5, 1 << 6, 0b110000000, 1 << 9, 1 << 10, 1 << 12, 1 << 13, 1 << 14]
    assert np.flatnonzero(continues).tolist() == [2, 3, 4, 8]


def test_codes_outside_have_two_digits(kernel: ModuleType) -> None:
    none = np.empty(0, dtype=np.int64)
    for outside in (100, -1):
        with pytest.raises(IndexError):
            kernel.grouped_records(none, none, none, none, np.array([outside]), none)


def test_kernels_and_twins_agree_on_random_bytes() -> None:
    for number, size in batches(400, 100):
        random = np.random.default_rng(number)
        data = random.choice(np.frombuffer(b"0123456789  AZ\xe9", dtype=np.uint8), size * 30)
        base, length = random.integers(0, size * 10, size), random.integers(-1, size * 20, size).astype(np.int32)
        fields = np.column_stack([random.integers(0, 40, 5), random.integers(0, 19, 5)]).astype(np.int32)
        for threads in (1, 3):
            told, twin = (
                (*one.position_numbers(data, base, length, fields, 48, 32, threads),
                 *one.position_texts(data, base, length, fields, ASCII, 32, threads))
                for one in (parse, positions_twin)
            )  # fmt: skip
            assert (told[0] == twin[0]).all()
            assert (told[1] == twin[1]).all()
            assert (told[4] == twin[4]).all()
            good = np.flatnonzero(twin[4] == 0)
            assert (told[2][good] == twin[2][good]).all()
        code, kind, tcr = random.integers(-1, 3, size), random.integers(0, 2, size), random.integers(-1, 4, size)
        given = (code, kind, tcr, random.integers(0, 99, size), np.array([2]), np.array([1, 3]))
        for ours, theirs in zip(parse.grouped_records(*given), positions_twin.grouped_records(*given), strict=True):
            assert (ours == theirs).all()


@pytest.mark.parametrize("encoding", ["latin-1", "cp500"])
def test_columns_are_what_a_field_at_a_time_gives(encoding: str) -> None:
    lines = [f"{n % 1000:03d}{'' if n % 7 else 'é'}{'NAME OF A SHOP' * (n % 3):<30}" for n in range(3000)]
    data, base, length = _records(*(line.encode(encoding)[: 40 - n % 41] for n, line in enumerate(lines)))
    records = Spans(
        data=data, base=base, start=np.zeros(len(base), np.int32), length=length, alphabet=alphabet(encoding)
    )
    fields = {"a": [1, 3], "b": [4, 33], "c": [5, 9], "d": [30, 45]}
    for column, (name, (first, last)) in zip(text_columns(records, fields), fields.items(), strict=True):
        assert column.equals(texts(records.part(first - 1, last - first + 1), name))
    told = number_columns(records, {"a": [1, 3], "b": [4, 9]})
    assert told.schema == {"a": pl.Int64, "a_bad": pl.Boolean, "b": pl.Int64, "b_bad": pl.Boolean}
    assert told["a"].drop_nulls().len() == sum(size > 0 for size in length)
