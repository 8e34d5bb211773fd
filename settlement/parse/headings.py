"""Columns found by their headings: orders change between months, headings get translated, blanks come and go.

``headings`` names for a field the heading or headings under which it may stand. A field without an entry has its own
name as heading. ``headings_match = "loose"`` takes no notice of upper and lower case, blanks and punctuation.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum

from settlement.parse.candidates import shown

Headings = Mapping[str, str | list[str]]


class Match(StrEnum):
    """How a heading of a file is compared with one of a layout."""

    EXACT = "exact"
    LOOSE = "loose"


def spellings(field: str, headings: Headings) -> list[str]:
    """The headings under which a field may stand."""
    given = headings.get(field, field)
    return [given] if isinstance(given, str) else given


def require_told_apart(headings: Headings, match: Match) -> None:
    """ValueError where one heading names two fields, or one field has no heading."""
    seen: dict[str, str] = {}
    for field in headings:
        if not spellings(field, headings):
            raise ValueError(f"`headings`: the field `{field}` has no heading")
        for heading in {_key(one, match) for one in spellings(field, headings)}:
            if heading in seen:
                raise ValueError(f"two fields have the same heading: `{seen[heading]}` and `{field}`")
            seen[heading] = field


def named_fields(
    found: Sequence[str],
    used: Iterable[str],
    headings: Headings,
    *,
    match: Match,
    optional: Sequence[str],
    place: str,
) -> list[str] | str:
    """The field in each column of a file, or in one sentence why they cannot be told.

    Parameters
    ----------
    found
        The headings of the file in their order.
    used, headings, match
        The fields that the layout needs (``optional`` ones may be missing), how headings are spelt and compared.
    place
        Where the headings stand, such as ``line 1``.

    Returns
    -------
    list of str
        A field for each column; the heading itself where the layout knows none.
    """
    wanted = [*headings, *(name for name in used if name not in headings)]
    fields = {_key(one, match): name for name in wanted for one in spellings(name, headings)}
    names = [fields.get(_key(heading, match), heading) for heading in found]
    twice = sorted({name for name in names if names.count(name) > 1 and name})
    if twice:
        as_found = " and ".join(
            f"`{shown(heading)}`" for name, heading in zip(names, found, strict=True) if name == twice[0]
        )
        told = "" if as_found.count(f"`{twice[0]}`") > 1 else f" ({as_found})"
        return f"{place} names the field `{shown(twice[0])}` more than once{told}"
    missing = sorted(set(used) - set(names) - set(optional))
    if missing:
        others = [one for one in spellings(missing[0], headings) if one != missing[0]]
        told = f" (heading {' or '.join(f'`{one}`' for one in others)})" if others else ""
        return f"{place} does not name the field `{missing[0]}`{told}"
    return names


def _key(heading: str, match: Match) -> str:
    if match is Match.EXACT:
        return heading
    plain = unicodedata.normalize("NFKC", heading).casefold()
    return "".join(letter for letter in plain if letter.isalnum()) or plain.strip()
