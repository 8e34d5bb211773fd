"""What a contract says to one of its beneficiaries: clauses, terms and parties, without what is another one's alone."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final

from settlement.errors import TerminalError
from settlement.model.dates import period_from

_FILE: Final = 2
"""Slashes in ``contracts/<partner>/<date>.toml``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractText:
    """One version of a contract as one beneficiary may read it.

    Attributes
    ----------
    title, payer, programme:
        As the file words them.
    effective:
        The day from which the version is in force.
    digest:
        SHA-256 of what the file says to this beneficiary: nothing that is another one's alone changes it.
    name:
        The beneficiary's name in the contract.
    clauses:
        Number to words.
    terms:
        Id to what the file says of the term.
    """

    title: str
    payer: str
    programme: str
    effective: date
    digest: str
    name: str
    clauses: Mapping[str, str]
    terms: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Version:
    effective: date
    known_on: date
    content: Mapping[str, Any]


def contract_text(
    documents: Mapping[str, str], contract: str, beneficiary: str, period: str, day: date
) -> ContractText | None:
    """The version in force on the period's first day as known on ``day``, as the beneficiary may read it.

    None where no document is that contract. A period before the first version takes the first. Raises TerminalError
    for a contract file that cannot be read.
    """
    versions = [
        version for version in _versions(documents) if version.content.get("id") == contract and version.known_on <= day
    ]
    if not versions:
        return None
    # Of versions that are in force from one day, the one that is known last stands last.
    versions.sort(key=lambda version: (version.effective, version.known_on))
    first = period_from(period).first
    *_, found = [version for version in versions if version.effective <= first or version is versions[0]]
    others = {str(one.get("id")) for one in found.content.get("beneficiaries", ())} - {beneficiary}
    said = {name: _without(value, others) for name, value in found.content.items()}
    own = {name: value for name, value in said.items() if value is not None}
    return ContractText(
        title=str(own.get("title", "")),
        payer=str(own.get("payer", "")),
        programme=str(own.get("programme", "")),
        effective=found.effective,
        digest=hashlib.sha256(json.dumps(own, sort_keys=True, default=str).encode()).hexdigest(),
        name=next((str(one.get("name", "")) for one in own.get("beneficiaries", ())), ""),
        clauses={str(number): str(words) for number, words in own.get("clauses", {}).items()},
        terms={str(term.get("id")): term for term in own.get("terms", ())},
    )


def beneficiaries(documents: Mapping[str, str]) -> frozenset[str]:
    """Who is paid by any version of any contract."""
    return frozenset(
        str(one.get("id")) for version in _versions(documents) for one in version.content.get("beneficiaries", ())
    )


def require_paid(place: str, names: Iterable[str], paid: AbstractSet[str]) -> None:
    """TerminalError that names the first partner declared at a place that no contract pays."""
    for name in names:
        if name not in paid:
            raise TerminalError(
                f"{place}: partner {name} is a beneficiary of no contract under config/contracts: write its id as the "
                "contract does, or take the entry out."
            )


def _versions(documents: Mapping[str, str]) -> list[_Version]:
    found = []
    for path, text in documents.items():
        if path.count("/") != _FILE or not path.startswith("contracts/"):
            continue
        try:
            name = path.rpartition("/")[2].removesuffix(".toml")
            effective = date.fromisoformat(name.partition(".known-")[0])
            content = tomllib.loads(text, parse_float=Decimal)
        except ValueError as error:
            raise TerminalError(
                f"{path} cannot be read as a contract: {error}. Name it by its effective date and mend its TOML."
            ) from None
        known_on = content.get("known_on", effective)
        found.append(_Version(effective=effective, known_on=known_on, content=content))
    return found


def _without(value: Any, others: AbstractSet[str]) -> Any:
    """What a contract says, less what names another beneficiary and nobody else; None where nothing is left.

    A table that names one (``to = "B"``, ``id = "B"``) is that one's alone, and so is one with a list of names that has
    no other. A key that is a name goes with its value.
    """
    if isinstance(value, str):
        return None if value in others else value
    if isinstance(value, Mapping):
        kept = {}
        for name, inner in value.items():
            if name in others:
                continue
            own = _without(inner, others)
            if own is not None:
                kept[name] = own
            elif not isinstance(inner, Mapping):
                return None
        return kept
    if isinstance(value, list):
        kept_items = [own for own in (_without(item, others) for item in value) if own is not None]
        names_only = bool(value) and all(isinstance(item, str) for item in value)
        return None if names_only and not kept_items else kept_items
    return value
