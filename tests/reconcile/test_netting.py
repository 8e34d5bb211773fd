"""Netting inside a side."""

from __future__ import annotations

from pathlib import Path

from reconcile_runs import row, run

NET = '[[left.net]]\nname = "voids"\nkeys = ["key"]\ndays = 5\n'
PASS = '[[pass]]\nname = "one"\nkeys = ["key"]\n'
RIGHT = [row("T1", 300, date="2024-03-09")]


def test_the_nearest_original_is_taken_back_and_linked(tmp_path: Path) -> None:
    left = [
        row("B1", 300),
        row("B2", 300, date="2024-03-03"),
        row("B3", -300, date="2024-03-04"),
        row("B4", -300, date="2024-02-28"),
    ]
    found = run(tmp_path, left, RIGHT, NET + PASS)
    netted = {one["left_id"]: one["note"] for one in found.matches if one["cardinality"] == "net"}
    assert netted == {"B2": "taken back by bank B3", "B3": "takes back bank B2"}
    assert ("B1", "T1") in found.pairs
    assert found.reasons == {"B4": "missing_right"}
    assert found.summary["netting"][0]["nettings"] == 1
    assert found.summary["left"]["netted"] == {"rows": 2, "sums_minor": {"USD": 0}}


def test_most_are_netted_and_a_tie_is_said(tmp_path: Path) -> None:
    left = [row("B1", 300), row("B2", 300), row("B3", -300, date="2024-03-02")]
    found = run(tmp_path, left, RIGHT, NET + PASS)
    assert {one["left_id"] for one in found.matches if one["cardinality"] == "net"} == {"B1", "B3"}
    assert "another original was as near" in found.matches[0]["note"]


def test_words_tell_originals_and_reversals(tmp_path: Path) -> None:
    net = NET + 'originals = { kind = ["sale"] }\nreversals = { kind = ["void"] }\n'
    left = [
        row("B1", 300, kind="sale"),
        row("B2", -300, kind="refund"),
        row("B3", -300, kind="void"),
        row("B4", 300, kind=""),
    ]
    found = run(tmp_path, left, RIGHT, net + PASS)
    assert {one["left_id"] for one in found.matches if one["cardinality"] == "net"} == {"B1", "B3"}


def test_other_currencies_keys_and_distant_days_do_not_net(tmp_path: Path) -> None:
    left = [
        row("B1", 300),
        row("B2", -300, ccy="EUR"),
        row("B3", -300, key="L"),
        row("B4", -300, date="2024-03-07"),
        row("B5", -299),
        row("B6", 400, key=""),
        row("B7", -400, key=""),
    ]
    found = run(tmp_path, left, RIGHT, NET + PASS)
    assert found.summary["netting"][0]["nettings"] == 0
