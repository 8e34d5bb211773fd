"""Fields of messages as columns: the same tests over the kernels and their twin, and against one field at a time."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from settlement.kernels import parse, span_columns_twin, spans_twin

ZERO, BLANK = 0xF0, 0x40
WHOLE = 2**31 - 1
FIRST, BOTH, THREE, ALL = (np.array([(n, 0, WHOLE) for n in range(most)], dtype=np.int32) for most in (1, 2, 3, 5))
NO_STOPS = np.full(5, -1, dtype=np.int32)
MESSAGES = 2_500
"""More than two blocks of a thread."""


@pytest.fixture(params=[parse, span_columns_twin], ids=["chosen", "twin"])
def kernel(request: pytest.FixtureRequest) -> ModuleType:
    return request.param


def _table(encoding: str = "cp500") -> NDArray[np.uint8]:
    codes = [ord(bytes([byte]).decode(encoding)) for byte in range(256)]
    return np.array([min(code, 128) for code in codes], dtype=np.uint8)


def _messages(fields: list[list[str | None]]) -> tuple[Any, Any, Any, Any]:
    """Messages of the fields of each row behind three bytes of something else; a field that is None is absent."""
    data, base = b"###", []
    start, length = (np.full((len(fields), len(fields[0])), value, dtype=np.int32) for value in (0, -1))
    for row in range(len(fields[0])):
        base.append(len(data))
        for number, column in enumerate(fields):
            text = column[row]
            if text is not None:
                start[number, row], length[number, row] = len(data) - base[-1], len(text)
                data += text.encode("cp500")
    return np.frombuffer(data, dtype=np.uint8), np.array(base, dtype=np.int64), start, length


def _shown(views: NDArray[np.uint8], chars: NDArray[np.uint8]) -> list[str]:
    """What Arrow's views of one field say."""
    found = []
    for view in views:
        size, place = (int.from_bytes(view[at : at + 4].tobytes(), "little") for at in (0, 12))
        text = view[4 : 4 + size] if size <= 12 else chars[place : place + size]
        found.append(text.tobytes().decode("ascii"))
        assert size <= 12 or view[4:8].tobytes() == text[:4].tobytes()
        assert size > 12 or not view[4 + size :].any()
    return found


def test_numbers_and_what_is_none(kernel: ModuleType) -> None:
    fields: list[list[str | None]] = [["000000000042", "12A4", None, ""], ["9" * 18, "9" * 19, "0", "-1"]]
    values, state = kernel.span_numbers(*_messages(fields), BOTH, np.array([3, 0, 1, 2, 0]), ZERO, 2)
    assert values.tolist() == [[0, 42, 0, 0, 42], [0, 10**18 - 1, 0, 0, 10**18 - 1]]
    assert state.tolist() == [[2, 1, 2, 0, 1], [2, 1, 2, 1, 1]]


def test_texts_lose_only_the_blanks_on_their_right(kernel: ModuleType) -> None:
    fields: list[list[str | None]] = [
        ["", " A  ", "123456789012", "1234567890123", None],
        ["1234567890123   ", "   ", "x" * 99, "12345678901 ", "1234567890123"],
    ]
    views, chars, other = kernel.span_texts(
        *_messages(fields), BOTH, np.array([4, 0, 1, 2, 3]), _table(), BLANK, NO_STOPS[:2], 2
    )
    assert [_shown(*field) for field in zip(views, chars, strict=True)] == [
        ["", "", " A", "123456789012", "1234567890123"],
        ["1234567890123", "1234567890123", "", "x" * 99, "12345678901"],
    ]
    assert other.tolist() == [0, 0]


def test_a_part_of_a_field_is_cut_where_the_field_ends(kernel: ModuleType) -> None:
    where = _messages([["1234567", "12", "", None, "123"]])
    parts = np.array([(0, 2, 3), (0, 0, 3), (0, 0, 0)], dtype=np.int32)
    values, state = kernel.span_numbers(*where, parts, np.arange(5), ZERO)
    assert values.tolist() == [[345, 0, 0, 0, 3], [123, 12, 0, 0, 123], [0] * 5]
    assert state.tolist() == [[1, 0, 0, 0, 1], [1, 1, 2, 0, 1], [2, 2, 2, 0, 2]]
    views, chars, _ = kernel.span_texts(*where, parts, np.arange(5), _table(), BLANK, NO_STOPS[:3])
    assert _shown(views[0], chars[0]) == ["345", "", "", "", "3"]


def test_a_text_ends_before_its_stop(kernel: ModuleType) -> None:
    fields: list[list[str | None]] = [
        ["A NAME  /TOWN", "/TOWN", "NO STOP", "A VERY LONG NAME/X"],
        ["A/B", "", None, "/"],
    ]
    stops = np.array(["/".encode("cp500")[0], -1], dtype=np.int32)
    views, chars, _ = kernel.span_texts(*_messages(fields), BOTH, np.arange(4), _table(), BLANK, stops)
    assert [_shown(*field) for field in zip(views, chars, strict=True)] == [
        ["A NAME", "", "NO STOP", "A VERY LONG NAME"],
        ["A/B", "", "", "/"],
    ]
    accented = _messages([["A/CAF\N{LATIN SMALL LETTER E WITH ACUTE}"]])
    assert not kernel.span_texts(*accented, FIRST, np.array([0]), _table(), BLANK, stops[:1])[2].any()


def test_a_field_that_leaves_ascii_is_flagged(kernel: ModuleType) -> None:
    fields: list[list[str | None]] = [["A", "B"], ["CAF\N{LATIN SMALL LETTER E WITH ACUTE}", "B"], ["C", None]]
    where = (*_messages(fields), THREE)
    assert kernel.span_texts(*where, np.array([0, 1]), _table(), BLANK, NO_STOPS[:3])[2].astype(bool).tolist() == [
        False,
        True,
        False,
    ]
    assert not kernel.span_texts(*where, np.array([1]), _table(), BLANK, NO_STOPS[:3])[2].any()


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_many_messages_give_what_one_field_at_a_time_gives(threads: int) -> None:
    random = np.random.default_rng(11)
    data = random.choice(np.array([*range(0xF0, 0xFA), 0x40, 0xC1], dtype=np.uint8), 200_000)
    base = np.sort(random.integers(0, len(data) - 100, MESSAGES)).astype(np.int64)
    start = random.integers(0, 60, (5, MESSAGES)).astype(np.int32)
    length = random.integers(-1, 40, (5, MESSAGES)).astype(np.int32)
    rows = random.integers(0, MESSAGES, 2_300).astype(np.int64)
    found = parse.span_numbers(data, base, start, length, ALL, rows, ZERO, threads)
    told = span_columns_twin.span_numbers(data, base, start, length, ALL, rows, ZERO)
    assert all((one == other).all() for one, other in zip(found, told, strict=True))
    views, chars, other = parse.span_texts(data, base, start, length, ALL, rows, _table(), BLANK, NO_STOPS, threads)
    assert not other.any()
    codes = np.array([ord(bytes([byte]).decode("cp500")) for byte in range(256)], dtype=np.uint16)
    for field in range(5):
        where = (data, base[rows], start[field][rows], length[field][rows])
        offsets, characters = spans_twin.gather(*where, codes, BLANK)
        whole = characters.tobytes().decode()
        assert _shown(views[field], chars[field]) == [
            whole[a:b] for a, b in np.column_stack([offsets[:-1], offsets[1:]])
        ]
    twins = span_columns_twin.span_texts(data, base, start, length, ALL, rows, _table(), BLANK, NO_STOPS)
    assert (views == twins[0]).all()


def test_nothing_gives_nothing(kernel: ModuleType) -> None:
    where = (*_messages([["12", "34"]]), FIRST)
    nobody = np.zeros(0, dtype=np.int64)
    assert kernel.span_numbers(*where, nobody, ZERO)[0].shape == (1, 0)
    views, chars, other = kernel.span_texts(*where, nobody, _table(), BLANK, NO_STOPS[:1])
    assert (views.shape, len(chars), other.tolist()) == ((1, 0, 16), 1, [0])
    spans = (np.full((1, 1), n, np.int32) for n in (0, -1))
    bare = (np.zeros(0, dtype=np.uint8), np.zeros(1, dtype=np.int64), *spans, FIRST)
    assert kernel.span_numbers(*bare, np.array([0]), ZERO)[1].tolist() == [[0]]
    assert _shown(
        kernel.span_texts(*bare, np.array([0]), _table(), BLANK, NO_STOPS[:1])[0][0], np.zeros(0, dtype=np.uint8)
    ) == [""]


@pytest.mark.parametrize(
    ("place", "row", "error"),
    [
        ((0, 0, 41), 0, "span 0"),
        ((1, 0, 40), 0, "span 0"),
        ((0, -1, 2), 0, "span 0"),
        ((-9, 0, 2), 0, "span 0"),
        ((0, 0, 2), 1, "a row is no message"),
        ((0, 0, 2), -1, "a row is no message"),
    ],
)
def test_what_lies_outside_is_refused(kernel: ModuleType, place: tuple[int, int, int], row: int, error: str) -> None:
    base, *spans = place
    fields = (np.array([[number]], dtype=np.int32) for number in spans)
    where = (np.zeros(40, dtype=np.uint8), np.array([base], dtype=np.int64), *fields, FIRST, np.array([row]))
    with pytest.raises(IndexError, match=error):
        kernel.span_numbers(*where, ZERO)
    with pytest.raises(IndexError, match=error):
        kernel.span_texts(*where, _table(), BLANK, NO_STOPS[:1])


def test_arguments_that_do_not_fit_are_refused(kernel: ModuleType) -> None:
    data, base, start, length = _messages([["12", "34"]])
    rows = np.array([0], dtype=np.int64)
    with pytest.raises(IndexError, match="differ"):
        kernel.span_numbers(data, base[:1], start, length, FIRST, rows, ZERO)
    for wrong in (BOTH, np.array([[0, -1, 2]], dtype=np.int32), np.array([[0, 1]], dtype=np.int32)):
        with pytest.raises(IndexError, match="a field is of no column"):
            kernel.span_numbers(data, base, start, length, wrong, rows, ZERO)
    with pytest.raises(IndexError, match="256"):
        kernel.span_texts(data, base, start, length, FIRST, rows, _table(), BLANK, NO_STOPS)
    with pytest.raises(IndexError, match="256"):
        kernel.span_texts(data, base, start, length, FIRST, rows, _table()[:255], BLANK, NO_STOPS[:1])
    with pytest.raises(ValueError, match="thread"):
        kernel.span_numbers(data, base, start, length, FIRST, rows, ZERO, 0)
