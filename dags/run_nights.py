"""``make night``: make a sample programme if there is none, settle its nights through Airflow, say what came out.

Airflow starts once and runs each night's DAG in this process, as ``airflow dags test`` does. The terminal shows the
night, the stage and its units; Airflow's own words go to a log file. Stopped or killed at any moment, the same
command goes on where it was.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Final, TextIO

from rich.console import Console

from settlement import originals, runner, store
from settlement.errors import SettlementError, TerminalError
from settlement.home import create_home
from settlement.report.summary import render_summary
from settlement.sample.generate import generate
from settlement.store import Home

ROOT: Final = Path(__file__).resolve().parents[1]
PERSON_MUST_ACT: Final = 2
PROGRAM_FAULT: Final = 1


def main(arguments: list[str] | None = None) -> int:
    """Run the command; the exit code is 0, 2 where a person must act, 1 for a fault of the program."""
    terminal = Console(file=os.fdopen(os.dup(1), "w", buffering=1), highlight=False, soft_wrap=True)
    try:
        return _run(_parser().parse_args(arguments), terminal)
    except TerminalError as error:
        return _stop(terminal, str(error), PERSON_MUST_ACT)
    except SettlementError as error:
        return _stop(terminal, f"{error} Run the same command again.", PROGRAM_FAULT)
    except OSError as error:
        return _stop(terminal, f"The machine refused: {error.strerror} ({error.filename}).", PROGRAM_FAULT)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Settle delivered nights through Airflow.")
    parser.add_argument("--home", type=Path, required=True, help="the home; it is made if it is missing")
    parser.add_argument("--from", dest="source", type=Path, help="folder of deliveries for a new home")
    parser.add_argument("--nights", type=int, default=3, help="nights of the sample for a new home")
    parser.add_argument("--rows", type=int, default=2000, help="card transactions a night of the sample")
    parser.add_argument("--seed", type=int, default=7, help="seed of the sample")
    return parser


def _stop(terminal: Console, sentence: str, code: int) -> int:
    terminal.print(sentence, style="bold red", markup=False)
    return code


def _run(options: argparse.Namespace, terminal: Console) -> int:
    home = _ready_home(options, terminal)
    nights = originals.delivery_dates(home)
    if not nights:
        raise TerminalError(f"{home.root} has no delivered nights: put a night's files into {home.inbox}/YYYY-MM-DD.")
    waiting = [night for night in nights if not _settled(home, night)]
    done = len(nights) - len(waiting)
    if done:
        terminal.print(f"{options.home} is there; settled already: {done} of {len(nights)} nights.")
    if waiting:
        code = _settle_through_airflow(home, waiting, terminal)
        if code:
            return code
    terminal.print()
    terminal.print(render_summary(runner.night_summary(home, nights[-1])), markup=False)
    terminal.print("Go on with `settle --help`.")
    return 0


def _ready_home(options: argparse.Namespace, terminal: Console) -> Home:
    """The home, made first from the given deliveries or from a new sample if it is not there yet."""
    root: Path = options.home.resolve()
    if root.exists():
        return store.open_home(root)
    if options.source is not None:
        created = create_home(root, options.source)
    else:
        terminal.print(
            f"Making a sample programme: nights {options.nights}, card transactions a night {options.rows}, "
            f"seed {options.seed} ..."
        )
        with tempfile.TemporaryDirectory(prefix="settlement-sample-") as folder:
            files = Path(folder) / "files"
            generate(files, nights=options.nights, rows=options.rows, seed=options.seed)
            created = create_home(root, files)
    for sentence in created.told():
        terminal.print(sentence)
    home = store.open_home(root)
    nights = originals.delivery_dates(home)
    terminal.print(f"{options.home} is ready; its delivered nights are {nights[0]} to {nights[-1]}.")
    return home


def _settled(home: Home, night: date) -> bool:
    try:
        runner.require_settled(home, night, "report")
    except TerminalError:
        return False
    return True


def _settle_through_airflow(home: Home, nights: list[date], terminal: Console) -> int:
    """Run the DAG for each night in order, up to the first that fails; the exit code."""
    os.environ.setdefault("AIRFLOW_HOME", str(ROOT / ".airflow"))
    os.environ.setdefault("AIRFLOW_CONFIG", str(ROOT / "airflow.cfg"))
    os.environ.setdefault("AIRFLOW__CORE__DAGS_FOLDER", str(ROOT / "dags"))
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    airflow_home = Path(os.environ["AIRFLOW_HOME"])
    log = airflow_home / "logs" / "nights.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with _alone(airflow_home, terminal), log.open("a", encoding="utf-8") as target, _words_to(target):
        nights = [night for night in nights if not _settled(home, night)]
        if not nights:
            return 0
        terminal.print(f"Starting Airflow (its own words go to {log}) ...")
        # Airflow reads its configuration, and takes seconds, when it is imported.
        from night_watch import night_through_airflow, prepare_airflow  # noqa: PLC0415

        prepare_airflow()
        _stop_on_signal(terminal)
        for night in nights:
            failure = night_through_airflow(home, night, terminal)
            if failure is not None:
                words = failure.sentence or f"Airflow could not run it; {log} says why."
                return _stop(terminal, f"{night} stopped in stage {failure.stage}: {words}", failure.code)
    return 0


@contextmanager
def _alone(airflow_home: Path, terminal: Console) -> Iterator[None]:
    """Hold Airflow's home: two runs of one night in one metadata database would take each other's tasks away."""
    with (airflow_home / ".nights.lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            terminal.print("Another run is at work; waiting for it ...")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@contextmanager
def _words_to(target: TextIO) -> Iterator[None]:
    """Send what anything in this process writes to its standard output and error into the file."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = os.dup(1), os.dup(2)
    for number in (1, 2):
        os.dup2(target.fileno(), number)
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for number, descriptor in zip((1, 2), kept, strict=True):
            os.dup2(descriptor, number)
            os.close(descriptor)


def _stop_on_signal(terminal: Console) -> None:
    """Leave at once on Ctrl-C or SIGTERM, which Airflow would take for a failure of the task at work."""

    def leave(number: int, _frame: object) -> None:
        terminal.show_cursor()
        terminal.print("\nStopped. Run the same command again: it goes on where it was.")
        os._exit(128 + number)

    signal.signal(signal.SIGINT, leave)
    signal.signal(signal.SIGTERM, leave)


if __name__ == "__main__":
    sys.exit(main())
