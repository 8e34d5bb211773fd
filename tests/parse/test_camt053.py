"""Bank statements: entries, directions, balances that must add up, and documents that must not be opened."""

from __future__ import annotations

import re
from datetime import date

import pytest
from layout_files import LAYOUTS, layout, layout_of, read

from settlement.model.clearing import Why
from settlement.parse.source import Parsed

URN = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"


def balance(code: str, amount: str, currency: str = "USD", sign: str = "CRDT") -> str:
    return (
        f'<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy="{currency}">{amount}</Amt>'
        f"<CdtDbtInd>{sign}</CdtDbtInd><Dt><Dt>2024-03-01</Dt></Dt></Bal>"
    )


def entry(amount: str = "10.00", sign: str = "CRDT", currency: str = "USD", more: str = "") -> str:
    return (
        f'<Ntry><NtryRef>R1</NtryRef><Amt Ccy="{currency}">{amount}</Amt><CdtDbtInd>{sign}</CdtDbtInd>{more}'
        "<Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>2024-03-01</Dt></BookgDt><ValDt><Dt>2024-03-02</Dt></ValDt>"
        "<BkTxCd><Prtry><Cd>NETW</Cd></Prtry></BkTxCd><NtryDtls><TxDtls><Refs><EndToEndId>E1</EndToEndId></Refs>"
        "<RmtInf><Ustrd>PAID</Ustrd><Ustrd>card 5555550100003310</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>"
    )


def statement(opening: str, closing: str, *entries: str, currency: str = "USD", more: str = "") -> str:
    return (
        f"<Stmt><Id>S</Id><Acct><Id><Othr><Id>ACCOUNT-{currency}</Id></Othr></Id></Acct>"
        f"{balance('OPBD', opening, currency)}{balance('CLBD', closing, currency)}{more}{''.join(entries)}</Stmt>"
    )


def message(*statements: str, urn: str = URN) -> str:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Document xmlns="{urn}"><BkToCstmrStmt>'
        f"<GrpHdr><MsgId>M1</MsgId></GrpHdr>{''.join(statements)}</BkToCstmrStmt></Document>\n"
    )


def camt_read(content: str | bytes) -> Parsed:
    return read(layout("bank_statement"), "CAMT053_20240301.xml", content)


def test_entries_are_numbered_over_all_statements() -> None:
    parsed = camt_read(
        message(
            statement("100.00", "105.50", entry("10.00"), entry("4.50", "DBIT")),
            statement("7", "1007", entry("1000.000", "CRDT", "JPY"), currency="JPY"),
        )
    )
    assert (parsed.fault, parsed.records, parsed.internal_id, parsed.file_date) == (None, 3, "M1", date(2024, 3, 1))
    assert all(total.agrees for total in parsed.controls)
    assert {total.control: total.computed for total in parsed.controls} == {
        "entries": 3,
        "closing 1 ACCOUNT-USD USD": 10550,
        "closing 2 ACCOUNT-JPY JPY": 1007,
    }
    first, second, third = parsed.tables["statement_entry"].rows(named=True)
    assert first == {
        "file": "2024-03-01/CAMT053_20240301.xml",
        "record": 1,
        "account": "ACCOUNT-USD",
        "entry_ref": "R1",
        "booked_on": date(2024, 3, 1),
        "value_on": date(2024, 3, 2),
        "direction": 1,
        "amount_minor": 1000,
        "currency": "USD",
        "code": "NETW",
        "end_to_end_id": "E1",
        "remittance": "PAID card 555555******3310",
        "bank_ref": None,
        "message_id": None,
        "payment_id": None,
        "details": 1,
        "charges_minor": None,
        "reversal": None,
        "availability": None,
    }
    assert (second["direction"], second["amount_minor"]) == (-1, 450)
    assert (third["record"], third["amount_minor"]) == (3, 1000)


@pytest.mark.parametrize("version", ["02", "04", "06", "08", "13"])
def test_versions_are_told_by_the_namespace(version: str) -> None:
    content = message(statement("0.00", "10.00", entry()), urn=URN[:-2] + version)
    if version == "02":
        content = content.replace("<Sts><Cd>BOOK</Cd></Sts>", "<Sts>BOOK</Sts>")
    assert camt_read(content).tables["statement_entry"].height == 1


def test_a_reversal_has_the_direction_that_is_written() -> None:
    parsed = camt_read(message(statement("0.00", "10.00", entry(more="<RvslInd>true</RvslInd>"))))
    assert all(total.agrees for total in parsed.controls)
    assert parsed.tables["statement_entry"]["direction"].to_list() == [1]


def test_a_domain_code_and_date_times_are_read() -> None:
    code = "<Domn><Cd>PMNT</Cd><Fmly><Cd>RCDT</Cd><SubFmlyCd>ESCT</SubFmlyCd></Fmly></Domn>"
    content = message(statement("0.00", "10.00", entry()))
    content = content.replace("<Prtry><Cd>NETW</Cd></Prtry>", code)
    content = content.replace("<BookgDt><Dt>2024-03-01</Dt>", "<BookgDt><DtTm>2024-03-01T23:59:00-05:00</DtTm>")
    [row] = camt_read(content).tables["statement_entry"].rows(named=True)
    assert (row["code"], row["booked_on"]) == ("PMNT/RCDT/ESCT", date(2024, 3, 1))


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (">10.00<", ">10.001<", "NON_NUMERIC_AMOUNT"),
        (">10.00<", ">1_0<", "NON_NUMERIC_AMOUNT"),
        (">10.00<", ">-10.00<", "NON_NUMERIC_AMOUNT"),
        (">10.00<", "><", "NON_NUMERIC_AMOUNT"),
        ('<NtryRef>R1</NtryRef><Amt Ccy="USD">', '<Amt Ccy="USX">', "UNKNOWN_CURRENCY"),
        ('<NtryRef>R1</NtryRef><Amt Ccy="USD">', '<Amt Ccy="EUR">', "UNKNOWN_CURRENCY"),
        ("<BookgDt><Dt>2024-03-01", "<BookgDt><Dt>2024-02-30", "BAD_DATE"),
        ("<Cd>BOOK</Cd>", "<Cd>PAID</Cd>", "MALFORMED"),
        ("<Sts><Cd>BOOK</Cd></Sts>", "<RvslInd>maybe</RvslInd><Sts><Cd>BOOK</Cd></Sts>", "MALFORMED"),
        ("<Cd>NETW</Cd>", "", "MALFORMED"),
    ],
)
def test_a_bad_entry_is_a_reject(old: str, new: str, reason: str) -> None:
    content = message(statement("0.00", "1.00", entry("1.00"), entry()))
    parsed = camt_read(content.replace(old, new))
    assert parsed.fault is None
    assert reason in parsed.tables["reject"]["reason"].to_list()
    assert parsed.records == 2
    assert parsed.tables["reject"].height + parsed.tables["statement_entry"].height == 2


def test_balances_that_do_not_add_up_are_told() -> None:
    parsed = camt_read(message(statement("0.00", "9.00", entry())))
    assert [total.control for total in parsed.controls if not total.agrees] == ["closing 1 ACCOUNT-USD USD"]
    counted = "<TxsSummry><TtlNtries><NbOfNtries>2</NbOfNtries></TtlNtries></TxsSummry>"
    parsed = camt_read(message(statement("0.00", "10.00", entry(), more=counted)))
    assert [total.control for total in parsed.controls if not total.agrees] == ["entries 1 ACCOUNT-USD USD"]


BOMB = (
    '<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]><Document xmlns="' + URN + '">&c;</Document>'
)
OUTSIDE = '<!DOCTYPE d SYSTEM "file:///etc/passwd"><Document xmlns="' + URN + '"/>'


@pytest.mark.parametrize(
    ("content", "why", "words"),
    [
        (BOMB.encode(), Why.UNREADABLE, "entities"),
        (BOMB.replace('version="1.0"', 'version="1.0" encoding="UTF-16"').encode("utf-16"), Why.UNREADABLE, "entities"),
        (OUTSIDE.encode(), Why.UNREADABLE, "entities"),
        (b"", Why.TRUNCATED, "ends before"),
        (b"no xml at all", Why.UNREADABLE, "no XML document"),
        (message(statement("0", "0")).replace("UTF-8", "EBCDIC-CP-US").encode(), Why.UNREADABLE, "ebcdic-cp-us"),
        (message(statement("0", "0")).replace("UTF-8", "UTF-16").encode(), Why.UNREADABLE, "utf-16"),
        (message(statement("0", "0")).replace("camt.053", "camt.052").encode(), Why.UNREADABLE, "no camt.053 message"),
        (message(statement("0", "0")).replace("camt.053", "camt.054").encode(), Why.UNREADABLE, "no camt.053 message"),
        (
            message(statement("0", "0").replace("<Othr><Id>ACCOUNT-USD</Id></Othr>", "")).encode(),
            Why.UNREADABLE,
            "account",
        ),
        (message(statement("0", "0").replace(balance("CLBD", "0"), "")).encode(), Why.UNREADABLE, "no closing balance"),
        (
            message(statement("0", "0").replace(balance("CLBD", "0"), balance("CLBD", "0", "EUR"))).encode(),
            Why.CONTROL_TOTAL_MISMATCH,
            "opens in USD and closes in EUR",
        ),
        (
            f"<Both>{message(statement('0', '0')) * 2}</Both>".replace(
                '<?xml version="1.0" encoding="UTF-8"?>', ""
            ).encode(),
            Why.UNREADABLE,
            "several messages",
        ),
        (b"<a>" * 300 + b"</a>" * 300, Why.UNREADABLE, "no well-formed XML"),
        (message().encode(), Why.UNREADABLE, "no statement"),
        (message(statement("0", "0"), urn=URN[:-2] + "99").encode(), Why.UNREADABLE, "one of the versions"),
        (message(statement("x", "0")).encode(), Why.UNREADABLE, "statement 1 has no opening balance"),
        (message(statement("0", "0")).replace("2024-03-01", "2024-03-02").encode(), Why.UNREADABLE, "its name says"),
        (message(statement("0", "0")).replace("<GrpHdr>", "<GrpHdr").encode(), Why.UNREADABLE, "no well-formed XML"),
        (message(statement("0", "0")).replace("<Id>S<", "<Id>\xe9<").encode("latin-1"), Why.UNREADABLE, "well-formed"),
    ],
)
def test_a_bad_document_is_refused(content: bytes, why: Why, words: str) -> None:
    parsed = camt_read(content)
    assert parsed.fault is why
    assert words in (parsed.detail or "")
    assert not parsed.tables


def test_no_cut_of_a_message_is_taken_for_a_whole_one() -> None:
    whole = message(statement("0.00", "10.00", entry())).encode()
    assert camt_read(whole).fault is None
    for length in range(len(whole) - 1):
        assert camt_read(whole[:length]).fault is Why.TRUNCATED


DETAIL = (
    "<TxDtls><Refs><EndToEndId>{ref}</EndToEndId><TxId>T-{ref}</TxId></Refs>{amount}"
    "<RltdPties><UltmtDbtr><Nm>SOMEBODY</Nm></UltmtDbtr></RltdPties><RmtInf><Ustrd>FOR {ref}</Ustrd></RmtInf></TxDtls>"
)
BATCH = "<Btch><MsgId>MSG1</MsgId><PmtInfId>PAY1</PmtInfId><NbOfTxs>{count}</NbOfTxs></Btch>"


def batch_entry(*details: str, amount: str = "10.00", count: int = 2, more: str = "") -> str:
    inside = BATCH.format(count=count) + "".join(details)
    made = entry(amount, more=more).replace("<BkTxCd>", "<AcctSvcrRef>BANK1</AcctSvcrRef><BkTxCd>")
    begin, end = made.index("<NtryDtls>") + len("<NtryDtls>"), made.index("</NtryDtls>")
    return made[:begin] + inside + made[end:]


def own_amount(amount: str, sign: str = "CRDT", currency: str = "USD") -> str:
    return f'<Amt Ccy="{currency}">{amount}</Amt><CdtDbtInd>{sign}</CdtDbtInd>'


def old_amount(amount: str, currency: str = "USD", kind: str = "TxAmt") -> str:
    return f'<AmtDtls><{kind}><Amt Ccy="{currency}">{amount}</Amt></{kind}></AmtDtls>'


@pytest.mark.parametrize(
    ("version", "first", "second"),
    [
        ("02", old_amount("7.50"), old_amount("2.50")),
        ("04", own_amount("7.50"), old_amount("9.99", "EUR", "InstdAmt") + old_amount("2.50")),
        ("06", own_amount("7.50"), own_amount("2.50")),
        ("08", own_amount("12.50"), own_amount("2.50", "DBIT")),
        ("13", own_amount("7.50000"), old_amount("2.5", "USD", "InstdAmt")),
    ],
)
def test_one_entry_of_many_transactions_is_one_cash_row_in_every_version(version: str, first: str, second: str) -> None:
    details = DETAIL.format(ref="R1", amount=first), DETAIL.format(ref="R2", amount=second)
    parsed = camt_read(message(statement("0.00", "10.00", batch_entry(*details)), urn=URN[:-2] + version))
    assert parsed.fault is None
    assert all(total.agrees for total in parsed.controls)
    [row] = parsed.tables["statement_entry"].rows(named=True)
    assert (row["amount_minor"], row["details"], row["end_to_end_id"]) == (1000, 2, None)
    assert (row["message_id"], row["payment_id"], row["bank_ref"]) == ("MSG1", "PAY1", "BANK1")
    assert row["remittance"] == "FOR R1 FOR R2"
    told = parsed.tables["bank_detail"].rows(named=True)
    assert sum(detail["direction"] * detail["amount_minor"] for detail in told) == 1000
    assert [(d["record"], d["entry"], d["told_by"], d["end_to_end_id"], d["transaction_id"]) for d in told] == [
        (1, 1, "statement", "R1", "T-R1"),
        (2, 1, "statement", "R2", "T-R2"),
    ]
    assert {(d["entry_minor"], d["entry_currency"], d["payment_id"]) for d in told} == {(1000, "USD", "PAY1")}


@pytest.mark.parametrize(
    ("amount", "told"),
    [
        ("", (1000, "USD")),
        (own_amount("10.001"), (None, None)),
        (own_amount("10.00", "UP"), (None, None)),
        (own_amount("9", currency="XXY"), (None, None)),
        (own_amount("12", currency="EUR"), (1200, "EUR")),
    ],
)
def test_a_transaction_that_cannot_be_read_leaves_its_entry_as_cash(amount: str, told: tuple[object, object]) -> None:
    content = batch_entry(DETAIL.format(ref="R1", amount=amount), count=1)
    parsed = camt_read(message(statement("0.00", "10.00", content)))
    [detail] = parsed.tables["bank_detail"].rows(named=True)
    assert (detail["amount_minor"], detail["currency"]) == told
    assert parsed.tables["statement_entry"]["amount_minor"].to_list() == [1000]


def test_of_many_transactions_without_amounts_none_has_the_whole_entry() -> None:
    content = batch_entry(DETAIL.format(ref="R1", amount=""), DETAIL.format(ref="R2", amount=own_amount("2.50")))
    parsed = camt_read(message(statement("0.00", "10.00", content)))
    assert parsed.tables["bank_detail"]["amount_minor"].to_list() == [None, 250]


@pytest.mark.parametrize("status", ["<Sts>PDNG</Sts>", "<Sts><Cd>PDNG</Cd></Sts>", "<Sts><Cd>INFO</Cd></Sts>"])
def test_what_is_not_booked_is_announced_and_is_no_cash(status: str) -> None:
    pending = entry("99.00").replace("<Sts><Cd>BOOK</Cd></Sts>", status)
    counted = "<TxsSummry><TtlNtries><NbOfNtries>2</NbOfNtries></TtlNtries></TxsSummry>"
    content = message(statement("0.00", "10.00", pending, entry(), more=counted))
    parsed = camt_read(content)
    assert all(total.agrees for total in parsed.controls)
    assert parsed.tables["statement_entry"]["record"].to_list() == [2]
    [told] = parsed.tables["control_record"].rows(named=True)
    assert (told["record"], told["class"], told["amount_minor"], told["currency"]) == (1, "NOT_BOOKED", 9900, "USD")
    assert parsed.bytes is not None
    assert parsed.bytes.accepted == len(entry())


def test_bytes_of_entries_are_accepted_or_rejected_and_the_rest_is_the_container() -> None:
    good, bad = entry("10.00", more="<RvslInd>false</RvslInd>"), entry("1.001")
    noise = "<!-- <Ntry>no entry</Ntry> --><SplmtryData><Envlp><x:Ntry xmlns:x='urn:x'>4</x:Ntry></Envlp></SplmtryData>"
    content = message(statement("0.00", "10.00", good, bad, more="<Ntry/>") + noise).replace("<Ntry/>", "", 1)
    parsed = camt_read(content.replace("</Stmt><!--", "<Ntry/></Stmt><!--"))
    assert parsed.bytes is not None
    assert (parsed.bytes.accepted, parsed.bytes.rejected) == (len(good), len(bad) + len("<Ntry/>"))
    assert parsed.bytes.control + parsed.bytes.accepted + parsed.bytes.rejected == len(content) + len("<Ntry/>")
    wide = content.replace("UTF-8", "UTF-16").replace("PAID", "PAID \N{GRINNING FACE}").encode("utf-16")
    parsed = camt_read(wide)
    assert parsed.bytes is not None
    assert parsed.bytes.accepted == 2 * (len(good) + 3)
    assert sum((parsed.bytes.accepted, parsed.bytes.rejected, parsed.bytes.control)) == len(wide)


@pytest.mark.parametrize(
    ("currency", "amount", "minor"),
    [("USD", "10.00000", 1000), ("JPY", "1000.00000", 1000), ("KWD", "1.00100", 1001), ("CLF", "0.12340", 1234),
     ("USD", "10.00100", None), ("JPY", "1.5", None), ("KWD", "1.0001", None), ("CLF", "0.12345", None),
     ("USD", "10.000000", None), ("USD", "99999999999999999999", None)],
)  # fmt: skip
def test_decimals_beyond_the_currency_must_be_zeros(currency: str, amount: str, minor: int | None) -> None:
    parsed = camt_read(message(statement("0", "0", entry(amount, currency=currency), currency=currency)))
    if minor is None:
        [row] = parsed.tables["reject"].rows(named=True)
        assert (row["reason"], row["field"]) == ("NON_NUMERIC_AMOUNT", "Ntry/Amt")
    else:
        assert parsed.tables["statement_entry"]["amount_minor"].to_list() == [minor]


def test_a_rejected_entry_whose_amount_is_known_stays_in_the_sum() -> None:
    late = entry("10.00").replace("<BookgDt><Dt>2024-03-01", "<BookgDt><Dt>2024-02-30")
    parsed = camt_read(message(statement("0.00", "10.00", late)))
    assert all(total.agrees for total in parsed.controls)
    [row] = parsed.tables["reject"].rows(named=True)
    assert (row["reason"], row["amount_minor"], row["currency"]) == ("BAD_DATE", 1000, "USD")


@pytest.mark.parametrize(
    ("charges", "minor"),
    [
        ('<Chrgs><Amt Ccy="USD">1.50</Amt></Chrgs>', 150),
        (('<Chrgs><Rcrd><Amt Ccy="USD">1.50</Amt><CdtDbtInd>DBIT</CdtDbtInd></Rcrd>'
         '<Rcrd><Amt Ccy="USD">0.50</Amt><CdtDbtInd>CRDT</CdtDbtInd></Rcrd></Chrgs>'), 100),
        ('<Chrgs><TtlChrgsAndTaxAmt Ccy="USD">1</TtlChrgsAndTaxAmt><Rcrd><Amt Ccy="USD">1</Amt></Rcrd></Chrgs>', 100),
        ('<Chrgs><Rcrd><Amt Ccy="EUR">1.50</Amt></Rcrd></Chrgs>', None),
        ("", None),
    ],
)  # fmt: skip
def test_charges_of_both_forms_are_told(charges: str, minor: int | None) -> None:
    parsed = camt_read(message(statement("0.00", "10.00", entry(more=charges))))
    assert parsed.tables["statement_entry"]["charges_minor"].to_list() == [minor]


@pytest.mark.parametrize(
    ("balances", "closing"),
    [
        (balance("PRCD", "1") + balance("OPAV", "9") + balance("ITBD", "8") + balance("CLBD", "11"), 1100),
        (balance("CLBD", "11") + balance("CLAV", "5") + balance("OPBD", "1") + balance("PRCD", "7"), 1100),
        (balance("ITBD", "1") + balance("ITBD", "11") + balance("FWAV", "2"), 1100),
        (balance("OPBD", "1") + balance("ITBD", "11"), 1100),
    ],
)
def test_booked_balances_are_found_among_others(balances: str, closing: int) -> None:
    made = statement("5", "5", entry()).replace(balance("OPBD", "5") + balance("CLBD", "5"), balances)
    parsed = camt_read(message(made))
    assert parsed.fault is None
    assert all(total.agrees for total in parsed.controls)
    assert parsed.tables["bank_statement"].select("opening_minor", "closing_minor").rows() == [(100, closing)]


def page(number: int, last: bool, *entries: str) -> str:
    paging = f"<StmtPgntn><PgNb>{number}</PgNb><LastPgInd>{str(last).lower()}</LastPgInd></StmtPgntn>"
    return statement("0", "20", *entries).replace("<Id>S</Id>", f"<Id>S</Id>{paging}<ElctrncSeqNb>7</ElctrncSeqNb>")


def test_pages_of_one_statement_are_summed_together_and_apart_only_counted() -> None:
    parsed = camt_read(message(page(1, False, entry()), page(2, True, entry())))
    assert [(t.control, t.declared, t.computed) for t in parsed.controls if t.control.startswith("closing")] == [
        ("closing 1 ACCOUNT-USD USD", 2000, 2000)
    ]
    assert parsed.tables["bank_statement"].select("sequence", "page", "last_page").rows() == [
        (7, 1, False),
        (7, 2, True),
    ]
    short = camt_read(message(page(1, False, entry()), page(2, True)))
    assert not all(total.agrees for total in short.controls)
    alone = camt_read(message(page(1, False, entry())))
    assert [t.declared for t in alone.controls if t.control.startswith("closing")] == [None]


def test_a_message_inside_an_envelope_and_with_prefixes_is_read() -> None:
    content = message(statement("0.00", "10.00", entry()))
    head = '<?xml version="1.0" encoding="UTF-8"?>\n'
    wrapped = f"{head}<Envelope xmlns='urn:e'><AppHdr/>{content.removeprefix(head)}</Envelope>"
    assert camt_read(wrapped).tables["statement_entry"].height == 1
    tags = re.sub(r"<(/?)([A-Z])", r"<\1c:\2", content.removeprefix(head)).replace("xmlns=", "xmlns:c=")
    parsed = camt_read(tags)
    assert parsed.tables["statement_entry"].height == 1
    assert parsed.bytes is not None
    assert parsed.bytes.accepted > len(entry())
    for length in range(len(wrapped)):
        assert camt_read(wrapped[:length]).fault is not None


def test_sums_and_counts_that_a_statement_declares_are_controls() -> None:
    summary = (
        "<TxsSummry><TtlNtries><NbOfNtries>2</NbOfNtries></TtlNtries><TtlCdtNtries><NbOfNtries>1</NbOfNtries>"
        "<Sum>10</Sum></TtlCdtNtries><TtlDbtNtries><NbOfNtries>1</NbOfNtries><Sum>{debits}</Sum></TtlDbtNtries></TxsSummry>"
    )
    for debits, wrong in (("4.50", []), ("4.51", ["sum of debits 1 ACCOUNT-USD USD"])):
        more = summary.format(debits=debits)
        parsed = camt_read(message(statement("0", "5.50", entry(), entry("4.50", "DBIT"), more=more)))
        assert [total.control for total in parsed.controls if not total.agrees] == wrong
        assert len(parsed.controls) == 7


def test_statements_without_balances_are_let_in_only_where_the_layout_says_so() -> None:
    content = message(statement("1", "1", entry()).replace(balance("OPBD", "1"), ""))
    text = (LAYOUTS / "bank_statement.toml").read_text(encoding="utf-8") + '\n[spec]\nbalances = "optional"\n'
    assert camt_read(content).fault is Why.UNREADABLE
    parsed = read(layout_of(text), "CAMT053_20240301.xml", content)
    assert parsed.fault is None
    assert parsed.tables["bank_statement"].select("opening_minor", "entries_minor").rows() == [(None, 1000)]


def test_a_large_message_streams() -> None:
    many = [entry("0.01") for _ in range(30_000)]
    content = message(statement("0.00", "300.00", *many))
    parsed = camt_read(content)
    assert (parsed.fault, parsed.records) == (None, 30_000)
    assert all(total.agrees for total in parsed.controls)
    assert parsed.bytes is not None
    assert parsed.bytes.accepted == 30_000 * len(entry("0.01"))


def test_a_card_number_in_a_reference_is_masked_and_other_references_are_not() -> None:
    refs = ("5555550100003310", "5555550100003311", "20101229000123456789", "2010122900012345")
    content = batch_entry(*(DETAIL.format(ref=ref, amount=own_amount("2.50")) for ref in refs), count=4)
    told = camt_read(message(statement("0.00", "10.00", content))).tables["bank_detail"]["end_to_end_id"].to_list()
    assert told == ["555555******3310" if luhn(refs[0]) else refs[0], *refs[1:]]
    assert luhn(refs[0])


def luhn(digits: str) -> bool:
    doubled = [sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2]]
    return (sum(map(int, digits[-1::-2])) + sum(doubled)) % 10 == 0
