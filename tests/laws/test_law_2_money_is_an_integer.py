"""Law 2: money is an integer of minor units; no float touches it; splits lose nothing."""

from __future__ import annotations

import ast
from fractions import Fraction
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from settlement.model.money import Rounding, round_fraction, split_largest_remainder, to_major, to_minor
from settlement.model.tables import TABLES

SOURCE = Path(__file__).resolve().parents[2] / "settlement"
MONEY_ROOMS = ("model", "parse", "check/night.py", "match", "rate", "post", "pay")


def test_no_table_has_a_float_column() -> None:
    for table in TABLES.values():
        for name, dtype in table.schema.items():
            assert not dtype.is_float(), f"{table.name}.{name}"
            assert not name.endswith("_minor") or dtype == pl.Int64, f"{table.name}.{name}"


def _floats(source: str) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, float):
            found.append(f"line {node.lineno}: {node.value}")
        if isinstance(node, ast.Name) and node.id == "float":
            found.append(f"line {node.lineno}: float")
        if isinstance(node, ast.Attribute) and node.attr in {"Float32", "Float64"}:
            found.append(f"line {node.lineno}: {node.attr}")
    return sorted(found)


def test_no_money_room_knows_floats() -> None:
    paths = [
        path for room in MONEY_ROOMS for path in ((SOURCE / room).rglob("*.py") if "." not in room else [SOURCE / room])
    ]
    assert len(paths) > 10
    found = {str(path.relative_to(SOURCE)): _floats(path.read_text()) for path in paths}
    assert {name: lines for name, lines in found.items() if lines} == {}


def test_the_search_for_floats_finds_one() -> None:
    assert _floats("x = 0.1\ny = float('1')\nz = pl.Float64") == ["line 1: 0.1", "line 2: float", "line 3: Float64"]


@given(
    total=st.integers(-(10**15), 10**15),
    weights=st.dictionaries(st.text(min_size=1, max_size=4), st.integers(0, 1000), min_size=1).filter(
        lambda weights: sum(weights.values()) > 0
    ),
)
def test_a_split_sums_to_its_whole_and_keeps_its_sign(total: int, weights: dict[str, int]) -> None:
    shares = split_largest_remainder(total, weights)
    assert sum(shares.values()) == total
    assert all(share * total >= 0 for share in shares.values())
    whole = sum(weights.values())
    assert all(abs(share - Fraction(total * weights[key], whole)) < 1 for key, share in shares.items())
    backwards = dict(reversed(weights.items()))
    assert split_largest_remainder(total, backwards) == shares


@pytest.mark.parametrize(
    ("value", "mode", "expected"),
    [
        (Fraction(5, 2), Rounding.HALF_AWAY, 3),
        (Fraction(-5, 2), Rounding.HALF_AWAY, -3),
        (Fraction(5, 2), Rounding.HALF_EVEN, 2),
        (Fraction(7, 2), Rounding.HALF_EVEN, 4),
        (Fraction(-7, 2), Rounding.DOWN, -3),
        (Fraction(-7, 2), Rounding.FLOOR, -4),
        (Fraction(1, 3), Rounding.HALF_AWAY, 0),
    ],
)
def test_rounding(value: Fraction, mode: Rounding, expected: int) -> None:
    assert round_fraction(value, mode) == expected


@pytest.mark.parametrize("currency", ["USD", "JPY", "KWD"])
@given(amount=st.integers(-(10**12), 10**12))
def test_minor_and_major_units_are_one_amount(currency: str, amount: int) -> None:
    assert to_minor(to_major(amount, currency), currency) == amount


@pytest.mark.parametrize("text", ["", "1,5", "0.001", "#VALUE!", "NaN", "Infinity", "1e400000"])
def test_what_is_no_exact_amount_is_none(text: str) -> None:
    assert to_minor(text, "USD") is None
