"""The system on one screen: the stages of a night in order, what each reads and what it writes.

``reads`` are tables of this night, ``parts`` those of them that are read part by part, ``scans`` those of many rows, of
which a stage collects the columns it asks for; ``history`` are the same or other tables of earlier nights. What a stage
writes stands in the tables themselves (``Table.stage``). ``files`` names the folder of the files it makes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from settlement.check import night as check
from settlement.check import quality
from settlement.errors import TerminalError
from settlement.land import register as land
from settlement.match import night as match
from settlement.model.packs import PACKED, packed
from settlement.model.records import CANDIDATES
from settlement.model.stage import StageInput, StageOutput
from settlement.model.tables import TABLES
from settlement.parse import files as parse
from settlement.pay import files as pay
from settlement.post import journal as post
from settlement.rate import night as rate
from settlement.report import night as report


def whole(inputs: StageInput | None) -> tuple[str, ...]:
    """The plan of a stage that is not cut into units."""
    del inputs
    return ("all",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One stage: a pure function from declared inputs to declared outputs, cut into units that can run apart."""

    name: str
    run: Callable[[StageInput], StageOutput]
    reads: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    scans: tuple[str, ...] = ()
    history: tuple[str, ...] = ()
    files: str | None = None
    plan: Callable[[StageInput], tuple[str, ...]] = whole

    @property
    def writes(self) -> tuple[str, ...]:
        """The tables this stage writes, sorted."""
        return tuple(sorted(table.name for table in TABLES.values() if table.stage == self.name))


_PARSED: Final = tuple(f"parsed_{name}" for name in CANDIDATES)
_REFERENCE: Final = ("account_event", "enrolment", "store", "fx_rate", "opening_position", "pnl")
_RATED: Final = ("rated", "rated_basis", "rated_total", "rated_account", "rated_key", "rated_pack")
_PACKED: Final = tuple(packed(name) for name in PACKED)
_SETTLED: Final = ("match", "match_member", "open_item", "cash_tie", "rated", "payout")

STAGES: Final[tuple[Stage, ...]] = (
    Stage(name="land", run=land.run, history=("file", "delivery")),
    Stage(name="parse", run=parse.run, plan=parse.plan, reads=("delivery",), history=("card_token",)),
    Stage(
        name="check",
        run=check.run,
        reads=("delivery", "parsed_file", "parsed_control_total", "parsed_card_token"),
        parts=("parsed_reject_place", "parsed_replay", *_PARSED),
        history=("file", "bank_statement"),
    ),
    Stage(
        name="match",
        run=match.run,
        reads=(
            *("file", "enrolment", "statement_entry", "bank_detail"),
            *("reject", "replay", "control_record", "control_total"),
        ),
        scans=("clearing",),
        history=(
            *("file", "clearing", "enrolment", "statement_entry", "bank_detail"),
            *("open_item", "pass_use", "cash_tie", "detail_tie", "batch_tie", "batch_carry"),
            # A night that restates others does their work again.
            *("reject", "replay", "control_record", "control_total", "match", "match_member", "match_taken_back"),
        ),
    ),
    Stage(
        name="rate",
        run=rate.run,
        reads=("file", "match_taken_back", "calendar_day", *_REFERENCE),
        scans=("clearing", "match", "match_member"),
        history=(
            "file",
            "clearing",
            "match",
            "match_member",
            "match_taken_back",
            "calendar_day",
            *_REFERENCE,
            *_RATED,
            *_PACKED,
            "payout",
        ),
    ),
    Stage(
        name="post",
        run=post.run,
        reads=("file", "cash_tie", "batch_tie", "batch_carry", "statement_entry", "payout", "ledger"),
        history=("file", "cash_tie", "batch_tie", "payout", "ledger", "trial_balance"),
    ),
    Stage(
        name="pay",
        run=pay.run,
        plan=pay.plan,
        reads=("payout",),
        scans=("clearing", "rated", "store", "file"),
        history=("payout", "clearing", "rated", "rated_basis", "rated_total", "store", "file"),
        files="out",
    ),
    Stage(
        name="quality",
        run=quality.run,
        reads=("file", "reject", "clearing", "statement_entry", *_REFERENCE, *_SETTLED, "trial_balance", "payable"),
        files="quality",
    ),
    Stage(
        name="report",
        run=report.run,
        reads=(
            *("file", "control_total", "finding", "reject", "control_record", "clearing"),
            *_SETTLED,
            "rate_finding",
            *("pass_use", "batch_tie", "detail_tie", "trial_balance", "payable", "settlement_file", "expectation"),
        ),
        history=("file", "match", "clearing", "open_item", "batch_tie", "payout"),
        files="report",
    ),
)


def stage_named(name: str) -> Stage:
    """The stage of that name; TerminalError that lists the names otherwise."""
    for stage in STAGES:
        if stage.name == name:
            return stage
    names = ", ".join(stage.name for stage in STAGES)
    raise TerminalError(f"There is no stage {name!r}; the stages are {names}.")
