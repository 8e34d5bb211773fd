"""Fields of delimited lines: kernel and twin agree with each other and with the standard library's reader."""

from __future__ import annotations

import csv
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from random_cases import examples

from settlement.kernels import delimited_twin, parse
from settlement.parse.views import text_column

SEEDED = settings(derandomize=True, deadline=None, max_examples=examples(100))
PLAIN = st.text("ab é7", max_size=16)
LINES = st.lists(st.lists(PLAIN | st.text("a,b é", max_size=16).map('"{}"'.format), min_size=1, max_size=6), max_size=8)
WANTED = st.sets(st.integers(0, 7), max_size=5).map(sorted)
Lines = tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64]]


@pytest.fixture(params=[parse, delimited_twin], ids=["chosen", "twin"])
def kernel(request: pytest.FixtureRequest) -> ModuleType:
    return request.param


def laid_out(content: list[str]) -> Lines:
    raw = [line.encode() for line in content]
    ends = np.cumsum([len(line) + 1 for line in raw], dtype=np.int64) - 1 if raw else np.zeros(0, np.int64)
    starts = ends - np.array([len(line) for line in raw], dtype=np.int64)
    return np.frombuffer(b"".join(line + b"\n" for line in raw), dtype=np.uint8), starts, ends


def cut(kernel: ModuleType, content: list[str], quote: int, wanted: list[int], threads: int = 1) -> list[list[str]]:
    places = np.array(wanted, dtype=np.int32)
    views, parts = kernel.delimited_fields(*laid_out(content), ord(","), quote, places, threads)
    return [text_column("text", views[at], parts[at]).to_list() for at in range(len(wanted))]


@SEEDED
@given(rows=LINES, wanted=WANTED, threads=st.integers(1, 3))
def test_fields_are_those_of_a_reader_of_csv(rows, wanted, threads) -> None:
    content = [",".join(fields) for fields in rows]
    read = [next(csv.reader([line], strict=True), [""]) for line in content]
    told = [[fields[number] if number < len(fields) else "" for fields in read] for number in wanted]
    for kernel in (parse, delimited_twin):
        assert cut(kernel, content, ord('"'), wanted, threads) == told


@SEEDED
@given(rows=st.lists(st.lists(st.text('ab" é7', max_size=16), min_size=1, max_size=6), max_size=8), wanted=WANTED)
def test_without_a_quote_every_separator_parts(rows, wanted) -> None:
    content = [",".join(fields) for fields in rows]
    told = [[(fields + [""] * 8)[number] for fields in rows] for number in wanted]
    for kernel in (parse, delimited_twin):
        assert cut(kernel, content, -1, wanted) == told


def test_long_lines_and_many(kernel: ModuleType) -> None:
    fields = ["x" * size for size in (0, 1, 255, 256, 257, 700, 3, 12, 13)]
    content = [",".join(fields[turn:] + fields[:turn]) for turn in range(len(fields))] * 200
    told = cut(kernel, content, -1, list(range(len(fields))), 2)
    assert told == [[line.split(",")[number] for line in content] for number in range(len(fields))]


def test_what_does_not_fit_is_refused(kernel: ModuleType) -> None:
    data, starts, ends = laid_out(["a,b"])
    one = np.zeros(1, np.int32)
    for begin, end in ((starts - 1, ends), (starts, ends + 2), (ends, starts), (starts, ends[:0])):
        with pytest.raises(IndexError):
            kernel.delimited_fields(data, begin, end, ord(","), -1, one)
    for wanted in (one - 1, np.array([1, 1], np.int32), np.array([2, 1], np.int32)):
        with pytest.raises(IndexError, match="ascend"):
            kernel.delimited_fields(data, starts, ends, ord(","), -1, wanted)
