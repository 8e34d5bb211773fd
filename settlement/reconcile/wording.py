"""Words for amounts and lists, and the summary of a run for a terminal."""

from __future__ import annotations

from typing import Any

from settlement.model.money import amount_text


def render_reconciled(summary: dict[str, Any]) -> str:
    """The summary of a run in a few lines for a terminal."""
    lines = []
    for which in ("left", "right"):
        side = summary[which]
        read, matched, netted, still = (side[word] for word in ("read", "matched", "netted", "open"))
        lines.append(
            f"{side['name']}: {read['rows']} rows ({_sums(read)}), "
            + (f"{side['carried']['rows']} carried ({_sums(side['carried'])}), " if "carried" in side else "")
            + f"{matched['rows']} matched ({_sums(matched)}), "
            + (f"{netted['rows']} netted, " if netted["rows"] else "")
            + f"{still['rows']} open ({_sums(still)})"
            + (f", {side['expired']['rows']} of them expired" if side.get("expired", {}).get("rows") else "")
        )
    for one in summary["passes"]:
        held = one["held_left_rows"] + one["held_right_rows"]
        told = f"  {one['name']}: {one['matches']} matches"
        told += f", {one['residuals']} with a residual" if one["residuals"] else ""
        told += f", {one['taken_by_order']} of them by order" if one["taken_by_order"] else ""
        lines.append(told + (f", {held} rows held as ambiguous" if held else ""))
    lines += [
        f"  {summary[one['side']]['name']}: {one['rows']} {one['reason']}{_age(one)} ({_sums(one)})"
        for one in summary.get("ageing", summary["breaks"])
    ]
    lines += [
        f"  carried rows have no `{text.partition('.')[2]}` of {summary[text.partition('.')[0]]['name']}: "
        "the earlier run did not keep it"
        for text in summary.get("texts_not_carried", ())
    ]
    lines += [f"  {one['name']} has taken nothing in {one['runs']} runs" for one in summary.get("stale", ())]
    return "\n".join(lines)


def _age(one: dict[str, Any]) -> str:
    if "from_days" not in one:
        return ""
    return (
        f" of {one['from_days']} days and more"
        if one["to_days"] is None
        else (f" of {one['from_days']} to {one['to_days']} days")
    )


def _sums(part: dict[str, Any]) -> str:
    return ", ".join(amount_text(total, code) for code, total in part["sums_minor"].items()) or "nothing"
