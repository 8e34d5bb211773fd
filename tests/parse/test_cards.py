"""Card numbers become references and masks, and never get through a text."""

from __future__ import annotations

import hashlib
import hmac

import polars as pl
import pytest
from made_clearing import card_number

from settlement.model.stage import CardKey
from settlement.parse.cards import Cards, luhn_valid, mask_text, mask_texts, masked
from settlement.parse.spans import string_spans

KEY = CardKey(key_id="k7", secret=bytes(range(32)))
OLDER = CardKey(key_id="k6", secret=bytes(range(1, 33)))
OLDEST = CardKey(key_id="k5", secret=bytes(range(2, 34)))


def card_references(pans: pl.Series, *keys: CardKey, known: pl.DataFrame | None = None) -> pl.Series:
    return Cards(keys, known).references(string_spans(pans))


def token(pan: str, key: CardKey) -> str:
    return f"{key.key_id}-" + hmac.new(key.secret, pan.encode(), hashlib.sha256).hexdigest()[:32]


def test_references_outlive_their_keys() -> None:
    ours, later = card_number(1), card_number(2)
    cards = Cards((KEY, OLDER))
    pans = pl.Series([ours, None, ours])
    assert cards.references(string_spans(pans)).to_list() == [token(ours, OLDER), None, token(ours, OLDER)]
    known = cards.met()
    assert known.rows() == [(token(ours, KEY), token(ours, OLDER))]
    # The old key goes: a card that was met beside it keeps its reference, another has one of the new key.
    both = pl.Series([ours, later])
    alone = Cards((KEY,), known)
    assert alone.references(string_spans(both)).to_list() == [token(ours, OLDER), token(later, KEY)]
    assert alone.met().is_empty()


def test_a_reference_outlives_two_changes() -> None:
    pan = card_number(1)
    first = Cards((OLDER, OLDEST))
    first.references(string_spans(pl.Series([pan])))
    second = Cards((KEY, OLDER), first.met())
    assert second.references(string_spans(pl.Series([pan]))).to_list() == [token(pan, OLDEST)]
    third = Cards((KEY,), pl.concat([first.met(), second.met()]))
    assert third.references(string_spans(pl.Series([pan]))).to_list() == [token(pan, OLDEST)]


def test_a_reference_is_key_id_and_keyed_hash() -> None:
    pan = card_number(1)
    expected = "k7-" + hmac.new(KEY.secret, pan.encode(), hashlib.sha256).hexdigest()[:32]
    assert card_references(pl.Series([pan]), KEY).to_list() == [expected]


def test_references_keep_the_rows_and_their_equality() -> None:
    pans = pl.Series([card_number(1), None, card_number(2), card_number(1)])
    first, empty, second, again = card_references(pans, KEY).to_list()
    assert empty is None
    assert first == again != second


def test_another_key_gives_other_references() -> None:
    pans = pl.Series([card_number(1)])
    other = CardKey(key_id="k7", secret=bytes(32))
    assert card_references(pans, KEY).to_list() != card_references(pans, other).to_list()


def test_no_rows() -> None:
    none = pl.Series([], dtype=pl.String)
    assert card_references(none, KEY).to_list() == []
    assert masked(none).to_list() == []
    assert luhn_valid(none).to_list() == []


@pytest.mark.parametrize(
    ("pan", "expected"),
    [
        ("5555550112345678", "555555******5678"),
        ("6222020112345678901", "622202*********8901"),
        ("123456789012", "123456**9012"),
        ("12345678901", "***********"),
        ("", ""),
        (None, None),
    ],
)
def test_masked(pan: str | None, expected: str | None) -> None:
    assert masked(pl.Series([pan], dtype=pl.String)).to_list() == [expected]


@pytest.mark.parametrize(
    ("pan", "valid"),
    [
        ("4111111111111111", True),
        ("4111111111111112", False),
        ("41111111 1111111", False),
        ("00000000000", False),
        ("000000000000", True),
        ("0" * 20, False),
        ("", False),
        (None, False),
    ],
)
def test_luhn_valid(pan: str | None, valid: bool) -> None:
    assert luhn_valid(pl.Series(["5555555555554444", pan])).to_list() == [True, valid]


def test_luhn_of_a_slice() -> None:
    pans = pl.Series(["1", None, "4111111111111111", "4111111111111112"])
    assert luhn_valid(pans[1:]).to_list() == [False, True, False]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("4111111111111111", "411111******1111"),
        ("card 4111 1111 1111 1111!", "card 411111******1111!"),
        ("4111-1111-1111-1111", "411111******1111"),
        ("4111.1111.1111.1111", "411111******1111"),
        ("16" + "4111111111111111" + "000000", "*" * 24),
        ("12345678901", "12345678901"),
        ("2010-12-31T14:08:51", "2010-12-31T14:08:51"),
        ("a\nb\x00\x1b[31m\u2028", "a\ufffdb\ufffd\ufffd[31m\ufffd"),
        ("", ""),
    ],
)
def test_mask_text(text: str, expected: str) -> None:
    assert mask_text(text) == expected


def test_mask_texts_changes_only_what_could_be_a_card() -> None:
    names = pl.Series("merchant_name", ["SHOP 12", None, "PAID 4111111111111111"])
    assert mask_texts(names).to_list() == ["SHOP 12", None, "PAID 411111******1111"]
    assert names.to_list()[2] == "PAID 4111111111111111"
    assert mask_texts(names).name == "merchant_name"


def test_the_key_does_not_show() -> None:
    assert "secret" not in repr(KEY)
