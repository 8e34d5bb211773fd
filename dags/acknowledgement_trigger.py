"""Waiting for a partner's acknowledgements without a worker: an Airflow trigger, and the operator that defers to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from airflow.sdk import BaseOperator, Context
from airflow.triggers.base import BaseTrigger, TriggerEvent
from run_of_a_night import one_sentence

from settlement.errors import RetryableError


class AcknowledgementTrigger(BaseTrigger):
    """Looks where a partner puts its acknowledgements until one lies there that was not read, or until a moment.

    The event tells whether there is one, and what trouble there was when the place was last looked at.
    """

    def __init__(self, *, home: str, partner: str, until: str) -> None:
        super().__init__()
        self.home = home
        self.partner = partner
        self.until = until

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """What makes the same trigger again in another process."""
        words = {"home": self.home, "partner": self.partner, "until": self.until}
        return "acknowledgement_trigger.AcknowledgementTrigger", words

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """One event, when something lies there or the time is over."""
        # Heavy, and nothing that a DAG needs while it is parsed.
        from settlement import store  # noqa: PLC0415
        from settlement.deliver import acknowledgements  # noqa: PLC0415
        from settlement.deliver.declared import declaration_of  # noqa: PLC0415

        home = store.open_home(Path(self.home))
        place = declaration_of(home, self.partner).acknowledgement
        seconds = 1 if place is None else place.look_seconds
        while True:
            try:
                # Folders and servers block: not in the loop that all triggers share.
                found, trouble = await asyncio.to_thread(acknowledgements.unread, home, self.partner), ""
            except RetryableError as error:
                found, trouble = {}, str(error)
            over = datetime.now(UTC) >= datetime.fromisoformat(self.until)
            if found or over:
                yield TriggerEvent({"came": bool(found), "until": self.until, "trouble": trouble})
                return
            await asyncio.sleep(seconds)


class ReadAcknowledgements(BaseOperator):
    """Waits for a partner's acknowledgements of some nights and reads them as they come."""

    def __init__(self, *, home: str, partner: str, nights: list[str], **words: Any) -> None:
        super().__init__(**words)
        self.home = home
        self.partner = partner
        self.nights = nights

    def execute(self, context: Context) -> None:
        """Leave the worker at once, for as long as the partner's declaration says."""
        del context
        with one_sentence():
            from settlement.deliver.declared import declaration_of  # noqa: PLC0415
            from settlement.store import open_home  # noqa: PLC0415

            place = declaration_of(open_home(Path(self.home)), self.partner).acknowledgement
        if place is not None:
            self._wait((datetime.now(UTC) + place.within).isoformat())

    def came(self, context: Context, event: dict[str, Any]) -> list[str]:
        """Read what came; wait again where files are still not told of. A fault is told, never dropped."""
        context["partner"] = self.partner  # the name of the mapped task
        with one_sentence():
            from settlement.deliver import acknowledgements  # noqa: PLC0415
            from settlement.store import open_home  # noqa: PLC0415

            home = open_home(Path(self.home))
            read = [
                acknowledgements.read_acknowledgement(home, self.partner, name, content)
                for name, content in acknowledgements.unread(home, self.partner).items()
            ]
            for one in read:
                if one.problem is not None:
                    self.log.warning("%s was kept and changed nothing, as %s.", one.name, one.problem)
                for missed in one.missed:
                    self.log.warning("%s misses %s.", self.partner, missed.delivery.name)
            left = [one.name for one in acknowledgements.awaited(home, self.partner, self.nights)]
        if left and datetime.now(UTC) < datetime.fromisoformat(event["until"]):
            self._wait(event["until"])
        if left:
            self.log.warning("%s says nothing of %s. %s", self.partner, ", ".join(left), event["trouble"])
        return [one.name for one in read]

    def _wait(self, until: str) -> None:
        trigger = AcknowledgementTrigger(home=self.home, partner=self.partner, until=until)
        self.defer(trigger=trigger, method_name="came")
