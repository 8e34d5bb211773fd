"""What must hold of a measure over events of any kind: its kinds and its attributes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from settlement.model.contract import Contract, ContractVersion
from settlement.model.contract_measures import EVENT_MEASURES, EventSelection, EventUnits
from settlement.model.events import COLUMNS, STANDING, EventKind
from settlement.rate.contract_words import refuse

_WORD: Final = re.compile(r"[a-z][a-z0-9_]*")
_NOT_COUNTED: Final = (EventKind.RETRACTED, *STANDING)


def kinds_named(versions: Iterable[ContractVersion]) -> frozenset[str]:
    """The kinds of events that the measures of a contract name."""
    measures = [measure for version in versions for measure in version.contract.measures.values()]
    return frozenset(
        kind for one in measures if isinstance(one, EVENT_MEASURES) for kind in (*one.adds, *one.takes_back)
    )


def check_events(contract: Contract) -> None:
    """Refuse a measure over events that can count nothing, or counts an event both ways."""
    for name, measure in contract.measures.items():
        if isinstance(measure, EVENT_MEASURES):
            _check_selection(f"[measures.{name}]", measure)
        if isinstance(measure, EventUnits) and measure.per <= 0:
            raise refuse(f"[measures.{name}], per", "a unit stands for a quantity above zero; write one such as 1.")


def _check_selection(where: str, measure: EventSelection) -> None:
    if not measure.adds:
        raise refuse(where, "`adds` names no kind of event, so nothing can count; write one, such as `purchase`.")
    for kind in (*measure.adds, *measure.takes_back):
        if not _WORD.fullmatch(kind):
            raise refuse(where, f"`{kind}` is no kind of event; write small letters, digits and underscores.")
        if kind in _NOT_COUNTED:
            raise refuse(where, f"events of kind `{kind}` are not counted; name another kind.")
        if (*measure.adds, *measure.takes_back).count(kind) > 1:
            raise refuse(where, f"`{kind}` is named twice among what adds and what takes back; name it once.")
    for key, attributes in (("where", measure.where), ("where_not", measure.where_not)):
        for name, words in attributes.items():
            if name in COLUMNS:
                raise refuse(f"{where}, {key}", f"`{name}` is no attribute of an event; name one such as `mcc`.")
            if not words:
                raise refuse(f"{where}, {key}", f"`{name}` lists no word; write some, or leave it out.")
