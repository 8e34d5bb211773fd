"""Optimal pairs within a tolerance beside brute force, and beside the candidates that `settle match` lists by NumPy."""

from __future__ import annotations

import numpy as np
import polars as pl
from assign_oracle import by_table
from random_cases import batches

from settlement.kernels.assign import assign_groups
from settlement.kernels.radix import ANY, Way, pair_optimal
from settlement.reconcile.candidates import candidates, in_window
from settlement.reconcile.language import Pass
from settlement.reconcile.tolerance import fits
from settlement.reconcile.views import View


def random_rule(rng):
    """A pass with any amount rule, date condition and weights."""

    def bound():
        found = [{"minor": rng.integers(0, 30)}, {"bps": rng.integers(0, 6_000)}][rng.integers(2)]
        if rng.random() < 0.4:
            word = ["smaller", "larger"][rng.integers(2)]
            found = {"minor": rng.integers(0, 30), "bps": rng.integers(0, 6_000), "bound": word}
        return {name: value if isinstance(value, str) else int(value) for name, value in found.items()}

    def way():
        steps = {"step_minor": int(rng.integers(1, 12)), "most_steps": int(rng.integers(1, 5))}
        return steps if rng.random() < 0.4 else bound()

    amount = [
        {"rule": "equal"},
        {"rule": "any"},
        {"rule": "converted", "minor": int(rng.integers(0, 20))},
        {"rule": "within", **bound()},
        {"rule": "within", "left_may_exceed": way()},
        {"rule": "within", "right_may_exceed": way()},
        {"rule": "within", "left_may_exceed": way(), "right_may_exceed": way()},
    ][rng.integers(7)]
    told = {"name": "near", "keys": ["key"], "amount": amount}
    if rng.random() < 0.7:
        told |= {"days": int(rng.integers(0, 4)), "date_order": ["any", "left_first", "right_first"][rng.integers(3)]}
    told["weights"] = {"amount": int(rng.integers(0, 4)), "date": int(rng.integers(0, 20))}
    return Pass.model_validate(told)


def asked(rule):
    """A pass as the kernel is asked."""

    def way(bound):
        if bound is None:
            return Way()
        if bound.step_minor is not None:
            return Way(step=bound.step_minor, most_steps=bound.most_steps)
        return Way(bound.minor or 0, bound.bps or 0, bound.bound == "smaller")

    amount = rule.amount
    ways = {
        "equal": lambda: (Way(), Way()),
        "any": lambda: (Way(minor=ANY), Way(minor=ANY)),
        "converted": lambda: (Way(minor=amount.minor), Way(minor=amount.minor)),
        "within": lambda: tuple(map(way, amount.ways())),
    }[amount.rule]()
    first, last = {"any": (-1, 1), "left_first": (0, 1), "right_first": (-1, 0)}[rule.date_order]
    days = None if rule.window is None else (first * rule.window, last * rule.window)
    return {
        "left_way": ways[0],
        "right_way": ways[1],
        "days": days,
        "weights": (rule.weights.amount, rule.weights.date),
    }


def random_view(rng, rule, cases, rows):
    """Cases as groups, ``rows`` rows each; amounts of both signs, and without a window all days alike."""
    spread = int(rng.choice([3, 12, 60]))
    found = {}
    for side, count in zip(("left", "right"), rows, strict=True):
        found[side] = np.arange(cases * count, dtype=np.int32)
        found[f"{side}_keys"] = pl.DataFrame({"key_0": np.repeat(np.arange(cases, dtype=np.int32), count)})
        found[f"{side}_amount"] = rng.integers(-spread // 3, spread + 1, cases * count)
        found[f"{side}_day"] = rng.integers(0, 6 if rule.window is not None else 1, cases * count).astype(np.int32)
    return View(**found)


def by_kernel(rule, view, rng):
    groups = [keys["key_0"].to_numpy() for keys in (view.left_keys, view.right_keys)]
    hashes = [(group.astype(np.uint64) + 1) * np.uint64(2**63 - 25) for group in groups]
    checks = [group.astype(np.uint32) for group in groups]
    left = hashes[0], checks[0], view.left_amount, view.left_day
    right = hashes[1], checks[1], view.right_amount, view.right_day
    shape = {"threads": int(rng.integers(1, 4)), "bits": int(rng.integers(-1, 6))}
    return pair_optimal(*left, *right, **asked(rule), **shape)


def by_numpy(rule, view):
    """As `settle match` finds them: candidates by NumPy, then the kernel of assignment from either side."""
    (some,) = list(candidates(rule, view, None, None)) or [None]
    if some is None:
        return np.full(len(view.left), -1), np.zeros(len(view.left)), np.zeros(len(view.right))
    starts = np.flatnonzero(np.diff(some.group, prepend=-1, append=-1)).astype(np.int32)
    starts = starts if len(some.group) else np.zeros(1, dtype=np.int32)
    sizes = {"n_left": len(view.left), "n_right": len(view.right)}
    partner, outcome = assign_groups(starts, some.left, some.right, some.cost, **sizes)
    swapped = {"n_left": len(view.right), "n_right": len(view.left)}
    _, right_outcome = assign_groups(starts, some.right, some.left, some.cost, **swapped)
    return partner, outcome, right_outcome


def by_brute_force(rule, view, cases, rows):
    """Every matching of every case is looked at."""
    lefts, rights = rows
    ours, theirs = view.left_amount.reshape(cases, lefts, 1), view.right_amount.reshape(cases, 1, rights)
    our_days, their_days = view.left_day.reshape(cases, lefts, 1), view.right_day.reshape(cases, 1, rights)
    both = np.broadcast_arrays(ours, theirs, our_days, their_days)
    good = fits(rule.amount, both[0].ravel(), both[1].ravel()).reshape(cases, lefts, rights)
    if rule.window is not None:
        good &= in_window(rule, both[2], both[3])
    cost = rule.weights.amount * np.abs(ours - theirs) + rule.weights.date * np.abs(our_days - their_days)
    costs = np.where(good, cost, -1)
    partner, ambiguous = by_table(costs)
    first = np.arange(cases)[:, None] * rights
    right_ambiguous = by_table(costs.transpose(0, 2, 1))[1]
    return np.where(partner < 0, -1, partner + first).ravel(), ambiguous.ravel(), right_ambiguous.ravel()


def test_small_groups_beside_brute_force_and_numpy() -> None:
    for number, size in batches(ordinary=20_000, batch=1_000):
        rng = np.random.default_rng([31, number])
        rule, rows = random_rule(rng), rng.integers(1, 5, 2)
        view = random_view(rng, rule, size, rows)
        kernel = by_kernel(rule, view, rng)
        for other in (by_brute_force(rule, view, size, rows), by_numpy(rule, view)):
            for one, expected in zip(kernel, other, strict=True):
                assert (one == expected).all(), (number, rule, np.flatnonzero(one != expected)[:9])


def test_large_groups_beside_numpy() -> None:
    for number, size in batches(ordinary=500, batch=20, share=100):
        rng = np.random.default_rng([32, number])
        rule, rows = random_rule(rng), rng.integers(5, 40, 2)
        view = random_view(rng, rule, size, rows)
        for one, expected in zip(by_kernel(rule, view, rng), by_numpy(rule, view), strict=True):
            assert (one == expected).all(), (number, rule, np.flatnonzero(one != expected)[:9])
