"""Files of every layout that carries cards, with card numbers where none belongs: rows to reject, files to refuse.

Each row has a number in one other field, plain, in groups, or with letters around it; what the readers say of such
rows and files must not repeat it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import cycle

from bank_files import Entry, Statement, bai2, camt053, camt054, mt940
from made_clearing import (
    card_number,
    ipm_bytes,
    ipm_file,
    positions_of,
    presentment,
    visa_bytes,
    visa_lines,
    visa_transaction,
)
from made_workbook import Cell, workbook

UNIONPAY_CARD = "6222020119096198229"
CARDS = (*(card_number(number) for number in range(900, 906)), card_number(900, "41111101"), UNIONPAY_CARD)
"""The numbers that stand in these files."""

_UNIONPAY_WIDTHS = (
    *(11, 11, 6, 10, 19, 12, 12, 12, 4, 6, 4, 8, 15, 12, 2, 6, 11, 6, 2, 3, 12),
    *(12, 12, 1, 3, 1, 1, 10, 11, 1, 2, 2, 12, 14, 11, 11, 1, 1, 4, 2, 40, 3),
)
_UNIONPAY = {
    1: "48021000", 3: "000025", 4: "1229214113", 5: UNIONPAY_CARD, 6: "000000016798", 9: "0200", 10: "000000",
    11: "5111", 12: "C0094387", 13: "9104052400000", 14: "362000000025", 16: "9CBUTL", 18: "000000",
    21: "000000000076", 22: "000000000000", 23: "D00000000005", 28: "0000000000", 39: "0301", 41: "CLUB", 42: "156",
}  # fmt: skip
_CLUB_HEADINGS = (
    *("交易日期 Date", "门店 Outlet", "卡号 Card", "授权码 Auth", "金额 Amount", "币种 Ccy", "类型 Type", "单号 Ref"),
)


def bad_files(night: str, delivered: Mapping[str, bytes]) -> dict[str, bytes]:
    """Bad files by name for a night such as ``20251230``.

    Parameters
    ----------
    delivered
        Good files of the sample by name, whose delimited ones are taken as the pattern of bad ones.
    """
    day = datetime.fromisoformat(night).date()
    file_id = f"001{night[2:]}0000099900100051"
    found = {
        f"MC_T112_{night}_51.ipm": _mastercard(file_id),
        f"MC_T112_{night}_52.ipm": _mastercard(file_id)[:-1100],
        f"MC_T112_{night}_53.ipm": b"".join(card.encode("cp500") for card in CARDS) * 40,
        f"VISA_CTF_{night}_51.ctf": visa_bytes(visa_lines(_visa(), day)),
        f"VISA_CTF_{night}_52.ctf": visa_bytes(visa_lines(_visa(), day, dest=1)),
        f"VISA_CTF_{night}_53.ctf": "".join(CARDS).encode() * 40,
        f"UPI_ACOM_{night}_51.txt": b"".join(line + b"\n" for line in _unionpay_lines()),
        f"UPI_ACOM_{night}_52.txt": b"".join(line[3:] + b"\n" for line in _unionpay_lines()),
        f"CLUB_SALES_{night}.xlsx": workbook(_club_rows(night)),
        f"AIR_ACCRUAL_{night}.txt": "".join(f"{line}\n" for line in _accruals(night)).encode(),
        **_statements(night),
    }
    for name, content in delivered.items():
        if name.startswith(("ACQ_SETTLEMENT", "RET_CAPTURE", "ENROLMENT", "ACCOUNTS", "STORES")):
            found[_renamed(name, night)] = _delimited(content)
    return found


def _renamed(name: str, night: str) -> str:
    """The name of another file of the same layout: the capture's date must be that of its first line."""
    if name.startswith("RET_CAPTURE"):
        return name.replace("_01.", "_77.")
    return f"{name.split('_2', maxsplit=1)[0]}_{night}.csv"


def _writings(card: str) -> Sequence[str]:
    grouped = " ".join(card[at : at + 4] for at in range(0, len(card), 4))
    return (card, grouped, grouped.replace(" ", "-"), f"=A{card}B", f"12 {grouped} 3")


def _texts() -> Iterator[str]:
    return cycle([text for card in CARDS for text in _writings(card)])


def _delimited(content: bytes) -> bytes:
    """Each data line of a good file with a number in one of its fields, and lines of wrong shapes."""
    lines = content.decode().splitlines()
    mark = ";" if lines[0].count(";") > lines[0].count(",") else ","
    first = 2 if lines[0].startswith("H;") else 1
    plain, texts = lines[first].split(mark), _texts()
    made = []
    for place in range(len(plain)):
        made += [mark.join([*plain[:place], next(texts), *plain[place + 1 :]]) for _ in _writings("")]
    made += [next(texts), mark.join([next(texts)] * 3), "D" + mark.join([*plain, next(texts)])]
    return "".join(f"{line}\n" for line in [*lines[:first], *made, *lines[first:]]).encode()


def _mastercard(file_id: str) -> bytes:
    rows = _presentments()
    return ipm_bytes(ipm_file(rows, [{**told, "0300": file_id} for told in positions_of(rows)], file_id=file_id))


def _presentments() -> list[tuple[str, dict[int, str]]]:
    card, rows = cycle(CARDS[:6]), []
    for number in range(900, 906):
        rows.append(presentment(number, 100, DE12="101399140851"))
        rows.append(presentment(number, 100, DE49=number))
    for element in (3, 4, 5, 12, 24, 26, 31, 37, 38, 41, 42, 43, 49, 50, 63):
        row = presentment(900 + element % 6, 250)
        width = len(row[1][element])
        text = next(card).ljust(width)
        row[1][element] = text if element in {31, 43} else text[:width]
        rows.append(row)
    rows.append(("1240", {2: next(card), 3: next(card)[:6], 48: next(card), 49: "840", 50: "840"}))
    return [(mti, {element: str(value) for element, value in told.items()}) for mti, told in rows]


def _visa() -> list[list[str]]:
    card = cycle(CARDS[:7])
    rows = [visa_transaction(900, 100, date="1399"), visa_transaction(900, 100, dest_currency="000")]
    places = ((0, 27), (0, 50), (0, 58), (0, 62), (0, 77), (0, 92), (0, 117), (0, 130))
    for place, first in (*places, (1, 81), (1, 96), (1, 158), (2, 5), (2, 92)):
        lines = visa_transaction(900, 250)
        # Nothing may touch the number: in a longer one nobody could tell it.
        lines[place] = _put(lines[place], first - 1, f" {next(card)}".ljust(24))
        rows.append(lines)
    return rows


def _put(line: str, first: int, text: str) -> str:
    return (line[: first - 1] + text + line[first - 1 + len(text) :])[: len(line)]


def _unionpay_lines() -> list[bytes]:
    told = []
    for number in (3, 4, 6, 9, 10, 11, 12, 13, 14, 16, 21, 22, 28, 41, 42):
        fields = _UNIONPAY | {number: next(_texts())[: _UNIONPAY_WIDTHS[number - 1]]}
        told.append(fields)
    told += [_UNIONPAY | {5: "62220201x" + CARDS[0][:10], 41: CARDS[0]}, _UNIONPAY | {4: "1399214113"}]
    return [
        b" ".join(row.get(number, "").encode("gbk").ljust(width) for number, width in enumerate(_UNIONPAY_WIDTHS, 1))
        for row in told
    ]


def _club_rows(night: str) -> list[list[Cell]]:
    day, texts = datetime.fromisoformat(night), _texts()
    plain: list[Cell] = [
        day,
        "CLUB",
        "622202*********9097",
        "5MUANW",
        Decimal("1.05"),
        "CNY",
        "销售 SALE",
        3703148953303,
    ]
    rows: list[list[Cell]] = []
    for place in range(len(plain)):
        rows += [[*plain[:place], next(texts), *plain[place + 1 :]] for _ in range(5)]
        rows.append([*plain[:place], Decimal(CARDS[place % 6][:15]), *plain[place + 1 :]])
    total = Decimal("1.05") * sum(row[4] == plain[4] for row in rows)
    tail: list[Cell] = ["合计 TOTAL", None, None, None, total, "CNY", len(rows)]
    return [["CLUB"], ["Business date", day], [], [*_CLUB_HEADINGS], *rows, tail]


def _accruals(night: str) -> list[str]:
    head = f"H{'MERIDIANAIR':<12}{night}0003630100".ljust(100)
    texts = [next(_texts()) for _ in range(6)]
    details = [f"D{number:09d}{text}{'EMPLOYEES':<25}".ljust(100)[:100] for number, text in enumerate(texts, 1)]
    return [head, *details, f"T{len(details):09d}{0:015d}{0:015d}".ljust(100)]


def _statements(night: str) -> dict[str, bytes]:
    """Bank statements with numbers in every text, and with some where an amount, a date or a code belongs."""
    day, texts = datetime.fromisoformat(night).date(), _texts()
    entries = [
        Entry(amount_minor=100 + n, remittance=f"CARD {next(texts)} PAID", end_to_end_id=card, bank_ref=card)
        for n, card in enumerate(CARDS)
    ]
    good = [Statement(day=day, entries=entries, account="A1")]
    card = CARDS[0]
    found = {
        f"CAMT053_{night}.xml": camt053(good),
        f"CAMT054_{night}_51.xml": camt054(good),
        f"CAMT054_{night}_52.xml": camt054(good).replace("1.03", f"1{card}x", 1),
        f"CAMT054_{night}_53.xml": f"<{'x' * 3}{card}>{card}",
        f"MT940_{night}.sta": mt940(good).replace("C1,02", f"C{card[:15]}9,02", 1),
        f"BAI2_{night}.bai": bai2(good).replace("16,195,102", f"16,{card},102", 1),
    }
    return {name: text.encode() for name, text in found.items()}
