"""Open rows go from run to run: they take part, age, expire, and are told with the run they came from."""

from __future__ import annotations

from pathlib import Path

import polars as pl
from reconcile_runs import HEAD, Run, night, row

CARRY = "[carry]\nmost_days = 30\n"
PASS = '[[pass]]\nname = "one"\nkeys = ["key"]\n'
OTHER = [row("Tx", 1, key="other")]


def _held_together(found: Run) -> None:
    for which in ("left", "right"):
        side = found.summary[which]
        came, went = ("read", "carried"), ("matched", "netted", "open")
        assert sum(side[part]["rows"] for part in came) == sum(side[part]["rows"] for part in went)
        for code in {code for part in (*came, *went) for code in side[part]["sums_minor"]}:
            told = [sum(side[part]["sums_minor"].get(code, 0) for part in parts) for parts in (came, went)]
            assert told[0] == told[1]


def test_a_match_closes_a_carried_row_and_tells_its_run(tmp_path: Path) -> None:
    first = night(tmp_path, "2024-03-01", [row("B1", 5), row("B2", 6, key="L")], OTHER, PASS + CARRY)
    second = night(tmp_path, "2024-03-02", [row("B3", 7)], [row("T1", 5), row("T2", 7)], PASS + CARRY, carry=first.out)
    assert [(one["left_id"], one["right_id"], one["note"]) for one in second.matches] == [
        ("B1", "T1", "bank B1 is carried from 2024-03-01"),
        ("B3", "T2", ""),
    ]
    assert second.notes["B2"] == "no open row of till comes near; open since 2024-03-01, in 2 runs"
    assert second.summary["left"]["carried"] == {"rows": 2, "sums_minor": {"USD": 11}}
    assert second.summary["left"]["read"] == {"rows": 1, "sums_minor": {"USD": 7}}
    assert second.summary["carried_from"] == "2024-03-01"
    left_behind = pl.read_parquet(second.out / "open.parquet")
    assert left_behind.select("side", "id", pl.col("opened_on").cast(pl.String), "runs").rows() == [
        ("left", "B2", "2024-03-01", 2),
        ("right", "Tx", "2024-03-01", 2),
    ]
    for found in (first, second):
        _held_together(found)


def test_a_pass_takes_carried_rows_by_rule_and_age(tmp_path: Path) -> None:
    passes = (
        '[[pass]]\nname = "fresh"\nkeys = ["key", "kind"]\ncarry = false\n'
        '[[pass]]\nname = "young"\nkeys = ["key", "shop"]\ncarried_most_days = 2\n'
        '[[pass]]\nname = "default"\nkeys = ["key"]\nleft_only = { kind = ["d"] }\n'
        "[carry]\nmost_days = 4\n"
    )
    left = [
        row("B1", 1, key="1", kind="f", shop=""),
        row("B2", 2, key="2", kind="", shop="s"),
        row("B3", 3, key="3", kind="", shop="s", date="2024-03-02"),
        row("B4", 4, key="4", kind="d", shop=""),
        row("B5", 5, key="5", kind="d", shop="", date="2024-02-29"),
    ]
    none = {"kind": "", "shop": ""}
    first = night(tmp_path, "2024-03-02", left, [row("Tx", 1, key="x", **none)], passes)
    right = [row(f"T{at}", at, key=str(at), kind="f", shop="s", date="2024-03-09") for at in range(1, 6)]
    second = night(tmp_path, "2024-03-04", [row("Bx", 9, key="y", **none)], right, passes, carry=first.out)
    assert second.pairs == {("B3", "T3"), ("B4", "T4"), ("B5", "T5")}
    assert second.reasons["B1"] == second.reasons["T1"] == second.reasons["B2"] == "too_old"
    assert second.notes["B1"].startswith(
        "same key, kind and amount, but bank B1 is carried: pass fresh takes no carried"
    )
    assert second.notes["T2"] == (
        "same key, shop and amount, but bank B2 is carried and 3 days old: pass young takes carried rows up to 2 days"
    )
    third = night(
        tmp_path,
        "2024-03-07",
        [row("By", 9, key="y", **none)],
        [row("T9", 9, key="z", kind="", shop="")],
        passes,
        carry=second.out,
    )
    assert "no pass takes carried rows so old" in third.notes["B2"]


def test_an_expired_row_is_told_and_not_carried_on(tmp_path: Path) -> None:
    carry = PASS + "[carry]\nmost_days = 2\nexpires_after_days = 3\n"
    first = night(tmp_path, "2024-03-01", [row("B1", 5), row("B2", 6, date="2024-03-03")], OTHER, carry)
    right = [row("T1", 5), row("T2", 6)]
    second = night(tmp_path, "2024-03-05", [row("B9", 9)], right, carry, carry=first.out)
    assert second.pairs == {("B2", "T2")}
    assert second.reasons["B1"] == "too_old"
    assert second.notes["B1"].endswith(
        "; open since 2024-03-01, in 2 runs; expired: 4 days old, more than 3, and not carried on"
    )
    assert second.summary["left"]["expired"] == {"rows": 1, "sums_minor": {"USD": 5}}
    assert second.summary["left"]["open"]["rows"] == 2
    assert pl.read_parquet(second.out / "open.parquet")["id"].to_list() == ["B9", "T1"]
    _held_together(second)


def test_rows_of_numbers_are_told_with_their_date(tmp_path: Path) -> None:
    head = HEAD.replace('id = "id"\n', "")
    first = night(tmp_path, "2024-03-01", [row("", 5), row("", 6)], [row("", 1)], PASS + CARRY, head=head)
    assert first.reasons == {"1": "missing_left", "2": "missing_right"}
    second = night(
        tmp_path, "2024-03-02", [row("", 6)], [row("", 5), row("", 6)], PASS + CARRY, head=head, carry=first.out
    )
    assert second.pairs == {("2024-03-01/1", "1"), ("2024-03-01/2", "2")}
    assert [one["id"] for one in second.breaks] == ["1", "2024-03-01/1"]
    third = night(tmp_path, "2024-03-03", [row("", 1)], [row("", 6)], PASS + CARRY, head=head, carry=second.out)
    assert third.pairs == {("2024-03-02/1", "1"), ("1", "2024-03-01/1")}


def test_a_side_without_dates_ages_by_its_runs(tmp_path: Path) -> None:
    head = HEAD.replace('[left.date]\ncolumn = "date"\n', "")
    carry = PASS + "[carry]\nmost_days = 2\n"
    first = night(tmp_path, "2024-03-05", [row("B1", 5)], OTHER, carry, head=head)
    second = night(tmp_path, "2024-03-06", [row("B2", 6)], [row("Ty", 1)], carry, head=head, carry=first.out)
    third = night(
        tmp_path, "2024-03-08", [row("B3", 7)], [row("T1", 5), row("T2", 6)], carry, head=head, carry=second.out
    )
    assert third.pairs == {("B2", "T2")}
    assert third.reasons["B1"] == "too_old"


def test_held_rows_and_sums_are_carried_as_open(tmp_path: Path) -> None:
    passes = (
        '[[pass]]\nname = "pair"\nkeys = ["key"]\nambiguity = "hold"\n'
        '[[pass]]\nname = "sum"\nkeys = ["batch"]\ncardinality = ["1:N"]\n' + CARRY
    )
    left = [row("B1", 5, batch=""), row("B2", 5, batch=""), row("B3", 9, key="L", batch="7")]
    first = night(tmp_path, "2024-03-01", left, [row("T1", 5, batch=""), row("T2", 4, key="x", batch="7")], passes)
    assert first.reasons["B1"] == first.reasons["T1"] == "held_ambiguous"
    second = night(
        tmp_path,
        "2024-03-02",
        [row("B4", 1, key="q", batch="")],
        [row("T3", 5, key="y", batch="7"), row("T4", 8, batch="")],
        passes,
        carry=first.out,
    )
    assert second.pairs == {("B3", "T2"), ("B3", "T3")}
    assert second.reasons["B1"] == "held_ambiguous"
    assert second.notes["B1"].startswith("pass pair cannot tell which belongs to which: bank B1, B2; till T1; open")
    assert second.matches[1]["note"] == "bank B3 is carried from 2024-03-01"


def test_ages_are_told_by_bucket_and_reason(tmp_path: Path) -> None:
    ageing = PASS + "[ageing]\nbuckets = [1, 3]\n"
    left = [row(f"B{at}", 5, key=f"{at}", date=f"2024-03-0{at}") for at in range(1, 8)]
    found = night(tmp_path, "2024-03-07", [*left, row("B8", 5, key="x", date="2024-03-09")], OTHER, ageing)
    told = [
        (one["from_days"], one["to_days"], one["rows"], one["sums_minor"]["USD"])
        for one in found.summary["ageing"]
        if one["side"] == "left"
    ]
    assert told == [(0, 1, 3, 15), (2, 3, 2, 10), (4, None, 2, 10), (4, None, 1, 5)]
    assert {one["reason"] for one in found.summary["ageing"]} == {"late", "missing_left", "missing_right"}
    assert not (found.out / "open.parquet").exists()
    assert "carried" not in found.summary["left"]


def test_a_pass_that_takes_nothing_becomes_stale_until_its_words_change(tmp_path: Path) -> None:
    passes = PASS + '[[pass]]\nname = "two"\nkeys = ["date"]\n' + "[carry]\nstale_after_runs = 2\n"
    last: Path | None = None
    stale = []
    for day, words in enumerate([passes, passes, passes, passes.replace('["date"]', '["ccy"]'), passes], 1):
        found = night(tmp_path, f"2024-03-0{day}", [row(f"B{day}", day)], [row(f"T{day}", day)], words, carry=last)
        last = found.out
        stale.append(found.summary["stale"])
    assert stale == [[], [{"name": "two", "runs": 2}], [{"name": "two", "runs": 3}], [], []]


def test_a_text_that_was_not_kept_is_told(tmp_path: Path) -> None:
    first = night(tmp_path, "2024-03-01", [row("B1", 5, shop="s")], [row("T1", 1, shop="s")], PASS + CARRY)
    passes = '[[pass]]\nname = "shop"\nkeys = ["shop"]\n' + CARRY
    second = night(tmp_path, "2024-03-02", [row("B2", 6, shop="s")], [row("T2", 5, shop="s")], passes, carry=first.out)
    assert second.summary["texts_not_carried"] == ["left.shop", "right.shop"]
    assert second.notes["B1"].startswith("same amount, but shop is empty on bank")


def test_currencies_of_other_nights_are_told_apart(tmp_path: Path) -> None:
    left = [row("B1", 5, ccy="EUR"), row("B4", 6, ccy="GBP")]
    first = night(tmp_path, "2024-03-01", left, [row("T1", 5, ccy="JPY")], PASS + CARRY)
    assert first.reasons["B1"] == "currency_differs"
    left, right = [row("B2", 7), row("B3", 5, ccy="JPY")], [row("T2", 5, ccy="EUR"), row("T3", 7)]
    second = night(tmp_path, "2024-03-02", left, right, PASS + CARRY, carry=first.out)
    assert second.pairs == {("B1", "T2"), ("B2", "T3"), ("B3", "T1")}
    assert second.summary["left"]["carried"]["sums_minor"] == {"EUR": 5, "GBP": 6}


def test_a_row_of_a_later_date_has_no_age_yet(tmp_path: Path) -> None:
    late = PASS + "[carry]\nmost_days = 0\n"
    first = night(tmp_path, "2024-03-01", [row("B1", 5, date="2024-03-04")], OTHER, late)
    assert pl.read_parquet(first.out / "open.parquet")["age_days"].to_list() == [0, 0]
    for day, met in (("2024-03-04", True), ("2024-03-05", False)):
        found = night(tmp_path, day, [row("B2", 1, key="y")], [row("T1", 5)], late, carry=first.out)
        assert (("B1", "T1") in found.pairs) is met


def test_neither_the_order_of_rows_nor_a_second_run_changes_a_byte_of_a_chain(tmp_path: Path) -> None:
    def chain(folder: Path, turn: int) -> list[Run]:
        folder.mkdir()
        found: list[Run] = []
        for day in (1, 2, 3):
            left, right = (
                [
                    row(f"{side}{day}{at}", (at % 3 - 1) * 5, key=f"{at % 4}", date=f"2024-03-0{day}")
                    for at in range(count)
                ]
                for side, count in (("B", 4 + 3 * day), ("T", 9))
            )
            rules = '[[left.net]]\nname = "n"\nkeys = ["key"]\ndays = 3\n' + PASS + CARRY
            last = found[-1].out if found else None
            found.append(night(folder, f"2024-03-0{day}", left[::turn], right[::turn], rules, carry=last))
        return found

    for one, other in zip(chain(tmp_path / "a", 1), chain(tmp_path / "b", -1), strict=True):
        assert any("is carried from" in match["note"] for match in one.matches) or one.summary["carried_from"] is None
        names = {path.name for path in one.out.iterdir()}
        assert {"open.parquet", "taken.parquet", "carry.json"} < names
        for name in names:
            assert (other.out / name).read_bytes() == (one.out / name).read_bytes(), name
