"""The reader of Mastercard IPM files, on small files written here and on the acceptance nights."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from acceptance import nights_dir, truth
from cardutil import mciipm
from made_clearing import (
    card_number,
    fee_collection,
    ipm_bytes,
    ipm_file,
    ipm_message,
    pds,
    position,
    positions_of,
    presentment,
)
from read_file import Read, read_file, source_of

from settlement.parse import mastercard_ipm

NAME = "MC_T112_20101229_01.ipm"
Details = Sequence[tuple[str, dict[int, str]]]


def _read(details: Details, positions: Sequence[dict[str, str]] | None = None, **changes: Any) -> Read:
    return read_file(NAME, ipm_bytes(ipm_file(details, positions, **changes)))


def _purchases(count: int) -> Details:
    return [presentment(number, 1000 + 50 * number) for number in range(1, count + 1)]


def test_a_purchase_in_every_column() -> None:
    read = _read([presentment(1, 170400)])
    assert read.file | {"file": ""} == {
        "file": "", "sender": "MASTERCARD", "file_date": date(2010, 12, 29), "internal_id": "0011012290000099900100001",
        "mode": "T", "records": 4, "net_settlement_minor": -(170400 - 3408), "net_settlement_currency": "USD",
        "payout_text": None, "fault": None, "detail": None,
        "content_bytes": 1014, "content_sha256": "0" * 64,
        "accepted_bytes": 286, "rejected_bytes": 0, "control_bytes": 509, "padding_bytes": 219,
    }  # fmt: skip
    assert [row["class"] for row in read.rows("control_record")] == ["HEADER", "FINANCIAL_POSITION", "TRAILER"]
    row = read.rows("clearing")[0]
    assert row.pop("card_ref").startswith("test-")
    assert {name: value for name, value in row.items() if value is not None} == {
        "file": f"2010-12-29/{NAME}", "record": 2, "side": "bank", "feed": "mastercard_clearing",
        "delivered_on": date(2010, 12, 29), "posting_date": date(2010, 12, 29), "kind": "purchase", "direction": 1,
        "amount_minor": 170400, "currency": "USD", "transaction_amount_minor": 170400, "transaction_currency": "USD",
        "cashback_minor": 0, "total_minor": 170400, "interchange_micro": 34_080_000,
        "transaction_date": date(2010, 12, 28), "local_time": datetime(2010, 12, 28, 14, 8, 51),  # noqa: DTZ001
        "card_masked": f"555555******{card_number(1)[-4:]}", "arn": "25555500362010000000001", "rrn": "000000000001",
        "authorisation_code": "AB12CD", "lifecycle_id": "0000000000000001", "mcc": "5999",
        "merchant_number": "2722000872286", "merchant_name": "CAF\u00e9 ONE", "terminal": "T0000001",
    }  # fmt: skip


FEE_50 = {"0146": f"000000840{50:012d}840{50:012d}", "0148": "8402"}


@pytest.mark.parametrize(
    ("changes", "kind", "direction", "micro", "net"),
    [
        ({}, "purchase", 1, 500_000, -2500 + 50),
        ({"DE3": "090000", "DE54": "0040840D000000000700"}, "purchase", 1, 500_000, -2500 + 50),
        ({"DE3": "010000"}, "cash_advance", 1, -500_000, -2500 - 50),
        ({"DE3": "200000"}, "refund", -1, -500_000, 2500 - 50),
        ({"DE48": pds({**FEE_50, "0025": "R101228"})}, "reversal", -1, -500_000, 2500 - 50),
        ({"DE48": pds({**FEE_50, "0025": "X101228"})}, "purchase", 1, 500_000, -2500 + 50),
        ({"mti": "1442", "DE24": "450", "DE25": "4853", "DE48": pds({"0148": "8402"})}, "chargeback", -1, None, 2500),
        ({"mti": "1442", "DE24": "450"}, "chargeback", -1, None, 2500),
        ({"DE48": pds({"0146": FEE_50["0146"] * 2})}, "purchase", 1, 1_000_000, -2500 + 100),
        ({"DE48": None}, "purchase", 1, None, -2500),
    ],
)
def test_kinds_directions_and_interchange(
    changes: dict[str, Any], kind: str, direction: int, micro: int | None, net: int
) -> None:
    read = _read([presentment(1, 2500, **changes)])
    assert read.file["fault"] is None, read.file["detail"]
    row = read.rows("clearing")[0]
    assert (row["kind"], row["direction"], row["interchange_micro"]) == (kind, direction, micro)
    assert row["cashback_minor"] == (700 if "DE54" in changes else 0)
    assert read.file["net_settlement_minor"] == net


def test_fee_collections_have_no_card() -> None:
    read = _read([fee_collection("190000", 15001), fee_collection("290000", 4201)])
    rows = read.rows("clearing")
    assert [(r["kind"], r["direction"], r["amount_minor"], r["card_ref"], r["reason_code"]) for r in rows] == [
        ("fee_collection", 1, 15001, None, "7600"),
        ("fee_collection", -1, 4201, None, "7600"),
    ]
    assert read.file["net_settlement_minor"] == 4201 - 15001


def test_a_foreign_purchase_keeps_both_amounts() -> None:
    fee = f"000000392{13:012d}840{16:012d}"
    changes = {"DE4": f"{1000:012d}", "DE49": "392", "DE48": pds({"0146": fee, "0148": "39208402"})}
    row = _read([presentment(1, 1222, **changes)]).rows("clearing")[0]
    assert (row["transaction_amount_minor"], row["transaction_currency"]) == (1000, "JPY")
    assert (row["amount_minor"], row["currency"], row["interchange_micro"]) == (1222, "USD", 160_000)


@pytest.mark.parametrize(("code", "currency", "micro"), [("392", "JPY", 50_000_000), ("414", "KWD", 50_000)])
def test_interchange_follows_the_decimals_of_its_currency(code: str, currency: str, micro: int) -> None:
    fee = f"000000{code}{50:012d}{code}{50:012d}"
    row = _read([presentment(1, 2500, DE49=code, DE50=code, DE48=pds({"0146": fee}))]).rows("clearing")[0]
    assert (row["currency"], row["interchange_micro"]) == (currency, micro)


@pytest.mark.parametrize(
    ("changes", "reason", "field", "preview"),
    [
        ({"DE2": card_number(1)[:-1] + "x"}, "BAD_LUHN", "DE2", "555555******001x"),
        ({"DE2": "5555550100000002"}, "BAD_LUHN", "DE2", "555555******0002"),
        ({"DE2": "00000000000"}, "BAD_LUHN", "DE2", "***********"),
        ({"DE2": None}, "MALFORMED", "DE2", ""),
        ({"DE3": "500000"}, "MALFORMED", "DE3", "500000"),
        ({"DE3": None}, "MALFORMED", "DE3", ""),
        ({"DE4": "00000000A2 4"}, "NON_NUMERIC_AMOUNT", "DE4", "00000000A2 4"),
        ({"DE5": None}, "NON_NUMERIC_AMOUNT", "DE5", ""),
        ({"DE12": "101332094710"}, "BAD_DATE", "DE12", "10-13-32T094710"),
        ({"DE12": "110229000000"}, "BAD_DATE", "DE12", "11-02-29T000000"),
        ({"DE12": "101231240000"}, "BAD_DATE", "DE12", "10-12-31T240000"),
        ({"DE12": "101231235960"}, "BAD_DATE", "DE12", "10-12-31T235960"),
        ({"DE12": None}, "BAD_DATE", "DE12", ""),
        ({"DE49": "988"}, "UNKNOWN_CURRENCY", "DE49", "988"),
        ({"DE50": "988", "DE48": None}, "UNKNOWN_CURRENCY", "DE50", "988"),
        ({"DE48": pds({"0148": "8403"})}, "MALFORMED", "PDS0148", "8403"),
        ({"DE48": pds({"0148": "840"})}, "MALFORMED", "PDS0148", "840"),
        ({"DE48": pds({"0146": "x" * 35})}, "NON_NUMERIC_AMOUNT", "PDS0146", "x" * 35),
        ({"DE48": pds({"0146": f"000000840{1:012d}840{1:012d}0"})}, "NON_NUMERIC_AMOUNT", "PDS0146", None),
        ({"DE48": pds({"0146": f"000000840{1:012d}978{1:012d}"})}, "MALFORMED", "PDS0146", None),
        ({"DE48": pds({"0025": "R101228"}), "DE3": "200000"}, "MALFORMED", "PDS0025", "R101228"),
        ({"DE48": "01460"}, "MALFORMED", "message", None),
        ({"DE54": "0040840D00000000070x"}, "NON_NUMERIC_AMOUNT", "DE54", None),
        ({"DE54": "0040840C000000000700"}, "MALFORMED", "DE54", None),
        ({"DE54": "0040840D000000009700"}, "MALFORMED", "DE54", None),
        ({"DE24": "201"}, "MALFORMED", "MTI/DE24", "1240/201"),
        ({"mti": "1644"}, "MALFORMED", "MTI/DE24", "1644/200"),
        ({"mti": "9999"}, "MALFORMED", "MTI/DE24", "9999/200"),
        ({"mti": "xxxx"}, "MALFORMED", "MTI/DE24", "xxxx/200"),
    ],
)
def test_a_bad_row_is_a_reject_and_the_file_stays(
    changes: dict[str, Any], reason: str, field: str, preview: str | None
) -> None:
    messages = ipm_file([presentment(1, 2500, **changes), presentment(2, 1000)])
    read = read_file(NAME, ipm_bytes(messages))
    assert read.file["fault"] is None, read.file["detail"]
    assert [row["record"] for row in read.rows("clearing")] == [3]
    (row,) = read.rows("reject")
    assert (row["record"], row["reason"], row["field"]) == (2, reason, field)
    if preview is not None:
        assert row["preview"] == preview


def test_every_message_is_in_one_place() -> None:
    details = [presentment(1, 100), presentment(2, 200, DE49="988"), fee_collection("190000", 5)]
    read = _read(details)
    places = [row["record"] for table in ("clearing", "reject", "control_record") for row in read.rows(table)]
    assert sorted(places) == list(range(1, int(str(read.file["records"])) + 1))


def test_no_card_number_gets_out() -> None:
    pan = card_number(77)
    details = [
        presentment(77, 100, DE49="988"),
        presentment(77, 100, DE43=f"PAID BY {pan}\\S\\C\\94088     CA USA"),
        presentment(77, 100, DE12=pan[:12]),
        presentment(77, 100, DE48=pds({"0148": pan})),
        presentment(77, 100, DE48=pan),
        presentment(77, 100, DE2=pan + "\n9"),
    ]
    read = _read(details)
    assert len(read.rows("clearing")) + len(read.rows("reject")) == len(details)
    written = "".join(frame.write_csv() for frame in read.tables.values())
    assert pan not in written
    assert pan[:13] not in written


@pytest.mark.parametrize("blocked", [True, False])
def test_a_cut_file_is_never_accepted(blocked: bool) -> None:
    whole = ipm_bytes(ipm_file(_purchases(2)), blocked=blocked)
    assert read_file(NAME, whole).file["fault"] is None
    assert {mastercard_ipm.read(source_of(NAME, whole[:size])).fault for size in range(1, len(whole))} == {"TRUNCATED"}


def test_a_file_cut_at_a_block_is_truncated() -> None:
    whole = ipm_bytes(ipm_file(_purchases(12)))
    assert len(whole) == 4 * 1014
    for blocks in (1, 2, 3):
        read = read_file(NAME, whole[: blocks * 1014])
        assert read.file["fault"] == "TRUNCATED"
        assert "MASTERCARD" in str(read.file["detail"])
        assert read.rows("clearing") == []


def test_blocked_and_unblocked_files_give_the_same_rows() -> None:
    messages = ipm_file(_purchases(8))
    tables = [
        read_file(NAME, ipm_bytes(messages)).tables["parsed_clearing"],
        read_file(NAME, ipm_bytes(messages, pad=b"\x00")).tables["parsed_clearing"],
        read_file(NAME, ipm_bytes(messages, blocked=False)).tables["parsed_clearing"],
    ]
    assert tables[0].height == 8
    assert all(table.equals(tables[0]) for table in tables)


def _changed(at: int, message: bytes) -> Callable[[list[bytes]], list[bytes]]:
    return lambda messages: [*messages[:at], message, *messages[at:][1:]]


HEADER = {24: "697", 48: pds({"0105": "0011012290000099900100001", "0122": "T"}), 71: "00000001"}


@pytest.mark.parametrize(
    ("change", "fault", "sentence"),
    [
        (lambda m: m[:-1], "TRUNCATED", "trailer"),
        (lambda m: m[1:], "UNREADABLE", "header"),
        (lambda m: [*m, m[1]], "UNREADABLE", "follow the trailer"),
        (lambda m: [*m, m[-1]], "UNREADABLE", "follow the trailer"),
        (lambda m: [m[0], *m], "UNREADABLE", "header"),
        (lambda m: [x.decode("cp500").encode("latin-1") for x in m], "UNREADABLE", "cp500"),
        (_changed(0, ipm_message("1644", {**HEADER, 48: pds({"0105": "0011012300000099900100001"})})), "UNREADABLE",
         "2010-12-30"),
        (_changed(0, ipm_message("1644", {**HEADER, 48: pds({"0105": "0020" + "1" * 21})})), "UNREADABLE", "PDS0105"),
        (_changed(0, ipm_message("1644", {**HEADER, 48: pds({"0122": "T"})})), "UNREADABLE", "PDS0105"),
        (_changed(0, ipm_message("1644", {**HEADER, 48: pds({"0105": "0011012290000099900100002"})})), "UNREADABLE",
         "different files"),
        (_changed(0, ipm_message("1644", {**HEADER, 48: pds({"0105": HEADER[48][7:32], "0122": "Q"})})), "UNREADABLE",
         "mode"),
        (lambda _: [], "UNREADABLE", "header"),
    ],
)  # fmt: skip
def test_a_file_that_does_not_hold_together(
    change: Callable[[list[bytes]], list[bytes]], fault: str, sentence: str
) -> None:
    read = read_file(NAME, ipm_bytes(change(ipm_file(_purchases(2)))))
    assert read.file["fault"] == fault
    assert sentence in str(read.file["detail"])
    assert read.rows("clearing") == []


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "EMPTY"),
        (b"\x00", "TRUNCATED"),
        (bytes(4), "UNREADABLE"),
        (bytes(1014), "UNREADABLE"),
        (b"\x40" * 1014, "TRUNCATED"),
        ((805306492).to_bytes(4, "big") + bytes(2000), "UNREADABLE"),
        (ipm_bytes(ipm_file([])) * 2, "UNREADABLE"),
        (ipm_bytes(ipm_file([]), blocked=False) + b"x", "UNREADABLE"),
        (ipm_bytes(ipm_file([])) + b"\x40" * 1014, "TRUNCATED"),
    ],
)
def test_what_is_no_clearing_file(content: bytes, fault: str) -> None:
    assert read_file(NAME, content).file["fault"] == fault


@pytest.mark.parametrize(
    ("trailer", "control"),
    [
        ({"0301": f"{1:016d}"}, "PDS0301"),
        ({"0306": f"{99:08d}"}, "PDS0306"),
    ],
)
def test_a_trailer_that_does_not_re_add(trailer: dict[str, str], control: str) -> None:
    read = _read(_purchases(2), trailer=trailer)
    assert read.file["fault"] == "CONTROL_TOTAL_MISMATCH"
    assert read.differing() == [control]
    assert control in str(read.file["detail"])


@pytest.mark.parametrize("trailer", [{"0301": "x" * 16}, {"0306": ""}])
def test_a_trailer_that_cannot_be_read(trailer: dict[str, str]) -> None:
    assert _read(_purchases(2), trailer=trailer).file["fault"] == "UNREADABLE"


@pytest.mark.parametrize(
    "tag", ["0380", "0381", "0384", "0390", "0391", "0394", "0395", "0396", "0400", "0401", "0402"]
)
def test_each_total_of_a_position_is_checked(tag: str) -> None:
    details = _purchases(2)
    (good,) = positions_of(details)
    false = good[tag][:-1] + ("8" if good[tag][-1] == "9" else "9")
    read = _read(details, [good | {tag: false}])
    assert read.differing() == [f"840/840 PDS{tag}"]


def test_a_position_for_a_currency_without_transactions_does_not_re_add() -> None:
    details = _purchases(1)
    extra = position((1, 5, 5), (0, 0, 0), 0, **{"49": "392"})
    assert _read(details, [*positions_of(details), extra]).file["fault"] == "CONTROL_TOTAL_MISMATCH"


def test_a_currency_without_its_position_does_not_re_add() -> None:
    assert _read(_purchases(1), []).file["fault"] == "CONTROL_TOTAL_MISMATCH"


def test_messages_out_of_order_do_not_re_add() -> None:
    messages = ipm_file(_purchases(3))
    messages[1], messages[2] = messages[2], messages[1]
    assert read_file(NAME, ipm_bytes(messages)).differing() == ["messages numbered in order"]


def test_an_independent_reader_sees_the_same_messages() -> None:
    messages = ipm_file([presentment(n, 100 * n) for n in range(1, 6)])
    with io.BytesIO(ipm_bytes(messages)) as handle:
        seen = [m for m in mciipm.IpmReader(handle, encoding="cp500", blocked=True) if m["MTI"] == "1240"]
    rows = read_file(NAME, ipm_bytes(messages)).rows("clearing")
    assert [(m["DE5"], m["DE31"], m["DE38"], m["DE43_NAME"], m["DE12"]) for m in seen] == [
        (r["amount_minor"], r["arn"], r["authorisation_code"], r["merchant_name"], r["local_time"]) for r in rows
    ]


def test_what_an_independent_writer_writes_is_read() -> None:
    handle = io.BytesIO()
    writer = mciipm.IpmWriter(handle, encoding="cp500", blocked=True)
    file_id = "0011012290000099900100001"
    writer.write({"MTI": "1644", "DE24": "697", "PDS0105": file_id, "PDS0122": "P", "DE71": 1})
    mti, elements = presentment(3, 4321)
    plain = {f"DE{de}": int(v) if de in {4, 5, 26} else v for de, v in elements.items() if de not in {12, 48}}
    plain |= {"DE12": datetime(2010, 12, 28, 14, 8, 51), "PDS0148": "8402", "DE71": 2}  # noqa: DTZ001
    writer.write({"MTI": mti, **plain})
    (sums,) = positions_of([(mti, elements | {48: pds({"0148": "8402"})})])
    tagged = {f"PDS{tag}": value for tag, value in sums.items() if len(tag) == 4}
    writer.write({"MTI": "1644", "DE24": "685", **tagged, "DE49": "840", "DE50": "840", "DE71": 3})
    totals = {"PDS0105": file_id, "PDS0301": f"{4321:016d}", "PDS0306": "00000004"}
    writer.write({"MTI": "1644", "DE24": "695", **totals, "DE71": 4})
    writer.close()
    read = read_file(NAME, handle.getvalue())
    assert (read.file["fault"], read.file["mode"]) == (None, "P")
    assert [(r["amount_minor"], r["merchant_number"]) for r in read.rows("clearing")] == [(4321, "2722000872286")]


EVENTS = {"PURCHASE": "purchase", "REFUND": "refund", "REVERSAL": "reversal", "CHARGEBACK": "chargeback",
          "CASH": "cash_advance", "CASH_ADVANCE": "cash_advance"}  # fmt: skip


@pytest.mark.parametrize("night", ["2010-12-29", "2010-12-30", "2010-12-31"])
def test_the_acceptance_nights(night: str) -> None:
    files = [row for row in truth(night, "files") if "/MC_" in row["file"]]
    rejected = {(r["file"], int(r["rec"])): r["reason"] for r in truth(night, "rows_rejected")}
    events = {(e["file"], int(e["rec"])): e for e in truth(night, "events")}
    assert files
    for row in files:
        name = row["file"].split("/")[1]
        read = read_file(name, (nights_dir() / row["file"]).read_bytes(), night)
        assert (read.file["fault"], read.file["records"]) == (None, int(row["records"]))
        if row["fate"] != "accepted":
            continue
        controls = {key: int(value) for key, value in (part.split("=") for part in row["controls"].split(";"))}
        assert read.file["net_settlement_minor"] == -controls.pop("net_settlement_minor")
        found = {c["control"]: c["computed"] for c in read.tables["parsed_control_total"].to_dicts()}
        assert controls.items() <= found.items()
        wanted = {key: reason for key, reason in rejected.items() if key[0] == row["file"]}
        assert {(r["file"], r["record"]): r["reason"] for r in read.rows("reject")} == wanted
        assert_events(read, {key: event for key, event in events.items() if key[0] == row["file"]})


def assert_events(read: Read, events: dict[tuple[str, int], dict[str, str]]) -> None:
    """Each clearing record but fee collections is the event that the truth tells, and the other way round."""
    rows = {(r["file"], r["record"]): r for r in read.rows("clearing") if r["kind"] != "fee_collection"}
    assert rows.keys() == events.keys()
    for key, row in rows.items():
        event = events[key]  # type: ignore[index]
        told = (int(event["amount_minor"]), int(event["cashback_minor"]), event["currency"], event["txn_date"])
        read_as = (row["amount_minor"], row["cashback_minor"], row["currency"], str(row["transaction_date"]))
        assert read_as == told, key
        assert (row["mcc"], row["merchant_number"] or "") == (event["mcc"], event["merchant_no"]), key
        assert row["kind"] == EVENTS[event["type"]], key


def test_the_later_acceptance_nights_are_read() -> None:
    faults = {}
    for path in sorted(nights_dir().glob("2011-*/MC_*")):
        faults[f"{path.parent.name}/{path.name}"] = read_file(path.name, path.read_bytes(), path.parent.name).file[
            "fault"
        ]
    assert faults == {
        "2011-01-01/MC_T112_20110101_01.ipm": "TRUNCATED",
        "2011-01-02/MC_T112_20110101_01.ipm": None,
        "2011-01-02/MC_T112_20110102_01.ipm": None,
    }


def test_money_columns_are_integers() -> None:
    frame = _read(_purchases(1)).tables["parsed_clearing"]
    assert not any(dtype in {pl.Float32, pl.Float64} for dtype in frame.dtypes)
    assert not any(isinstance(value, float | Decimal) for value in frame.rows()[0])
