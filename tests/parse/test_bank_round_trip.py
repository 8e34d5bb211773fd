"""What is written as camt.053, MT940 or BAI2 is read back; what is cut or damaged is never taken for whole."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, timedelta

import pytest
from bank_files import Entry, Statement, bai2, camt053, camt054, mt940
from hypothesis import given, settings
from hypothesis import strategies as st
from layout_files import layout, read
from random_cases import batches, damaged

from settlement.model.clearing import Why
from settlement.parse.source import Parsed

DAY = date(2024, 3, 1)
FORMATS: dict[str, tuple[str, str, Callable[[Sequence[Statement]], str]]] = {
    "camt053": ("bank_statement", "CAMT053_20240301.xml", camt053),
    "mt940": ("bank_statement_mt940", "MT940_20240301.sta", mt940),
    "bai2": ("bank_statement_bai2", "BAI2_20240301.bai", bai2),
}
NOTICE = {"camt054": ("bank_notification", "CAMT054_20240301.xml", camt054)}
WORDS = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=1, max_size=11)
REFERENCES = WORDS.filter(lambda word: word not in {"NOTPROVIDED", "NONREF"})
"""What banks write where there is no reference is none."""
TEXT = st.lists(WORDS, min_size=1, max_size=12).map(" ".join)
ENTRIES = st.lists(
    st.builds(
        Entry,
        amount_minor=st.integers(-(10**11), 10**11),
        code=st.sampled_from(["NTRF", "FMSC", "S103"]),
        end_to_end_id=st.none() | REFERENCES,
        remittance=st.none() | TEXT,
        bank_ref=st.none() | REFERENCES,
        value_on=st.dates(DAY - timedelta(days=500), DAY + timedelta(days=500)),
        reversal=st.booleans(),
    ),
    max_size=6,
)
STATEMENTS = st.lists(
    st.builds(
        Statement,
        account=WORDS,
        currency=st.sampled_from(["USD", "JPY", "KWD", "CLF", "EUR"]),
        opening_minor=st.integers(-(10**12), 10**12),
        number=st.integers(1, 99_999),
        entries=ENTRIES,
    ),
    min_size=1,
    max_size=3,
)


def read_format(name: str, content: bytes | str) -> Parsed:
    layout_name, file_name, _ = (FORMATS | NOTICE)[name]
    return read(layout(layout_name), file_name, content)


def told(parsed: Parsed) -> list[tuple[object, ...]]:
    rows = parsed.tables["statement_entry"].sort("record").rows(named=True)
    names = ("account", "currency", "end_to_end_id", "remittance", "bank_ref", "booked_on", "value_on")
    return [(r["direction"] * r["amount_minor"], *(r[name] for name in names)) for r in rows]


def written(statements: Sequence[Statement]) -> list[tuple[object, ...]]:
    return [
        (e.amount_minor, s.account, s.currency, e.end_to_end_id, e.remittance, e.bank_ref, e.booked_on, e.value_on)
        for s in statements
        for e in s.entries
    ]


def whole(parsed: Parsed, size: int) -> None:
    assert parsed.bytes is not None
    counted = (parsed.bytes.accepted, parsed.bytes.rejected, parsed.bytes.control, parsed.bytes.padding)
    assert sum(counted) == size
    assert min(counted) >= 0


@pytest.mark.parametrize("name", FORMATS)
@given(statements=STATEMENTS)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_what_is_written_is_read(name: str, statements: list[Statement]) -> None:
    content = FORMATS[name][2](statements)
    parsed = read_format(name, content)
    assert parsed.fault is None, parsed.detail
    assert told(parsed) == written(statements)
    assert all(total.agrees for total in parsed.controls)
    assert parsed.records == sum(len(one.entries) for one in statements)
    frame = parsed.tables["bank_statement"]
    assert frame["opening_minor"].to_list() == [one.opening_minor for one in statements]
    assert frame["closing_minor"].to_list() == [one.closing_minor for one in statements]
    whole(parsed, len(content.encode()))
    if name != "bai2":
        codes = [entry.code for one in statements for entry in one.entries]
        assert parsed.tables["statement_entry"].sort("record")["code"].to_list() == codes
        reversals = [entry.reversal for one in statements for entry in one.entries]
        flags = parsed.tables["statement_entry"].sort("record")["reversal"].fill_null(value=False).to_list()
        assert flags == reversals


@given(statements=STATEMENTS)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_what_is_written_as_a_notification_is_read(statements: list[Statement]) -> None:
    content = camt054(statements)
    parsed = read_format("camt054", content)
    assert parsed.fault is None, parsed.detail
    rows = parsed.tables["bank_detail"].sort("record").rows(named=True)
    names = ("amount_minor", "account", "currency", "end_to_end_id", "remittance", "bank_ref")
    assert [tuple(row[name] for name in names) for row in rows] == [
        (abs(entry.amount_minor), one.account, one.currency, entry.end_to_end_id, entry.remittance, entry.bank_ref)
        for one in statements
        for entry in one.entries
    ]
    assert parsed.records == sum(len(one.entries) for one in statements)
    whole(parsed, len(content.encode()))


SMALL = [
    Statement(
        opening_minor=500,
        entries=(
            Entry(amount_minor=1050, end_to_end_id="E1", remittance="PAID FOR ALL", bank_ref="B1"),
            Entry(amount_minor=-7, remittance="FEE"),
        ),
    )
]


@pytest.mark.parametrize("name", FORMATS | NOTICE)
def test_no_cut_of_a_file_is_taken_for_a_whole_one(name: str) -> None:
    content = (FORMATS | NOTICE)[name][2](SMALL).encode()
    assert read_format(name, content).fault is None
    end = len(content.rstrip(b"\n"))
    for length in range(end):
        parsed = read_format(name, content[:length])
        wrong = [total for total in parsed.controls if not total.agrees]
        assert parsed.fault is not None or wrong, content[:length]


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_in_utf_16_is_told_or_read(name: str) -> None:
    content = FORMATS[name][2](SMALL).replace("UTF-8", "UTF-16").encode("utf-16")
    parsed = read_format(name, content)
    if name == "camt053":
        assert told(parsed) == written(SMALL)
        whole(parsed, len(content))
    else:
        assert parsed.fault is Why.UNREADABLE
        assert "UTF-16" in str(parsed.detail)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("other", [*FORMATS, "csv", "binary", "empty lines", "ebcdic"])
def test_a_file_of_another_kind_is_told_in_one_sentence(name: str, other: str) -> None:
    if other == name:
        return
    strange = {
        "csv": b"a;b;c\n1;2;3\n",
        "binary": bytes(range(256)) * 3,
        "empty lines": b"\n\n\n",
        "ebcdic": mt940(SMALL).encode("cp500"),
    }
    content = strange[other] if other in strange else FORMATS[other][2](SMALL).encode()
    parsed = read_format(name, content)
    assert parsed.fault is not None
    assert (parsed.detail or "").startswith("The file cannot be used: ")
    assert (parsed.detail or "").count(". ") == 1


@pytest.mark.parametrize("name", FORMATS | NOTICE)
def test_damaged_files_are_read_or_refused_and_their_bytes_accounted_for(name: str) -> None:
    """Never a crash, and never a sum that its own file does not bear out."""
    source = random.Random(f"damaged {name}")
    rich = [replace(SMALL[0], number=2), Statement(account="A2", currency="JPY", opening_minor=-3, number=1)]
    content = (FORMATS | NOTICE)[name][2](rich).encode()
    for _, size in batches(10_000, 1_000):
        for _ in range(size):
            data = damaged(content, source)
            parsed = read_format(name, data)
            if parsed.fault is not None:
                assert parsed.detail
                continue
            whole(parsed, len(data))
            located = [r for t in ("statement_entry", "reject", "control_record") for r in parsed.tables[t]["record"]]
            if name == "camt054":
                located += parsed.tables["bank_detail"]["entry"].unique().to_list()
            assert sorted(located) == list(range(1, (parsed.records or 0) + 1))
