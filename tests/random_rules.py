"""Random rules over the columns of ``reconcile_runs.row``: nettings and passes that share keys or do not."""

from __future__ import annotations

import random

KEYS = ("key", "till", "shop")
_AMOUNTS = (
    "",
    "",
    'amount = { rule = "within", minor = 3, bps = 2000, bound = "larger" }',
    'amount = { rule = "within", left_may_exceed = { step_minor = 20, most_steps = 2 } }',
    'amount = { rule = "converted", minor = 1 }',
    'amount = { rule = "converted", convert = "right", minor = 2 }',
    'amount = { rule = "any" }',
)
_DAYS = ("", "days = 0", "days = 2", "days = 3", "business_days = 1", 'days = 2\ndate_order = "left_first"')
_CONSUMES = ("", "", 'consumes = ["open", "held"]', 'consumes = ["held"]')
_ONLY = ("", "", "", 'left_only = { till = ["1", ""] }', 'right_only = { shop = ["x"] }')
_PAIRED = (
    "",
    'ambiguity = "hold"',
    'ambiguity = "hold"',
    'ambiguity = "hold_unless_only"',
    'assignment = "best_first"',
)
_SUMMED = ("", 'ambiguity = "hold"')
_SEARCH = "search = { most_members = 3, most_candidates = 6 }"
_CARRY = (
    "[carry]\n",
    "[carry]\nmost_days = 2\nexpires_after_days = 3\n[ageing]\nbuckets = [1, 2]\n",
    "[carry]\nmost_days = 1\nstale_after_runs = 1\n",
)
_RATE = '[[rate]]\nfrom = "EUR"\nto = "USD"\ndate = 2024-01-01\nrate = 1.1\n'


def random_rules(rnd: random.Random, *, carry: bool = False) -> str:
    """Nettings and two to five passes, one in five of them without a key; it says the same for the same generator.

    With ``carry`` open rows go into the next run, and passes take them by age.
    """
    parts = [_RATE]
    for which in ("left", "right"):
        parts += [_net(rnd, which, number) for number in range(rnd.choice([0, 0, 1, 2]))]
    parts += [_pass(rnd, number) + (_carried(rnd) if carry else "") for number in range(rnd.randint(2, 5))]
    if carry:
        parts.append(rnd.choice(_CARRY))
    if rnd.random() < 0.3:
        parts.append("[nearest]\ndays = 2\namount_bps = 3000\n")
    return "\n".join(parts)


def _carried(rnd: random.Random) -> str:
    return rnd.choice(["", "", "carry = false\n", "carried_most_days = 1\n"])


def _keys(rnd: random.Random, least: int) -> list[str]:
    return rnd.sample(KEYS, rnd.choice([least, 1, 1, 2]))


def _net(rnd: random.Random, which: str, number: int) -> str:
    keys = _keys(rnd, 1)
    return f'[[{which}.net]]\nname = "{which}-{number}"\nkeys = {keys}\ndays = {rnd.randint(0, 3)}\n'


def _pass(rnd: random.Random, number: int) -> str:
    keys = _keys(rnd, rnd.choice([0, 1]))
    amount = rnd.choice(_AMOUNTS) if keys else rnd.choice(_AMOUNTS[:-1])
    days = rnd.choice(_DAYS)
    words = [
        f'[[pass]]\nname = "pass-{number}"',
        f"keys = {keys}",
        amount,
        days,
        rnd.choice(_CONSUMES),
        rnd.choice(_ONLY),
    ]
    if rnd.random() < 0.6:
        words.append(rnd.choice(_PAIRED))
        if rnd.random() < 0.25 and (keys or ("any" not in amount and days)):
            words.append('text = [{ left = "note", right = "note", at_least = 60 }]')
    else:
        words.append(f"cardinality = {rnd.choice([['1:N'], ['N:1'], ['1:N', 'N:1'], ['N:M']])}")
        words.append(rnd.choice(_SUMMED))
        if "any" not in amount and (not keys or rnd.random() < 0.5):
            words.append(_SEARCH)
        if "step" in amount:
            words[2] = ""
    return "\n".join(word for word in words if word) + "\n"
