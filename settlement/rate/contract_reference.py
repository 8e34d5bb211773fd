"""Every table and key of a contract file as a page, made from the JSON Schema of the language.

``python -m settlement.rate.contract_reference > docs/CONTRACT_KEYS.md`` writes it anew.
"""

from __future__ import annotations

import json
import re
import sys
from typing import Any, Final

from settlement.rate.contract_schema import contract_schema

_HEAD: Final = """\
# Tables and keys of a contract

Every table that may stand in a contract file, made from the classes that read it; [CONTRACTS.md](CONTRACTS.md) tells
how they work together. A key in **bold** must be said.
"""
_SIMPLE: Final = {
    "string": "text",
    "integer": "whole number",
    "number": "decimal",
    "boolean": "true or false",
    "date": "date",
}
_CHOSEN: Final = ("form", "type")
"""The keys by whose word a table is chosen among several."""


def contract_reference() -> str:
    """The page as Markdown: the file itself first, then measures, terms and all other tables by name."""
    schema: dict[str, Any] = json.loads(contract_schema())
    tables = {"The file": schema, **schema["$defs"]}
    words = {f"#/$defs/{name}": table for name, table in schema["$defs"].items() if "enum" in table}
    pages = [_table(name, table, words) for name, table in sorted(tables.items(), key=_place) if "properties" in table]
    return "\n".join([_HEAD, *pages])


def _place(named: tuple[str, dict[str, Any]]) -> tuple[int, str]:
    name, table = named
    kinds = [number for number, key in enumerate(reversed(_CHOSEN), start=1) if key in table.get("properties", {})]
    return (0, "") if name == "The file" else (kinds[0] if kinds else len(_CHOSEN) + 1, _title(name, table))


def _title(name: str, table: dict[str, Any]) -> str:
    for key in _CHOSEN:
        if key in table.get("properties", {}):
            return f"{key} = {' or '.join(_words(table['properties'][key]))}"
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower() if name != "The file" else name


def _table(name: str, table: dict[str, Any], words: dict[str, Any]) -> str:
    lines = [f"## {_title(name, table)}", "", _prose(table["description"]), "", "| key | is | means |", "|---|---|---|"]
    for key, value in table["properties"].items():
        told = f"**`{key}`**" if key in table.get("required", ()) else f"`{key}`"
        lines.append(f"| {told} | {_kind(value, words)} | {_prose(value['description'])} |")
    return "\n".join([*lines, ""])


def _prose(text: str) -> str:
    return " ".join(text.replace("``", "`").split()).replace("|", "\\|")


def _kind(value: dict[str, Any], words: dict[str, Any]) -> str:
    """What may stand behind a key; ``words`` are the closed lists by their place in the schema."""
    closed = _words(words.get(value.get("$ref", ""), value))
    if closed:
        return ", ".join(f"`{word}`" for word in closed)
    match value:
        case {"$ref": str(name)}:
            return f"table {re.sub(r'(?<=[a-z])(?=[A-Z])', ' ', name.rpartition('/')[2]).lower()}"
        case {"type": "array", "items": dict(items)}:
            return f"list of {_kind(items, words)}"
        case {"type": "object", "additionalProperties": dict(items)}:
            return f"names, each {_kind(items, words)}"
        case {"oneOf": _}:
            return f"tables by `{value['discriminator']['propertyName']}`"
    return _SIMPLE[value.get("format", value["type"])]


def _words(value: dict[str, Any]) -> list[str]:
    return [str(value["const"])] if "const" in value else [str(word) for word in value.get("enum", ())]


if __name__ == "__main__":
    sys.stdout.write(contract_reference())
