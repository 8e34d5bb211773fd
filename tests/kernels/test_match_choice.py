"""Which matching kernels ran: the compiled ones, unless the environment forces the twins."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys

import pytest

from settlement.kernels import _match_number, _match_sums, match, match_twin
from settlement.kernels.choice import use_compiled

PAIRS = [
    (_match_number.number_keys, match_twin.number_keys),
    (_match_sums.group_sums, match_twin.group_sums),
]


def test_the_chosen_kernels_are_the_ones_that_run() -> None:
    assert match.compiled() is use_compiled()
    chosen = [pair[0] if use_compiled() else pair[1] for pair in PAIRS]
    assert [match.number_keys, match.group_sums] == chosen


@pytest.mark.parametrize(("choice", "compiled"), [("python", "False"), ("compiled", "True")])
def test_the_environment_decides(choice, compiled) -> None:
    code = "from settlement.kernels import match; print(match.compiled())"
    told = os.environ | {"SETTLEMENT_KERNELS": choice}
    run = subprocess.run([sys.executable, "-c", code], env=told, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == compiled


@pytest.mark.parametrize(("kernel", "twin"), PAIRS, ids=lambda one: one.__module__)
def test_twins_share_name_and_docstring(kernel, twin) -> None:
    assert kernel.__name__ == twin.__name__
    # The compiled docstring starts with the signature that Cython embeds.
    assert inspect.cleandoc(kernel.__doc__).endswith(inspect.getdoc(twin))
