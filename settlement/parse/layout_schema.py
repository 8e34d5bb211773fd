"""The JSON Schema of declared layouts, made from the classes that read them.

``python -m settlement.parse.layout_schema > docs/layouts.schema.json`` writes it anew.
"""

from __future__ import annotations

import json
import sys
from typing import Any, Final

from settlement.model.layout import LayoutFile
from settlement.parse.declared_spec import DeclaredSpec
from settlement.parse.delimited_spec import DelimitedSpec
from settlement.parse.fixed_width import FixedSpec
from settlement.parse.json_lines import JsonSpec
from settlement.parse.parquet import ParquetSpec
from settlement.parse.workbook import WorkbookSpec

SPECS: Final[dict[str, type[DeclaredSpec]]] = {
    "delimited": DelimitedSpec,
    "fixed_width": FixedSpec,
    "json_lines": JsonSpec,
    "parquet": ParquetSpec,
    "workbook": WorkbookSpec,
}
"""The model of ``spec`` by format; formats with readers of their own take any."""


def layout_schema() -> str:
    """The schema as JSON text, the same bytes each time."""
    whole: dict[str, Any] = LayoutFile.model_json_schema(by_alias=True)
    definitions: dict[str, Any] = whole.setdefault("$defs", {})
    for model in SPECS.values():
        told = model.model_json_schema(by_alias=True, ref_template="#/$defs/{model}")
        definitions |= told.pop("$defs", {})
        definitions[model.__name__] = _one_total_or_several(told)
    definitions["Control"] = _one_total_or_several(definitions["Control"])
    whole["allOf"] = [
        {
            "if": {"properties": {"format": {"const": name}}},
            "then": {"properties": {"spec": {"$ref": f"#/$defs/{model.__name__}"}}},
        }
        for name, model in SPECS.items()
    ]
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema"} | whole
    return json.dumps(schema, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _one_total_or_several(told: dict[str, Any]) -> dict[str, Any]:
    """A control's ``of`` may be one total as well as a list of them."""
    properties = told.get("properties", {})
    if "of" not in properties or "anyOf" in properties["of"]:
        return told
    either = {"anyOf": [{"$ref": "#/$defs/Total"}, properties["of"]]}
    return told | {"properties": properties | {"of": either}}


if __name__ == "__main__":
    sys.stdout.write(layout_schema())
