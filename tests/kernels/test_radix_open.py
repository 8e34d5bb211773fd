"""Kernel and twin of open rows, and which of the radix kernels ran."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_cases import examples

from settlement.kernels import (
    _radix_best,
    _radix_digest,
    _radix_equal,
    _radix_open,
    _radix_optimal,
    radix,
    radix_digest_twin,
    radix_optimal_twin,
    radix_twin,
)
from settlement.kernels.choice import use_compiled

SEEDED = settings(derandomize=True, deadline=None, max_examples=examples(66))
PAIRS = [
    (_radix_best.pair_best, radix_twin.pair_best),
    (_radix_digest.digest_columns, radix_digest_twin.digest_columns),
    (_radix_equal.kernel_bytes, radix_twin.kernel_bytes),
    (_radix_equal.pair_equal, radix_twin.pair_equal),
    (_radix_equal.pair_equal_told, radix_twin.pair_equal_told),
    (_radix_open.open_rows, radix_twin.open_rows),
    (_radix_optimal.pair_optimal, radix_optimal_twin.pair_optimal),
]


@SEEDED
@given(data=st.data(), lefts=st.integers(0, 200), rights=st.integers(0, 200), threads=st.integers(1, 3))
def test_compiled_and_twin_list_every_row_once(data, lefts, rights, threads) -> None:
    random = np.random.default_rng(data.draw(st.integers(0, 999)))
    met = random.integers(0, min(lefts, rights) + 1)
    partner = np.full(lefts, -1, np.int32)
    partner[random.permutation(lefts)[:met]] = random.permutation(rights)[:met]
    live = [None if data.draw(st.booleans()) else random.random(rows) < 0.7 for rows in (lefts, rights)]
    compiled = _radix_open.open_rows(partner, rights, *live, threads)
    twin = radix_twin.open_rows(partner, rights, *live)
    for one, other in zip(compiled, twin, strict=True):
        assert one.tolist() == other.tolist()
        assert one.dtype == other.dtype


@pytest.mark.parametrize("open_rows", [_radix_open.open_rows, radix_twin.open_rows], ids=["compiled", "twin"])
def test_a_partner_that_does_not_exist_is_refused(open_rows) -> None:
    with pytest.raises(ValueError, match="partners must lie below 2"):
        open_rows(np.array([2], np.int32), 2)
    with pytest.raises(ValueError, match="one length"):
        open_rows(np.array([1], np.int32), 2, None, np.ones(1, bool))


def test_the_chosen_kernels_are_the_ones_that_run() -> None:
    assert radix.compiled() is use_compiled()
    for kernel, twin in PAIRS:
        chosen = getattr(radix, f"_{twin.__name__}", None) or getattr(radix, twin.__name__)
        assert chosen is (kernel if use_compiled() else twin)


@pytest.mark.parametrize(("kernel", "twin"), PAIRS, ids=lambda one: one.__module__)
def test_twins_share_name_and_docstring(kernel, twin) -> None:
    assert kernel.__name__ == twin.__name__
    # The compiled docstring starts with the signature that Cython embeds.
    assert inspect.cleandoc(kernel.__doc__).endswith(inspect.getdoc(twin))


def test_the_radix_kernels_work_as_one_chain() -> None:
    random = np.random.default_rng(3)
    left, right = (random.integers(1, 400, 500) for _ in range(2))
    sides = (left.astype(np.uint64), left.astype(np.uint32)), (right.astype(np.uint64), right.astype(np.uint32))
    partner = radix.pair_equal(*sides[0], *sides[1], threads=radix.cores())
    left_open, right_open = radix.open_rows(partner, len(right))
    assert len(left_open) + (partner >= 0).sum() == len(left)
    assert not set(left[left_open]) & set(right[right_open])
