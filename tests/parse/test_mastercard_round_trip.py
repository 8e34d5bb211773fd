"""Mastercard files written by the open writer read as what was written; mutated ones never get past the accounts."""

from __future__ import annotations

import io
import random
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cardutil import iso8583, mciipm
from hypothesis import given, settings
from hypothesis import strategies as st
from made_clearing import FILE_ID, card_number, fee_collection, ipm_bytes, ipm_file, pds, positions_of, presentment
from random_cases import batches
from read_file import source_of

from settlement.parse import mastercard_ipm
from settlement.parse.source import Parsed

NAME = "MC_T112_20101229_01.ipm"
DAY = date(2010, 12, 29)
CURRENCIES = {"840": "USD", "392": "JPY", "414": "KWD", "156": "CNY"}
MICRO = {"840": 10**4, "392": 10**6, "414": 10**3, "156": 10**4}
MARK = "R101228"
# Message type, function, processing code, taken back: kind, direction, interchange + where the issuer earns.
KINDS = {
    ("1240", "200", "000000", False): ("purchase", 1, 1),
    ("1240", "200", "090000", False): ("purchase", 1, 1),
    ("1240", "200", "010000", False): ("cash_advance", 1, -1),
    ("1240", "200", "200000", False): ("refund", -1, -1),
    ("1240", "200", "000000", True): ("reversal", -1, -1),
    ("1442", "450", "000000", True): ("chargeback_reversal", 1, 0),
    **{("1240", function, "000000", False): ("second_presentment", 1, 1) for function in ("205", "282")},
    **{("1442", function, "000000", False): ("chargeback", -1, 0) for function in ("450", "451", "453", "454")},
    **{("1740", function, "190000", False): ("fee_collection", 1, 0) for function in ("700", "780", "783")},
    **{("1740", function, "290000", False): ("fee_collection", -1, 0) for function in ("700", "781", "782")},
}
FRAMING = {"697": "HEADER", "695": "TRAILER", "685": "FINANCIAL_POSITION", "696": "ADDENDUM"}
ADMINISTRATION = {"680": "CURRENCY_SUMMARY", "688": "SETTLEMENT_POSITION", "691": "RETURNED", "699": "RETURNED"}

SEEN = {
    "DE25": "reason_code", "DE31": "arn", "DE37": "rrn", "DE38": "authorisation_code", "DE41": "terminal",
    "DE42": "merchant_number", "DE43_NAME": "merchant_name", "DE63": "lifecycle_id",
}  # fmt: skip
"""What the open reader calls the columns."""

amounts = st.integers(0, 10**12 - 1)
detail = st.fixed_dictionaries(
    {
        "what": st.sampled_from(sorted(KINDS)),
        "amount": amounts,
        "foreign": amounts,
        "currency": st.sampled_from(sorted(CURRENCIES)),
        "foreign_currency": st.sampled_from(sorted(CURRENCIES)),
        "moment": st.datetimes(datetime(2000, 1, 1), datetime(2010, 12, 29)).map(lambda at: at.replace(microsecond=0)),  # noqa: DTZ001
        "fees": st.lists(amounts, max_size=3),
        "cashback_ppm": st.integers(0, 10**6),
        "settled_after": st.integers(0, 3),
        "name": st.text("ABC Z&.'-\N{LATIN SMALL LETTER E WITH ACUTE}", max_size=22),
        "mcc": st.integers(0, 9999),
        "icc": st.booleans(),
        "follows": st.sampled_from(["", "", "696", *ADMINISTRATION]),
    }
)


def _cashback(told: dict[str, Any]) -> int:
    return min(told["amount"], 10**12 - 1) * told["cashback_ppm"] // 10**6


def _fields(number: int, told: dict[str, Any]) -> dict[str, Any]:
    """A detail as the open writer takes it."""
    mti, function, processing, marked = told["what"]
    fees = "".join(f"000000{told['currency']}{fee:012d}{told['currency']}{fee:012d}" for fee in told["fees"])
    settled = DAY + timedelta(days=told["settled_after"])
    fields = {
        "MTI": mti, "DE3": processing, "DE4": told["foreign"], "DE5": told["amount"], "DE24": function, "DE25": "4853",
        "DE49": told["foreign_currency"], "DE50": told["currency"], "DE63": f"{number:016d}",
        "PDS0159": f"{'1':>11}{'':28}M{'':10} 10122801{settled:%y%m%d}02",
    }  # fmt: skip
    if marked:
        fields["PDS0025"] = MARK
    if mti == "1240" and fees:
        fields["PDS0146"] = fees
    if mti != "1740":
        fields |= {
            "DE2": card_number(number), "DE12": told["moment"], "DE26": told["mcc"],
            "DE31": f"2555550036201000{number:07d}",
            "DE37": f"{number:012d}", "DE38": "AB12CD", "DE41": f"T{number:07d}", "DE42": f"{number:015d}",
            "DE43": f"{told['name']}\\STREET\\CITY\\94088     CA USA",
        }  # fmt: skip
        fields["DE54"] = f"0040{told['currency']}D{_cashback(told):012d}"
    if told["icc"] and mti == "1240":
        fields["DE55"] = bytes.fromhex("9f26080102030405060708")
    return fields


def _expected(record: int, number: int, told: dict[str, Any]) -> dict[str, object]:
    kind, direction, sign = KINDS[told["what"]]
    carded = told["what"][0] != "1740"
    fee = sum(told["fees"]) if told["what"][0] == "1240" and told["fees"] else None
    return {
        "record": record, "kind": kind, "direction": direction, "amount_minor": told["amount"],
        "currency": CURRENCIES[told["currency"]], "transaction_amount_minor": told["foreign"],
        "transaction_currency": CURRENCIES[told["foreign_currency"]],
        "interchange_micro": None if fee is None else sign * fee * MICRO[told["currency"]],
        "settlement_date": DAY + timedelta(days=told["settled_after"]), "lifecycle_id": f"{number:016d}",
        "reason_code": "4853", "local_time": told["moment"] if carded else None,
        "cashback_minor": _cashback(told) if carded else 0, "mcc": f"{told['mcc']:04d}" if carded else None,
        "merchant_number": f"{number:015d}" if carded else None, "rrn": f"{number:012d}" if carded else None,
        "merchant_name": told["name"].rstrip() or None if carded else None,
        "card_masked": f"555555******{card_number(number)[-4:]}" if carded else None,
    }  # fmt: skip


def _totals(details: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Financial positions that re-add; those of the field's own tests, from what was drawn."""
    plain = []
    for told in details:
        mti, _, processing, marked = told["what"]
        if mti == "1740":
            continue
        fees = "".join(f"000000{told['currency']}{fee:012d}{told['currency']}{fee:012d}" for fee in told["fees"])
        inner = pds({**({"0025": MARK} if marked else {}), **({"0146": fees} if fees and mti == "1240" else {})})
        direction = KINDS[told["what"]][1]
        # A chargeback that is taken back is a debit like a purchase, without interchange.
        as_mti = "1240" if mti == "1442" and direction == 1 else mti
        inner = "" if mti == "1442" else inner
        elements = {3: processing, 4: f"{told['foreign']:012d}", 5: f"{told['amount']:012d}", 48: inner}
        plain.append((as_mti, {**elements, 49: told["foreign_currency"], 50: told["currency"]}))
    return [
        {"DE49": sums["49"], "DE50": sums["50"], **{f"PDS{tag}": value for tag, value in sums.items() if len(tag) == 4}}
        for sums in positions_of(plain)
    ]


def _file(details: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """All messages of a file as the open writer takes them."""
    messages: list[dict[str, Any]] = [{"MTI": "1644", "DE24": "697", "PDS0105": FILE_ID, "PDS0122": "P"}]
    for number, told in enumerate(details):
        messages.append(_fields(number, told))
        if told["follows"] and (told["follows"] != "696" or told["what"][0] == "1240"):
            messages.append({"MTI": "1644", "DE24": told["follows"], "PDS0105": FILE_ID[:-1] + "2"})
    messages += [{"MTI": "1644", "DE24": "685", **position} for position in _totals(details)]
    summed = sum(told["foreign"] for told in details)
    totals = {"PDS0105": FILE_ID, "PDS0301": f"{summed:016d}", "PDS0306": f"{len(messages) + 1:08d}"}
    messages.append({"MTI": "1644", "DE24": "695", **totals})
    return [{**message, "DE71": number} for number, message in enumerate(messages, start=1)]


def _written(messages: list[dict[str, Any]], encoding: str, *, blocked: bool) -> bytes:
    out = io.BytesIO()
    writer = mciipm.IpmWriter(out, encoding=encoding, blocked=blocked)
    for message in messages:
        writer.write(message)
    writer.close()
    return out.getvalue()


@given(st.lists(detail, max_size=8), st.sampled_from(["cp500", "latin-1"]), st.booleans())
@settings(max_examples=150, deadline=None)
def test_what_the_open_writer_writes_is_what_is_read(
    details: list[dict[str, Any]], encoding: str, blocked: bool
) -> None:
    messages = _file(details)
    content = _written(messages, encoding, blocked=blocked)
    read = mastercard_ipm.read(source_of(NAME, content))
    assert read.fault is None, read.detail
    assert [total.control for total in read.controls if not total.agrees] == []
    assert read.tables["reject"].is_empty()
    places = [at for at, message in enumerate(messages, start=1) if message["MTI"] != "1644"]
    expected = [_expected(at, number, told) for number, (at, told) in enumerate(zip(places, details, strict=True))]
    found = read.tables["clearing"].to_dicts()
    assert [{name: row[name] for name in wanted} for row, wanted in zip(found, expected, strict=True)] == expected
    classes = {row["record"]: row["class"] for row in read.tables["control_record"].to_dicts()}
    for at, message in enumerate(messages, start=1):
        if message["MTI"] == "1644":
            known = {
                "697": "HEADER",
                "695": "TRAILER",
                "685": "FINANCIAL_POSITION",
                "696": "ADDENDUM",
                **ADMINISTRATION,
            }
            assert classes[at] == known[message["DE24"]]
    _assert_accounts(read, content)


def test_a_block_of_filling_alone_follows_an_end_mark_that_ends_its_block() -> None:
    """The open writer closes with one; a second is nothing that a writer adds."""
    told: dict[str, Any] = {
        "what": ("1240", "200", "000000", False), "amount": 100, "foreign": 100, "currency": "840",
        "foreign_currency": "840", "moment": datetime(2010, 12, 1), "fees": [], "cashback_ppm": 0,  # noqa: DTZ001
        "settled_after": 0, "name": "", "mcc": 5411, "icc": False, "follows": "",
    }  # fmt: skip
    messages = _file([told | {"name": "A"}, *[told] * 13])
    plain, content = (_written(messages, "cp500", blocked=blocked) for blocked in (False, True))
    assert len(plain) % 1012 == 0
    assert content[-1014:] == b"\x40" * 1014
    read = mastercard_ipm.read(source_of(NAME, content))
    assert read.fault is None, read.detail
    _assert_accounts(read, content)
    exact = mastercard_ipm.read(source_of(NAME, content[:-1014]))
    assert exact.fault is None, exact.detail
    assert exact.tables["clearing"].rows() == read.tables["clearing"].rows()
    assert mastercard_ipm.read(source_of(NAME, content + b"\x40" * 1014)).fault is not None


def _assert_accounts(read: Parsed, content: bytes) -> None:
    """Each message is in one place, and each byte in one of four."""
    if read.fault is not None:
        assert read.detail is not None
        assert read.detail.endswith(".")
        return
    places = [record for table in ("clearing", "reject", "control_record") for record in read.tables[table]["record"]]
    assert sorted(places) == list(range(1, int(str(read.records)) + 1))
    count = read.bytes
    assert count is not None
    assert min(count.accepted, count.rejected, count.control, count.padding) >= 0
    assert count.accepted + count.rejected + count.control + count.padding == len(content)


def test_the_open_reader_reads_what_the_sample_writes(sample_dir: Path) -> None:
    """A file of the sample, message by message: what both readers tell of it is equal."""
    path = next(sample_dir.glob("20*/MC_*.ipm"))
    read = mastercard_ipm.read(source_of(path.name, path.read_bytes(), path.parent.name))
    assert read.fault is None, read.detail
    rows = {row["record"]: row for row in read.tables["clearing"].to_dicts()}
    rejected = set(read.tables["reject"]["record"])
    with path.open("rb") as handle:
        reader = mciipm.VbsReader(handle, blocked=True)
        looked_at = 0
        for record, message in enumerate(reader, start=1):
            if record in rejected:
                continue
            seen = iso8583.loads(message, encoding="cp500")
            if record not in rows:
                assert (seen["MTI"], seen["DE24"]) in {("1644", "697"), ("1644", "685"), ("1644", "695")}
                continue
            row = rows[record]
            told = [seen[name] for name in ("DE4", "DE5", "DE71")]
            assert told == [row["transaction_amount_minor"], row["amount_minor"], record]
            for name, column in SEEN.items():
                assert (str(seen[name]).strip() if name in seen else None) == row[column], name
            assert (("DE12" in seen and seen["DE12"]) or None) == row["local_time"]
            looked_at += 1
    assert looked_at == len(rows) > 0


def _some(seed: int) -> list[tuple[str, dict[int, str]]]:
    """A few of everything."""
    found = []
    for number, (mti, function, processing, marked) in enumerate(sorted(KINDS)):
        if mti == "1740":
            of, elements = fee_collection(processing, seed + number)
            found.append((of, {**elements, 24: function}))
            continue
        inner = pds({"0025": MARK} if marked else {"0146": f"000000840{5:012d}840{5:012d}", "0148": "8402"})
        found.append(presentment(seed + number, 100 * number, mti=mti, DE24=function, DE3=processing, DE48=inner))
        if mti == "1240":
            found.append(("1644", {24: "696", 48: pds({"0501": "1"})}))
    return [*found, *(("1644", {24: function}) for function in ADMINISTRATION)]


def _mutated(draw: random.Random, record: bytes) -> bytes:
    """The record with some bytes changed, most often digits; the length of some is another then."""
    changed = bytearray(record)
    for _ in range(draw.choice((1, 1, 2, 5))):
        at = draw.randrange(20, len(changed)) if draw.random() < 0.8 else draw.randrange(len(changed))
        changed[at] = draw.choice((draw.randrange(256), draw.randrange(0xF0, 0xFA), draw.randrange(0x30, 0x3A), 0x40))
    cut = draw.random()
    if cut < 0.1:
        del changed[draw.randrange(1, len(changed)) :]
    elif cut < 0.2:
        changed += bytes(draw.randrange(256) for _ in range(draw.randrange(1, 9)))
    return bytes(changed)


@pytest.mark.parametrize("encoding", ["cp500", "latin-1"])
def test_mutated_messages_are_accounted_for(encoding: str) -> None:
    """Whatever stands in details, the file comes out, and every byte is somewhere."""
    rejects = clearing = 0
    framing = [function.encode(encoding) for function in FRAMING if function != "696"]
    for number, size in batches(5_000, 500):
        draw = random.Random(f"mastercard {encoding} {number}")
        messages = ipm_file([one for seed in range(size // 30 + 1) for one in _some(100 * seed)], encoding=encoding)
        for at in draw.sample(range(1, len(messages) - 2), min(size, len(messages) - 3)):
            mutated = _mutated(draw, messages[at])
            # What has become a header or a trailer keeps the file out, and rightly so.
            if mutated[20:23] not in framing:
                messages[at] = mutated
        content = ipm_bytes(messages, blocked=bool(number % 2), pad=b"\x00" if number % 4 == 1 else b"\x40")
        read = mastercard_ipm.read(source_of(NAME, content))
        _assert_accounts(read, content)
        assert read.fault is None, read.detail
        rejects, clearing = rejects + read.tables["reject"].height, clearing + read.tables["clearing"].height
    assert rejects > 0
    assert clearing > 0


def test_mutated_streams_are_accounted_for() -> None:
    """A byte of a length, a block or the header: the file stays out with a sentence, or all is accounted for."""
    faults = set()
    for number, size in batches(2_000, 50, share=10):
        draw = random.Random(f"mastercard stream {number}")
        for case in range(size // 10):
            content = bytearray(ipm_bytes(ipm_file(_some(case)[:12]), blocked=bool(case % 2)))
            for _ in range(10):
                content[draw.randrange(len(content))] = draw.randrange(256)
            if draw.random() < 0.2:
                del content[draw.randrange(len(content)) :]
            if not content:
                continue
            read = mastercard_ipm.read(source_of(NAME, bytes(content)))
            faults.add(read.fault)
            _assert_accounts(read, bytes(content))
    assert {"UNREADABLE", "TRUNCATED", None} <= faults


@pytest.mark.parametrize("encoding", ["cp500", "latin-1"])
@pytest.mark.parametrize("blocked", [True, False])
def test_no_cut_of_a_file_is_taken(encoding: str, blocked: bool) -> None:
    whole = ipm_bytes(ipm_file(_some(1)[:4], encoding=encoding), blocked=blocked)
    assert mastercard_ipm.read(source_of(NAME, whole)).fault is None
    taken = [size for size in range(1, len(whole)) if mastercard_ipm.read(source_of(NAME, whole[:size])).fault is None]
    assert taken == []
