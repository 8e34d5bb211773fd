"""The summary of a run: counts and sums of each side by what became of its rows, by pass and by reason."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from settlement.errors import TerminalError
from settlement.reconcile.ageing import came_in
from settlement.reconcile.engine import Result
from settlement.reconcile.found import Searched
from settlement.reconcile.language import Net
from settlement.reconcile.netting import Netted
from settlement.reconcile.sides import HELD, MATCHED, NETTED, OPEN, Rows
from settlement.reconcile.takeback import TakenBack

BOUNDS: Final = frozenset({"most_members", "most_candidates", "most_steps"})
"""Words of a summary that tell a rule and count nothing."""
_SAFE: Final = 2**62
_CAME: Final = ("read", "carried")
_WENT: Final = ("matched", "netted", "open")
_LEFT: Final = ("open", "expired")


def summarise(result: Result) -> dict[str, Any]:
    """Counts and sums by side, netting and pass; the breaks are told by ``break_summary``."""
    sides = {}
    for side in (result.left, result.right):
        parts = {word: _counted(side, which) for word, which in came_in(result.rules, side)} | {
            word: _counted(side, side.among(*states))
            for word, states in (
                ("matched", (MATCHED,)),
                ("netted", (NETTED,)),
                ("open", (OPEN, HELD)),
            )
        }
        sides[side.which] = {"name": side.name, "file": side.file} | parts
    return {
        **sides,
        "netting": list(_nettings(result)),
        "passes": [_pass_summary(result, number) for number in range(len(result.rules.passes))],
    }


def break_totals(breaks: pl.DataFrame) -> pl.DataFrame:
    """Rows and sums of ``side``, ``reason``, ``currency`` and ``amount`` by the first three."""
    by = ("side", "reason", pl.col("currency").cast(pl.String))
    return breaks.group_by(by).agg(pl.len().cast(pl.Int64).alias("rows"), pl.col("amount").cast(pl.Int128).sum())


def break_summary(totals: pl.DataFrame) -> list[dict[str, Any]]:
    """Totals of all parts of a run, by side and reason."""
    summed = totals.group_by("side", "reason", "currency").agg(pl.col("rows", "amount").sum())
    told: dict[tuple[str, str], dict[str, Any]] = {}
    for side, reason, code, rows, total in sorted(summed.iter_rows()):
        one = told.setdefault((side, reason), {"side": side, "reason": reason, "rows": 0, "sums_minor": {}})
        one["rows"] += rows
        one["sums_minor"][code] = int(total)
    return list(told.values())


def added(one: Any, other: Any) -> Any:
    """The summary of two parts of a run: what counts is added, what tells a name or a rule is the same in both."""
    if isinstance(one, dict):
        keys = one.keys() | other.keys()
        # Sums by currency stand in the order of the codes; all other words are in both parts.
        words = list(one) if one.keys() == keys else sorted(keys)
        return {word: one[word] if word in BOUNDS else added(one.get(word, 0), other.get(word, 0)) for word in words}
    if isinstance(one, list):
        return [added(*both) for both in zip(one, other, strict=True)]
    return one if isinstance(one, str) else one + other


def in_turn(parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The summary of a run in phases: each takes in what the one before has left open."""
    whole = dict(reduce(added, [part | {"netting": []} for part in parts]))
    for which in ("left", "right"):
        came = next(part[which] for part in parts if part[which]["read"]["rows"])
        whole[which] = whole[which] | {word: came[word] for word in _CAME if word in came}
        whole[which] = whole[which] | {word: parts[-1][which][word] for word in _LEFT if word in came}
    nettings: dict[tuple[str, str], dict[str, Any]] = {}
    for one in (one for part in parts for one in part["netting"]):
        known = nettings.get((one["side"], one["name"]))
        nettings[one["side"], one["name"]] = one if known is None else added(known, one)
    return whole | {"netting": sorted(nettings.values(), key=lambda one: one["side"] == "right")}


def _counted(side: Rows, which: NDArray[np.bool_]) -> dict[str, Any]:
    return {"rows": int(which.sum()), "sums_minor": _sums(side, which)}


def _sums(side: Rows, which: NDArray[np.bool_]) -> dict[str, int]:
    """Sums by currency of the rows that are flagged."""
    amounts, codes = side.frame["amount"].to_numpy(), side.frame["currency"]
    if not which.any():
        return {}
    known = codes.dtype.categories.to_list() if isinstance(codes.dtype, pl.Enum) else []
    if len(known) == 1 and max(int(amounts.max()), -int(amounts.min())) < _SAFE // len(amounts):
        # Nearly all rows, or hardly any: the fewer of both are picked.
        most = 2 * np.count_nonzero(which) > len(which)
        some = int(amounts[~which if most else which].sum())
        return {known[0]: int(amounts.sum()) - some if most else some}
    # Sums may leave 64 bits where single amounts do not.
    table = side.frame.lazy().select("currency", "amount").filter(pl.Series(which)).group_by("currency")
    sums = table.agg(pl.col("amount").cast(pl.Int128).sum()).collect()
    return {code: int(total) for code, total in sorted(sums.select("currency", "amount").iter_rows())}


def _flags(side: Rows, parts: Sequence[NDArray[np.int32]]) -> NDArray[np.bool_]:
    """Flags of the rows at some positions."""
    flags = np.zeros(side.frame.height, dtype=np.bool_)
    for rows in parts:
        flags[rows] = True
    return flags


def _pass_summary(result: Result, number: int) -> dict[str, Any]:
    rule = result.rules.passes[number]
    steps = [step for step in result.taken if step.number == number]
    left = _flags(result.left, [step.left for step in steps])
    right = _flags(result.right, [step.right for step in steps])
    held = [step for step in result.held if step.number == number]
    told: dict[str, Any] = {
        "name": rule.name,
        "matches": sum(len(step.residual) for step in steps),
        "left_rows": sum(len(step.left) for step in steps),
        "right_rows": sum(len(step.right) for step in steps),
        "left_sums_minor": _sums(result.left, left),
        "right_sums_minor": _sums(result.right, right),
        "residuals": sum(int((step.residual != 0).sum()) for step in steps),
        "taken_by_order": sum(int(step.unsure.sum()) for step in steps),
        "held_clusters": sum(len(np.union1d(step.left_cluster, step.right_cluster)) for step in held),
        "held_left_rows": sum(len(step.left) for step in held),
        "held_right_rows": sum(len(step.right) for step in held),
        "given_up_left_rows": sum(len(rows) for one, rows in result.given_up if one == rule),
    }
    if rule.search is not None:
        outcomes = [one.outcome.status for one in result.told if one.rule == rule]
        told["search"] = {str(status): outcomes.count(status) for status in Searched} | {
            "most_members": rule.search.most_members,
            "most_candidates": rule.search.most_candidates,
            "most_steps": rule.search.most_steps,
        }
    return told


def _nettings(result: Result) -> Iterator[dict[str, Any]]:
    """A summary for each netting that was asked, of open rows or of what earlier runs have matched."""
    for side, rules in ((result.left, result.rules.left), (result.right, result.rules.right)):
        for rule in rules.net:
            netted = [one for one in result.netted if one.side is side and one.rule is rule]
            back = [one for one in result.taken_back if one.side is side and one.rule is rule]
            if netted or back:
                yield _netting(side, rule, netted, back if result.rules.carry is not None else None)


def _netting(side: Rows, rule: Net, netted: list[Netted], back: list[TakenBack] | None) -> dict[str, Any]:
    told: dict[str, Any] = {
        "side": side.which,
        "name": rule.name,
        "nettings": sum(len(one.original) for one in netted),
        "sums_minor": _sums(side, _flags(side, [rows for one in netted for rows in (one.original, one.reversal)])),
        "taken_by_order": sum(len(one.unsure) for one in netted),
    }
    if back is not None:
        told["matched_before"] = _counted(side, _flags(side, [one.reversal for one in back]))
    return told


def _total(parts: Sequence[dict[str, Any]], code: str) -> int:
    return sum(part["sums_minor"].get(code, 0) for part in parts)


def require_law(summary: dict[str, Any]) -> None:
    """Every row is in one place, and every minor unit with it."""
    for which in ("left", "right"):
        side = summary[which]
        by_pass = sum(one[f"{which}_rows"] for one in summary["passes"])
        by_reason = sum(one["rows"] for one in summary["breaks"] if one["side"] == which)
        came, went = ([side[word] for word in words if word in side] for words in (_CAME, _WENT))
        codes = {code for part in (*came, *went) for code in part["sums_minor"]}
        if (
            sum(part["rows"] for part in came) != sum(part["rows"] for part in went)
            or by_pass != side["matched"]["rows"]
            or by_reason != side["open"]["rows"]
            or any(_total(came, code) != _total(went, code) for code in codes)
        ):
            raise TerminalError(
                f"Matched and open rows of {side['name']} do not come out at what was read: nothing was written; "
                "report this with the rules file."
            )
