"""The address of a payout line: ``contract/period/term`` or ``contract/period/term/beneficiary``.

An adjustment is named with the closed period that it adjusts, ``adjustment:2010-Q4``; the period may be left out where
a statement has one adjustment only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from settlement.errors import TerminalError


@dataclass(frozen=True, slots=True, kw_only=True)
class LineAddress:
    """Where a payout line stands in a night's statements."""

    contract: str
    period: str
    term: str
    beneficiary: str | None = None
    adjusts: str | None = None

    @property
    def text(self) -> str:
        """The address as a person writes it."""
        term = f"{self.term}:{self.adjusts}" if self.adjusts else self.term
        return "/".join(part for part in (self.contract, self.period, term, self.beneficiary) if part)


def parse_line_address(text: str) -> LineAddress:
    """Read an address; TerminalError where it has not three or four parts."""
    parts = [part.strip() for part in text.strip().split("/")]
    if len(parts) not in (3, 4) or not all(parts):
        raise TerminalError(
            f"{text!r} is no payout line: write CONTRACT/PERIOD/TERM or CONTRACT/PERIOD/TERM/BENEFICIARY, such as "
            "C2-RET-COBRAND/2010-Q4/own_store_rate or C2-RET-COBRAND/2010-Q4/payout/HARBOR-RETAIL."
        )
    term, _, adjusts = parts[2].partition(":")
    return LineAddress(
        contract=parts[0],
        period=parts[1],
        term=term,
        beneficiary=parts[3] if len(parts) > 3 else None,  # noqa: PLR2004 - the fourth part
        adjusts=adjusts or None,
    )


def address_of(row: Mapping[str, Any]) -> LineAddress:
    """The address of one row of table ``payout``."""
    return LineAddress(**{name: row[name] for name in ("contract", "period", "term", "beneficiary", "adjusts")})
