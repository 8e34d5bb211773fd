"""Acquirers' batches in the books: each account is zero once its cash or its balance has gone on, or says why not."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from batch_nights import FEED, Cash, Nights, Report

from settlement import balances, books
from settlement.store import Home


@pytest.fixture
def nights(tmp_path: Path) -> Nights:
    return Nights(home=Home(root=tmp_path))


def test_a_batch_is_open_until_its_payout_comes(nights: Nights) -> None:
    assert nights.settle(Report(batch="7", sales=850, paid=850)) == {"7": 850}
    assert nights.open_items() == {"7": "its payout of 8.50 USD has not come yet"}
    assert nights.settle(Cash(batch="7", amount=850)) == {}


def test_a_report_that_comes_after_its_cash(nights: Nights) -> None:
    assert nights.settle(Cash(batch="7", amount=850)) == {}
    assert nights.settle(Report(batch="7", sales=850, paid=850)) == {}
    assert nights.open_items() == {}


def test_a_fee_of_the_bank_is_no_part_of_the_batch(nights: Nights) -> None:
    assert nights.settle(Report(batch="7", sales=85_000, paid=85_000), Cash(batch="7", amount=82_500)) == {}


def test_a_payout_in_two_parts(nights: Nights) -> None:
    assert nights.settle(Report(batch="7", sales=95_000, paid=95_000), Cash(batch="7", amount=60_000)) == {"7": 35_000}
    assert nights.open_items() == {"7": "bank entry R1 differs from its payout of 950.00 USD by -350.00 USD"}
    assert nights.settle(Cash(batch="7", amount=35_000)) == {}


def test_cash_in_another_currency_leaves_both_open(nights: Nights) -> None:
    assert nights.settle(Report(batch="7", sales=850, paid=850), Cash(batch="7", amount=900, currency="CNY")) == {
        "7": 850,
        "7 CNY": -900,
    }
    nights.open_items()


def test_a_balance_goes_from_batch_to_batch_until_one_pays(nights: Nights) -> None:
    assert nights.settle(Report(batch="9", sales=-300, carried=-300)) == {"9": -300}
    assert nights.open_items() == {"9": "its balance of -3.00 USD waits for the batch that takes it over"}
    assert nights.settle(Report(batch="10", taken=-300, sales=400, carried=100)) == {"10": 100}
    assert nights.settle(Report(batch="11", taken=100, sales=50, paid=150)) == {"11": 150}
    assert nights.settle(Cash(batch="11", amount=150)) == {}
    entries = books.read_entries(books.connect(nights.home), date.max)
    assert [entry.text for entry in entries if entry.key.startswith("batch_carry/")] == [
        f"Batch 10 of {FEED} takes over -3.00 USD of batch 9",
        f"Batch 11 of {FEED} takes over 1.00 USD of batch 10",
    ]


def test_a_batch_that_comes_before_the_one_whose_balance_it_takes_over(nights: Nights) -> None:
    assert nights.settle(Report(batch="8", taken=850, sales=100, paid=950), Cash(batch="8", amount=950)) == {"8": -850}
    assert nights.open_items() == {"8": "the batch from which it took over 8.50 USD has not come yet"}
    assert nights.settle(Report(batch="7", sales=850, carried=850)) == {}


def test_a_batch_that_takes_over_another_balance_than_was_carried_over(nights: Nights) -> None:
    nights.settle(Report(batch="7", sales=850, carried=850))
    report = Report(batch="8", taken=840, sales=100, paid=940)
    assert nights.settle(report, Cash(batch="8", amount=940)) == {"7": 10}
    said = "batch 8 took over 8.40 USD, and its balance of 8.50 USD was carried over"
    assert nights.open_items() == {"7": said}


def test_names_of_batches_without_numbers_meet_by_their_amount(nights: Nights) -> None:
    nights.settle(Report(batch="may", sales=850, carried=850), Report(batch="april", sales=840, carried=840))
    assert nights.settle(Report(batch="june", taken=850, carried=850)) == {"april": 840, "june": 850}
    # A number that is left out: 12 takes over what 10 has carried over, and not what 13 carries on.
    nights.settle(Report(batch="10", sales=5, carried=5))
    assert nights.settle(Report(batch="13", sales=7, carried=7), Report(batch="12", taken=5, carried=5)) == {
        "april": 840,
        "june": 850,
        "12": 5,
        "13": 7,
    }


_WAITS = "its balance of 8.40 USD waits for the batch that takes it over"


@pytest.mark.parametrize(
    ("report", "left", "why"),
    [
        (
            Report(batch="7", sales=850, paid=851),
            -1,
            "its lines come to 8.50 USD and it is closed by 8.51 USD",
        ),
        (
            Report(batch="7", sales=850, carried=840),
            850,
            f"{_WAITS}; its lines come to 8.50 USD and it is closed by 8.40 USD",
        ),
        (Report(batch="7", sales=850), 850, "its lines come to 8.50 USD and its report has no end"),
    ],
)
def test_a_batch_that_does_not_add_up_stays_open_by_the_difference(
    nights: Nights, report: Report, left: int, why: str
) -> None:
    told = (report,) if report.paid is None else (report, Cash(batch="7", amount=report.paid))
    assert nights.settle(*told) == {"7": left}
    assert nights.open_items() == {"7": why}


def test_a_record_that_comes_again_after_its_repair_adds_what_its_reject_lacked(nights: Nights) -> None:
    """The rejected row told 30 of the 50 that it is worth; the acquirer has paid them all the same."""
    report = Report(batch="7", sales=800, rejected=30, paid=850)
    assert nights.settle(report, Cash(batch="7", amount=850)) == {"7": -20}
    original = next(iter(nights.history["reject"].values()))["file"][0]
    place = {"file": "2011-01-09/REPLAY.csv", "record": 3}
    again = {
        "file": [{**_accepted(place["file"]), "feed": FEED}],
        "clearing": [{**place, "batch": "7", "net_minor": 50, "net_currency": "USD"}],
        "replay": [{**place, "original_file": original, "reject_id": "1", "repaired_by": "ann", "replayed_by": "bea"}],
    }
    assert nights.settle(again) == {}
    assert nights.open_items() == {}


def _accepted(file: object) -> dict[str, object]:
    return {"file": file, "fate": "accepted", "sha256": "0" * 64, "size_bytes": 1}


def test_nights_of_before_batches_had_accounts(nights: Nights) -> None:
    """Of the old nights 5 waits for its cash and 6 has carried a balance over; 9 has taken one over that comes late."""
    old = (Report(batch="5", sales=500, paid=500), Report(batch="6", sales=60, carried=60))
    assert nights.settle(*old, Report(batch="9", taken=80, sales=900, paid=980), by_old_code=True) == {}
    assert set(nights.open_items()) == {f"asset:clearing:{FEED}:2010-12-29/ACQ_{batch}.csv" for batch in ("5", "9")}
    nights.settle(Cash(batch="9", amount=980), by_old_code=True)
    assert nights.settle(Report(batch="7", taken=60, sales=40, paid=100), Cash(batch="5", amount=500)) == {"7": 100}
    assert nights.settle(Cash(batch="7", amount=100), Report(batch="8", sales=80, carried=80)) == {}
    assert nights.open_items() == {}
    (settled,) = balances.trial_balance(nights.home, None, "asset:settlement")[1]
    # All that came in is what the acquirer has settled: nothing stands there twice.
    assert settled.balance_minor == -(500 + 980 + 100)


def test_random_batches_in_any_order_end_at_zero_and_are_explained_every_night(tmp_path: Path) -> None:
    for seed in range(3):
        draw = random.Random(seed)
        nights, told, taken = Nights(home=Home(root=tmp_path / str(seed))), [], 0
        for number in range(98, 105):
            sales = draw.choice([-300, 0, 100, 250])
            amount, pays = taken + sales, draw.random() < 0.5 and taken + sales > 0
            report = Report(batch=f"US{number}", sales=sales, taken=taken)
            if pays or number == 104:
                told += [replace(report, paid=amount), Cash(batch=report.batch, amount=amount)]
                taken = 0
            else:
                told.append(replace(report, carried=amount))
                taken = amount
        draw.shuffle(told)
        while told:
            several = [told.pop() for _ in range(min(len(told), draw.randint(1, 4)))]
            standing = nights.settle(*several)
            nights.open_items()
        assert standing == {}, seed
