"""The JSON Schema of the language of rules, made from the classes that read it.

``python -m settlement.reconcile.schema > docs/rules.schema.json`` writes it anew.
"""

from __future__ import annotations

import json
import sys

from settlement.reconcile.language import Rules


def rules_schema() -> str:
    """The schema as JSON text, the same bytes each time."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema"} | Rules.model_json_schema(by_alias=True)
    return json.dumps(schema, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(rules_schema())
