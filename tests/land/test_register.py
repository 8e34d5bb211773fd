"""The stage ``land``: fates that need no reading, layouts by name, and names that mean harm."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest
from pipeline import documents

from settlement import store
from settlement.errors import TerminalError
from settlement.land import register
from settlement.model.stage import Delivery, StageInput
from settlement.model.tables import TABLES

NIGHT = date(2010, 12, 30)
NAME = "MC_T112_20101229_01.ipm"


def _delivery(name: str, sha256: str = "a" * 64, *, regular: bool = True) -> Delivery:
    return Delivery(file=f"{NIGHT}/{name}", name=name, sha256=sha256, size_bytes=7, regular=regular)


def _nothing(table: str) -> pl.LazyFrame:
    return TABLES[table].empty().with_columns(business_date=pl.lit(None, pl.Date)).lazy()


def _land(
    *deliveries: Delivery, history: list[dict[str, object]] | None = None, layouts: dict[str, str] | None = None
) -> list[dict[str, object]]:
    schema = TABLES["file"].schema
    rows = [{name: ({"size_bytes": 7} | row).get(name) for name in schema} for row in history or []]
    earlier = pl.DataFrame(rows, schema=schema).with_columns(pl.lit(date(2010, 12, 29)).alias("business_date")).lazy()
    inputs = StageInput(
        business_date=NIGHT, unit="all", documents=documents() if layouts is None else layouts, tables={},
        history={"file": earlier, "delivery": _nothing("delivery")}, deliveries=deliveries,
    )  # fmt: skip
    return store.checked(TABLES["delivery"], register.run(inputs).tables["delivery"]).to_dicts()


def test_a_known_name_is_registered_with_what_it_tells() -> None:
    (row,) = _land(_delivery(NAME))
    assert row == {
        "file": f"{NIGHT}/{NAME}", "name": NAME, "sha256": "a" * 64, "size_bytes": 7, "container": None,
        "layout": "mastercard_ipm",
        "feed": "mastercard_clearing", "sender": "MASTERCARD", "file_date": date(2010, 12, 29), "sequence": "01",
        "fate": "registered", "why": None, "signatures": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("earlier", "fate"),
    [
        ({"file": f"2010-12-29/{NAME}", "sha256": "a" * 64, "fate": "accepted"}, ("duplicate", "IDENTICAL_RESEND")),
        ({"file": f"2010-12-29/{NAME}", "sha256": "b" * 64, "fate": "accepted"}, ("registered", None)),
        ({"file": f"2010-12-29/{NAME}", "sha256": "a" * 64, "fate": "rejected"}, ("registered", None)),
        ({"file": f"2010-12-29/{NAME}", "sha256": "a" * 64, "fate": "duplicate"}, ("registered", None)),
        ({"file": "2010-12-29/MC_T112_20101229_02.ipm", "sha256": "a" * 64, "fate": "accepted"}, ("registered", None)),
    ],
)
def test_only_the_bytes_of_an_accepted_file_of_the_name_are_a_duplicate(
    earlier: dict[str, object], fate: tuple[str, str | None]
) -> None:
    (row,) = _land(_delivery(NAME), history=[earlier])
    assert (row["fate"], row["why"]) == fate


def test_a_name_that_no_layout_knows() -> None:
    (row,) = _land(_delivery("JCB_CLEARING_20101229_01.txt"))
    assert (row["fate"], row["why"], row["layout"], row["feed"]) == ("no_layout", "NO_LAYOUT_YET", None, None)


def test_what_is_no_file() -> None:
    (row,) = _land(_delivery(NAME, regular=False))
    assert (row["fate"], row["why"]) == ("rejected", "NOT_A_FILE")


def test_an_impossible_date_in_the_name_tells_no_date() -> None:
    (row,) = _land(_delivery("MC_T112_20101329_01.ipm"))
    assert (row["fate"], row["file_date"]) == ("registered", None)


def test_two_layouts_for_one_name_are_refused_by_name() -> None:
    text = documents()["layouts/mastercard_ipm.toml"]
    twice = {"layouts/a.toml": text, "layouts/b.toml": text.replace('"mastercard_ipm"\nversion', '"other"\nversion')}
    with pytest.raises(TerminalError, match="mastercard_ipm and other"):
        _land(_delivery(NAME), layouts=twice)


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "..",
        f"x/../{NAME}",
        f"{NAME}\n",
        f"\n{NAME}",
        f"{NAME}\x00",
        "=cmd|' /C calc'!A0.csv",
        "M" * 4096,
        NAME.lower(),
        "MC_T112_\u0662\u0660\u0661\u0660\u0661\u0662\u0662\u0669_01.ipm",
        "\ufffd\u202egnp.exe",
        "(?P<date>.*)",
    ],
)
def test_hostile_names_fit_nothing_and_stay_as_they_are(name: str) -> None:
    (row,) = _land(_delivery(name))
    assert (row["fate"], row["name"], row["file"]) == ("no_layout", name, f"{NIGHT}/{name}")


def test_the_order_of_delivery_does_not_matter() -> None:
    deliveries = [_delivery(name) for name in ("b", NAME, "a")]
    assert _land(*deliveries) == _land(*reversed(deliveries))
    assert [row["name"] for row in _land(*deliveries)] == sorted(["b", NAME, "a"])
