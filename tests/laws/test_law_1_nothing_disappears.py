"""Law 1: each row leaves a stage in exactly one output; counts are asserted before anything is written."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from datetime import date

import polars as pl
import pytest
from layout_files import LAYOUTS
from pipeline import stage_input, stage_output

from settlement import laws, originals, store
from settlement.model.stage import Part, StageInput, StageOutput
from settlement.model.tables import TABLES
from settlement.store import Home

LOCATOR = ["file", "record"]


def test_every_delivered_file_has_one_fate(settled_home: Home) -> None:
    for night in originals.delivery_dates(settled_home):
        delivered = {f"{night}/{path.name}" for path in (settled_home.inbox / str(night)).iterdir()}
        fates = store.read_table(settled_home, "file", night)
        assert sorted(fates["file"]) == sorted(delivered)


def test_every_line_of_a_text_file_is_a_record_a_reject_or_a_control_record(settled_home: Home) -> None:
    """Lines are counted here by splitting bytes, not by the readers."""
    looked_at = 0
    for night in originals.delivery_dates(settled_home):
        accepted = store.read_table(settled_home, "file", night).filter(pl.col("fate") == "accepted")
        for file, feed in accepted.select("file", "feed").iter_rows():
            if feed != "retailer_capture":
                continue
            lines = (settled_home.inbox / file).read_bytes().splitlines()
            found = [
                number
                for table in ("clearing", "reject", "control_record")
                for number in store.read_table(settled_home, table, night).filter(pl.col("file") == file)["record"]
            ]
            assert sorted(found) == list(range(1, len(lines) + 1))
            looked_at += 1
    assert looked_at > 0


def test_every_matching_record_is_matched_or_open(settled_home: Home) -> None:
    taken = matched = None
    for night in originals.delivery_dates(settled_home):
        clearing = store.read_table(settled_home, "clearing", night)
        tonight = clearing.filter(~pl.col("kind").is_in(["cash_advance", "fee_collection"])).select(LOCATOR)
        members = store.read_table(settled_home, "match_member", night).select(LOCATOR)
        taken = tonight if taken is None else pl.concat([taken, tonight])
        matched = members if matched is None else pl.concat([matched, members])
        opened = store.read_table(settled_home, "open_item", night).select(LOCATOR)
        assert sorted(pl.concat([matched, opened]).rows()) == sorted(taken.rows())


@pytest.mark.parametrize("table", ["match_member", "open_item"])
def test_a_lost_row_is_refused(sample_dir, table: str) -> None:
    nights = tuple(sorted(path.name for path in sample_dir.iterdir() if path.name[:2] == "20"))[:1]
    output = stage_output(sample_dir, nights, "match")
    short = replace(output, tables={**output.tables, table: output.tables[table].slice(1)})
    with pytest.raises(laws.LawBrokenError, match="Nothing disappears"):
        laws.assert_unit("match", stage_input(sample_dir, nights, "match"), short)


def test_a_lost_record_of_an_accepted_file_is_refused(sample_dir) -> None:
    nights = tuple(sorted(path.name for path in sample_dir.iterdir() if path.name[:2] == "20"))[:1]
    output, delivered = stage_output(sample_dir, nights, "check"), stage_input(sample_dir, nights, "check")
    first, *others = output.parts["clearing"]
    laws.assert_unit("check", delivered, output)
    for wrong in (others, [Part(rows=first.rows.slice(1)), *others], [first, *others, Part(rows=first.rows.head(1))]):
        broken = replace(output, parts={**output.parts, "clearing": tuple(wrong)})
        with pytest.raises(laws.LawBrokenError, match="rows of clearing"):
            laws.assert_unit("check", delivered, broken)


def test_a_bare_file_is_read_as_it_was_delivered(sample_dir) -> None:
    nights = tuple(sorted(path.name for path in sample_dir.iterdir() if path.name[:2] == "20"))[:1]
    delivered = stage_input(sample_dir, nights, "check")
    first = delivered.tables["delivery"].row(0, named=True)
    row = dict.fromkeys(TABLES["parsed_file"].schema.names()) | {
        "file": first["file"], "content_bytes": first["size_bytes"] - 1,
    }  # fmt: skip
    read = StageOutput(tables={"parsed_file": pl.DataFrame([row], schema=TABLES["parsed_file"].schema)})
    with pytest.raises(laws.LawBrokenError, match="not read as it was delivered"):
        laws.assert_unit("parse", delivered, read)


def test_a_byte_that_no_part_accounts_for_is_refused(sample_dir) -> None:
    nights = tuple(sorted(path.name for path in sample_dir.iterdir() if path.name[:2] == "20"))[:1]
    output = stage_output(sample_dir, nights, "check")
    delivered = stage_input(sample_dir, nights, "check")
    first = delivered.tables["delivery"].row(0, named=True)
    counted = dict.fromkeys(TABLES["parsed_file"].schema.names()) | {
        "file": first["file"], "content_bytes": first["size_bytes"], "accepted_bytes": first["size_bytes"] - 1,
        "rejected_bytes": 0, "control_bytes": 0, "padding_bytes": 0,
    }  # fmt: skip
    for surplus, fine in ((0, False), (1, True)):
        row = counted | {"padding_bytes": surplus}
        read = replace(output, tables={"parsed_file": pl.DataFrame([row], schema=TABLES["parsed_file"].schema)})
        with nullcontext() if fine else pytest.raises(laws.LawBrokenError, match="its reader accounts for"):
            laws.assert_unit("parse", delivered, read)


@pytest.mark.parametrize("layout", ["mastercard_ipm", "retailer_capture", "visa_ctf"])
def test_a_file_whose_bytes_nobody_counts_is_a_broken_law(layout: str) -> None:
    content = b"twelve bytes"
    text = (LAYOUTS / f"{layout}.toml").read_text(encoding="utf-8")
    delivery = {"file": "d/a", "size_bytes": len(content), "layout": layout, "container": None}
    tables = {"delivery": pl.DataFrame([delivery])}
    inputs = StageInput(
        business_date=date(2024, 3, 1), unit="d/a", documents={"layouts/a.toml": text}, tables=tables, history={}
    )
    schema = TABLES["parsed_file"].schema
    counted = {f"{part}_bytes": 0 for part in ("rejected", "control", "padding")} | {"accepted_bytes": len(content)}
    bare = {"file": "d/a", "content_bytes": len(content)}
    for row, fine in ((bare, False), (bare | counted, True)):
        read = StageOutput(tables={"parsed_file": pl.DataFrame([row], schema=schema)})
        with nullcontext() if fine else pytest.raises(laws.LawBrokenError, match="the bytes of d/a are not counted"):
            laws.assert_unit("parse", inputs, read)
