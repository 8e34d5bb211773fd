"""The shell around a stage: read tables, run, assert the laws, write, commit, record.

The same functions serve the command line and Airflow: ``plan`` names a stage's units, ``run_unit`` runs one of
them and keeps its output, ``commit`` publishes all of them at once. Each may be called again at any time, by
several processes at once, and after being killed anywhere: a committed stage is never done twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import partial
from typing import Final

import polars as pl

from settlement import at_once, books, laws, openpgp, originals, quarantine, quarantine_books, restate_books, store
from settlement.aside import laying_aside
from settlement.cardkey import read_card_keys
from settlement.errors import RetryableError, TerminalError
from settlement.evidence.seal import add_seal
from settlement.history import History, naming_damage
from settlement.model.arrival import signature_digests
from settlement.model.clearing import StatementState
from settlement.model.layout import read_layouts
from settlement.model.restatement import configuration_of
from settlement.model.stage import IN_MEMORY, USUAL, Aside, Bounds, Part, Progress, Seen, StageInput
from settlement.model.steps import moment_text
from settlement.report import summary
from settlement.stages import STAGES, Stage, stage_named, whole
from settlement.store import Home


def plan(home: Home, business_date: date, stage_name: str) -> tuple[str, ...]:
    """The units of a stage. Checks first that the night's turn has come and its earlier stages are committed."""
    stage = stage_named(stage_name)
    engine = books.connect(home)
    _require_turn(home, engine, business_date, stage)
    return whole(None) if stage.plan is whole else stage.plan(_inputs(home, business_date, stage, "all"))


def run_unit(
    home: Home,
    business_date: date,
    stage_name: str,
    unit: str,
    *,
    bounds: Bounds = USUAL,
    seen: Seen | None = None,
) -> None:
    """Run one unit of a stage and keep its output until the stage commits; nothing if that is done already."""
    stage = stage_named(stage_name)
    engine = books.connect(home)
    if books.committed(engine, business_date, stage.name):
        return
    with store.locked(home):
        _require_as_approved(home, engine, business_date)
        store.begin_stage(home, business_date, stage.name, _inputs_digest(home, engine, business_date, stage))
    if store.unit_saved(home, business_date, stage.name, unit):
        return
    try:
        with (
            store.keeping_parts(home, business_date, stage.name, unit) as keep,
            laying_aside(home, business_date, stage.name, unit) as aside,
        ):
            reading = _Reading(bounds=bounds, keep=keep, aside=aside, seen=seen)
            _run_and_save(home, business_date, stage, unit, reading)
    except (RetryableError, OSError):
        # Another runner may have committed the stage meanwhile and cleared its work folder away.
        if not books.committed(engine, business_date, stage.name):
            raise


def _run_and_save(home: Home, business_date: date, stage: Stage, unit: str, reading: _Reading) -> None:
    try:
        # Behind the block it is known that what was read is what was landed.
        with originals.reading_originals(home) as content:
            inputs = _inputs(home, business_date, stage, unit, replace(reading, content=content))
            output = stage.run(inputs)
    except pl.exceptions.PolarsError:
        # Earlier nights are read as a stage asks for them: one that was damaged shows only then.
        store.require_readable(home, (*stage.reads, *stage.parts, *stage.scans, *stage.history), business_date)
        raise
    laws.assert_unit(stage.name, inputs, output)
    store.save_unit(home, business_date, stage.name, unit, output)


def commit(home: Home, business_date: date, stage_name: str, units: tuple[str, ...]) -> books.StageRun:
    """Publish all units of a stage by one commit row; a stage that is committed already is left as it is."""
    stage = stage_named(stage_name)
    engine = books.connect(home)
    with store.locked(home):
        done = books.committed(engine, business_date, stage.name)
        if done is None:
            missing = [u for u in units if not store.unit_saved(home, business_date, stage.name, u)]
            if missing:
                raise TerminalError(f"Stage {stage.name} of {business_date} is not complete: {missing[0]} has not run.")
            _require_as_approved(home, engine, business_date)
            if stage.name == "land":
                _refuse_unseen_replays(home, engine, business_date)
            if stage.name in _UNSEEN:
                _refuse_unseen(home, engine, business_date, stage)
            made = store.publish(home, business_date, stage.name, writes=stage.writes, files=stage.files, units=units)
            done = books.StageRun(
                business_date=business_date,
                stage=stage.name,
                inputs_digest=_inputs_digest(home, engine, business_date, stage),
                outputs_digest=made.digest,
            )
            landed = _landed(home, business_date) if stage.name == "land" else ()
            books.commit_stage(
                engine,
                done,
                made.entries,
                files=(*made.files, *landed),
                also=_quarantined(home, engine, business_date, stage),
                last=_at_last(home, business_date, stage),
            )
        store.drop_work(home, business_date, stage.name)
    return done


def _refuse_unseen_replays(home: Home, engine: books.Engine, business_date: date) -> None:
    """A replay that was released while the night was landed must be seen by it: the stage is done again."""
    landed = store.read_unit_table(home, business_date, "land", "all", "delivery")
    if {file.name for file in quarantine_books.replay_files(engine, business_date)} - set(landed["name"]):
        store.drop_work(home, business_date, "land")
        raise RetryableError(f"A replay was released while {business_date} was landed.")


_UNSEEN: Final = {
    "match": "An order was withdrawn, or the configuration changed, while {} was matched.",
    "post": "A payout was booked while {} was posted.",
}
"""Stages that rest on what persons do meanwhile: what is withdrawn is not restated, what is paid is in the balance."""


def _refuse_unseen(home: Home, engine: books.Engine, business_date: date, stage: Stage) -> None:
    """A stage that has not seen what it rests on by now is done again."""
    if not store.begun_with(home, business_date, stage.name, _inputs_digest(home, engine, business_date, stage)):
        store.drop_work(home, business_date, stage.name)
        raise RetryableError(_UNSEEN[stage.name].format(business_date))


def _require_as_approved(home: Home, engine: books.Engine, business_date: date) -> None:
    """Raise TerminalError where a night whose matching is to come would restate otherwise than was approved.

    Its approval is of what was known after a night, under a configuration: the trial is a function of both. So no other
    night makes an order whose night was never delivered, and none goes past it. A scratch home performs a night under
    whatever it is given.
    """
    for order in () if home.own_books else restate_books.approved_until(engine, business_date):
        withdrawal = f"withdraw it with `settle restate withdraw {order.order_id}`"
        named = order.restatement.business_date
        if named < business_date:
            raise TerminalError(
                f"The order {order.order_id} is approved for the night {named}, which was not settled: {withdrawal}, "
                f"and propose it anew with `settle restate propose --into {business_date}`."
            )
        last = max(books.nights_of(engine, "pay"), default=None)
        changed = order.rests_on_other(configuration_of(store.read_documents(home)), last)
        if changed:
            raise TerminalError(
                f"The night {business_date} restates others by the order {order.order_id}, which was approved with "
                f"other {changed}: put back what was approved, or {withdrawal}."
            )


def _landed(home: Home, business_date: date) -> tuple[store.KeptFile, ...]:
    """The originals of what was delivered, each once."""
    delivered = store.read_table(home, "delivery", business_date).filter(pl.col("why").ne_missing("NOT_A_FILE"))
    names = {name for column in delivered["signatures"] for name in signature_digests(column)}
    return originals.kept(home, sorted({*delivered["sha256"], *names}))


def _at_last(home: Home, business_date: date, stage: Stage) -> books.Also | None:
    """What is written behind the commit of a stage: an order that its night has made by matching, the night's seal.

    The seal is over all that was written to the books since the seal before.
    """
    if stage.name == "match":
        return partial(restate_books.carry_out, night=business_date, moment=moment_text(datetime.now(UTC)))
    if stage is STAGES[-1]:
        return partial(add_seal, business_date=business_date, config=store.config_files(home))
    return None


def _quarantined(home: Home, engine: books.Engine, business_date: date, stage: Stage) -> books.Also | None:
    """What the stage ``check`` writes to quarantine: the night's rejects, and what became of its replays."""
    if stage.name != "check":
        return None
    rejects = quarantine.night_rejects(home, business_date)
    outcomes = quarantine.night_outcomes(home, engine, business_date)
    return partial(quarantine_books.add_night, rejects=rejects, outcomes=outcomes)


def run_stage(
    home: Home,
    business_date: date,
    stage_name: str,
    progress: Progress | None = None,
    bounds: Bounds = USUAL,
) -> books.StageRun:
    """Plan, run and commit one stage.

    Raises TerminalError where a file cannot be read within the bounds.
    """
    done = books.committed(books.connect(home), business_date, stage_name)
    if done is not None:
        store.drop_work(home, business_date, stage_name)
        return done
    units = plan(home, business_date, stage_name)
    if progress:
        progress(stage_name, 0, 1)
    sizes, needed, free, most = dict.fromkeys(units, 1), dict[str, int](), 0, 1
    if stage_name == "parse":
        delivered = store.read_table(home, "delivery", business_date)
        sizes |= {row["file"]: row["size_bytes"] + 1 for row in delivered.iter_rows(named=True) if row["file"] in sizes}
        needed = at_once.needs(delivered, read_layouts(store.read_documents(home)), bounds)
        free, most = at_once.room(bounds, needed), bounds.files
    tell = at_once.counted(progress, stage_name, sizes) if progress else None

    def work(unit: str) -> None:
        seen = partial(tell, unit) if tell else None
        run_unit(home, business_date, stage_name, unit, bounds=bounds, seen=seen)
        if tell:
            tell(unit, sizes[unit])

    at_once.run_units(units, needed, free, most, work)
    return commit(home, business_date, stage_name, units)


def run_night(
    home: Home,
    business_date: date,
    progress: Progress | None = None,
    until: str = STAGES[-1].name,
    bounds: Bounds = USUAL,
) -> tuple[books.StageRun, ...]:
    """Run all stages of a night in order, up to and including ``until``. Running a settled night changes nothing."""
    stage_named(until)
    _refuse_late_arrivals(home, business_date)
    runs = []
    for stage in STAGES:
        runs.append(run_stage(home, business_date, stage.name, progress, bounds))
        if stage.name == until:
            break
    return tuple(runs)


def require_settled(home: Home, business_date: date, stage_name: str) -> None:
    """Raise TerminalError, saying what to run, unless the stage of that night is committed."""
    if books.committed(books.connect(home), business_date, stage_named(stage_name).name) is None:
        raise TerminalError(
            f"The night {business_date} is not settled: run `settle run --home {home.root} "
            f"--business-date {business_date}` first."
        )


def books_digest(home: Home, business_date: date) -> str:
    """The books digest of a night: journal up to it, and its outgoing files. TerminalError if it is not settled."""
    require_settled(home, business_date, "pay")
    engine = books.connect(home)
    out = home.published("out", business_date)
    files = [(p.relative_to(out).as_posix(), p.read_bytes()) for p in sorted(out.rglob("*")) if p.is_file()]
    return books.books_digest(books.read_entries(engine, business_date), files)


@naming_damage
def night_summary(home: Home, business_date: date) -> summary.NightSummary:
    """What the end of a settled night tells: match rate, open breaks, payouts, and where everything lies.

    Payouts are those of the night and each contract's latest statement before it.
    """
    tables = {name: store.read_table(home, name, business_date) for name in summary.READS}
    stated = store.scan_history(home, "payout", business_date).filter(pl.col("state") == StatementState.CLOSED)
    latest = stated.filter(pl.col("as_of") == pl.col("as_of").max().over("contract"))
    tables["payout"] = pl.concat([latest.select(tables["payout"].columns).collect(), tables["payout"]])
    places = {
        "report": home.published("report", business_date) / "index.html",
        "data quality": home.published("quality", business_date) / "index.html",
        "partner files": home.published("out", business_date),
        "tables": home.root / "tables",
    }
    return summary.night_summary(tables, business_date, {name: str(place) for name, place in places.items()})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """What a unit is handed of the machine: originals, bounds, places for what is not held, and who looks on."""

    content: Callable[[str], memoryview] | None = None
    bounds: Bounds = USUAL
    keep: Callable[[pl.DataFrame], Part] | None = None
    aside: Aside = IN_MEMORY
    seen: Seen | None = None


def _inputs(
    home: Home,
    business_date: date,
    stage: Stage,
    unit: str,
    reading: _Reading = _Reading(),
) -> StageInput:
    first = stage.name == "land"
    parsing = stage.name == "parse"
    released = quarantine.place_replays(home, books.connect(home), business_date) if first else frozenset()
    history = History(home=home, before=business_date, tables=stage.history)
    return StageInput(
        business_date=business_date,
        unit=unit,
        documents=store.read_documents(home),
        tables={name: store.read_table(home, name, business_date) for name in stage.reads},
        parts={name: store.table_parts(home, name, business_date) for name in stage.parts},
        scans={name: store.scan_table(home, name, business_date) for name in stage.scans},
        history=history,
        nights=history.nights(),
        told_on=history.told_on,
        deliveries=originals.land_originals(home, business_date) if first else (),
        content=reading.content if parsing else None,
        decrypt=openpgp.opener(home) if parsing else None,
        verify=openpgp.verifier() if parsing else None,
        replayed=quarantine.open_replay if parsing else None,
        released=released,
        restatements=restate_books.restatements(books.connect(home), business_date),
        booked=books.booked_between(books.connect(home), business_date) if stage.name == "post" else (),
        card_keys=read_card_keys(home, business_date) if parsing else (),
        bounds=reading.bounds,
        keep=reading.keep if parsing else None,
        aside=reading.aside,
        seen=reading.seen if parsing else None,
    )


def _inputs_digest(home: Home, engine: books.Engine, business_date: date, stage: Stage) -> str:
    """Digest of what a stage rests on: configuration, earlier stages of the night, and the night before."""
    digest = hashlib.sha256()
    for name, text in store.read_documents(home).items():
        digest.update(f"{name} {hashlib.sha256(text.encode()).hexdigest()}\n".encode())
    for one in restate_books.restatements(engine, business_date):
        digest.update(f"{one.business_date} restates {one.first_night} {one.last_night} {one.reason}\n".encode())
    for run in books.stage_runs(engine):
        if run.business_date <= business_date and run.stage != stage.name:
            digest.update(f"{run.business_date} {run.stage} {run.outputs_digest}\n".encode())
    if stage.name == "post":
        digest.update("".join(f"{entry.key}\n" for entry in books.booked_between(engine, business_date)).encode())
    return digest.hexdigest()


def _require_turn(home: Home, engine: books.Engine, business_date: date, stage: Stage) -> None:
    """Refuse a night whose earlier nights are open, and a stage whose earlier stages are."""
    if stage.name == "land":
        originals.require_delivery(home, business_date)
    names = [s.name for s in STAGES]
    runs = {(run.business_date, run.stage) for run in books.stage_runs(engine)}
    if stage.name == "land" and (business_date, "land") not in runs:
        _refuse_left_behind(home, business_date)
    for earlier in names[: names.index(stage.name)]:
        if (business_date, earlier) not in runs:
            raise TerminalError(f"Stage {stage.name} of {business_date} waits for stage {earlier}: run that first.")
    last = "pay"
    open_nights = [d for d in originals.delivery_dates(home) if d < business_date and (d, last) not in runs]
    if open_nights:
        raise TerminalError(
            f"The night {business_date} waits for {open_nights[0]}, which is delivered but not settled: "
            f"run `settle run --home {home.root} --business-date {open_nights[0]}` first."
        )
    later = [day for day, name in runs if day > business_date and name == "land"]
    if later and (business_date, last) not in runs:
        raise TerminalError(
            f"The night {business_date} cannot be settled after {min(later)}: deliver its files with the next night; "
            "they keep their own business date and are marked late."
        )


def _refuse_left_behind(home: Home, business_date: date) -> None:
    """A file that came into the folder of an earlier night after that was landed would never be read."""
    landed = store.scan_history(home, "delivery", business_date).select("business_date", "name").collect()
    for (night,), rows in landed.group_by("business_date", maintain_order=True):
        if isinstance(night, date) and (left := sorted(originals.arrived_names(home, night) - set(rows["name"]))):
            raise TerminalError(
                f"{night}/{left[0]} came after its night was landed: move it to the delivery folder {business_date}; "
                "it keeps its own business date and is marked late."
            )


def _refuse_late_arrivals(home: Home, business_date: date) -> None:
    """A landed night is closed: a file that appears in or changes in its folder afterwards belongs to the next one."""
    if books.committed(books.connect(home), business_date, "land") is None:
        return
    if not (home.inbox / str(business_date)).is_dir():
        return
    landed = store.read_table(home, "delivery", business_date)
    known = dict(zip(landed["name"], landed["sha256"], strict=True))
    for delivery in originals.land_originals(home, business_date):
        if known.get(delivery.name) != delivery.sha256:
            raise TerminalError(
                f"{delivery.file} came or changed after its night was landed: move it to the next delivery folder; "
                "it keeps its own business date and is marked late."
            )
