"""The JSON Schema of the contract language is current, tells each key, and takes and refuses what the reader does."""

from __future__ import annotations

import json
import tomllib
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pydantic import ValidationError
from rate.histories import contract_documents

from settlement.rate.contract_file import READER
from settlement.rate.contract_schema import contract_schema

REPOSITORY = Path(__file__).resolve().parents[2]
GOLDEN = sorted((REPOSITORY / "tests" / "golden" / "contracts").glob("*.toml"))
SCHEMA: dict[str, Any] = json.loads(contract_schema())
BEYOND_JSON = {"date_in_quotes", "endless_rate"}
"""JSON has no dates, so that one in quotes looks like any other, and no endless number."""


def plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [plain(one) for one in value]
    return value.isoformat() if isinstance(value, date) else value


def test_the_schema_is_made_from_the_language() -> None:
    assert (REPOSITORY / "docs" / "contract.schema.json").read_text("utf-8") == contract_schema(), (
        "run: python -m settlement.rate.contract_schema > docs/contract.schema.json"
    )


def test_every_table_and_every_key_is_told() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    for name, table in {"Contract": SCHEMA, **SCHEMA["$defs"]}.items():
        assert table["description"].strip(), name
        for key, value in table.get("properties", {}).items():
            assert value.get("description", "").endswith("."), f"{name}.{key} has no sentence in contract_keys.py"
        assert "properties" not in table or table["additionalProperties"] is False


@pytest.mark.parametrize("source", sorted(contract_documents()))
def test_the_schema_takes_the_contracts_and_refuses_an_unknown_word(source: str) -> None:
    content = plain(tomllib.loads(contract_documents()[source], parse_float=Decimal))
    jsonschema.validate(content, SCHEMA)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(content | {"claus": {}}, SCHEMA)


def test_the_schema_refuses_exactly_what_the_reader_refuses_for_its_shape() -> None:
    refused = 0
    for path in GOLDEN:
        try:
            content = tomllib.loads(path.read_text("utf-8"), parse_float=Decimal)
        except tomllib.TOMLDecodeError:
            continue
        try:
            READER.validate_python(content)
        except ValidationError:
            has_the_shape = path.stem in BEYOND_JSON
            refused += 1
        else:
            has_the_shape = True
        assert jsonschema.Draft202012Validator(SCHEMA).is_valid(plain(content)) is has_the_shape, path.stem
    assert refused > 25
