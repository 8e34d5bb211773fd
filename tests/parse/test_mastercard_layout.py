"""How a Mastercard file tells what it is: its code page, its own date and the edition in force, and look-alikes."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from made_clearing import FILE_ID, fee_collection, ipm_bytes, ipm_file, pds, presentment
from read_file import read_file, source_of

from settlement.errors import TerminalError
from settlement.parse import mastercard_ipm
from settlement.parse.source import Parsed

NAME = "MC_T112_20101229_01.ipm"
SHOWN = "CAF\N{LATIN SMALL LETTER E WITH ACUTE} [ONE]"
ACCENTED = f"{SHOWN}\\STREET\\CITY\\94088     CA USA"


def _content(encoding: str = "cp500", **changes: Any) -> bytes:
    details = [presentment(1, 2500, **changes), presentment(2, 900, DE49="988"), fee_collection("190000", 70)]
    return ipm_bytes(ipm_file(details, encoding=encoding))


def _read(content: bytes, **spec: Any) -> Parsed:
    source = source_of(NAME, content)
    layout = replace(source.layout, spec={**source.layout.spec, **spec})
    return mastercard_ipm.read(replace(source, layout=layout))


@pytest.mark.parametrize("encoding", ["cp500", "latin-1"])
def test_a_file_is_in_the_code_page_of_its_first_message(encoding: str) -> None:
    told, other = (read_file(NAME, _content(page, DE43=ACCENTED)) for page in (encoding, "cp500"))
    assert told.file["fault"] is None, told.file["detail"]
    for table in ("clearing", "reject", "control_record"):
        assert told.rows(table) == other.rows(table)
    assert told.rows("clearing")[0]["merchant_name"] == SHOWN


def test_a_layout_may_say_cp037() -> None:
    content = _content("cp037", DE43=ACCENTED)
    assert _read(content, ebcdic="cp037").tables["clearing"]["merchant_name"][0] == SHOWN
    assert _read(content).tables["clearing"]["merchant_name"][0] != SHOWN


def _edition(valid_from: date, **changes: Any) -> dict[str, Any]:
    return {"valid_from": valid_from, "source": "a test", **changes}


def _with_editions(*editions: dict[str, Any], content: bytes | None = None) -> Parsed:
    known = source_of(NAME, b"").layout.spec["edition"]
    return _read(content or ipm_bytes(ipm_file([presentment(1, 2500)])), edition=[*known, *editions])


def test_a_file_is_read_by_the_edition_of_its_own_date() -> None:
    refunds = {"000000": "refund"}
    for day, kind in ((date(2010, 12, 29), "refund"), (date(2010, 12, 30), "purchase")):
        read = _with_editions(_edition(day, processing=refunds))
        assert read.tables["clearing"]["kind"].to_list() == [kind]


def test_an_edition_may_know_other_elements() -> None:
    known = source_of(NAME, b"").layout.spec["edition"][0]
    messages = ipm_file([presentment(1, 2500, DE38="AB12CD")])
    content = ipm_bytes(messages)
    fewer = {number: size for number, size in known["elements"].items() if number != "38"}
    assert _with_editions(_edition(date(2010, 12, 30), elements=fewer), content=content).tables["reject"].is_empty()
    read = _with_editions(_edition(date(2010, 12, 29), elements=fewer), content=content)
    assert read.tables["reject"]["preview"].to_list() == [f"1240, {len(messages[1])} bytes, wrong at DE38"]


def test_a_file_from_before_the_first_edition_stays_out() -> None:
    known = source_of(NAME, b"").layout.spec["edition"][0]
    read = _read(ipm_bytes(ipm_file([])), edition=[{**known, "valid_from": date(2011, 1, 1)}])
    assert read.fault == "UNREADABLE"
    assert "no edition for 2010-12-29" in str(read.detail)


@pytest.mark.parametrize(
    ("edition", "sentence"),
    [
        (_edition(date(2020, 1, 1), elements={"129": 3}), "edition.1.elements.129"),
        (_edition(date(2020, 1, 1), unknown={}), "edition.1.unknown"),
        ({"valid_from": date(2020, 1, 1)}, "name its valid_from and its source"),
        (_edition(date(1999, 1, 1)), "order of valid_from"),
    ],
)
def test_an_edition_that_is_none_names_its_field(edition: dict[str, Any], sentence: str) -> None:
    with pytest.raises(TerminalError, match=sentence):
        _with_editions(edition)


def _records(*texts: str, encoding: str = "cp500") -> bytes:
    return ipm_bytes([text.encode(encoding) for text in texts])


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ((805306492).to_bytes(4, "big") + bytes(2000), "an AutoEdit wrapper"),
        (_records("UPDATE FILE", "TRAILER RECORD IP0000T1 00000012"), "a parameter file (T067)"),
        (_records("A RECORD", "TRAILER RECORD IP0000T1", encoding="latin-1"), "a parameter file (T067)"),
    ],
)
def test_look_alikes_are_refused_by_name(content: bytes, name: str) -> None:
    read = read_file(NAME, content)
    assert read.file["fault"] == "UNREADABLE"
    assert f"is {name}, not IPM clearing" in str(read.file["detail"])


def test_another_type_of_file_is_refused_by_its_id() -> None:
    read = read_file(NAME, ipm_bytes(ipm_file([], file_id="002" + FILE_ID[3:])))
    assert read.file["fault"] == "UNREADABLE"
    assert "no id of a type 001 clearing file" in str(read.file["detail"])


def test_a_checksum_of_zeros_is_left_out_and_a_wrong_one_is_not() -> None:
    details = [presentment(1, 2500)]
    assert read_file(NAME, ipm_bytes(ipm_file(details, trailer={"0301": "0" * 16}))).file["fault"] is None
    wrong = read_file(NAME, ipm_bytes(ipm_file(details, trailer={"0301": f"{2501:016d}"})))
    assert (wrong.file["fault"], wrong.differing()) == ("CONTROL_TOTAL_MISMATCH", ["PDS0301"])


@pytest.mark.parametrize("function", ["700", "780", "781", "782", "783"])
def test_every_fee_collection_moves_money(function: str) -> None:
    mti, elements = fee_collection("290000", 4201)
    read = read_file(NAME, ipm_bytes(ipm_file([(mti, {**elements, 24: function})])))
    (row,) = read.rows("clearing")
    assert (row["kind"], row["direction"], row["amount_minor"]) == ("fee_collection", -1, 4201)
    assert read.file["net_settlement_minor"] == 4201


def test_a_message_with_de105_is_read() -> None:
    (row,) = read_file(NAME, ipm_bytes(ipm_file([presentment(1, 2500, DE105="0102AB")]))).rows("clearing")
    assert row["amount_minor"] == 2500


def _settled(day: str) -> str:
    return f"{'1':>11}{'':28}M{'':10} 10122801{day}02"


@pytest.mark.parametrize(
    ("told", "day"),
    [
        (_settled("101230"), date(2010, 12, 30)), (_settled("000000"), None), (_settled("      "), None),
        (_settled("101230")[:59], None), ("", None),
    ],
)  # fmt: skip
def test_the_settlement_date_is_that_of_pds0159(told: str, day: date | None) -> None:
    fields = {"0148": "8402", **({"0159": told} if told else {})}
    read = read_file(NAME, ipm_bytes(ipm_file([presentment(1, 2500, DE48=pds(fields))])))
    assert [row["settlement_date"] for row in read.rows("clearing")] == [day]


@pytest.mark.parametrize("day", ["101332", "1O1230", "1012  "])
def test_a_settlement_date_that_is_none_is_a_reject(day: str) -> None:
    read = read_file(NAME, ipm_bytes(ipm_file([presentment(1, 2500, DE48=pds({"0159": _settled(day)}))])))
    assert [(row["reason"], row["field"]) for row in read.rows("reject")] == [("BAD_DATE", "PDS0159")]
