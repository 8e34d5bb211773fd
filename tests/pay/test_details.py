"""The detail file: each record that a term counts, only this partner's; its sums are the statement's quantities."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import polars as pl
from partner_files import clearing, given, only, pay, rated, statement_rows

from settlement import originals, store
from settlement.model.stage import StageInput
from settlement.model.statement_lines import told
from settlement.model.tables import TABLES
from settlement.pay import files
from settlement.stages import stage_named
from settlement.store import Home

PARTNER = '[[partner]]\nid = "A"\ndetail_file = "transactions"\n'
LAYOUT = only("transactions").replace('    { from = "card_masked" },\n', "")
PATH = "A/C9-TEST_2010-Q4_2010-12-31_CLOSED_details.csv"


def read(content: bytes) -> tuple[list[list[str]], list[list[str]]]:
    """Detail lines and trailers."""
    rows = list(csv.reader(io.StringIO(content.decode())))
    return [row for row in rows if row[0] == "D"], [row for row in rows if row[0] == "T"]


def test_each_record_has_its_line_and_each_term_its_sum() -> None:
    tables = {
        "clearing": clearing(
            {"record": 1, "amount_minor": 600, "merchant_name": "=SHOP, one", "merchant_number": "M1", "arn": "A1"},
            {"record": 2, "amount_minor": 200, "kind": "refund", "direction": -1, "order_ref": "O2", "arn": "A2"},
            {"record": 3, "amount_minor": 999},
        ),
        "rated": rated(
            {"record": 1, "quantity": 550},
            {"record": 2, "quantity": -200},
            {"file": None, "account_id": "X", "quantity": 1, "term": "bounty", "clause": "2", "unit": "accounts"},
            {"file": None, "account_id": "Y", "quantity": 1, "term": "bounty", "clause": "2", "unit": "accounts"},
            {"record": 3, "quantity": 999, "period": "2010-Q3"},
            {"record": 3, "quantity": 999, "contract": "C8-OTHER"},
        ),
        "store": pl.DataFrame(
            [{"file": "S", "record": 1, "merchant_number": "M1", "store_id": "1", "name": "Own store"}],
            schema=TABLES["store"].schema,
        ),
        "file": TABLES["file"].empty(),
    }
    details, trailers = read(pay(statement_rows(), PARTNER + LAYOUT, tables).files[PATH])
    assert details == [
        [
            "D",
            "1",
            "1",
            "rate",
            "",
            "A1",
            "2010-12-30",
            "purchase",
            "'=SHOP, one",
            "Own store",
            "600",
            "USD",
            "550",
            "USD",
            "1",
        ],
        ["D", "2", "1", "rate", "", "O2", "2010-12-30", "refund", "", "", "-200", "USD", "-200", "USD", "1"],
        ["D", "3", "2", "bounty", "", "", "", "other", "", "", "", "", "2", "accounts", "2"],
    ]
    assert trailers == [
        ["T", "bounty", "", "accounts", "2", "0", "2", "2"],
        ["T", "rate", "", "USD", "2", "200", "550", "350"],
    ]


IN_PARQUET = """
[layouts.transactions]
of = "details"
format = "FORMAT"
line_length = 60
[layouts.transactions.lines]
H = [{ value = "H", heading = "what", at = [1, 1] }, { from = "sequence", at = [2, 6] }]
D = [
    { value = "D", heading = "what", at = [1, 1] }, { from = "line", at = [2, 6] }, { from = "date", at = [8, 10] },
    { from = "amount", type = "major", at = [18, 12] }, { from = "quantity", at = [30, 12] },
]
T = [
    { value = "T", heading = "what", at = [1, 1] }, { from = "count", at = [2, 6] }, { from = "debit", at = [8, 10] },
    { from = "credit", at = [20, 10] },
]
"""


def test_details_come_in_any_format() -> None:
    tables = {
        "clearing": clearing({"record": 1, "amount_minor": 600}),
        "rated": rated(
            {"record": 1, "quantity": 550},
            {"file": None, "account_id": "X", "quantity": 1, "term": "bounty", "clause": "2", "unit": "accounts"},
        ),
    }

    def made(form: str, suffix: str) -> bytes:
        output = pay(statement_rows(), PARTNER + IN_PARQUET.replace("FORMAT", form), tables)
        return output.files[PATH.replace("csv", suffix)]

    frame = pl.read_parquet(made("parquet", "parquet"))
    assert frame["what"].to_list() == ["H", "D", "D", "T", "T"]
    assert [str(value) for value in frame["amount"]] == ["None", "6.0000", "None", "None", "None"]
    assert made("fixed_width", "txt").decode().splitlines()[1:3] == [
        "D0000012010-12-30000000006.00000000000550                   ",
        "D000002                      000000000001                   ",
    ]
    sheet = pl.read_excel(made("workbook", "xlsx"), has_header=False, infer_schema_length=0)
    assert sheet.rows()[1] == ("D", "1", "2010-12-30", "6", "550")
    assert sheet.rows()[2] == ("D", "2", None, None, "1")


def test_a_contribution_that_was_taken_back_has_no_line_and_one_of_a_later_night_none_yet() -> None:
    inputs = given(statement_rows(), PARTNER + LAYOUT)
    nights = [
        rated({"record": 1, "quantity": 10}, {"record": 2, "quantity": 7}).with_columns(
            business_date=date(2010, 12, 29)
        ),
        rated({"record": 1, "quantity": -10}).with_columns(business_date=date(2010, 12, 30)),
        rated({"record": 1, "quantity": 99}).with_columns(business_date=date(2011, 1, 1)),
    ]
    records = clearing({"record": 1, "amount_minor": 10}, {"record": 2, "amount_minor": 7})
    history = {**inputs.history, "rated": pl.concat(nights).lazy()}
    history["clearing"] = records.with_columns(business_date=date(2010, 12, 29)).lazy()
    details, _ = read(files.run(replace(inputs, history=history)).files[PATH])
    assert [row[12] for row in details] == ["7"]


def test_a_period_without_records_says_so() -> None:
    details, trailers = read(pay(statement_rows(), PARTNER + LAYOUT).files[PATH])
    assert details == []
    assert trailers == [["T", "", "", "", "0", "0", "0", "0"]]


def settled(home: Home, night: date, unit: str) -> StageInput:
    """What the stage is given of a settled night, with detail files for all beneficiaries."""
    stage = stage_named("pay")
    documents = store.read_documents(home)
    names = store.read_table(home, "payout", night)["beneficiary"].drop_nulls().unique().sort()
    documents["partners.toml"] = "".join(PARTNER.replace('"A"', f'"{name}"') for name in names) + LAYOUT
    return StageInput(
        business_date=night,
        unit=unit,
        documents=documents,
        tables={name: store.read_table(home, name, night) for name in stage.reads},
        scans={name: store.scan_table(home, name, night) for name in stage.scans},
        history={name: store.scan_history(home, name, night) for name in stage.history},
    )


def volumes(tonight: pl.DataFrame, contract: str) -> Iterator[tuple[str, int]]:
    """The quantities that terms of records tell: term and volume."""
    lines = tonight.filter(
        (pl.col("contract") == contract) & pl.col("beneficiary").is_null() & (pl.col("state") != "RESTATED")
    )
    for row in lines.iter_rows(named=True):
        for name in ("own_volume", "elsewhere_volume", "quarter_volume"):
            value = told(row["quantities"], name)
            if value is not None:
                yield row["term"], int(value)


def test_the_sums_of_a_settled_home_are_the_statements_quantities_less_what_was_opened(settled_home: Home) -> None:
    opened = {"own_store_rate": "quarter_own_volume", "elsewhere_rate": "quarter_elsewhere_volume"}
    compared = 0
    for night in originals.delivery_dates(settled_home):
        output = files.run(settled(settled_home, night, "C2-RET-COBRAND"))
        paths = [path for path in output.files if path.startswith("HARBOR-RETAIL/") and path.endswith("_details.csv")]
        positions = (
            pl.concat(
                [
                    store.scan_history(settled_home, "opening_position", night).drop("business_date"),
                    store.scan_table(settled_home, "opening_position", night),
                ]
            )
            .filter(contract="C2-RET-COBRAND")
            .collect()
        )
        tonight = store.read_table(settled_home, "payout", night)
        (path,) = paths
        details, trailers = read(output.files[path])
        sums = {row[1]: int(row[7]) for row in trailers}
        assert sum(int(row[4]) for row in trailers) == sum(int(row[14]) for row in details)
        first = originals.delivery_dates(settled_home)[0]
        first_quarter = f"_{first.year}-Q{(first.month + 2) // 3}_" in path
        for term, volume in volumes(tonight, "C2-RET-COBRAND"):
            opening = sum(positions.filter(item=opened[term])["value"]) if first_quarter else 0
            assert sums.get(term, 0) + opening == volume, (night, term)
            compared += bool(sums.get(term))
    assert compared >= 4


def test_the_order_in_which_rows_come_does_not_matter(settled_home: Home) -> None:
    night = originals.delivery_dates(settled_home)[-1]
    inputs = settled(settled_home, night, "C2-RET-COBRAND")
    turned = replace(
        inputs,
        scans={name: frame.reverse() for name, frame in inputs.scans.items()},
        history={name: frame.reverse() for name, frame in inputs.history.items()},
    )
    assert files.run(turned).files == files.run(inputs).files
