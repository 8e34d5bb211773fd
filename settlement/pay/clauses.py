"""The words of a contract's clauses, for the people who read a settlement file."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from settlement.errors import TerminalError
from settlement.model.dates import period_from


def clause_texts(documents: Mapping[str, str], contract: str, period: str, day: date) -> dict[str, str]:
    """Text of each clause by its number, from the contract file in force on the period's first day as known on ``day``.

    Empty where no document is that contract. A period before the first file takes the first. Raises TerminalError for
    a contract file that cannot be read.
    """
    versions: list[tuple[date, date, Mapping[str, object]]] = []
    for path, text in documents.items():
        if path.count("/") != 2 or not path.startswith("contracts/"):  # noqa: PLR2004 - contracts/<partner>/<date>.toml
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
        if content.get("id") == contract and known_on <= day:
            versions.append((effective, known_on, content.get("clauses", {})))
    if not versions:
        return {}
    versions.sort(key=lambda version: version[:2])
    first = period_from(period).first
    *_, clauses = [version for version in versions if version[0] <= first or version is versions[0]][-1]
    return {str(number): str(words) for number, words in clauses.items()}
