"""Small synthetic nights for tests of matching: clearing records, files, bank entries, and the stage over them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import polars as pl
from pipeline import documents

from settlement import laws, store
from settlement.match import night as match
from settlement.model.stage import StageInput, StageOutput
from settlement.model.tables import TABLES

FIRST_NIGHT = date(2010, 12, 29)
CARD = "411111******1111"
_NEGATIVE = {"refund", "reversal", "chargeback"}


def record(side: str, number: int, amount: int, *, night: int = 0, **columns: Any) -> dict[str, Any]:
    """One clearing record of a delivered night (0 is the first); what is not said is plain."""
    day = FIRST_NIGHT + timedelta(days=night)
    told = {
        "file": f"{day}/{side}.txt",
        "record": number,
        "side": side,
        "feed": side,
        "delivered_on": day,
        "posting_date": day,
        "kind": "purchase",
        "direction": 1,
        "amount_minor": amount,
        "currency": "USD",
        "transaction_date": FIRST_NIGHT,
        "card_masked": CARD,
    }
    told |= columns
    told["direction"] = -1 if told["kind"] in _NEGATIVE else 1
    if side == "merchant":
        told.setdefault("order_ref", f"order-{day}-{number}")
    told.setdefault("transaction_amount_minor", told["amount_minor"])
    told.setdefault("transaction_currency", told["currency"])
    extra = (told.get("tip_minor") or 0) + (told.get("cashback_minor") or 0) if side == "merchant" else 0
    told.setdefault("total_minor", told["amount_minor"] + extra)
    return told


def bank(number: int, amount: int, **columns: Any) -> dict[str, Any]:
    """A bank record."""
    return record("bank", number, amount, **columns)


def merchant(number: int, amount: int, **columns: Any) -> dict[str, Any]:
    """A merchant record."""
    return record("merchant", number, amount, **columns)


def frame(table: str, rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Rows of one table; columns that a row does not name are empty."""
    return pl.DataFrame([*rows], schema=TABLES[table].schema)


def night_input(
    nights: Sequence[Mapping[str, pl.DataFrame]], rules: str | None = None, business_date: date | None = None
) -> StageInput:
    """What the stage is handed on the last of ``nights``; earlier ones carry their outputs."""
    told = ("file", "clearing", "enrolment", "statement_entry", "bank_detail")
    tonight = (*told, "reject", "replay", "control_record", "control_total")
    carried = ("open_item", "pass_use", "cash_tie", "detail_tie", "batch_tie", "batch_carry")
    tables = (*told, "reject", "control_record", *carried, "match_member", "match_taken_back")
    configuration = dict(documents()) | ({"match.toml": rules} if rules else {})
    history = {}
    for name in tables:
        earlier = [
            one.get(name, TABLES[name].empty()).with_columns(
                pl.lit(FIRST_NIGHT + timedelta(days=index), pl.Date).alias("business_date")
            )
            for index, one in enumerate(nights[:-1])
        ]
        empty = TABLES[name].empty().with_columns(pl.lit(None, pl.Date).alias("business_date"))
        history[name] = pl.concat([empty, *earlier]).lazy()
    return StageInput(
        business_date=business_date or FIRST_NIGHT + timedelta(days=len(nights) - 1),
        unit="all",
        documents=configuration,
        tables={name: nights[-1].get(name, TABLES[name].empty()) for name in tonight},
        history=history,
    )


def file_row(name: str, night: int = 0, **columns: Any) -> dict[str, Any]:
    """One accepted file of a night."""
    day = FIRST_NIGHT + timedelta(days=night)
    return {"file": f"{day}/{name}", "fate": "accepted", "sha256": "0" * 64, "size_bytes": 1} | columns


def settle(*clearing: Sequence[Mapping[str, Any]], rules: str | None = None) -> list[StageOutput]:
    """Run the stage night after night over clearing records; the output of each night."""
    nights: list[dict[str, pl.DataFrame]] = []
    outputs = []
    for index, rows in enumerate(clearing):
        tables = {"clearing": frame("clearing", rows), "file": frame("file", [file_row("any.txt", index)])}
        output = run_checked(night_input([*nights, tables], rules))
        nights.append(tables | dict(output.tables))
        outputs.append(output)
    return outputs


def run_checked(inputs: StageInput) -> StageOutput:
    """Run the stage and assert its laws and schemas."""
    output = match.run(inputs)
    laws.assert_unit("match", inputs, output)
    for name, rows in output.tables.items():
        store.checked(TABLES[name], rows)
    return output


def met(output: StageOutput) -> dict[tuple[int, ...], tuple[int, ...]]:
    """Bank record numbers to merchant record numbers of each match."""
    found = {}
    for _, members in output.tables["match_member"].group_by("match_id", maintain_order=True):
        sides = {name: members.filter(pl.col("side") == name)["record"].to_list() for name in ("bank", "merchant")}
        found[tuple(sides["bank"])] = tuple(sides["merchant"])
    return found


def opened(output: StageOutput) -> dict[tuple[str, int], str]:
    """(side, record number) to reason of each open item."""
    rows = output.tables["open_item"].select("side", "record", "reason").iter_rows()
    return {(side, number): reason for side, number, reason in rows}


def judged(output: StageOutput) -> list[tuple[str, str, int, str | None]]:
    """(kind, cardinality, residual, its reason) of each match, in order of ids."""
    return output.tables["match"].select("kind", "cardinality", "residual_minor", "residual_reason").rows()
