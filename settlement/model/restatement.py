"""Orders of restatements: what is to be restated, what that comes to, the steps that an order takes, and who took them.

An order is proposed by one person, approved by another, and carried out by a night to come. Its digest stands for all
that it says; whoever approves it names it. docs/CLOSE.md has the steps as a table.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from enum import StrEnum
from typing import Final, NewType

from settlement.model.ageing import DOCUMENT
from settlement.model.stage import Restatement
from settlement.model.steps import Step

OrderId = NewType("OrderId", str)

THE_NIGHT: Final = "night"
"""Who carries an order out: no person, but the night that it names."""


class OrderState(StrEnum):
    """Where an order stands."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    WITHDRAWN = "withdrawn"
    CARRIED_OUT = "carried_out"


GIVEN: Final = frozenset({OrderState.APPROVED, OrderState.CARRIED_OUT})
"""States of orders that their night makes, or has made."""


class Subject(StrEnum):
    """What a difference is of: an account of the books, or the share of a partner."""

    ACCOUNT = "account"
    PARTNER = "partner"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What an account or a partner's share comes to, as it stands and as performed again, in minor units of ``unit``.

    ``unit`` is a currency or what else is counted; an account's debits are positive.
    """

    subject: Subject
    name: str
    unit: str
    standing_minor: int
    performed_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """Digests of what a night is settled by: match rules, contracts, layouts, and the other documents.

    All are empty for orders of before they were kept.
    """

    rules_sha256: str = ""
    contracts_sha256: str = ""
    layouts_sha256: str = ""
    settings_sha256: str = ""


_CONFIGURED: Final = {
    "rules_sha256": "match rules",
    "contracts_sha256": "contracts",
    "layouts_sha256": "layouts",
    "settings_sha256": "settings",
}


def configuration_of(documents: Mapping[str, str]) -> Configuration:
    """The digests of a home's documents, path under ``HOME/config`` to text."""
    kinds = {name: _kind(name) for name in documents}

    def digest(kind: str) -> str:
        said = [[name, documents[name]] for name in sorted(documents) if kinds[name] == kind]
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()

    return Configuration(**{name: digest(name) for name in _CONFIGURED})


def _kind(name: str) -> str:
    if name == DOCUMENT:
        return "rules_sha256"
    return {"contracts": "contracts_sha256", "layouts": "layouts_sha256"}.get(name.partition("/")[0], "settings_sha256")


@dataclass(frozen=True, slots=True, kw_only=True)
class RestatementOrder:
    """What a night is to restate, and all that was done about it.

    Attributes
    ----------
    restatement:
        The night that makes it, the nights it reaches over, and why.
    known_after:
        The last settled night when it was proposed: the trial is of what was known then.
    configuration:
        What the nights were performed again with.
    trial:
        What differs, as a text for people.
    differences:
        What the accounts and the partners' shares come to, where that differs.
    """

    order_id: OrderId
    number: int
    restatement: Restatement
    known_after: date
    configuration: Configuration
    trial: str
    differences: tuple[Difference, ...]
    digest: str
    steps: tuple[Step, ...] = ()

    @property
    def state(self) -> OrderState:
        """Where it stands by its last step."""
        return OrderState(self.steps[-1].state)

    def rests_on_other(self, configuration: Configuration, known_after: date | None) -> str:
        """What its trial rests on that is another now, in words; empty where nothing is, or it was not kept."""
        was, now = asdict(self.configuration), asdict(configuration)
        found = [words for name, words in _CONFIGURED.items() if was[name] and was[name] != now[name]]
        if was["rules_sha256"] and known_after != self.known_after:
            found.append("settled nights")
        return ", ".join(found)

    def by(self, state: OrderState) -> str | None:
        """Who took it to a state; None where nobody has."""
        return next((step.person for step in self.steps if step.state == state), None)


def digest_of(order: RestatementOrder) -> str:
    """SHA-256 over all that an order says, whatever its number and whoever proposes it."""
    said = [
        [str(value) for value in asdict(order.restatement).values()],
        str(order.known_after),
        [*asdict(order.configuration).values()],
        order.trial,
        [[*asdict(one).values()] for one in order.differences],
    ]
    return hashlib.sha256(json.dumps(said, ensure_ascii=True, separators=(",", ":")).encode()).hexdigest()
