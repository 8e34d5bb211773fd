"""Mastercard IPM: the totals that header, financial positions and trailer declare, and what the messages give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Final

import numpy as np
import polars as pl

from settlement.model.money import NUMERIC_CODES
from settlement.parse.candidates import candidate
from settlement.parse.mastercard_frames import Stream
from settlement.parse.mastercard_layout import Edition, MessageType
from settlement.parse.mastercard_messages import cut_messages
from settlement.parse.source import ControlTotal
from settlement.parse.spans import Alphabet

_COUNTS: Final = ("0400", "0401", "0402")
_AMOUNTS: Final = ("0380", "0381", "0384", "0390", "0391", "0394", "0395", "0396")
_POSITION: Final = (*_AMOUNTS, *_COUNTS)
_WANTED: Final = (
    *("DE24", "DE49", "DE50", "PDS0005", "PDS0105", "PDS0122", "PDS0300", "PDS0301", "PDS0306"),
    *(f"PDS{tag}" for tag in _POSITION),
)
_SIGNS: Final = {"D": 1, "C": -1}
_FILE_ID: Final = 25
_MOST: Final = 2**63
_OTHERS: Final = {
    MessageType.ADDENDUM: "ADDENDUM",
    MessageType.CURRENCY_SUMMARY: "CURRENCY_SUMMARY",
    MessageType.SETTLEMENT_POSITION: "SETTLEMENT_POSITION",
    MessageType.EXCEPTION: "RETURNED",
    MessageType.FILE_REJECT: "RETURNED",
}
"""Messages that move no money of their own, and their class as control records."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Administration:
    """The messages that frame a file, as text: header, financial positions and trailer, and what else is no detail.

    Each is a mapping from ``record``, ``DE49`` and ``PDS...`` to text or None.
    """

    headers: tuple[dict[str, object], ...] = ()
    positions: tuple[dict[str, object], ...] = ()
    trailers: tuple[dict[str, object], ...] = ()
    others: tuple[dict[str, object], ...] = ()

    def __add__(self, later: Administration) -> Administration:
        return Administration(
            headers=self.headers + later.headers,
            positions=self.positions + later.positions,
            trailers=self.trailers + later.trailers,
            others=self.others + later.others,
        )


def read_administration(stream: Stream, edition: Edition, signs: Alphabet, types: pl.DataFrame) -> Administration:
    """The messages of a part that are no details; ``types`` has ``type`` and ``belongs_to`` of all in order."""
    framing = [MessageType.HEADER, MessageType.FINANCIAL_POSITION, MessageType.TRAILER]
    at = types["type"].is_in([*framing, *_OTHERS]).arg_true().cast(pl.Int64).to_numpy()
    messages = cut_messages(stream.rows(at), edition, signs, _WANTED)
    frame = pl.DataFrame(messages.texts(_WANTED)).with_columns(
        record=pl.Series(at + stream.before + 1, dtype=pl.Int64),
        type=types["type"].gather(at),
        belongs_to=types["belongs_to"].gather(at),
    )

    def of(kind: MessageType) -> tuple[dict[str, object], ...]:
        return tuple(frame.filter(pl.col("type") == kind).to_dicts())

    return Administration(
        headers=of(MessageType.HEADER),
        positions=of(MessageType.FINANCIAL_POSITION),
        trailers=of(MessageType.TRAILER),
        others=tuple(frame.filter(pl.col("type").is_in(list(_OTHERS))).to_dicts()),
    )


def first_date(stream: Stream, edition: Edition, signs: Alphabet) -> date | None:
    """The date that the first message tells if it is a header as an edition knows one; else None."""
    wanted = ("MTI", "DE24", "PDS0105")
    first = cut_messages(stream.rows(np.zeros(1, dtype=np.int64)), edition, signs, wanted)
    mti, function, file_id = (column[0] for column in first.texts(wanted))
    if first.problem[0] or edition.messages.get(f"{mti}/{function}") is not MessageType.HEADER:
        return None
    return _date_of(str(file_id))


def date_of(header: dict[str, object]) -> date:
    """The business date that a header of a known date tells."""
    day = _date_of(str(header["PDS0105"]))
    if day is None:
        raise ValueError("the header tells no date")
    return day


def _date_of(file_id: str) -> date | None:
    """The date of PDS0105: type 3, date YYMMDD, processor 11, sequence 5."""
    if len(file_id) != _FILE_ID or not (file_id.isascii() and file_id.isdecimal()):
        return None
    try:
        return date(2000 + int(file_id[3:5]), int(file_id[5:7]), int(file_id[7:9]))
    except ValueError:
        return None


def contradiction(found: Administration) -> str | None:
    """One sentence where header, positions and trailer do not belong together or cannot be read; else None."""
    header, trailer = found.headers[0], found.trailers[0]
    if trailer["PDS0105"] != header["PDS0105"]:
        return "header and trailer (PDS0105) are of different files"
    for position in found.positions:
        if position["PDS0300"] not in {header["PDS0105"], None}:
            return f"message {position['record']} (PDS0300) is of another file than the header"
    required = [(trailer, tag) for tag in ("0301", "0306")] + [(p, tag) for p in found.positions for tag in _POSITION]
    for message, tag in required:
        if _declared(message, tag) is None:
            return f"message {message['record']} has no readable total PDS{tag}"
    return None


def _declared(message: dict[str, object], tag: str) -> int | None:
    """A declared total; amounts with a sign are positive where the issuer pays."""
    text = str(message[f"PDS{tag}"] or "")
    sign, digits = (_SIGNS.get(text[:1]), text[1:]) if tag in _AMOUNTS else (1, text)
    if sign is None or not (digits.isascii() and digits.isdecimal()):
        return None
    return sign * int(digits)


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """What messages add up to, bad ones included; totals of parts add up to those of their file.

    Attributes
    ----------
    messages, numbered:
        How many there are, and how many of them are numbered as they stand, or not at all.
    amount:
        The sum of DE4 of details, whatever the currency.
    net:
        Interchange less what was paid, + to us; ``currencies`` are those of the messages that move money.
    positions:
        Counts and sums of presentments and chargebacks by the numeric codes of their transaction and reconciliation
        currencies, positive where the issuer pays.
    """

    messages: int = 0
    numbered: int = 0
    amount: int = 0
    net: int = 0
    currencies: frozenset[str] = frozenset()
    positions: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def __add__(self, later: Totals) -> Totals:
        none = dict.fromkeys(_POSITION, 0)
        mine, theirs = self.positions, later.positions
        return Totals(
            messages=self.messages + later.messages,
            numbered=self.numbered + later.numbered,
            amount=self.amount + later.amount,
            net=self.net + later.net,
            currencies=self.currencies | later.currencies,
            positions={
                pair: {tag: mine.get(pair, none)[tag] + theirs.get(pair, none)[tag] for tag in _POSITION}
                for pair in mine.keys() | theirs.keys()
            },
        )


def totals_of(frame: pl.DataFrame) -> Totals:
    """The totals of messages as ``read_messages`` gives them."""
    moved = frame.filter(pl.col("mti").is_in([1240, 1442, 1740]))
    return Totals(
        messages=frame.height,
        numbered=frame.filter(pl.col("DE71").is_null() | (pl.col("DE71") == pl.col("record"))).height,
        amount=_sum(moved["DE4"]),
        net=_sum(moved["interchange_minor"]) - _sum(moved["DE5"] * moved["direction"]),
        currencies=frozenset(moved["currency"].drop_nulls().unique().to_list()),
        positions=_positions(frame),
    )


def control_totals(found: Administration, computed: Totals) -> tuple[ControlTotal, ...]:
    """All totals of a file.

    Financial positions are declared by transaction and reconciliation currency (numeric codes).
    """
    trailer = found.trailers[0]
    totals = [
        # All zeros are how a sender leaves this sum out.
        ControlTotal(control="PDS0301", declared=_declared(trailer, "0301") or None, computed=computed.amount),
        ControlTotal(control="PDS0306", declared=_declared(trailer, "0306"), computed=computed.messages),
        ControlTotal(control="messages numbered in order", declared=computed.messages, computed=computed.numbered),
    ]
    declared: dict[str, dict[str, int]] = {}
    for position in found.positions:
        sums = declared.setdefault(f"{position['DE49']}/{position['DE50']}", dict.fromkeys(_POSITION, 0))
        for tag in _POSITION:
            sums[tag] += _declared(position, tag) or 0
    for currencies in sorted({*computed.positions, *declared}):
        told, given = declared.get(currencies, {}), computed.positions.get(currencies, {})
        totals += [
            ControlTotal(control=f"{currencies} PDS{tag}", declared=told.get(tag, 0), computed=given.get(tag, 0))
            for tag in sorted(_POSITION)
        ]
    return tuple(totals)


def _positions(frame: pl.DataFrame) -> dict[str, dict[str, int]]:
    """Counts and sums of presentments and chargebacks by currencies; positive where the issuer pays."""
    debit, credit = pl.col("direction") == 1, pl.col("direction") == -1
    summed = ("DE4", "DE5", "interchange_minor")
    wide = pl.col(summed).cast(_wide_enough(*(frame[name] for name in summed)))
    moved = frame.filter(pl.col("mti").is_in([1240, 1442])).with_columns(wide)
    grouped = moved.group_by("DE49", "DE50").agg(
        pl.col("DE4").filter(debit).sum().alias("0380"),
        pl.col("DE4").filter(credit).sum().alias("0381"),
        pl.col("DE5").filter(debit).sum().alias("0390"),
        pl.col("DE5").filter(credit).sum().alias("0391"),
        pl.col("interchange_minor").sum().alias("0395"),
        debit.sum().alias("0400"),
        credit.sum().alias("0401"),
    )
    found = {}
    for row in grouped.iter_rows(named=True):
        sums = {tag: int(row[tag]) for tag in ("0380", "0390", "0400", "0401")}
        sums |= {tag: -int(row[tag]) for tag in ("0381", "0391", "0395")}
        sums["0384"] = sums["0380"] + sums["0381"]
        sums["0394"] = sums["0390"] + sums["0391"]
        sums["0396"] = sums["0394"] + sums["0395"]
        sums["0402"] = sums["0400"] + sums["0401"]
        found[f"{row['DE49']}/{row['DE50']}"] = sums
    return found


def net_settlement(computed: Totals) -> tuple[int | None, str | None]:
    """What the bank should show for the file, + to our account, and its currency; empty where it is not one currency.

    Bad rows are in it, as they are in the network's settlement.
    """
    if len(computed.currencies) != 1:
        return None, None
    return computed.net, next(iter(computed.currencies))


def control_records(file: str, found: Administration) -> pl.DataFrame:
    """All that is no detail in a part as the table ``control_record``; a position's money is + to us."""
    rows = [
        {"record": message["record"], "class": kind, "text": message["PDS0105"]}
        for kind, messages in (("HEADER", found.headers), ("TRAILER", found.trailers))
        for message in messages
    ]
    rows += [
        {
            "record": position["record"],
            "class": "FINANCIAL_POSITION",
            "amount_minor": -(_declared(position, "0396") or 0),
            "currency": NUMERIC_CODES.get(str(position["DE50"])),
            "text": f"transactions in {NUMERIC_CODES.get(str(position['DE49']), position['DE49'])}",
        }
        for position in found.positions
    ]
    rows += [_other(message) for message in found.others if _stands(message)]
    schema = {
        "record": pl.Int64,
        "class": pl.String,
        "amount_minor": pl.Int64,
        "currency": pl.String,
        "text": pl.String,
    }
    return candidate("control_record", file, pl.DataFrame(rows, schema=schema).sort("record"))


def _stands(message: dict[str, object]) -> bool:
    """An addendum without a presentment before it is a reject."""
    return message["type"] != MessageType.ADDENDUM or message["belongs_to"] is not None


def _other(message: dict[str, object]) -> dict[str, object]:
    kind = MessageType(str(message["type"]))
    row: dict[str, object] = {"record": message["record"], "class": _OTHERS[kind]}
    match kind:
        case MessageType.ADDENDUM:
            row["text"] = f"belongs to message {message['belongs_to']}"
        case MessageType.EXCEPTION:
            row["text"] = f"a message of ours, errors {message['PDS0005'] or 'not told'}"
        case MessageType.FILE_REJECT:
            row["text"] = f"a file of ours, {message['PDS0105'] or 'its id not told'}"
        case MessageType.SETTLEMENT_POSITION:
            net = _declared(message, "0396")
            row |= {"amount_minor": None if net is None else -net, "currency": NUMERIC_CODES.get(str(message["DE50"]))}
    return row


def _sum(column: pl.Series) -> int:
    """The exact sum; 0 for no rows."""
    return int(column.cast(_wide_enough(column)).sum() or 0)


def _wide_enough(*columns: pl.Series) -> pl.DataType:
    """A type in which no sum of some rows of these columns overflows; 128 bits are wanted for hostile amounts alone."""
    ends = [(column.len(), column.min(), column.max()) for column in columns]
    most = max((abs(end) * rows for rows, *pair in ends for end in pair if isinstance(end, int)), default=0)
    return pl.Int64() if most < _MOST else pl.Int128()
