"""The pages about contracts are current: keys are those of the language, recipes hold and are quoted as they stand."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from settlement.model.contract import Step
from settlement.model.contract_measures import Measure
from settlement.model.contract_terms import Term
from settlement.rate.contract_problems import examine
from settlement.rate.contract_reference import contract_reference

DOCS = Path(__file__).resolve().parents[2] / "docs"
RECIPES = sorted((DOCS / "recipes").glob("*/*.toml"))
PAGE = (DOCS / "RECIPES.md").read_text("utf-8")
QUOTED = re.findall(r"^```toml (\S+)\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


def test_the_page_of_keys_is_made_from_the_language() -> None:
    assert (DOCS / "CONTRACT_KEYS.md").read_text("utf-8") == contract_reference(), (
        "run: python -m settlement.rate.contract_reference > docs/CONTRACT_KEYS.md"
    )


def test_the_page_of_the_language_names_every_form_measure_and_step() -> None:
    page = (DOCS / "CONTRACTS.md").read_text("utf-8")
    words = [
        word
        for kind, key in ((Term, "form"), (Measure, "type"))
        for one in get_args(kind)
        for word in get_args(get_type_hints(one)[key])
    ]
    assert {"rate", "points", "volume"} <= set(words)
    assert [word for word in words if f"`{word}`" not in page] == []
    assert ", ".join(Step) in " ".join(page.split())


@pytest.mark.parametrize("path", RECIPES, ids=[path.parent.name for path in RECIPES])
def test_a_recipe_holds_without_a_doubt(path: Path) -> None:
    examined = examine(path.name, path.read_text("utf-8"))
    assert examined.problems == examined.warnings == ()
    assert examined.version is not None
    assert f"]({path.relative_to(DOCS)})" in PAGE


@pytest.mark.parametrize("path", RECIPES, ids=[path.parent.name for path in RECIPES])
def test_every_example_of_a_recipe_bites(path: Path) -> None:
    parts = path.read_text("utf-8").split("\ngives = ")
    for number in range(1, len(parts)):
        wrong = [*parts[:number], "987_654.32\n" + parts[number].partition("\n")[2], *parts[number + 1 :]]
        (problem,) = examine(path.name, "\ngives = ".join(wrong)).problems
        assert problem.sentence.startswith(f"example {number} (")


def test_what_the_page_quotes_stands_in_the_recipe() -> None:
    assert len(QUOTED) > len(RECIPES)
    for name, text in QUOTED:
        assert text in (DOCS / name).read_text("utf-8"), text
