"""Card numbers inside references: masked wherever they stand, and nothing else is."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_clearing import card_number, luhn_digit

from settlement.parse.references import mask_references, without_cards

CARD = card_number(900)
MASKED = f"{CARD[:6]}******{CARD[-4:]}"
GROUPED = f"{CARD[:4]} {CARD[4:8]} {CARD[8:12]} {CARD[12:]}"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (CARD, MASKED),
        (f"A{CARD}B", f"A{MASKED}B"),
        (f"HO79/{CARD}/1", f"HO79/{MASKED}/1"),
        (GROUPED, MASKED),
        (GROUPED.replace(" ", "-"), MASKED),
        (f"12 {GROUPED} 3", f"12 {MASKED} 3"),
        (f"{CARD} {CARD}", f"{MASKED} {MASKED}"),
        (f"\N{ARABIC-INDIC DIGIT ONE}{CARD}", f"\N{ARABIC-INDIC DIGIT ONE}{MASKED}"),
        ("6222020119096198229", "622202*********8229"),
    ],
)
def test_a_card_number_is_masked(text: str, shown: str) -> None:
    assert without_cards(text) == shown
    assert mask_references(pl.Series([None, "x", text], dtype=pl.String)).to_list() == [None, "x", shown]


@pytest.mark.parametrize(
    "text",
    [
        f"{CARD[:-1]}{(int(CARD[-1]) + 1) % 10}",  # another check digit
        f"{CARD}12",  # a part of a longer number
        "25555505363001000000383",  # an ARN
        "8717832412775058",  # an order number in no network's range
        "58719067760651" + luhn_digit("58719067760651"),  # its range has no such length
        "2025-12-29 20:43:41",
        MASKED,
        "",
    ],
)
def test_what_is_no_card_number_stays(text: str) -> None:
    assert without_cards(text) == text
    assert mask_references(pl.Series([text])).to_list() == [text]


@given(st.lists(st.text(" .-/A0123456789", max_size=30) | st.sampled_from([CARD, GROUPED]), max_size=8))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_a_column_is_masked_as_each_of_its_texts(texts: list[str]) -> None:
    assert mask_references(pl.Series(texts, dtype=pl.String)).to_list() == [without_cards(text) for text in texts]
