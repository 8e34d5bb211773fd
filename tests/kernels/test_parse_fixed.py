"""Lines of fixed width: kernel and twin agree with each other and with slices of bytes."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from random_cases import examples

from settlement.kernels import fixed_twin, parse
from settlement.parse.views import text_column

SEEDED = settings(derandomize=True, deadline=None, max_examples=examples(66))
ASCII = np.array([*range(128), *[128] * 128], dtype=np.uint8)
WIDTH = 40
CELLS = st.lists(st.sampled_from(b"  ab\n7\xe9"), min_size=WIDTH, max_size=WIDTH).map(bytes)
PLACES = st.tuples(st.integers(0, WIDTH - 1), st.integers(1, WIDTH)).map(
    lambda one: (one[0], min(one[1], WIDTH - one[0]))
)


@pytest.fixture(params=[parse, fixed_twin], ids=["chosen", "twin"])
def kernel(request: pytest.FixtureRequest) -> ModuleType:
    return request.param


def lines(content: list[bytes]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    return np.frombuffer(b"".join(content), dtype=np.uint8), np.arange(len(content), dtype=np.int64) * WIDTH


@SEEDED
@given(content=st.lists(CELLS, max_size=8), fields=st.lists(PLACES, max_size=5), threads=st.integers(1, 3))
def test_fields_are_slices_of_lines_without_blanks(content, fields, threads) -> None:
    data, base = lines(content)
    first, size = np.array(fields, dtype=np.int32).reshape(-1, 2).T.copy()
    found = [kernel.fixed_fields(data, base, first, size, ASCII, threads) for kernel in (parse, fixed_twin)]
    for views, parts, odd in found:
        for field, (at, width) in enumerate(fields):
            cut = [line[at : at + width].strip(b" ") for line in content]
            assert odd[field].tolist() == [not text.isascii() for text in cut]
            told = ["" if not text.isascii() else text.decode() for text in cut]
            assert text_column("text", views[field], parts[field]).to_list() == told
    assert (found[0][0] == found[1][0]).all()


@SEEDED
@given(
    blanks=st.lists(st.tuples(st.integers(0, WIDTH), st.integers(0, WIDTH)), min_size=1, max_size=6),
    inner=st.sampled_from([b"a", b"a        b", b"caf\xe9", b"7" * 13, b" "]),
)
def test_runs_of_blanks_around_a_field_go_and_those_inside_stay(blanks, inner) -> None:
    content = [(b" " * before + inner + b" " * behind)[:WIDTH].ljust(WIDTH) for before, behind in blanks]
    data, base = lines(content)
    for kernel in (parse, fixed_twin):
        views, parts, odd = kernel.fixed_fields(data, base, np.array([0], np.int32), np.array([WIDTH], np.int32), ASCII)
        told = text_column("text", views[0], parts[0]).to_list()
        assert told == [line.strip(b" ").decode() if line.isascii() else "" for line in content]
        assert odd[0].tolist() == [not line.isascii() for line in content]


@SEEDED
@given(
    content=st.lists(CELLS, max_size=8),
    marks=st.lists(st.tuples(st.integers(0, WIDTH - 1), st.sampled_from(b" a")), max_size=2),
    end=st.sampled_from([-1, ord("\n")]),
)
def test_a_line_is_whole_where_the_marks_stand_and_no_end_does(content, marks, end) -> None:
    data, base = lines(content)
    places, wanted = np.array(marks, dtype=np.int64).reshape(-1, 2).T
    told = [all(line[at] == mark for at, mark in marks) and (end < 0 or b"\n" not in line) for line in content]
    for kernel in (parse, fixed_twin):
        found = kernel.whole_lines(data, base, WIDTH, places.astype(np.int32), wanted.astype(np.uint8), end, 2)
        assert found.tolist() == told


def test_an_alphabet_of_its_own_and_many_rows(kernel: ModuleType) -> None:
    table = np.full(256, 128, dtype=np.uint8)
    for byte in range(256):
        character = bytes([byte]).decode("cp500")
        table[byte] = ord(character) if character.isascii() else 128
    content = [f"  {number:07}-{number:030}".encode("cp500") for number in range(3_000)]
    data, base = lines(content)
    views, parts, odd = kernel.fixed_fields(
        data, base, np.array([0, 10], np.int32), np.array([9, 30], np.int32), table, 2
    )
    assert not odd.any()
    assert text_column("short", views[0], parts[0]).to_list() == [f"{number:07}" for number in range(3_000)]
    assert text_column("long", views[1], parts[1]).to_list() == [f"{number:030}" for number in range(3_000)]


def test_what_does_not_fit_is_refused(kernel: ModuleType) -> None:
    data, base = lines([b"a" * WIDTH])
    one, none = np.array([1], np.int32), np.zeros(0, np.uint8)
    for first, size, table in ((one, one * WIDTH, ASCII), (-one, one, ASCII), (one, one * 0, ASCII), (one, one, none)):
        with pytest.raises(IndexError):
            kernel.fixed_fields(data, base, first, size, table)
    with pytest.raises(IndexError, match="outside"):
        kernel.fixed_fields(data, base - 2, one, one, ASCII)
    for places, marks, at in ((one * WIDTH, none, base), (one * WIDTH, ASCII[:1], base), (one, ASCII[:1], base + 1)):
        with pytest.raises(IndexError):
            kernel.whole_lines(data, at, WIDTH, places, marks)
