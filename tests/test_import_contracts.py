"""The import contracts hold, and each of them breaks when it is broken; stages do not reach for the world by name."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
STAGE_PACKAGES = ("land", "parse", "check", "match", "rate", "post", "pay", "report")

VIOLATIONS = {
    "settlement/match/__init__.py": ("import settlement.rate", "settlement.match -> settlement.rate"),
    "settlement/model/__init__.py": ("import settlement.store", "settlement.model -> settlement.store"),
    "settlement/newcomer.py": ("", "settlement.newcomer"),
    "dags/newcomer.py": ("import settlement.books", "dags.newcomer -> settlement.books"),
    "settlement/land/__init__.py": ("import airflow", "settlement.land -> airflow"),
    "settlement/report/__init__.py": ("import great_expectations", "settlement.report -> great_expectations"),
    "settlement/pay/__init__.py": ("import sqlite3", "settlement.pay -> sqlite3"),
    "settlement/parse/__init__.py": ("import pyspark", "settlement.parse -> pyspark"),
    "settlement/openpgp.py": ("import pysequoia", "settlement.openpgp -> pysequoia"),
    "settlement/deliver/send.py": ("import sqlalchemy", "settlement.deliver.send -> sqlalchemy"),
    "settlement/payout/terms.py": (
        "import settlement.payout.steps",
        "settlement.payout.terms -> settlement.payout.steps",
    ),
    "settlement/openpgp_out.py": ("import pysequoia", "settlement.openpgp_out -> pysequoia"),
    "settlement/post/__init__.py": ("import random", "settlement.post -> random"),
}
"""What is written into which module, and the words in which its contract must complain."""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of what the contracts are about."""
    ignored = shutil.ignore_patterns("*.so", "__pycache__")
    for name in ("settlement", "dags"):
        shutil.copytree(REPOSITORY / name, tmp_path / name, ignore=ignored)
    shutil.copy(REPOSITORY / ".importlinter", tmp_path)
    return tmp_path


def _lint(tree: Path) -> tuple[set[str], str]:
    """The states of all contracts, and all that is said."""
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=tree,
        env={**os.environ, "COLUMNS": "300"},
        capture_output=True,
        text=True,
        check=False,
    )
    return set(re.findall(r"^.+ (KEPT|BROKEN)\b", done.stdout, re.MULTILINE)), done.stdout + done.stderr


def test_contracts_hold(tree: Path) -> None:
    states, said = _lint(tree)
    assert states == {"KEPT"}, said


def test_each_contract_breaks_when_it_is_broken(tree: Path) -> None:
    for path, (line, _) in VIOLATIONS.items():
        with (tree / path).open("a", encoding="utf-8") as target:
            target.write(f"\n{line}\n")
    states, said = _lint(tree)
    assert states == {"BROKEN"}
    assert [words for _, words in VIOLATIONS.values() if words not in said] == []


@pytest.mark.parametrize("package", STAGE_PACKAGES)
def test_a_stage_opens_no_file_and_asks_for_no_moment(package: str) -> None:
    found = []
    for path in sorted((REPOSITORY / "settlement" / package).rglob("*.py")):
        found += [f"{path.name}: {word}" for word in _reaches(ast.parse(path.read_text(encoding="utf-8")))]
    assert found == []


def test_reaching_for_the_world_is_seen() -> None:
    source = """
from pathlib import Path, PurePosixPath
import pathlib
from urllib.request import urlopen
from urllib.parse import quote
open('x'); print(1); input(); date.today(); datetime.now(); datetime.utcnow()
"""
    assert _reaches(ast.parse(source)) == [
        *("pathlib.Path", "pathlib", "urllib.request", "open()", "print()", "input()", "today()", "now()", "utcnow()"),
    ]


def _reaches(tree: ast.AST) -> list[str]:
    """What in a module reads a path, the clock or the terminal, where its imports alone do not tell."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "pathlib":
            found += [f"pathlib.{name.name}" for name in node.names if not name.name.startswith("Pure")]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("urllib"):
            found += [node.module] if node.module != "urllib.parse" else []
        elif isinstance(node, ast.Import):
            found += [name.name for name in node.names if name.name in {"pathlib", "urllib", "urllib.request"}]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            found += [f"{node.func.id}()"] if node.func.id in {"open", "input", "print", "breakpoint"} else []
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            found += [f"{node.func.attr}()"] if node.func.attr in {"today", "now", "utcnow"} else []
    return found
