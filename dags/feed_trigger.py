"""Waiting for one feed's files without a worker: an Airflow trigger, and the operator that defers to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, ClassVar

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowFailException
from airflow.triggers.base import BaseTrigger, TriggerEvent

from settlement.errors import RetryableError, SettlementError


class FeedTrigger(BaseTrigger):
    """Looks at a feed's source until its files are whole, or until the cut-off where the night goes on without it.

    The event tells the files' names, or that there are none. A source that cannot be reached is looked at again.
    """

    def __init__(self, *, home: str, feed: str, night: str) -> None:
        super().__init__()
        self.home = home
        self.feed = feed
        self.night = night

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """What makes the same trigger again in another process."""
        return "feed_trigger.FeedTrigger", {"home": self.home, "feed": self.feed, "night": self.night}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """One event, when the files are whole or the night waits no more."""
        # Heavy, and nothing that a DAG needs while it is parsed.
        from settlement import store, watch  # noqa: PLC0415

        home, night = store.open_home(Path(self.home)), date.fromisoformat(self.night)
        documents = store.read_documents(home)
        goes_on = watch.goes_on_without(documents, self.feed, night)
        plan, what = watch.read_watch(documents), watch.watched(home, self.feed, night)
        before, looks = None, 0
        while True:
            looks += 1
            try:
                # Stores speak over the network and block: not in the loop that all triggers share.
                now = await asyncio.to_thread(watch.look, what)
                found, before, trouble = watch.whole_files(what, before, now), now, ""
            except RetryableError as error:
                found, before, trouble = (), None, str(error)
            if found:
                yield TriggerEvent({"files": list(found)})
                return
            # A run that begins after the cut-off takes what lies there: that needs a second look.
            if looks > 1 and goes_on and datetime.now(UTC) >= plan.until(night):
                yield TriggerEvent({"files": [], "trouble": trouble})
                return
            await asyncio.sleep(plan.look_seconds)


class FetchFeed(BaseOperator):
    """Waits for one feed's files of a night and puts them into its delivery folder."""

    template_fields: ClassVar[Sequence[str]] = ("home", "night")

    def __init__(self, *, feed: str, home: str, night: str, **words: Any) -> None:
        super().__init__(**words)
        self.feed = feed
        self.home = home
        self.night = night

    def execute(self, context: Context) -> None:
        """Leave the worker at once."""
        del context
        trigger = FeedTrigger(home=self.home, feed=self.feed, night=self.night)
        self.defer(trigger=trigger, method_name="came")

    def came(self, context: Context, event: dict[str, Any]) -> list[str]:
        """Fetch what came; names only go on. A feed that is missing is told, and the night goes on without it."""
        from settlement import store, watch  # noqa: PLC0415

        context["feed"] = self.feed  # the name of the mapped task
        if not event["files"]:
            self.log.warning(
                "No whole file of %s came for %s by the cut-off. %s", self.feed, self.night, event["trouble"]
            )
            return []
        home = store.open_home(Path(self.home))
        try:
            what = watch.watched(home, self.feed, date.fromisoformat(self.night))
            return list(watch.fetch(home, what, tuple(event["files"])))
        except RetryableError:
            raise
        except SettlementError as error:
            raise AirflowFailException(str(error)) from None
