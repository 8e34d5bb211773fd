"""The compiled parsing kernels run by default, the twins when the switch says so."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from settlement.kernels import (
    cards_twin,
    delimited_twin,
    fixed_twin,
    ipm_twin,
    lines_twin,
    parse,
    positions_twin,
    runs_twin,
    spans_twin,
    views_twin,
)

_ASK = "from settlement.kernels import parse; print(parse.compiled(), parse.gather.__module__)"


def _ask(choice: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "SETTLEMENT_KERNELS": choice}
    return subprocess.run([sys.executable, "-c", _ASK], capture_output=True, text=True, env=environment, check=False)


@pytest.mark.parametrize(
    ("choice", "expected"),
    [("", "True settlement.kernels._parse_text"), ("python", "False settlement.kernels.spans_twin")],
)
def test_the_switch_chooses(choice: str, expected: str) -> None:
    assert _ask(choice).stdout.strip() == expected


def test_a_choice_that_does_not_exist_is_refused() -> None:
    assert "set it to `compiled` or `python`" in _ask("fortran").stderr


@pytest.mark.skipif(os.environ.get("SETTLEMENT_KERNELS") == "python", reason="the twins are forced")
@pytest.mark.parametrize(
    ("name", "twin"),
    [
        ("gather", spans_twin.gather),
        ("numbers", spans_twin.numbers),
        ("luhn", spans_twin.luhn),
        ("tokens", cards_twin.tokens),
        ("masks", cards_twin.masks),
        ("delimited_fields", delimited_twin.delimited_fields),
        ("whole_lines", fixed_twin.whole_lines),
        ("fixed_fields", fixed_twin.fixed_fields),
        ("decimals", views_twin.decimals),
        ("times", views_twin.times),
        ("holding", views_twin.holding),
        ("few", views_twin.few),
        ("digit_runs", runs_twin.digit_runs),
        ("frames", ipm_twin.frames),
        ("line_fields", lines_twin.line_fields),
        ("element_spans", ipm_twin.element_spans),
        ("byte_places", positions_twin.byte_places),
        ("grouped_records", positions_twin.grouped_records),
        ("position_numbers", positions_twin.position_numbers),
        ("position_texts", positions_twin.position_texts),
    ],
)
def test_twins_say_the_same(name: str, twin: object) -> None:
    kernel = getattr(parse, name)
    assert kernel.__name__ == twin.__name__  # type: ignore[attr-defined]
    said, wanted = (" ".join((function.__doc__ or "").split()) for function in (kernel, twin))
    assert len(wanted) > 100
    assert said.endswith(wanted)  # before it stands the signature that Cython embeds
