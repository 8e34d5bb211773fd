"""Mastercard IPM beside first presentments: what comes again or is taken back, and what moves no money of its own."""

from __future__ import annotations

import io
from typing import Any

import pytest
from cardutil import mciipm
from made_clearing import FILE_ID, fee_collection, ipm_bytes, ipm_file, pds, presentment
from read_file import Read, read_file

NAME = "MC_T112_20101229_01.ipm"
MARKED = {"0025": "R101228", "0148": "8402"}


def _read(details: list[tuple[str, dict[int, str]]], **how: Any) -> Read:
    read = read_file(NAME, ipm_bytes(ipm_file(details), **how))
    assert read.file["fault"] is None, read.file["detail"]
    return read


@pytest.mark.parametrize(
    ("changes", "kind", "direction"),
    [
        ({"DE24": "205"}, "second_presentment", 1),
        ({"DE24": "282"}, "second_presentment", 1),
        *(({"mti": "1442", "DE24": function}, "chargeback", -1) for function in ("450", "451", "453", "454")),
    ],
)
def test_what_comes_again_and_what_is_charged_back(changes: dict[str, Any], kind: str, direction: int) -> None:
    read = _read([presentment(1, 2500, **changes)])
    row = read.rows("clearing")[0]
    assert (row["kind"], row["direction"], row["amount_minor"]) == (kind, direction, 2500)
    assert read.rows("reject") == []
    assert read.differing() == []


@pytest.mark.parametrize("function", ["450", "451", "453", "454"])
def test_a_chargeback_of_a_refund_charges_the_cardholder_again(function: str) -> None:
    read = _read([presentment(1, 2500, mti="1442", DE24=function, DE3="200000")])
    row = read.rows("clearing")[0]
    assert (row["kind"], row["direction"], row["amount_minor"]) == ("chargeback", 1, 2500)


def test_a_chargeback_that_is_taken_back_is_paid_again() -> None:
    read = read_file(
        NAME, ipm_bytes(ipm_file([presentment(1, 2500, mti="1442", DE24="450", DE48=pds(MARKED))], positions=[]))
    )
    row = read.rows("clearing")[0]
    assert (row["kind"], row["direction"]) == ("chargeback_reversal", 1)
    assert read.file["net_settlement_minor"] == -2500


def test_a_second_presentment_that_is_taken_back_is_for_a_person() -> None:
    read = read_file(NAME, ipm_bytes(ipm_file([presentment(1, 2500, DE24="205", DE48=pds(MARKED))])))
    assert [(row["reason"], row["field"]) for row in read.rows("reject")] == [("MALFORMED", "PDS0025")]


def _told(function: str, values: dict[str, str], **elements: str) -> tuple[str, dict[int, str]]:
    return "1644", {24: function, 48: pds(values), **{int(name[2:]): value for name, value in elements.items()}}


def test_what_moves_no_money_is_a_control_record() -> None:
    read = _read(
        [
            presentment(1, 2500),
            _told("696", {"0501": "1"}),
            _told("696", {"0501": "2"}),
            fee_collection("190000", 700),
            _told("688", {"0396": "D0000000000000700"}, DE50="840"),
            _told("680", {}),
            _told("691", {"0005": "D00240000000100"}),
            _told("699", {"0105": FILE_ID[:-1] + "9"}),
        ]
    )
    rows = {row["record"]: row for row in read.rows("control_record")}
    assert [rows[at]["class"] for at in (3, 4, 6, 7, 8, 9)] == [
        *("ADDENDUM", "ADDENDUM", "SETTLEMENT_POSITION", "CURRENCY_SUMMARY", "RETURNED", "RETURNED"),
    ]
    assert {rows[3]["text"], rows[4]["text"]} == {"belongs to message 2"}
    assert (rows[6]["amount_minor"], rows[6]["currency"]) == (-700, "USD")
    assert "D00240000000100" in rows[8]["text"]
    assert FILE_ID[:-1] + "9" in rows[9]["text"]
    assert read.rows("reject") == []
    assert len(read.rows("clearing")) == 2


def test_an_addendum_without_its_presentment_is_a_reject() -> None:
    read = _read([fee_collection("190000", 700), _told("696", {"0501": "1"}), presentment(1, 2500)])
    assert [(row["record"], row["reason"], row["field"]) for row in read.rows("reject")] == [
        (3, "MALFORMED", "MTI/DE24")
    ]
    assert [row["class"] for row in read.rows("control_record")] == ["HEADER", "FINANCIAL_POSITION", "TRAILER"]


@pytest.mark.parametrize("how", [{}, {"pad": b"\x00"}, {"blocked": False}])
def test_every_byte_is_accounted_for(how: dict[str, Any]) -> None:
    details = [presentment(1, 2500), _told("696", {"0501": "1"}), presentment(2, 900, DE3="500000")]
    content = ipm_bytes(ipm_file(details), **how)
    read = read_file(NAME, content)
    messages = [len(message) + 4 for message in ipm_file(details)]
    assert (read.file["accepted_bytes"], read.file["rejected_bytes"]) == (messages[1], messages[3])
    assert read.file["control_bytes"] == sum(messages) - messages[1] - messages[3] + 4
    assert read.file["padding_bytes"] == len(content) - sum(messages) - 4


@pytest.mark.parametrize("blocked", [True, False])
def test_messages_of_another_writer_are_read_alike(blocked: bool) -> None:
    """The open reader and writer of the format writes them."""
    plain = ipm_file(
        [presentment(1, 2500), presentment(2, 900, DE24="205"), presentment(3, 70, mti="1442", DE24="453")]
    )
    out = io.BytesIO()
    with mciipm.VbsWriter(out, blocked=blocked) as writer:
        for message in plain:
            writer.write(message)
    read = read_file(NAME, out.getvalue())
    assert read.file["fault"] is None, read.file["detail"]
    assert [row["kind"] for row in read.rows("clearing")] == ["purchase", "second_presentment", "chargeback"]
