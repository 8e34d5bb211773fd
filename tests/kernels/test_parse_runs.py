"""Texts in which so many digits stand together: kernel and twin agree, and with every way to choose groups."""

from __future__ import annotations

import re
from types import ModuleType

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_cases import examples

from settlement.kernels import parse, runs_twin
from settlement.parse.views import views_of

SEEDED = settings(derandomize=True, deadline=None, max_examples=examples(100))
BETWEEN = np.zeros(256, np.uint8)
BETWEEN[[*b" .-"]] = 1
CARD = 0b111_1100


@pytest.fixture(params=[parse, runs_twin], ids=["chosen", "twin"])
def kernel(request: pytest.FixtureRequest) -> ModuleType:
    return request.param


def rows(kernel: ModuleType, texts: list[str], first: int = CARD, least: int = 14, most: int = 19) -> list[int]:
    views, parts = views_of(pl.Series(texts, dtype=pl.String))
    return kernel.digit_runs(views, parts, BETWEEN, first, least, most, 2).tolist()


def chosen(text: str, first: int, least: int, most: int) -> bool:
    """By every stretch of the text that begins and ends a group of digits."""
    for begin in range(len(text)):
        for end in range(begin + 1, len(text) + 1):
            told, whole = text[begin:end], re.fullmatch(r"[0-9](?:[ .-]?[0-9])*", text[begin:end])
            outside = text[begin - 1 : begin] + text[end : end + 1]
            digits = re.sub("[^0-9]", "", told)
            if (
                whole
                and not re.search("[0-9]", outside)
                and first >> int(digits[0]) & 1
                and least <= len(digits) <= most
            ):
                return True
    return False


@SEEDED
@given(
    texts=st.lists(st.text("0123456789 .-x\u0663", max_size=24), max_size=12),
    first=st.integers(0, 1023),
    least=st.integers(1, 16),
    more=st.integers(0, 8),
)
def test_groups_are_chosen_every_way(texts, first, least, more) -> None:
    told = [row for row, text in enumerate(texts) if chosen(text, first, least, least + more)]
    for kernel in (parse, runs_twin):
        assert rows(kernel, texts, first, least, least + more) == told


def test_card_numbers_are_found_and_longer_numbers_are_not(kernel: ModuleType) -> None:
    texts = [
        "4111111111111111",
        "24111105363001008597413",
        "no. 4111 1111-1111.1111!",
        "1234567890123456",
        "41111  11111111111",
    ]
    assert rows(kernel, texts) == [0, 2]
    assert rows(kernel, []) == []


def test_more_groups_than_are_counted_are_always_found(kernel: ModuleType) -> None:
    assert rows(kernel, ["1 " * 32, "1 " * 33, "1  " * 33]) == [1]


def test_blocks_of_many_texts_keep_their_order(kernel: ModuleType) -> None:
    texts = [f"{number:016d}" for number in range(4_999_999_999_996_000, 5_000_000_000_004_500)]
    assert rows(kernel, texts, first=1 << 5) == [*range(4_000, 8_500)]


def test_what_does_not_fit_is_refused(kernel: ModuleType) -> None:
    views, parts = views_of(pl.Series(["4111 1111 1111 1111"]))
    for bad in ([], [parts[0][:3]]):
        with pytest.raises(ValueError, match="points outside its parts"):
            kernel.digit_runs(views, bad, BETWEEN, CARD, 14, 19)
    for between, threads in ((BETWEEN[1:], 1), (BETWEEN, 0)):
        with pytest.raises(ValueError, match="each byte has an entry"):
            kernel.digit_runs(views, parts, between, CARD, 14, 19, threads)
