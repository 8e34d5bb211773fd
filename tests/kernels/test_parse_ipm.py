"""Messages and their elements: the same tests over the kernel and its twin."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest
from made_clearing import ipm_message, pds

from settlement.kernels import ipm_twin, parse

WANTED = ("DE2", "DE4", "DE49", "PDS0025", "PDS0146")
FORMATS = {2: -2, 4: 12, 48: -3, 49: 3, 63: -3}


@pytest.fixture(params=[parse, ipm_twin], ids=["chosen", "twin"])
def kernel(request: pytest.FixtureRequest) -> ModuleType:
    return request.param


def _elements(kernel: ModuleType, messages: list[bytes]) -> tuple[list[dict[str, str]], list[int]]:
    """The wanted fields of each message as text, and each message's problem."""
    formats, by_element, by_tag = _tables()
    data = b"".join(messages)
    size = np.array([len(message) for message in messages], dtype=np.int32)
    base = np.concatenate([[0], np.cumsum(size[:-1])]).astype(np.int64)
    buffer = np.frombuffer(data, dtype=np.uint8)
    start, length, problem = kernel.element_spans(buffer, base, size, formats, by_element, by_tag, len(WANTED), 0xF0)
    found = []
    for row, first in enumerate(base):
        fields = {}
        for column, name in enumerate(WANTED):
            if length[column, row] >= 0:
                at = first + start[column, row]
                fields[name] = data[at : at + length[column, row]].decode("cp500")
        found.append(fields)
    return found, problem.tolist()


def _tables() -> tuple[Any, Any, Any]:
    formats, by_element = np.zeros(129, dtype=np.int32), np.full(129, -1, dtype=np.int32)
    by_tag = np.full(10_000, -1, dtype=np.int32)
    for element, size in FORMATS.items():
        formats[element] = size
    by_element[48] = -2
    for column, name in enumerate(WANTED):
        if name.startswith("DE"):
            by_element[int(name[2:])] = column
        else:
            by_tag[int(name[3:])] = column
    return formats, by_element, by_tag


def test_elements_and_pds_are_found_wherever_they_stand(kernel: ModuleType) -> None:
    whole = ipm_message(
        "1240", {2: "5" * 16, 4: "0" * 12, 48: pds({"0146": "x" * 36, "0999": "", "0025": "R"}), 49: "840"}
    )
    bare = ipm_message("1644", {4: "1" * 12, 63: "y" * 16})
    fields, problems = _elements(kernel, [whole, bare])
    assert problems == [0, 0]
    assert fields == [
        {"DE2": "5" * 16, "DE4": "0" * 12, "DE49": "840", "PDS0025": "R", "PDS0146": "x" * 36},
        {"DE4": "1" * 12},
    ]


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        (b"", 1),
        ("1240".encode("cp500"), 1),
        ("1240".encode("cp500") + bytes(16), 1),
        (ipm_message("1240", {3: "000000"}), 3),
        (ipm_message("1240", {4: "1" * 12})[:-1], 4),
        (ipm_message("1240", {2: "5" * 16})[:-1], 2),
        (ipm_message("1240", {2: "5" * 16}).replace("16".encode("cp500"), "1x".encode("cp500"), 1), 2),
        (ipm_message("1240", {48: "0146999x"}), 48),
        (ipm_message("1240", {48: "01460"}), 48),
        (ipm_message("1240", {48: "014x001x"}), 48),
        (ipm_message("1240", {48: "0025001R0025001R"}), 48),
        (ipm_message("1240", {49: "840"}) + b"\xf0", 129),
    ],
)
def test_a_message_that_does_not_fit_says_where(kernel: ModuleType, message: bytes, problem: int) -> None:
    after = ipm_message("1644", {49: "392"})
    fields, problems = _elements(kernel, [message, after])
    assert problems == [problem, 0]
    assert fields[1] == {"DE49": "392"}


def test_the_message_type_is_element_0(kernel: ModuleType) -> None:
    messages = [b"", b"\xf1\xf2", "1240".encode("cp500"), ipm_message("1644", {49: "840"})]
    formats, by_element, by_tag = _tables()
    by_element[0] = 0
    size = np.array([len(message) for message in messages], dtype=np.int32)
    base = np.concatenate([[0], np.cumsum(size[:-1])]).astype(np.int64)
    data = np.frombuffer(b"".join(messages), dtype=np.uint8)
    start, length, _ = kernel.element_spans(data, base, size, formats, by_element, by_tag, len(WANTED), 0xF0, 2)
    assert (start[0].tolist(), length[0].tolist()) == ([0, 0, 0, 0], [-1, -1, 4, 4])


def test_more_messages_than_guessed_are_found(kernel: ModuleType) -> None:
    count = 5_000
    base, length, end = kernel.frames(np.frombuffer(b"\x00\x00\x00\x01x" * count + bytes(4), dtype=np.uint8))
    assert (base.tolist(), end) == (list(range(4, 5 * count, 5)), 5 * count + 4)
    assert (length == 1).all()


def test_what_stands_before_the_problem_is_kept(kernel: ModuleType) -> None:
    fields, problems = _elements(kernel, [ipm_message("1240", {2: "5" * 16, 4: "7" * 12, 5: "1" * 12})])
    assert problems == [5]
    assert fields == [{"DE2": "5" * 16, "DE4": "7" * 12}]


def test_what_stands_behind_unreadable_pds_is_kept(kernel: ModuleType) -> None:
    fields, problems = _elements(kernel, [ipm_message("1240", {4: "7" * 12, 48: "0025001R0146", 49: "840"})])
    assert problems == [48]
    assert fields == [{"DE4": "7" * 12, "PDS0025": "R", "DE49": "840"}]


@pytest.mark.parametrize(
    ("stream", "messages", "end"),
    [
        ("", [], -1),
        ("000000", [], -1),
        ("00000000", [], 4),
        ("00000001aa00000000", [(4, 1)], 9),
        ("00000001aa0000000040404040", [(4, 1)], 9),
        ("00000001aa000000", [(4, 1)], -1),
        ("00000002aa", [], -1),
        ("ffffffffaa", [], -1),
        ("00000002aabb00000001cc00000000", [(4, 2), (10, 1)], 15),
    ],
)
def test_frames(kernel: ModuleType, stream: str, messages: list[tuple[int, int]], end: int) -> None:
    base, length, found = kernel.frames(np.frombuffer(bytes.fromhex(stream), dtype=np.uint8))
    assert (list(zip(base.tolist(), length.tolist(), strict=True)), found) == (messages, end)
    assert (base.dtype, length.dtype) == (np.int64, np.int32)


def test_damaged_messages_give_what_the_twin_gives() -> None:
    random = np.random.default_rng(3)
    good = ipm_message("1240", {2: "5" * 16, 4: "0" * 12, 48: pds({"0146": "x" * 36, "0025": "R"}), 49: "840"})
    messages = []
    for _ in range(600):
        message = bytearray(good)
        for at in random.integers(0, len(good), random.integers(0, 4)):
            message[at] = random.choice([0xF0, 0xF1, 0xF9, 0x00, 0x80, 0xFF, 0x40])
        messages.append(
            bytes(message[: random.integers(0, len(good) + 1)]) if random.random() < 0.3 else bytes(message)
        )
    assert _elements(parse, messages) == _elements(ipm_twin, messages)


@pytest.mark.parametrize(("base", "size"), [(0, 41), (1, 40), (-1, 10), (0, -1)])
def test_a_message_outside_the_data_is_refused(kernel: ModuleType, base: int, size: int) -> None:
    data = np.zeros(40, dtype=np.uint8)
    with pytest.raises(IndexError, match="message 0"):
        kernel.element_spans(data, np.array([base]), np.array([size], dtype=np.int32), *_tables(), len(WANTED), 0xF0)
