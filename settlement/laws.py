"""The laws that the runner asserts on what a stage gives back, before anything is written.

They share no code with the stages. A broken law is a fault of the program: nothing is published.
"""

from __future__ import annotations

import polars as pl

from settlement.errors import TerminalError
from settlement.model.records import CANDIDATES
from settlement.model.stage import StageInput, StageOutput


class LawBrokenError(TerminalError):
    """A law does not hold: the stage's output is not published."""


def assert_unit(stage: str, inputs: StageInput, output: StageOutput) -> None:
    """Assert the laws that concern a stage's output. Raises LawBrokenError."""
    if stage == "check":
        _assert_check(inputs, output)
    if stage == "match":
        _assert_match(inputs, output)
    if stage == "post":
        for entry in output.entries:
            entry.check()


def _assert_check(inputs: StageInput, output: StageOutput) -> None:
    """Every delivered file has one fate; every row read of an accepted file is published, and no other."""
    delivered = set(inputs.tables["delivery"]["file"])
    fates = output.tables["file"]
    if set(fates["file"]) != delivered or fates.height != len(delivered):
        raise LawBrokenError("Nothing disappears: delivered files and files with a fate differ.")
    accepted = fates.filter(pl.col("fate") == "accepted").select("file")
    for name in CANDIDATES:
        read = inputs.tables[f"parsed_{name}"].join(accepted, on="file", how="semi").select("file", "record")
        published = output.tables[name].select("file", "record")
        if read.height != published.height or read.join(published, on=["file", "record"], how="anti").height:
            raise LawBrokenError(f"Nothing disappears: rows of {name} read and published differ.")


def _assert_match(inputs: StageInput, output: StageOutput) -> None:
    """On each leg a record is matched or open, once; money in matches and open items is all there is."""
    members, opened = output.tables["match_member"], output.tables["open_item"]
    key = ["file", "record"]
    if members.select(key).is_duplicated().any():
        raise LawBrokenError("Nothing disappears: a record is in two matches.")
    for leg in opened["leg"].unique():
        both = opened.filter(pl.col("leg") == leg).select(key).join(members.select(key), on=key, how="semi")
        if both.height:
            raise LawBrokenError(f"Nothing disappears: a record of leg {leg} is matched and open.")
    # A night that closes without an open item leaves no row there; every night registers a file.
    night_before = inputs.history["file"].select(pl.col("business_date").max()).collect().item()
    before = inputs.history["open_item"].filter(pl.col("business_date") == pl.lit(night_before, pl.Date))
    carried = before.select(key).collect()
    taken = inputs.tables["clearing"].filter(pl.col("kind").is_in(["purchase", "refund", "reversal", "chargeback"]))
    owed = pl.concat([carried, taken.select(key)]).unique()
    found = pl.concat([members.select(key), opened.select(key)]).unique()
    if owed.height != found.height or owed.join(found, on=key, how="anti").height:
        raise LawBrokenError("Nothing disappears: a record that takes part in matching is neither matched nor open.")
