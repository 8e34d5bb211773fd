"""Card rows against loyalty rows that share neither card nor member: what is certain, what is held, and why."""

from __future__ import annotations

import random
from pathlib import Path

from reconcile_runs import Run, run_files

RULES = """
[left]
name = "card"
encoding = "cp1252"
[left.amount]
column = "price"
unit = "major"
currency = "USD"
[left.date]
column = "timestamp"
format = "%m/%d/%Y %H:%M"
[left.text.location]
normalise = ["trim", "lower"]

[right]
name = "loyalty"
encoding = "cp1252"
[right.amount]
column = "price"
unit = "major"
currency = "USD"
[right.date]
column = "timestamp"
format = "%m/%d/%Y"
[right.text.location]
normalise = ["trim", "lower"]

[[pass]]
name = "same"
keys = ["location"]
days = 0
ambiguity = "hold"

[[pass]]
name = "cash_back"
keys = ["location"]
amount = { rule = "within", left_may_exceed = { step_minor = 2000, most_steps = 4 } }
days = 0
ambiguity = "hold_unless_only"
"""
STORES = ("Katerina\u2019s Café", "Brew've Been Served", "Hippokampos ", "Guy's Gyros")


def _made(folder: Path) -> tuple[Run, dict[str, int], dict[str, int]]:
    """A run over 400 sales; returned with the sale of each row of both sides, by id."""
    chance = random.Random(3)
    card: list[tuple[str, str, int, int]] = []
    loyalty: list[tuple[str, str, int, int]] = []
    for sale in range(400):
        day, store, price = chance.randrange(6, 20), chance.choice(STORES), chance.randrange(400, 9_000)
        cash_back = chance.choice([0] * 12 + [2_000, 4_000, 8_000])
        card.append(
            (f"01/{day:02d}/2014 {chance.randrange(24):02d}:{chance.randrange(60):02d}", store, price + cash_back, sale)
        )
        if chance.random() < 0.95:
            loyalty.append((f"01/{day:02d}/2014", store.upper().replace("É", "é"), price, sale))
    for sale in (900, 901):  # two coffees of one price in one shop on one day
        card.append(("01/07/2014 08:30", STORES[1], 450, sale))
        loyalty.append(("01/07/2014", STORES[1], 450, sale))
    card += [("01/07/2014 09:00", STORES[3], 9_999, 902), ("01/07/2014 09:30", STORES[3], 11_999, 903)]
    loyalty += [("01/07/2014", STORES[3], 7_999, 902)]  # 20.00 on one of them, or 40.00 on the other
    chance.shuffle(loyalty)
    for name, rows in (("card", card), ("loyalty", loyalty)):
        lines = [f'{when},"{store}",{price // 100}.{price % 100:02d}' for when, store, price, _ in rows]
        (folder / f"{name}.csv").write_bytes("\n".join(["timestamp,location,price", *lines, ""]).encode("cp1252"))
    (folder / "rules.toml").write_text(RULES, encoding="utf-8")
    found = run_files(folder / "card.csv", folder / "loyalty.csv", folder / "rules.toml", folder / "out")
    sales = [{str(at): one[3] for at, one in enumerate(rows, 1)} for rows in (card, loyalty)]
    return found, sales[0], sales[1]


def test_what_is_taken_is_true_and_what_is_doubtful_is_held(tmp_path: Path) -> None:
    found, card, loyalty = _made(tmp_path)
    assert all(card[ours] == loyalty[theirs] for ours, theirs in found.pairs)
    assert {card[ours] for ours, _ in found.pairs} >= set(loyalty.values()) - {900, 901, 902}
    held = {
        one["id"]: one["note"] for one in found.breaks if one["reason"] == "held_ambiguous" and one["side"] == "left"
    }
    assert {card[name] for name in held} == {900, 901, 902, 903}
    assert "pass same cannot tell which belongs to which: card 401, 402; loyalty" in held["401"]
    assert "pass cash_back cannot tell which belongs to which: card 403, 404; loyalty" in held["403"]


def test_cash_back_is_told_with_its_residual(tmp_path: Path) -> None:
    found, _, _ = _made(tmp_path)
    over = [one for one in found.matches if one["pass"] == "cash_back"]
    assert len(over) > 50
    assert {one["residual"] for one in over} == {"2000", "4000", "8000"}
    assert {one["note"] for one in over} >= {"20.00 USD more on card: 1 of the allowed steps"}
    missing = [one for one in found.breaks if one["side"] == "left" and one["reason"] == "missing_right"]
    assert missing
    assert all(one["note"] for one in missing)
