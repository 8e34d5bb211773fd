"""Each file's own totals, added up again without the writers."""

from __future__ import annotations

import csv
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from lxml import etree
from sample_files import accepted, luhn, messages, tcrs

from settlement.sample.world import BINS


def _net_of(message: dict[str, Any]) -> int:
    """What a Mastercard message adds to what the issuer pays, from its amounts and codes."""
    amount = int(message["DE5"])
    code = f"{int(message['DE3']):06d}"
    if message["MTI"] == "1740":
        return amount if code == "190000" else -amount
    credit = code == "200000" or message["MTI"] == "1442" or message.get("PDS0025", "").startswith("R")
    fee = int(message["PDS0146"][24:36])
    earned = -fee if credit or code == "010000" else fee
    return (-amount if credit else amount) - earned


def _mastercard_files(sample: Path) -> list[Path]:
    return accepted(sample, "MC_T112")


def test_mastercard_trailer_and_net_settlement(sample: Path) -> None:
    for path in _mastercard_files(sample):
        found = messages(path)
        amounts = [message for message in found if message["MTI"] in ("1240", "1442", "1740")]
        trailer = found[-1]
        assert path.stat().st_size % 1014 == 0
        assert int(trailer["PDS0301"]) == sum(int(message["DE4"]) for message in amounts)
        assert int(trailer["PDS0306"]) == len(found)
        assert [int(message["DE71"]) for message in found] == list(range(1, len(found) + 1))
        assert _booked(sample, path.name) == sum(_net_of(message) for message in amounts)


def test_mastercard_financial_positions(sample: Path) -> None:
    for path in _mastercard_files(sample):
        found = messages(path)
        for position in [message for message in found if message["DE24"] == "685"]:
            currency = position["DE49"]
            details = [m for m in found if m["MTI"] in ("1240", "1442") and m["DE49"] == currency]
            debits = [m for m in details if _direction(m) > 0]
            backs = [m for m in details if _direction(m) < 0]
            counts = [int(position[f"PDS{tag}"]) for tag in ("0400", "0401", "0402")]
            assert counts == [len(debits), len(backs), len(details)]
            for debit_tag, credit_tag, net_tag, element in (
                ("0380", "0381", "0384", "DE4"),
                ("0390", "0391", "0394", "DE5"),
            ):
                charged = sum(int(m[element]) for m in debits)
                credited = sum(int(m[element]) for m in backs)
                assert _signed(position[f"PDS{debit_tag}"]) == charged
                assert _signed(position[f"PDS{credit_tag}"]) == -credited
                assert _signed(position[f"PDS{net_tag}"]) == charged - credited
            assert _signed(position["PDS0396"]) == sum(_net_of(m) for m in details)


def _direction(message: dict[str, Any]) -> int:
    refund = int(message["DE3"]) == 200000
    return -1 if refund or message["MTI"] == "1442" or "PDS0025" in message else 1


def _signed(text: str) -> int:
    return int(text[1:]) * (1 if text[0] == "D" else -1)


def _booked(sample: Path, name: str) -> int:
    """What the bank booked for a network file, positive where the issuer paid."""
    day = name.split("_")[2]
    path = next(sample.glob(f"*/CAMT053_{day}.xml"))
    space = "{urn:iso:std:iso:20022:tech:xsd:camt.053.001.08}"
    for entry in etree.parse(path).iter(f"{space}Ntry"):
        if entry.findtext(f".//{space}EndToEndId") == name:
            amount = int(Decimal(entry.findtext(f"{space}Amt")) * 100)
            return amount if entry.findtext(f"{space}CdtDbtInd") == "DBIT" else -amount
    raise AssertionError(f"no entry for {name}")


def test_visa_trailers_and_net_settlement(sample: Path) -> None:
    files = accepted(sample, "VISA_CTF")
    assert {path.read_bytes().count(b"\n") > 0 for path in files} == {True, False}
    for path in files:
        lines = tcrs(path)
        firsts = [line for line in lines if line[:2] in ("05", "06", "07", "15", "25") and line[3] == "0"]
        fifths = [line for line in lines if line[:2] in ("05", "06", "07", "15", "25") and line[3] == "5"]
        total = sum(_number(line[61:73]) for line in firsts)
        for trailer, extra in ((lines[-2], 1), (lines[-1], 2)):
            assert int(trailer[15:30]) == total
            assert int(trailer[101:116]) == total
            assert int(trailer[30:42]) == len(firsts)
            assert int(trailer[48:60]) == 3 * len(firsts) + extra
            assert int(trailer[74:83]) == len(firsts) + extra
        micro = 0
        for first, fifth in zip(firsts, fifths, strict=True):
            if first[61:73].isdigit():
                micro += int(first[61:73]) * 10_000 * (1 if first[:2] in ("05", "07") else -1)
                micro += int(fifth[91:106]) * {"C": -1, "D": 1, " ": 0}[fifth[106]]
        assert abs(_booked(sample, path.name) * 10_000 - micro) <= 5_000


def _number(text: str) -> int:
    return int(text) if text.isdigit() else 0


def test_partial_clearings_count_up_and_add_to_the_authorised_amount(sample: Path) -> None:
    parts: dict[str, list[str]] = {}
    amounts = Counter()
    for path in accepted(sample, "VISA_CTF"):
        lines = tcrs(path)
        for first, fifth in zip(lines[1:-2:3], lines[3:-2:3], strict=True):
            if fifth[46:48] != "01":
                transaction = fifth[4:19]
                parts.setdefault(transaction, []).append(fifth)
                amounts[transaction] += int(first[61:73])
    assert parts
    for transaction, fifths in parts.items():
        assert sorted(int(fifth[44:46]) for fifth in fifths) == list(range(1, int(fifths[0][46:48]) + 1))
        assert {int(fifth[49:61]) for fifth in fifths} == {amounts[transaction]}


def test_retailer_trailer(sample: Path) -> None:
    for path in accepted(sample, "RET_CAPTURE"):
        lines = path.read_text(encoding="utf-8").splitlines()
        rows = [line.split(";") for line in lines if line.startswith("D;")]
        debit = credit = 0
        for row in rows:
            if row[9].isdigit():
                paid = sum(int(value or 0) for value in row[9:12])
                debit, credit = (debit + paid, credit) if row[8] == "SALE" else (debit, credit + paid)
        assert lines[-1] == f"T;{len(rows)};{debit};{credit}"
        assert lines[0].startswith("H;")
        assert lines[1].count(";") == 13


def test_acquirer_net_amounts_and_payout(sample: Path) -> None:
    cent = Decimal("0.01")
    for path in accepted(sample, "ACQ_SETTLEMENT_US"):
        with path.open(encoding="utf-8", newline="") as reader:
            rows = list(csv.DictReader(reader))
        for row in rows:
            if row["Type"] == "Settled" and row["Gross Credit (GC)"] != "#VALUE!":
                rate = Decimal(row["Exchange Rate"])
                gross = (Decimal(row["Gross Credit (GC)"]) * rate).quantize(cent, "ROUND_HALF_UP")
                fees = sum(Decimal(row[name]) for name in ("Markup (NC)", "Scheme Fees (NC)", "Interchange (NC)"))
                assert Decimal(row["Net Credit (NC)"]) == gross - fees
        assert rows[-1]["Type"] == "MerchantPayout"
        net = sum(Decimal(r["Net Credit (NC)"] or 0) - Decimal(r["Net Debit (NC)"] or 0) for r in rows[:-1])
        assert Decimal(rows[-1]["Net Debit (NC)"]) == net
        assert {r["Gross Currency"] for r in rows} >= {"USD", "XQX"}


@pytest.mark.parametrize("start", ["MC_T112", "VISA_CTF"])
def test_card_numbers_lie_in_the_test_ranges_and_reference_numbers_check(sample: Path, start: str) -> None:
    for path in accepted(sample, start):
        if start == "MC_T112":
            found = [(m["DE2"], m["DE31"]) for m in messages(path) if "DE2" in m]
        else:
            found = [(line[4:20], line[26:49]) for line in tcrs(path)[1:-2:3]]
        assert {int(pan[:8]) for pan, _ in found} <= set(BINS)
        assert sum(not luhn(pan) for pan, _ in found) <= 2
        assert all(luhn(arn) and len(arn) == 23 for _, arn in found)


def test_statement_balances_run_on(sample: Path) -> None:
    space = "{urn:iso:std:iso:20022:tech:xsd:camt.053.001.08}"
    closing = None
    for path in sorted(sample.glob("*/CAMT053_*.xml")):
        statement = next(etree.parse(path).iter(f"{space}Stmt"))
        opened, closed = (Decimal(b.findtext(f"{space}Amt")) for b in statement.iter(f"{space}Bal"))
        moved = sum(
            Decimal(entry.findtext(f"{space}Amt")) * (1 if entry.findtext(f"{space}CdtDbtInd") == "CRDT" else -1)
            for entry in statement.iter(f"{space}Ntry")
        )
        assert opened + moved == closed
        assert closing is None or opened == closing
        closing = closed
