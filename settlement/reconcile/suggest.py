"""Propose rules for two files: which columns tie their rows, how far amounts and dates differ, and what chance adds.

The order of thought: texts whose values occur on both sides; the two amount columns that agree on such rows more often
than by chance; the keys that this bears out; the days between the dates of the pairs so found; the differences of the
amounts that are left; sums of what shares a key. Each proposed pass is then run, and told with what it takes and how
many of its matches chance may have made.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise, product
from pathlib import Path
from typing import Final

from settlement.errors import TerminalError
from settlement.reconcile import draft, evidence
from settlement.reconcile.columns import (
    AmountPair,
    DatePair,
    amount_pair,
    chosen_keys,
    date_pair,
    judged,
    overlapping_keys,
    supported_keys,
)
from settlement.reconcile.draft import Draft, Proposal
from settlement.reconcile.engine import reconcile
from settlement.reconcile.passes import all_passes, pass_without_equals
from settlement.reconcile.profile import NO_DAY, Profile, profile_file
from settlement.reconcile.rules import read_rules
from settlement.reconcile.sides import read_sides
from settlement.reconcile.spellings import with_spellings

_RISKY: Final = 100
"""False matches in 1,000 above which no pass but the first is proposed: it is told and left out."""


def suggest_rules(left: Path, right: Path) -> str:
    """A rules document for two files, to be reviewed: ordered passes, and comments with the evidence in numbers.

    Parameters
    ----------
    left, right : Path
        CSV, Parquet, Excel or Arrow IPC files.

    Returns
    -------
    str
        TOML that ``read_rules`` accepts. It does not depend on the order of the rows of either file.

    Raises
    ------
    TerminalError
        With one sentence, where a file cannot be read or nothing ties the two beyond chance.
    """
    ours, theirs = profile_file(left), profile_file(right)
    if (ours.currency_column is None) != (theirs.currency_column is None):
        told = ours.currency or theirs.currency
        ours = ours if ours.currency_column else profile_file(left, told)
        theirs = theirs if theirs.currency_column else profile_file(right, told)
    for one in (ours, theirs):
        if not one.amounts:
            raise TerminalError(
                f"{one.path.name} has no column whose every row is an amount: no rules can be suggested; fill the "
                "empty amounts, or write the rules by hand."
            )
    proposal = _proposal(ours, theirs)
    counted = _run(proposal, left, right)
    risky = tuple(one for one in counted[1:] if one.matches and one.rate(one.matches) > _RISKY)
    kept = [one for one in counted if one.matches and one not in risky]
    if not kept:
        raise TerminalError(_hopeless(ours, theirs))
    if len(kept) < len(counted):
        kept = _run(proposal.with_passes(kept), left, right)
    return draft.render(proposal.with_passes((one for one in kept if one.matches), risky))


def write_suggested(document: str, out: Path) -> None:
    """Write a suggested document; TerminalError where a file stands there, which a person may have reviewed."""
    try:
        with out.open("x", encoding="utf-8", newline="\n") as target:
            target.write(document)
    except FileExistsError:
        raise TerminalError(f"{out} exists: name a new file, so that reviewed rules are not lost.") from None
    except (FileNotFoundError, NotADirectoryError):
        raise TerminalError(f"{out.parent} is no folder: make it, or name a file in an existing one.") from None


def _hopeless(left: Profile, right: Profile) -> str:
    return (
        f"Nothing ties {left.path.name} to {right.path.name} beyond chance: no two columns hold the same values on "
        "rows of equal amount; name files of the same business, or write the rules by hand."
    )


def _proposal(left: Profile, right: Profile) -> Proposal:
    keys = list(overlapping_keys(left, right))
    days = [
        (mine, other, evidence.number_tie(mine.days, other.days, NO_DAY))
        for mine, other in product(left.dates, right.dates)
    ]
    amounts = amount_pair(left, right, keys, [tie for _, _, tie in days])
    if amounts is None:
        found = pass_without_equals(left, right, keys)
        if found is None:
            raise TerminalError(_hopeless(left, right))
        return _stated(left, right, found[0], found[1], [found[2]])
    known = supported_keys(keys, amounts)
    dates = date_pair(days, known, amounts)
    known = [with_spellings(key, amounts, dates, f"names_{at}") for at, key in enumerate(known, 1)]
    known = [judged(key, known, amounts, dates) for key in known]
    chosen = chosen_keys(known, amounts, dates)
    passes = list(all_passes(chosen, known, keys, amounts, dates))
    if not passes:
        raise TerminalError(_hopeless(left, right))
    return _stated(left, right, amounts, dates, passes)


def _stated(
    left: Profile, right: Profile, amounts: AmountPair, dates: DatePair | None, passes: Sequence[Draft]
) -> Proposal:
    return Proposal(
        left=left,
        right=right,
        left_amount=amounts.left,
        right_amount=amounts.right,
        negate=amounts.negate,
        agreement=amounts.agreement,
        left_date=dates.left if dates else None,
        right_date=dates.right if dates else None,
        window=dates.window if dates and dates.window.pairs else None,
        passes=tuple(passes),
    )


def _run(proposal: Proposal, left: Path, right: Path) -> list[Draft]:
    """The passes with what they take and hold when the document is run on the two files."""
    rules = read_rules(draft.render(proposal), "the suggested rules")
    sides = read_sides(rules, left, right)
    result = reconcile(rules, *sides)
    matches = [0] * len(rules.passes)
    used = [[0, 0] for _ in rules.passes]
    held = [0] * len(rules.passes)
    names = [one.name for one in rules.passes]
    for step in result.taken:
        matches[step.number] += len(step.residual)
        used[step.number][0] += len(step.left)
        used[step.number][1] += len(step.right)
    for cluster in result.held:
        number = names.index(cluster.rule.name)
        held[number] += len(cluster.left) + len(cluster.right)
        used[number][0] += len(cluster.left)
        used[number][1] += len(cluster.right)
    heights = (proposal.left.height, proposal.right.height)
    gone = [[0, 0]]
    for one in used:
        gone.append([gone[-1][0] + one[0], gone[-1][1] + one[1]])
    told = []
    for number, (before, _) in enumerate(pairwise(gone)):
        shares = (Fraction(heights[0] - before[0], heights[0]), Fraction(heights[1] - before[1], heights[1]))
        told.append(proposal.passes[number].counted(matches=matches[number], held=held[number], open=shares))
    return told
