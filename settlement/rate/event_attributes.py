"""That an event which takes back another tells what a measure selects by, where it would count otherwise than that one.

Each event is selected by its own attributes. One that leaves a cell empty would not count where the event that it
refers to does, or count where that does not: an amount given for good, or taken back that was never given. The records
of nights are taken as they were delivered; whoever writes a table can say what he means.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl

from settlement.errors import TerminalError
from settlement.model.contract import Contract, ContractVersion
from settlement.model.contract_measures import EVENT_MEASURES, VolumeMeasure
from settlement.model.events import LINE, Events
from settlement.rate.event_facts import OF_ACCOUNT
from settlement.rate.measures import in_list

_Asked = tuple[str, str, list[str], pl.Expr]
"""A measure, an attribute, the kinds that take or give back, and the words that decide whether an event counts."""


def check_attributes(events: Events, versions: Sequence[ContractVersion]) -> None:
    """Refuse an event that leaves empty what decides whether the event it refers to counts.

    Raises
    ------
    TerminalError
        With the line of the first such event, its attribute and the measure.
    """
    rows = events.rows
    referring = rows.filter(pl.col("refers_to").is_not_null())
    for version in versions:
        for measure, attribute, kinds, decides in _asked(version.contract):
            if attribute not in rows.columns:
                continue
            others = rows.filter(decides).unique("event_id", keep="last", maintain_order=True)
            silent = (
                referring.filter(pl.col(attribute).is_null(), pl.col("kind").is_in(kinds))
                .join(others.select(refers_to="event_id", said=attribute), on="refers_to")
                .sort(LINE)
                .select(LINE, "kind", "event_id", "refers_to", "said")
            )
            for line, kind, event, other, said in silent.head(1).iter_rows():
                raise TerminalError(
                    f"{events.at(line)}: {kind} {event} leaves `{attribute}` empty, by which [measures.{measure}] "
                    f"selects; {other}, to which it refers, has `{said}`: write its own."
                )


def _asked(contract: Contract) -> Iterator[_Asked]:
    """What the measures of a contract select events by."""
    for name, measure in contract.measures.items():
        if isinstance(measure, EVENT_MEASURES):
            for attribute, words in (*measure.where.items(), *measure.where_not.items()):
                if attribute not in OF_ACCOUNT:
                    yield name, attribute, list(measure.takes_back), pl.col(attribute).is_in(words)
        elif isinstance(measure, VolumeMeasure):
            kinds = [str(kind) for kind in (*measure.takes_back, *measure.gives_back)]
            for listed in sorted({measure.mcc_in, measure.mcc_not_in} & contract.mcc_lists.keys()):
                yield name, "mcc", kinds, in_list(contract.mcc_lists[listed])
