"""Steps that persons take, one after another, of what needs several of them: when, who, by which digest, and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final

from settlement.errors import TerminalError

_MOMENT: Final = "%Y-%m-%dT%H:%M:%SZ"
_MOST_REASON: Final = 400
_LEAST_DIGITS: Final = 8
_SHOWN_DIGITS: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a batch, an account or an order: from where, to where, who, and when (UTC). ``note`` may be empty."""

    number: int
    was: str
    state: str
    person: str
    moment: str
    note: str = ""
    usable_from: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One approval that what has an id needs: its digest, and in Markdown what is approved."""

    of: str
    digest: str
    subject: str
    body: str


def require_digest(what: str, digest: str, given: str, shown_by: str) -> None:
    """Raise TerminalError unless a person names the digest that was seen; the first digits of it do."""
    if len(given) < _LEAST_DIGITS or not digest.startswith(given.lower()):
        raise TerminalError(
            f"{what} has the digest {digest[:_SHOWN_DIGITS]} and {given!r} is given: look at it with `{shown_by}` and "
            "approve what you have seen."
        )


def require_reason(text: str) -> None:
    """Raise TerminalError unless a reason is told, and fits its place in the books."""
    if not 0 < len(text.strip()) <= len(text) <= _MOST_REASON:
        raise TerminalError(f"Give a reason of 1 to {_MOST_REASON} characters; nothing was done.")


def moment_text(moment: datetime) -> str:
    """A moment as the books write it, in UTC to the second. TerminalError where it tells no offset."""
    if moment.utcoffset() is None:
        raise TerminalError("The moment of a step must tell its offset from UTC, such as 2026-03-31T17:00:00+00:00.")
    return moment.astimezone(UTC).strftime(_MOMENT)


def moment_from(text: str) -> datetime:
    """The moment that ``moment_text`` wrote."""
    return datetime.strptime(text, _MOMENT).replace(tzinfo=UTC)
