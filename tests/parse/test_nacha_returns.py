"""Returns and changes in NACHA files, written out by hand here and checked by all that a file says of itself."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_payments import dollars, nacha_form, us_payment

from settlement.errors import TerminalError
from settlement.model.payment_status import BankReply, Corrected, Outcome
from settlement.model.reason_codes import NACHA_CHANGES, NACHA_DISPUTED_RETURNS, NACHA_RETURNS
from settlement.parse.nacha_returns import read_nacha_returns
from settlement.pay.nacha import trace_numbers, write_nacha
from settlement.pay.replies import assign


def head(kind: str = "101") -> str:
    return f"{kind} 021000021 0910000192406050830A094101{'Example Bank':23}{'Example Bank Operations':23}{'':8}"


def returned(name: str, cents: int, addenda: str, number: int = 1, code: str = "21") -> list[str]:
    trace = f"09100001{number:07}"
    entry = f"6{code}021000021{'000123456789':17}{cents:010}{name:15}{'Example Airlines':22}  1{trace}"
    return [entry, f"{addenda:79}{trace}"]


def back(code: str, original: int = 1, text: str = "") -> str:
    return f"799{code}02100002{original:07}{'':6}02100002{text:44}"


def change(code: str, data: str, original: int = 1) -> str:
    return f"798{code}02100002{original:07}{'':6}02100002{data:29}"


def file(*batches: tuple[str, list[str]], filled: bool = True, end: str = "\n") -> bytes:
    """The file of some batches (class, entries with addenda), with its own sums worked out by positions."""
    lines, totals = [head()], [0, 0, 0, 0]
    for number, (entry_class, records) in enumerate(batches, start=1):
        entries = [line for line in records if line[0] == "6"]
        debit = sum(int(line[29:39]) for line in entries if line[2] in "56789")
        credit = sum(int(line[29:39]) for line in entries) - debit
        sums = [len(records), sum(int(line[3:11]) for line in entries), debit, credit]
        totals = [a + b for a, b in zip(totals, sums, strict=True)]
        lines += [
            f"5200{'Example Bank':16}{'':20}1234567890{entry_class}{'PAYOUT':10}{'':6}240605   109100001{number:07}",
            *records,
            f"8200{sums[0]:06}{sums[1]:010}{debit:012}{credit:012}1234567890{'':25}09100001{number:07}",
        ]
    blocks = -(-(len(lines) + 1) // 10)
    lines.append(f"9{len(batches):06}{blocks:06}{totals[0]:08}{totals[1]:010}{totals[2]:012}{totals[3]:012}{'':39}")
    lines += ["9" * 94] * (blocks * 10 - len(lines)) * filled
    return (end.join(lines) + end).encode()


def read(content: bytes) -> BankReply:
    return read_nacha_returns(content, file="RETURNS.ach")


TWO = file(
    ("CCD", [*returned("P-1", 1730, back("R03")), *returned("P-2", 5, back("R14", 2, "estate"), 2)]),
    ("COR", returned("P-3", 0, change("C02", "011401533", 3), 3)),
)


@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
@pytest.mark.parametrize("filled", [True, False])
def test_returns_and_changes_are_read_however_lines_end(end: str, filled: bool) -> None:
    content = file(("CCD", returned("P-1", 1730, back("R03"))), filled=filled, end=end)
    (status,) = read(content).statuses
    assert (status.outcome, status.code, status.end_to_end_id) == (Outcome.RETURNED, "R03", "P-1")


def test_a_file_of_returns_and_changes_finds_its_payments() -> None:
    ordered, form = dollars(us_payment(), us_payment("P-2", 5), us_payment("P-3"), us_payment("P-4")), nacha_form()
    reply = read(TWO)
    found = assign(ordered, reply, trace_numbers(ordered, form))
    assert [(name, s.outcome, s.code) for name, s in found.told] == [
        ("P-1", Outcome.RETURNED, "R03"),
        ("P-2", Outcome.RETURNED, "R14"),
        ("P-3", Outcome.CHANGED, "C02"),
    ]
    assert (found.astray, found.notes) == ((), ())
    assert "P-4" not in dict(found.told)
    first, second, third = reply.statuses
    assert (first.amount_minor, first.currency, first.on) == (1730, "USD", date(2024, 6, 5))
    assert (first.bank_reference, second.reasons[0].words) == ("021000020000001", "estate")
    assert (third.amount_minor, third.corrected) == (None, ((Corrected.ROUTING_NUMBER, "011401533"),))
    assert reply.reply_id == "091000019-2406050830-A"


def test_a_return_with_another_trace_or_amount_than_ours_is_astray() -> None:
    ordered, form = dollars(us_payment(), us_payment("P-2")), nacha_form()
    reply = read(
        file(
            (
                "CCD",
                [
                    *returned("P-1", 1730, back("R03", 2)),
                    *returned("P-2", 1731, back("R03", 2), 2),
                    *returned("", 1730, back("R03"), 3),
                ],
            )
        )
    )
    found = assign(ordered, reply, trace_numbers(ordered, form))
    assert [a.why for a in found.astray] == [
        "it quotes the trace number 021000020000002, and P-1 has 021000020000001",
        "it speaks of 1731 minor units of USD, and P-2 is of 1730 of USD",
    ]
    assert [(name, s.end_to_end_id) for name, s in found.told] == [("P-1", None)]


@pytest.mark.parametrize("code", NACHA_RETURNS)
def test_each_reason_of_a_return_is_known(code: str) -> None:
    (status,) = read(file(("CCD", returned("P-1", 1730, back(code))))).statuses
    assert (status.outcome, status.reasons[0].known) == (Outcome.RETURNED, True)
    assert status.reasons[0].meaning == NACHA_RETURNS[code]


@pytest.mark.parametrize("code", [*NACHA_DISPUTED_RETURNS, "R99", "X01"])
def test_disputed_returns_and_unknown_codes_are_unclear(code: str) -> None:
    (status,) = read(file(("CCD", returned("P-1", 1730, back(code))))).statuses
    assert (status.outcome, status.code) == (Outcome.UNCLEAR, code)
    assert status.reasons[0].known == (code in NACHA_DISPUTED_RETURNS)


@pytest.mark.parametrize(
    ("code", "data", "corrected"),
    [
        ("C01", "12345678901234567", [("account_number", "12345678901234567")]),
        ("C02", "011401533", [("routing_number", "011401533")]),
        ("C03", f"011401533   {'44-1':17}", [("routing_number", "011401533"), ("account_number", "44-1")]),
        ("C04", "Example Air Lines", [("name", "Example Air Lines")]),
        ("C05", "32", [("transaction_code", "32")]),
        ("C06", f"{'44-1':17}   32", [("account_number", "44-1"), ("transaction_code", "32")]),
        (
            "C07",
            f"011401533{'44-1':17}32",
            [("routing_number", "011401533"), ("account_number", "44-1"), ("transaction_code", "32")],
        ),
        ("C09", "P-17", [("identification", "P-17")]),
        ("C13", "", []),
        ("C14", "", []),
    ],
)
def test_each_change_tells_its_new_values(code: str, data: str, corrected: list[tuple[str, str]]) -> None:
    (status,) = read(file(("COR", returned("P-1", 0, change(code, data))))).statuses
    assert (status.outcome, list(status.corrected)) == (Outcome.CHANGED, corrected)
    assert status.reasons[0].meaning == NACHA_CHANGES[code][0]


@pytest.mark.parametrize(("code", "data"), [("C02", "011401534"), ("C01", ""), ("C03", "011401533"), ("C77", "new")])
def test_changes_that_cannot_be_used_are_unclear_and_told_as_words(code: str, data: str) -> None:
    (status,) = read(file(("COR", returned("P-1", 0, change(code, data))))).statuses
    assert (status.outcome, status.corrected) == (Outcome.UNCLEAR, ())
    assert status.reasons[0].words == data
    assert status.reasons[0].known == (code != "C77")


def test_entries_that_answer_nothing_are_notes() -> None:
    forward = [f"622021000021{'1':17}{5:010}{'IN-1':15}{'Payer':22}  009100001{1:07}"]
    reply = read(file(("PPD", forward)))
    assert (reply.statuses, reply.notes) == ((), ("the entry on line 3 (code 22) is neither a return nor a change",))


def test_a_file_that_goes_out_answers_nothing() -> None:
    reply = read(write_nacha(dollars(us_payment(), us_payment("P-2")), nacha_form(balanced=True)))
    assert (len(reply.statuses), len(reply.notes)) == (0, 3)


def test_each_changed_digit_of_counts_hashes_and_sums_is_refused() -> None:
    lines = TWO.split(b"\n")
    controls = [number for number, line in enumerate(lines) if line[:1] in {b"8", b"9"} and line != b"9" * 94]
    places = [(2, at) for at in (*range(3, 11), *range(29, 39))]
    places += [(line, at) for line in controls for at in range(4, 44)]
    for line, at in places:
        changed = bytearray(TWO)
        changed[line * 95 + at] = ord("0") + (changed[line * 95 + at] - ord("0") + 1) % 10
        with pytest.raises(TerminalError, match=r"RETURNS\.ach was not read"):
            read(bytes(changed))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "it holds no records"),
        (b"9" * 94, "it holds no records"),
        (TWO.replace(b"Example Airlines", b"Soci\xc3\xa9t\xc3\xa9 X  ", 1), "is no ASCII character"),
        (b"\n".join(TWO.split(b"\n")[:11]), "without its file control record"),
        (b"\n".join(TWO.split(b"\n")[1:]), r"line 1 \(record '5'\) cannot follow a record of no kind"),
        (TWO.replace(b"799R03", b" 799R03"), "line 4 has 95 characters"),
        (TWO.replace(b"  1091000010000001\n7", b"  0091000010000001\n7"), "says '0' for its addenda records"),
        (file(("CCD", [returned("P-1", 5, back("R03"))[0], returned("P-1", 5, back("R03"), 2)[1]])), "another trace"),
        (TWO.replace(b"CCDPAYOUT", b"IATPAYOUT"), "entries of the class IAT"),
        (TWO.replace(b"2406050830", b"2406310830"), "no day of creation"),
        (TWO.replace(b"1234567890CCD", b"1234567899CCD"), "and its control record '1234567890'"),
        (TWO.replace(b"0000001730P-1", b"000000173 P-1"), "the field amount on line 3 holds no number"),
        (b"<Document/>", "characters and not 94"),
    ],
)
def test_what_cannot_be_believed_is_refused_whole(content: bytes, told: str) -> None:
    with pytest.raises(TerminalError, match=told) as refused:
        read(content)
    assert str(refused.value).startswith("RETURNS.ach was not read and says nothing of any payment: ")


@given(data=st.data())
@settings(max_examples=300, deadline=None)
def test_mutated_files_are_read_or_refused_in_a_sentence(data: st.DataObject) -> None:
    content = bytearray(TWO)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        new = data.draw(st.binary(max_size=6))
        content[at : at + (len(new) if data.draw(st.booleans()) else 3)] = new
    refused = ""
    try:
        read(bytes(content))
    except TerminalError as error:
        refused = str(error)
    assert not refused or refused.startswith("RETURNS.ach was not read")
