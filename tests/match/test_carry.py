"""How long open items take part, how old they are told to be, and which passes are stale."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest
from match_frames import FIRST_NIGHT, bank, merchant, met, opened, settle

from settlement.errors import TerminalError
from settlement.match.rules import read_rules

CODE = {"authorisation_code": "A1B2C3"}


def rules(leg: str = "", one: str = "", ageing: str = "") -> str:
    """Two passes, by the code and by the card alone; more words for the leg, the first pass and the ageing."""
    return f"""
        repeats = {{ lookback_nights = 0 }}
        [ageing]
        {ageing}
        [[leg]]
        name = "MERCHANT"
        bank_open = "MISSING_MERCHANT"
        merchant_open = "MISSING_BANK"
        kinds = [["purchase"]]
        {leg}
        [[pass]]
        name = "code"
        leg = "MERCHANT"
        keys = ["authorisation_code", "card_masked"]
        cardinality = ["1:1"]
        amount = "exact"
        days = 9
        {one}
        [[pass]]
        name = "card"
        leg = "MERCHANT"
        keys = ["card_masked"]
        cardinality = ["1:1"]
        amount = "exact"
        days = 9
        merchant_empty = ["authorisation_code"]
    """


def nights(late: int, **columns) -> list[list[dict]]:
    """A bank record on the first night and its partner ``late`` nights after."""
    return [[bank(1, 500, **CODE)], *([[]] * (late - 1)), [merchant(7, 500, night=late, **columns)]]


def item(output, side: str = "bank") -> tuple:
    columns = ("reason", "state", "age_days", "age_bucket", "nearest_condition")
    return output.tables["open_item"].filter(pl.col("side") == side).select(columns).row(0)


@pytest.mark.parametrize(
    ("leg", "one", "late", "taken"),
    [
        ("", "", 12, True),
        ("expires_after_days = 3", "", 3, True),
        ("expires_after_days = 3", "", 4, False),
        ("carry_days = 2", "", 2, True),
        ("carry_days = 2", "", 3, False),
        ("carry_days = 2", "carry_days = 3", 3, True),
        ("", "carry_days = 0", 1, False),
        ("", "carry_days = 1", 1, True),
    ],
)
def test_an_item_takes_part_while_it_is_young_enough(leg, one, late, taken) -> None:
    outputs = settle(*nights(late, **CODE), rules=rules(leg, one))
    assert met(outputs[-1]) == ({(1,): (7,)} if taken else {})


def test_a_pass_may_look_back_less_far_than_another() -> None:
    """The pass by the code forgets the record at once; the one by the card does not."""
    outputs = settle(*nights(2), rules=rules(one="carry_days = 0"))
    assert outputs[-1].tables["match"]["pass"].to_list() == ["card"]


def test_an_expired_item_stays_open_with_its_reason_for_ever() -> None:
    outputs = settle([bank(1, 500, **CODE)], *[[]] * 4, rules=rules("expires_after_days = 3"))
    assert [item(output)[:3] for output in outputs] == [
        ("MISSING_MERCHANT", "open", 0),
        ("MISSING_MERCHANT", "open", 1),
        ("MISSING_MERCHANT", "open", 2),
        ("MISSING_MERCHANT", "open", 3),
        ("MISSING_MERCHANT", "expired", 4),
    ]


def test_an_expired_item_keeps_what_came_near_it_last() -> None:
    rows = [bank(1, 500, **CODE), merchant(7, 501, **CODE)]
    outputs = settle(rows, [], [bank(2, 501, night=2, **CODE)], rules=rules("expires_after_days = 1"))
    told = item(outputs[2], "merchant")
    assert (told[1], told[4]) == ("expired", "amount_differs")
    assert opened(outputs[2])["bank", 2] == "MISSING_MERCHANT"


def test_an_item_that_is_too_old_for_its_pass_says_so() -> None:
    outputs = settle(*nights(3, **CODE), rules=rules("carry_days = 2"))
    assert item(outputs[-1])[4] == "too_old"
    assert outputs[-1].tables["open_item"]["note"][0] == (
        "same approval code, card, amount and date, but one of them is open for more than 2 days, and no pass of this "
        "key looks further back"
    )


def test_ages_fall_into_the_declared_buckets() -> None:
    outputs = settle([bank(1, 500)], [], [], [], rules=rules(ageing="buckets = [0, 2]"))
    assert [item(output)[3] for output in outputs] == ["0", "1-2", "1-2", "3+"]
    assert item(settle([bank(1, 500)])[0])[3] == "0-1"


def test_a_pass_that_takes_nothing_becomes_stale_and_wakes_again() -> None:
    pair = [bank(1, 500, **CODE), merchant(7, 500, **CODE)]
    later = [bank(2, 70, night=3, **CODE), merchant(8, 70, night=3, **CODE)]
    outputs = settle(pair, [], [], later, rules=rules(ageing="stale_after_nights = 2"))
    told = ("matches", "last_on", "idle_nights", "stale")
    code = [out.tables["pass_use"].filter(pl.col("pass") == "code").select(told).row(0) for out in outputs]
    assert code == [
        (1, FIRST_NIGHT, 0, False),
        (0, FIRST_NIGHT, 1, False),
        (0, FIRST_NIGHT, 2, True),
        (1, FIRST_NIGHT + timedelta(days=3), 0, False),
    ]
    card = [out.tables["pass_use"].filter(pl.col("pass") == "card").select(told).row(0) for out in outputs]
    assert card[-1] == (0, None, 4, True)


def test_no_pass_is_stale_where_the_rules_do_not_say_when() -> None:
    (*_, last) = settle(*[[]] * 3, rules=rules())
    assert last.tables["pass_use"]["stale"].to_list() == [False, False]


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        (rules(ageing="buckets = [3, 1]"), "`ageing`: `buckets` are last days in ascending order"),
        (rules(leg="expires_after_days = -1"), "`expires_after_days`: input should be greater than or equal to 0"),
        (rules("expires_after_days = 3", "carry_days = 4"), "pass 'code' carries items for 4 days"),
        (rules(ageing="stale_after_nights = 0"), "`stale_after_nights`: input should be greater than or equal to 1"),
    ],
)
def test_a_wrong_word_is_told(document, sentence) -> None:
    with pytest.raises(TerminalError) as fault:
        read_rules({"match.toml": document})
    assert sentence in str(fault.value)
