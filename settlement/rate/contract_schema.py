"""The JSON Schema of the contract language, made from the classes that read it.

``python -m settlement.rate.contract_schema > docs/contract.schema.json`` writes it anew.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from settlement.rate.contract_file import READER
from settlement.rate.contract_keys import meaning


def contract_schema() -> str:
    """The schema as JSON text, the same bytes each time."""
    schema: dict[str, Any] = READER.json_schema(by_alias=True)
    for name, table in {"Contract": schema, **schema["$defs"]}.items():
        for key, value in table.get("properties", {}).items():
            table["properties"][key] = _described(_of_toml(value), meaning(name, key))
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
    return json.dumps(schema, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _of_toml(value: Any) -> Any:
    """A schema without what TOML does not have or the reader refuses: empty values, and numbers in quotes."""
    if isinstance(value, list):
        return [_of_toml(one) for one in value]
    if not isinstance(value, dict):
        return value
    found = {key: _of_toml(one) for key, one in value.items() if key != "title" and (key, one) != ("default", None)}
    kinds = found.get("anyOf")
    if kinds is not None:
        numeric = {"type": "number"} in kinds
        kinds = [
            kind for kind in kinds if kind.get("type") != "null" and not (numeric and kind.get("type") == "string")
        ]
        found = {key: one for key, one in found.items() if key != "anyOf"}
        found |= kinds[0] if len(kinds) == 1 else {"anyOf": kinds}
    return found


def _described(value: dict[str, Any], told: str | None) -> dict[str, Any]:
    return value if told is None else {**value, "description": told}


if __name__ == "__main__":
    sys.stdout.write(contract_schema())
