"""Read contract files: ``contracts/<partner>/<effective date>.toml`` from text to checked contracts.

Everything is refused at load that could be refused at load, by one sentence that names the file, the clause and what
to write instead: a word that the language does not know, a gap or an overlap of tiers or dates, an example that does
not come out.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from pathlib import PurePosixPath
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from settlement.errors import TerminalError
from settlement.model.contract import Contract, ContractVersion
from settlement.rate.contract_rules import KNOWN, check_contract, check_versions
from settlement.rate.contract_text import unreadable
from settlement.rate.contract_words import sentences_for

FOLDER: Final = "contracts/"
READER: Final = TypeAdapter(Contract)
"""Reads what TOML gives, with its decimals as ``Decimal``, as a contract of the right shape."""


def read_contracts(documents: Mapping[str, str]) -> dict[str, tuple[ContractVersion, ...]]:
    """The versions of every contract among the configuration's documents, by contract id.

    Parameters
    ----------
    documents:
        Path under the configuration to text; only ``contracts/<partner>/<date>.toml`` are looked at.

    Returns
    -------
    By contract id its versions in ascending order of their effective dates, then of the days from which they are known.

    Raises
    ------
    TerminalError
        Where a file cannot be read, or two files do not fit together.
    """
    sources = [source for source in sorted(documents) if source.startswith(FOLDER) and source.endswith(".toml")]
    return versions_of([read_contract(source, documents[source]) for source in sources])


def versions_of(read: Iterable[ContractVersion]) -> dict[str, tuple[ContractVersion, ...]]:
    """Contract files by contract id, in ascending order of their dates; TerminalError where two do not fit together."""
    found: dict[str, list[ContractVersion]] = {}
    for version in read:
        found.setdefault(version.contract.id, []).append(version)
    contracts = {}
    for contract_id, versions in found.items():
        contracts[contract_id] = tuple(sorted(versions, key=lambda one: (one.effective, one.known_on)))
        check_versions(contracts[contract_id])
    return contracts


def read_contract(source: str, text: str) -> ContractVersion:
    """One contract file, checked.

    Parameters
    ----------
    source:
        Its path, whose last part is the effective date: ``contracts/harbor-retail/2009-01-01.toml``.
    text:
        Its content.

    Raises
    ------
    TerminalError
        With one sentence: file, clause or field, what is wrong, what to write instead.
    """
    return contract_version(source, read_content(source, text))


def read_content(source: str, text: str) -> dict[str, Any]:
    """A contract file as TOML reads it, decimals digit for digit; TerminalError where it is no TOML."""
    effective_date(source)
    try:
        return tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        line, sentence = unreadable(error, text)
        raise TerminalError(f"{source}, line {line}: {sentence}") from None


def contract_version(source: str, content: Mapping[str, Any]) -> ContractVersion:
    """The contract that a file's content says, checked; TerminalError with one sentence where it cannot be."""
    try:
        contract = READER.validate_python(content)
    except ValidationError as error:
        raise TerminalError(f"{source}{sentences_for(error, content)[0][1]}") from None
    version = ContractVersion(source=source, effective=effective_date(source), contract=contract)
    check_contract(version)
    return version


def effective_date(source: str) -> date:
    """The first day in force that a contract file is named by; TerminalError where its name is none."""
    stem = PurePosixPath(source).stem
    try:
        return date.fromisoformat(stem.partition(KNOWN)[0])
    except ValueError:
        raise TerminalError(
            f"{source}: a contract file is named by the day from which it is in force; call it YYYY-MM-DD.toml, "
            f"such as 2009-01-01.toml, not {stem}.toml."
        ) from None
