"""Lines of delimited text and what stands in them: the same tests over the kernel and its twin."""

from __future__ import annotations

import random
from types import ModuleType

import numpy as np
import pytest
from random_cases import batches

from settlement.kernels import lines_twin, parse

NONE = -1


@pytest.fixture(params=[parse, lines_twin], ids=["chosen", "twin"])
def kernel(request: pytest.FixtureRequest) -> ModuleType:
    return request.param


def told(kernel: ModuleType, text: bytes, quote: str = '"', escape: str = "") -> list[tuple[int, int, int, int]]:
    data = np.frombuffer(text, np.uint8) if text else np.zeros(0, np.uint8)
    columns = kernel.line_fields(data, ord(","), ord(quote) if quote else NONE, ord(escape) if escape else NONE)
    assert [column.dtype for column in columns] == [np.int64, np.int32, np.int32, np.uint8]
    return [tuple(int(value) for value in row) for row in zip(*columns, strict=True)]


@pytest.mark.parametrize(
    ("line", "fields", "quotes", "state"),
    [
        (b"", 1, 0, 0),
        (b",", 2, 0, 0),
        (b"a,b,c", 3, 0, 0),
        (b'"a","b"', 2, 4, 1),
        (b'"a,b",c', 2, 2, 1),
        (b'"",', 2, 2, 1),
        (b'""', 1, 2, 1),
        (b',"",', 3, 2, 1),
        (b'"a""b",c', 2, 4, 2),
        (b'a"b,c', 2, 1, 2),
        (b'"a" ,b', 2, 2, 2),
        (b' "a",b', 2, 2, 2),
        (b'"a,b', 2, 1, 2),
        (b'"', 1, 1, 2),
    ],
)
def test_a_line_is_told_by_its_fields_and_quotes(
    kernel: ModuleType, line: bytes, fields: int, quotes: int, state: int
) -> None:
    assert told(kernel, b"x\n" + line + b"\nleft out") == [(1, 1, 0, 0), (2 + len(line), fields, quotes, state)]


def test_an_escape_takes_a_quote_out_of_the_count_and_makes_the_line_another(kernel: ModuleType) -> None:
    assert told(kernel, b'"a\\"b",c\n', escape="\\") == [(8, 2, 2, 2)]
    assert told(kernel, b"a\\,b\n", escape="\\") == [(4, 2, 0, 2)]
    assert told(kernel, b"a\\\n", escape="\\") == [(2, 1, 0, 2)]


def test_without_a_quote_all_are_characters_like_others(kernel: ModuleType) -> None:
    assert told(kernel, b'"a,b"\n', quote="") == [(5, 2, 0, 0)]


def test_no_text_has_no_lines(kernel: ModuleType) -> None:
    assert told(kernel, b"") == []
    assert told(kernel, b"no end") == []


def test_kernel_and_twin_tell_the_same_of_any_text() -> None:
    for number, size in batches(3_000, 1_000):
        rng = random.Random(number)
        for _ in range(size):
            text = bytes(rng.choice(b'ab,,""\\\n') for _ in range(rng.randrange(30)))
            for quote, escape in (('"', ""), ('"', "\\"), ("", ""), ("", "\\")):
                assert told(parse, text, quote, escape) == told(lines_twin, text, quote, escape), text
