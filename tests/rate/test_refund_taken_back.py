"""A refund that is taken back, from the network's file to the net amount that contracts rate."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest
from made_clearing import ipm_bytes, ipm_file, presentment, visa_bytes, visa_lines, visa_transaction
from made_night import made_inputs
from read_file import read_file

from settlement.model.tables import TABLES
from settlement.rate.facts import gather

NIGHT = date(2010, 12, 29)
READS = (
    *("account_event", "clearing", "match", "match_member", "enrolment", "store", "opening_position", "pnl", "file"),
    *("fx_rate", "match_taken_back"),
)
VISA = visa_bytes(
    visa_lines([visa_transaction(1, 9000), visa_transaction(2, 2500, "06"), visa_transaction(2, 2500, "26")])
)
MASTERCARD = ipm_bytes(
    ipm_file(
        [
            presentment(1, 9000),
            presentment(2, 2500, DE3="200000"),
            presentment(2, 2500, DE3="200000", mti="1442", DE24="450"),
        ]
    )
)


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [("VISA_CTF_20101229_01.ctf", VISA, "reversal"), ("MC_T112_20101229_01.ipm", MASTERCARD, "chargeback")],
)
def test_the_share_of_a_refund_is_given_again(name: str, content: bytes, kind: str) -> None:
    bank = read_file(name, content).rows("clearing")
    assert [row["kind"] for row in bank] == ["purchase", "refund", kind]
    told = {"side": "merchant", "file": "m", "feed": "shop", "posting_date": NIGHT, "direction": 1, "amount_minor": 1}
    shop = [
        told | {"record": at, "kind": row["kind"], "order_ref": f"o{at}", "original_ref": "o0" if at == 1 else None}
        for at, row in enumerate(bank)
    ]
    pairs = list(zip(bank, shop, strict=True))
    rows = {
        "clearing": [*bank, *shop],
        "match": [{"match_id": f"m{at}", "leg": "MERCHANT"} for at in range(len(pairs))],
        "match_member": [
            {"match_id": f"m{at}", "side": side, "file": row["file"], "record": row["record"]}
            for at, pair in enumerate(pairs)
            for side, row in zip(("bank", "merchant"), pair, strict=True)
        ],
        "enrolment": [
            {"file": "e", "record": at, "card_ref": card, "account_id": "a", "programme": "P", "valid_from": NIGHT}
            for at, card in enumerate(sorted({str(row["card_ref"]) for row in bank}))
        ],
    }
    tables = {
        table: pl.DataFrame(
            [{column: row.get(column) for column in TABLES[table].schema} for row in rows.get(table, [])],
            schema=TABLES[table].schema,
        )
        for table in READS
    }
    history = {table: tables[table].clear().with_columns(business_date=pl.lit(None, pl.Date)) for table in READS}
    records = gather(made_inputs(tables, NIGHT, history), NIGHT).records.sort("record")
    assert records["kind"].to_list() == ["purchase", "refund", kind]
    assert records["net_minor"].to_list() == [9000, -2500, 2500]
    assert records["origin_record"].to_list() == [None, bank[0]["record"], bank[0]["record"]]
