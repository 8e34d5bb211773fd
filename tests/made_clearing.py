"""Small clearing files for tests, written from the formats' description and sharing no code with the readers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

LL = {2, 31, 32, 33, 43, 93, 94}
LLL = {48, 54, 62, 63, 72, 105, 123}
FILE_ID = "0011012290000099900100001"
RECORD = 168
VISA_FREE = {"04", "33", "40", "44", "46", "47", "50", "51", "52", "53", "56"}


def luhn_digit(digits: str) -> str:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        doubled = int(digit) * (2 if place % 2 == 0 else 1)
        total += doubled - 9 if doubled > 9 else doubled
    return str(-total % 10)


def card_number(number: int, prefix: str = "55555501") -> str:
    """A card number of 16 digits in an invented range."""
    digits = f"{prefix}{number:07d}"
    return digits + luhn_digit(digits)


def pds(values: Mapping[str, str]) -> str:
    return "".join(f"{tag}{len(value):03d}{value}" for tag, value in values.items())


def ipm_message(mti: str, elements: Mapping[int, str], encoding: str = "cp500") -> bytes:
    bitmap, body = 1 << 127, b""
    for element, value in sorted(elements.items()):
        bitmap |= 1 << (128 - element)
        head = f"{len(value):02d}" if element in LL else f"{len(value):03d}" if element in LLL else ""
        body += (head + value).encode(encoding)
    return mti.encode(encoding) + bitmap.to_bytes(16, "big") + body


def ipm_bytes(messages: Sequence[bytes], *, blocked: bool = True, pad: bytes = b"\x40") -> bytes:
    stream = b"".join(len(message).to_bytes(4, "big") + message for message in messages) + bytes(4)
    if not blocked:
        return stream
    stream += pad * (-len(stream) % 1012)
    return b"".join(stream[at : at + 1012] + 2 * pad for at in range(0, len(stream), 1012))


def presentment(number: int, amount: int, **changes: Any) -> tuple[str, dict[int, str]]:
    """One USD purchase of 28 December 2010; ``DE..=value`` changes an element, None takes it out."""
    elements: dict[int, str | None] = {
        2: card_number(number),
        3: "000000",
        4: f"{amount:012d}",
        5: f"{amount:012d}",
        12: "101228140851",
        24: "200",
        26: "5999",
        31: f"2555550036201000{number:07d}",
        37: f"{number:012d}",
        38: "AB12CD",
        41: f"T{number:07d}",
        42: "2722000872286  ",
        43: "CAF\N{LATIN SMALL LETTER E WITH ACUTE} ONE\\STREET\\CITY\\94088     CA USA",
        48: pds({"0146": f"000000840{amount // 50:012d}840{amount // 50:012d}", "0148": "8402"}),
        49: "840",
        50: "840",
        63: f"{number:016d}",
    }
    mti = changes.pop("mti", "1240")
    elements |= {int(name.removeprefix("DE")): value for name, value in changes.items()}
    return mti, {element: value for element, value in elements.items() if value is not None}


def fee_collection(code: str, amount: int) -> tuple[str, dict[int, str]]:
    value = f"{amount:012d}"
    return "1740", {3: code, 4: value, 5: value, 24: "700", 25: "7600", 48: pds({"0137": "1"}), 49: "840", 50: "840"}


def ipm_file(
    details: Sequence[tuple[str, dict[int, str]]],
    positions: Sequence[Mapping[str, str]] | None = None,
    *,
    file_id: str = FILE_ID,
    trailer: Mapping[str, str] | None = None,
    encoding: str = "cp500",
) -> list[bytes]:
    """Header, details, financial positions (PDS by tag, DE49 and DE50 under their numbers) and a trailer.

    Positions and trailer re-add unless they are given.
    """
    positions = positions_of(details) if positions is None else positions
    plain: list[tuple[str, dict[int, str]]] = [("1644", {24: "697", 48: pds({"0105": file_id, "0122": "T"})}), *details]
    for position in positions:
        values = {tag: value for tag, value in position.items() if len(tag) == 4}
        currencies = {int(tag): value for tag, value in position.items() if len(tag) == 2}
        plain.append(("1644", {24: "685", 48: pds(values), 49: "840", 50: "840", **currencies}))
    summed = sum(int(e[4]) for m, e in details if m in {"1240", "1442", "1740"} and e.get(4, "x").isdecimal())
    totals = {"0105": file_id, "0301": f"{summed:016d}", "0306": f"{len(plain) + 1:08d}", **(trailer or {})}
    plain.append(("1644", {24: "695", 48: pds(totals)}))
    return [ipm_message(mti, {**elements, 71: f"{at:08d}"}, encoding) for at, (mti, elements) in enumerate(plain, 1)]


def positions_of(details: Sequence[tuple[str, dict[int, str]]]) -> list[dict[str, str]]:
    """The financial positions that re-add: one for each pair of currencies, interchange from PDS0146."""
    sums: dict[tuple[str, str], list[int]] = {}
    for mti, elements in details:
        if mti not in {"1240", "1442"}:
            continue
        found = sums.setdefault((elements[49], elements[50]), [0] * 7)
        amounts = [int(elements[de]) if elements.get(de, "x").isdecimal() else 0 for de in (4, 5)]
        inner = _read_pds(elements.get(48, ""))
        reversal = inner.get("0025", "").startswith("R")
        refund, cash = elements.get(3) == "200000", elements.get(3) == "010000"
        if elements.get(3) not in {"000000", "090000", "200000", "010000"}:
            continue
        credit = (mti == "1442") != (refund != reversal)
        for at, value in enumerate((1, *amounts)):
            found[at + 3 * credit] += value
        entries = inner.get("0146", "")
        fee = sum(int(e) for at in range(24, len(entries), 36) if (e := entries[at : at + 12]).isdecimal())
        found[6] += 0 if mti == "1442" else fee if (refund or cash) != reversal else -fee
    return [
        position((a, b, c), (d, e, f), fee, **{"49": code, "50": other})
        for (code, other), (a, b, c, d, e, f, fee) in sorted(sums.items())
    ]


def _read_pds(text: str) -> dict[str, str]:
    found = {}
    while len(text) >= 7 and text[:7].isdecimal():
        found[text[:4]], text = text[7 : 7 + int(text[4:7])], text[7 + int(text[4:7]) :]
    return found


def position(debits: tuple[int, int, int], credits_: tuple[int, int, int], fee: int, **changes: str) -> dict[str, str]:
    """PDS of a financial position: (count, DE4, DE5) of debits and credits, fee positive where the issuer pays."""

    def signed(value: int, sign: str = "") -> str:
        return f"{sign or ('C' if value < 0 else 'D')}{abs(value):016d}"

    net4, net5 = debits[1] - credits_[1], debits[2] - credits_[2]
    return {
        "0300": FILE_ID,
        "0380": signed(debits[1], "D"),
        "0381": signed(credits_[1], "C"),
        "0384": signed(net4),
        "0390": signed(debits[2], "D"),
        "0391": signed(credits_[2], "C"),
        "0394": signed(net5),
        "0395": signed(fee),
        "0396": signed(net5 + fee),
        "0400": f"{debits[0]:010d}",
        "0401": f"{credits_[0]:010d}",
        "0402": f"{debits[0] + credits_[0]:010d}",
        **changes,
    }


def tcr(fields: Mapping[int, str]) -> str:
    """One record of 168 characters from fields by first position, counted from 1."""
    line = [" "] * RECORD
    for first, text in fields.items():
        line[first - 1 : first - 1 + len(text)] = text
    return "".join(line)


def visa_transaction(number: int, amount: int, code: str = "05", **changes: str) -> list[str]:
    """TCR 0, 1 and 5 of one USD transaction of 28 December; keyword arguments change what they name."""
    value = f"{amount:012d}"
    given = {
        "card": card_number(number, "41111101"), "extension": "000", "date": "1228", "dest": value, "src": value,
        "dest_currency": "840", "src_currency": "840", "cashback": "0" * 9, "interchange": f"{amount * 150:015d}",
        "sign": "C", "reason": "  ", "usage": " ", "processed": "    ", "parts": "    ", **changes,
    }  # fmt: skip
    return [
        tcr({
            1: f"{code}00", 5: given["card"], 21: given["extension"], 27: f"2411110036201000{number:07d}",
            58: given["date"], 62: given["dest"], 74: given["dest_currency"], 77: given["src"],
            89: given["src_currency"], 92: "CORNER SHOP", 117: "CITY", 133: "5411", 147: given["usage"],
            148: given["reason"], 152: "EF34GH", 164: given["processed"],
        }),
        tcr({1: f"{code}01", 81: "6899653066663", 96: f"V{number:07d}", 158: given["cashback"]}),
        tcr({1: f"{code}05", 5: f"{number:015d}", 45: given["parts"], 92: given["interchange"], 107: given["sign"]}),
    ]  # fmt: skip


def visa_lines(transactions: Sequence[Sequence[str]], on: date = date(2010, 12, 29), **changes: int) -> list[str]:
    """A file of one batch with trailers that re-add; ``dest=`` and the like falsify the file's trailer."""
    day = f"{on:%y%j}"
    lines = [tcr({1: "90400001", 9: day, 30: "TEST", 77: "001"})]
    lines += [line for transaction in transactions for line in transaction]
    heads = [line for line in lines[1:] if line[3:4] == "0"]
    paid = [line for line in heads if line[:2] not in VISA_FREE]
    amounts = [(line[46:58], line[61:73]) if line[:2] in {"10", "20"} else (line[61:73], line[76:88]) for line in paid]
    dest, src = (sum(int(pair[at]) for pair in amounts if pair[at].isdecimal()) for at in (0, 1))
    monetary, begun = len(paid), len(heads)
    for number, code in ((1, "91"), (2, "92")):
        totals = {"dest": dest, "src": src, "monetary": monetary, "tcr": len(lines), "trans": begun + number}
        totals |= changes if code == "92" else {}
        lines.append(
            tcr({
                1: f"{code}00400001{day}", 16: f"{totals['dest']:015d}", 31: f"{totals['monetary']:012d}",
                43: "000001", 49: f"{totals['tcr']:012d}", 67: "BATCH001", 75: f"{totals['trans']:09d}",
                102: f"{totals['src']:015d}",
            })
        )  # fmt: skip
    return lines


def visa_bytes(lines: Sequence[str], end: str = "\n") -> bytes:
    return "".join(line + end for line in lines).encode("latin-1")


def visa_fee(code: str, amount: int, **changes: str) -> list[str]:
    """A fee or funds of 28 December, without a card; keyword arguments change what they name."""
    value = f"{amount:012d}"
    given = {
        "reason": "5010", "date": "1228", "card": "0" * 16, "dest": value, "src": value, "currency": "840",
        "source_currency": "840", "processed": "0363", **changes,
    }  # fmt: skip
    return [
        tcr({
            1: f"{code}00400001400002", 17: given["reason"], 21: "US ", 24: given["date"], 28: given["card"], 44: "000",
            47: given["dest"], 59: given["currency"], 62: given["src"], 74: given["source_currency"], 77: "A FEE",
            148: "000000000000777", 164: given["processed"],
        })
    ]  # fmt: skip


def visa_report(count: int, credit: int, debit: int, /, **changes: str) -> list[str]:
    """A line of VSS-110: interchange value of the issuer, settled on 29 December 2010."""
    net = credit - debit
    given = {
        "group": "V2", "number": "110", "type": "I", "mode": "2", "settled": "2010363", "empty": " ",
        "currency": "840", "count": f"{count:015d}", "credit": f"{credit:015d}", "debit": f"{debit:015d}",
        "net": f"{abs(net):015d}", "sign": "CR" if net > 0 else "DB" if net < 0 else "  ", **changes,
    }  # fmt: skip
    return [
        tcr({
            1: "4600400001000000", 17: "9000000001", 50: given["currency"], 53: given["empty"], 59: given["group"],
            61: given["number"], 66: given["settled"], 94: given["type"], 95: given["mode"], 96: given["count"],
            111: given["credit"], 126: given["debit"], 141: given["net"], 156: given["sign"],
        })
    ]  # fmt: skip


def visa_returned(number: int, amount: int, code: str = "02", original: str = "15", reasons: str = "123") -> list[str]:
    """A transaction of ours that the network sent back, with the data of the return in its TCR 9."""
    records = [f"{code}{line[2:]}" for line in visa_transaction(number, amount, original)]
    told = {36 if place == 0 else 53 + 3 * place: reasons[3 * place : 3 * place + 3] for place in range(5)}
    data = {1: f"{code}09400001400002{original}00", 39: f"{amount:012d}", 51: "840", **told}
    return [*records, tcr({first: text for first, text in data.items() if text})]
