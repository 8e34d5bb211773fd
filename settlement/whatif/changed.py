"""A contract file with other values, as ``--set`` gives them: ``own_store_rate.rate=0.0035``.

A change is a path, ``=``, and a value as TOML writes it. The path leads through the file's tables by their keys:
``settlement.threshold``, ``measures.own_volume.store``. An entry of a list goes by its id
(``beneficiaries.ALMA-MATER``) or by its number from 1 (``volume_rate.rates.2.rate``). A term may stand first by its own
id, or by its clause where no other term rests on that. A key that is no plain word stands in quotes: ``"1.a".rate``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import fields
from decimal import Decimal
from typing import Any, Final

from settlement.errors import TerminalError
from settlement.model.contract import Contract, ContractVersion
from settlement.rate.contract_file import contract_version
from settlement.rate.contract_text import key_parts
from settlement.rate.contract_words import nearest

_NAMED: Final = frozenset({"measures", "clauses", "mcc_lists"})
"""Tables whose keys are names that the file gives: the loader cannot tell a wrong one."""


def with_changes(source: str, content: Mapping[str, Any], changes: Sequence[str]) -> ContractVersion:
    """The contract that the file says with the changes, checked by the loader of contract files.

    Parameters
    ----------
    source, content:
        The contract file and what TOML reads in it, which the loader has taken as it is.
    changes:
        ``path=value``, put in one after another. The file's worked examples belong to its own values and are left out.

    Raises
    ------
    TerminalError
        With one sentence: which change, what is wrong, and the nearest right word.
    """
    if not changes:
        return contract_version(source, content)
    changed = deepcopy(dict(content)) | {"examples": []}
    for change in changes:
        keys, value = _read(change)
        _put(changed, _from_the_top(changed, keys, change), value, change)
    try:
        return contract_version(source, changed)
    except TerminalError as error:
        raise TerminalError(f"--set {' --set '.join(changes)}: {error}") from None


def _read(change: str) -> tuple[list[str], Any]:
    """The keys of the path, and the value; both are read by TOML itself."""
    path, _, value = change.partition("=")
    try:
        keys = key_parts(path)
        told = tomllib.loads(f"value = {value}", parse_float=Decimal)
    except tomllib.TOMLDecodeError:
        raise TerminalError(
            f"--set {change} is no path with a value of TOML: write it such as own_store_rate.rate=0.0035; "
            "a text stands in quotes, a date as 2010-12-31, a list in square brackets."
        ) from None
    if len(told) > 1:
        raise TerminalError(f"--set {change} gives more than one value: write a --set for each.")
    return keys, told["value"]


def _from_the_top(content: Mapping[str, Any], keys: list[str], change: str) -> list[str]:
    """The path from the file's first level down: a term's id or clause stands for its place among the terms."""
    head = keys[0]
    words = [field.name for field in fields(Contract)]
    if head in words:
        return keys
    ids = [str(term["id"]) for term in content["terms"]]
    resting = [str(term["id"]) for term in content["terms"] if term["clause"] == head]
    if head in ids:
        return ["terms", *keys]
    if len(resting) > 1:
        raise TerminalError(f"--set {change}: {', '.join(resting)} rest on clause {head}; name one of them.")
    if not resting:
        clauses = [str(term["clause"]) for term in content["terms"]]
        known = list(dict.fromkeys([*ids, *clauses, *words]))
        raise TerminalError(f"--set {change}: the contract has no `{head}`; {nearest(head, known)}")
    return ["terms", resting[0], *keys[1:]]


def _put(content: dict[str, Any], keys: Sequence[str], value: Any, change: str) -> None:
    """Put the value in place of what stands at the path, or beside it where the table lacks that word."""
    here: Any = content
    for depth, key in enumerate(keys):
        last = depth == len(keys) - 1
        at = ".".join(keys[:depth])
        place: Any = key
        if isinstance(here, list):
            place = _entry(here, key, at, change)
        elif not isinstance(here, dict):
            raise TerminalError(f"--set {change}: `{at}` is a value and no table; write {at}=...")
        elif key not in here and (not last or at in _NAMED):
            # A last word that a table lacks is for the loader: it may be one that the file leaves out.
            raise TerminalError(f"--set {change}: {at or 'the contract'} has no `{key}`; {nearest(key, list(here))}")
        if last:
            here[place] = value
        else:
            here = here[place]


def _entry(entries: Sequence[Any], key: str, at: str, change: str) -> int:
    """The place of an entry of a list, by its id or its number from 1."""
    ids = [str(entry["id"]) for entry in entries if isinstance(entry, dict) and "id" in entry]
    if key in ids:
        return ids.index(key)
    if key.isdecimal() and 1 <= int(key) <= len(entries):
        return int(key) - 1
    known = ids or [str(number + 1) for number in range(len(entries))]
    raise TerminalError(f"--set {change}: {at} has no entry `{key}`; {nearest(key, known)}")
