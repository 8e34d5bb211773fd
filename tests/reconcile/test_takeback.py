"""Netting across runs: an open original is netted, a matched one keeps its match and is linked."""

from __future__ import annotations

from pathlib import Path

import polars as pl
from reconcile_runs import HEAD, night, row

RULES = (
    '[[left.net]]\nname = "voids"\nkeys = ["key"]\ndays = 5\n'
    '[[pass]]\nname = "one"\nkeys = ["key"]\n[carry]\nmost_days = 1\nexpires_after_days = 3\n'
)
LEFT = [row("B1", 300), row("B2", 500, key="L")]
RIGHT = [row("T1", 300), row("Tx", 1, key="x")]
REVERSALS = [row("B3", -300, date="2024-03-03"), row("B4", -500, key="L", date="2024-03-03")]


def test_a_reversal_takes_back_an_open_original_or_links_the_match_of_another(tmp_path: Path) -> None:
    first = night(tmp_path, "2024-03-01", LEFT, RIGHT, RULES)
    assert first.pairs == {("B1", "T1")}
    found = night(tmp_path, "2024-03-03", REVERSALS, [row("Ty", 1, key="y")], RULES, carry=first.out)
    assert [(one["match_id"], one["left_id"], one["note"]) for one in found.matches] == [
        ("M000000001", "B2", "taken back by bank B4; bank B2 is carried from 2024-03-01"),
        ("M000000001", "B4", "takes back bank B2"),
        ("M000000002", "B3", "takes back bank B1, matched M000000001 of 2024-03-01 with till T1"),
    ]
    assert all(one["cardinality"] == "net" and one["pass"] == "voids" for one in found.matches)
    assert found.summary["left"]["netted"] == {"rows": 3, "sums_minor": {"USD": -300}}
    assert found.summary["netting"][0]["nettings"] == 1
    assert found.summary["netting"][0]["matched_before"] == {"rows": 1, "sums_minor": {"USD": -300}}
    # Taken back once, it is not taken back again.
    again = night(tmp_path, "2024-03-04", [row("B5", -300, date="2024-03-04")], [row("Tz", 1)], RULES, carry=found.out)
    assert again.reasons["B5"] == "late"


def test_a_matched_original_is_kept_for_the_days_of_the_netting(tmp_path: Path) -> None:
    last = night(tmp_path, "2024-03-01", LEFT, RIGHT, RULES)
    assert pl.read_parquet(last.out / "taken.parquet")["id"].to_list() == ["B1"]
    for day, kept in ((6, ["B1"]), (7, [])):
        last = night(tmp_path, f"2024-03-0{day}", [row(f"B{day}", 7)], [row(f"T{day}", 9)], RULES, carry=last.out)
        assert pl.read_parquet(last.out / "taken.parquet")["id"].to_list() == kept


def test_an_expired_original_is_not_netted(tmp_path: Path) -> None:
    first = night(tmp_path, "2024-03-01", LEFT, RIGHT, RULES)
    found = night(tmp_path, "2024-03-05", REVERSALS, [row("Ty", 1, key="y")], RULES, carry=first.out)
    assert [one["left_id"] for one in found.matches] == ["B3"]
    assert "expired" in found.notes["B2"]


def test_an_open_original_comes_before_a_matched_one_and_a_tie_is_said(tmp_path: Path) -> None:
    left = [row("B1", 300), row("B2", 300), row("B3", 300, date="2024-02-28")]
    first = night(tmp_path, "2024-03-01", left, [row("T1", 300), row("T2", 300)], RULES)
    assert set(first.reasons) == {"B3"}
    reversals = [row("B4", -300, date="2024-03-02"), row("B5", -300, date="2024-03-02")]
    found = night(tmp_path, "2024-03-02", reversals, [row("Ty", 1, key="y")], RULES, carry=first.out)
    notes = {one["left_id"]: one["note"] for one in found.matches}
    assert notes["B4"].startswith("takes back bank B3")
    assert notes["B5"].startswith("takes back bank B1, matched M000000001 of 2024-03-01 with till T1; another")
    assert notes["B5"].endswith("another original was as near: taken by order")


def test_rows_of_numbers_and_sums_are_linked(tmp_path: Path) -> None:
    head = HEAD.replace('id = "id"\n', "")
    rules = RULES.replace('[[pass]]\nname = "one"\n', '[[pass]]\nname = "one"\ncardinality = ["1:N"]\n')
    rules = rules.replace("[[left.net]]", "[[right.net]]\nname = 'r'\nkeys = ['key']\ndays = 5\n[[left.net]]")
    first = night(tmp_path, "2024-03-01", [row("", 15)], [row("", at) for at in range(1, 6)], rules, head=head)
    assert len(first.matches) == 5
    found = night(
        tmp_path,
        "2024-03-02",
        [row("", -15, date="2024-03-02")],
        [row("", -5, date="2024-03-02")],
        rules,
        head=head,
        carry=first.out,
    )
    assert [one["note"] for one in found.matches] == [
        "takes back bank 2024-03-01/1, matched M000000001 of 2024-03-01 with till 1, 2, 3 and others",
        "takes back till 2024-03-01/5, matched M000000001 of 2024-03-01 with bank 1",
    ]


def test_each_original_is_taken_back_once_by_whichever_netting(tmp_path: Path) -> None:
    two = RULES.replace("[[pass]]", '[[left.net]]\nname = "again"\nkeys = ["key"]\ndays = 4\n[[pass]]')
    first = night(tmp_path, "2024-03-01", [row("B1", 300)], [row("T1", 300)], two)
    reversals = [row("B2", -300, date="2024-03-02"), row("B3", -300, date="2024-03-02")]
    found = night(tmp_path, "2024-03-02", reversals, [row("Ty", 1, key="y")], two, carry=first.out)
    assert [(one["left_id"], one["pass"]) for one in found.matches] == [("B2", "voids")]
    assert set(found.reasons) == {"B3", "Ty"}


def test_what_looks_like_an_original_takes_nothing_back(tmp_path: Path) -> None:
    words = 'days = 5\noriginals = { kind = ["sale", "fix"] }\nreversals = { kind = ["void", "fix"] }\n'
    rules = RULES.replace("days = 5\n", words)
    first = night(tmp_path, "2024-03-01", [row("B1", 300, kind="sale")], [row("T1", 300)], rules)
    second = [row(name, -300, kind=kind, date="2024-03-02") for name, kind in (("B2", "fix"), ("B3", "void"))]
    found = night(tmp_path, "2024-03-02", second, [row("Ty", 1, key="y")], rules, carry=first.out)
    assert [one["left_id"] for one in found.matches] == ["B3"]


def test_an_original_in_a_currency_that_no_row_has_tonight_waits(tmp_path: Path) -> None:
    left = [row("B1", 300, ccy="EUR"), row("Bz", 300)]
    first = night(tmp_path, "2024-03-01", left, [row("T1", 300, ccy="EUR"), row("Tz", 300)], RULES)
    back = [row("B3", -300, date="2024-03-02")]
    second = night(tmp_path, "2024-03-02", back, [row("Ty", 1, key="y")], RULES, carry=first.out)
    assert [one["note"][:19] for one in second.matches] == ["takes back bank Bz,"]
    late = [row("B4", -300, ccy="EUR", date="2024-03-03")]
    third = night(tmp_path, "2024-03-03", late, [row("Tx", 1, key="x")], RULES, carry=second.out)
    assert [one["note"][:19] for one in third.matches] == ["takes back bank B1,"]
