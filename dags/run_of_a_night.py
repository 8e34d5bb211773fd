"""What every DAG of nights needs: its schedule, its home and business date, and failures that speak to people."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from airflow.sdk import Asset, CronPartitionTimetable, Param, get_current_context
from airflow.sdk.exceptions import AirflowFailException

from settlement.errors import RetryableError, SettlementError, TerminalError

if TYPE_CHECKING:
    from settlement.store import Home


NIGHT_SETTLED: Final = Asset("settlement_night")
"""Updated by the last stage of each night; its event tells the home and the night."""


def every_night() -> CronPartitionTimetable:
    """A run each midnight for the day that has just ended; its partition key is the business date."""
    return CronPartitionTimetable("0 0 * * *", timezone="UTC", run_offset=-1, key_format="%Y-%m-%d")


def night_params() -> dict[str, Param]:
    """By which a run names its home and its night; both may be left out."""
    home, night = "Settlement home; SETTLEMENT_HOME where it is empty", "The night, YYYY-MM-DD"
    return {
        "home": Param(default=None, type=["null", "string"], description=home),
        "business_date": Param(default=None, type=["null", "string"], format="date", description=night),
    }


@contextmanager
def one_sentence() -> Iterator[None]:
    """Let Airflow retry a RetryableError; turn every other failure into a final one that speaks to people.

    The original stays out of the log: its text is not ours, and what it quotes may be a card number.
    """
    try:
        yield
    except RetryableError:
        raise
    except SettlementError as error:
        raise AirflowFailException(str(error)) from None
    except OSError as error:
        raise AirflowFailException(f"The machine refused: {error.strerror} ({error.filename}). Mend that.") from None
    except Exception as error:  # noqa: BLE001 - the last door: what gets here is a fault of the program
        place = error.__traceback__
        while place is not None and place.tb_next is not None:
            place = place.tb_next
        where = f"{Path(place.tb_frame.f_code.co_filename).name}:{place.tb_lineno}" if place else "an unknown place"
        raise AirflowFailException(
            f"A fault of the program: {type(error).__name__} at {where}. Nothing was published half; "
            "`settle run` with SETTLEMENT_TRACEBACK=1 shows where."
        ) from None


def nights_settled() -> Iterator[tuple[Home, date]]:
    """The homes and nights whose settling started the run, which may be several; else those that it names."""
    from settlement.store import open_home  # noqa: PLC0415 - heavy imports belong into tasks

    events = get_current_context()["triggering_asset_events"].get(NIGHT_SETTLED, ())
    told = {(event.extra["home"], event.extra["business_date"]) for event in events if "home" in event.extra}
    if not told:
        yield home_and_night()
    for home, night in sorted(told):
        yield open_home(Path(home)), date.fromisoformat(night)


def business_date_of(named: str | None, partition_key: str | None, logical_date: datetime | None) -> date:
    """The night of a run: its parameter, else its partition key, else a logical date that is a bare day.

    Raises TerminalError where a run names no night or no date: the moment of its start is never taken for one.
    """
    text = named or partition_key
    if text is None and logical_date is not None and logical_date.astimezone(UTC).time() == datetime.min.time():
        return logical_date.astimezone(UTC).date()
    if text is None:
        raise TerminalError('This run names no night: give it {"business_date": "YYYY-MM-DD"} as its parameter.')
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise TerminalError(f"{text!r} is no business date: write it as YYYY-MM-DD.") from None


def home_and_night() -> tuple[Home, date]:
    """The home and the night of the run that is at work."""
    from settlement.store import open_home  # noqa: PLC0415 - heavy imports belong into tasks

    context = get_current_context()
    params, run = context["params"], context["dag_run"]
    named = params["home"] or os.environ.get("SETTLEMENT_HOME")
    if not named:
        raise TerminalError('This run names no home: give it {"home": "/path/of/home"} as its parameter.')
    night = business_date_of(params["business_date"], run.partition_key, run.logical_date)
    return open_home(Path(named)), night
