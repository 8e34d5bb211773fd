"""Card rows and loyalty rows of the same sales, without a number in common, with their truth by construction."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MERCHANTS: Final = (
    ("Katerina\u2019s Café", "Katerina\u2019s Café"),
    ("Brew've Been Served", "Brew've Been Served"),
    ("Hippokampos ", "HIPPOKAMPOS"),
    ("Guy's Gyros", "guy's gyros"),
    ("Hallowed Grounds", "Hallowed Grounds"),
    ("Gelatogalore", "Gelatogalore"),
    ("Ouzeri Elian", "Ouzeri Elian"),
    ("Jack's Magical Beans", "Jack's Magical Beans"),
    ("Coffee Cameleon", "coffee cameleon"),
    ("Albert's Fine Clothing", "Albert's Fine Clothing "),
    ("General Grocer", "General Grocer"),
    ("Roberts and Sons", "Roberts and Sons"),
    ("Frydos Autosupply", "Frydos Autosupply"),
    ("Chostus Hotel", "Chostus Hotel"),
    ("Kalami Kafenion", "Kalami Kafenion"),
    ("Abila Zacharo", "Abila Zacharo"),
    ("Carlyle Chemical Inc.", "CARLYLE CHEM"),
    ("Bean There Done That", "BTDT Coffee"),
    ("Shoppers' Delight", "Delight Stores 17"),
    ("U-Pump", "UPMP Fuel"),
)
"""How a merchant stands in the card file and in the loyalty file."""
NAMED_APART: Final = MERCHANTS[-4:]
"""Those that no step of normalising makes one."""
STEP, MOST_STEPS = 1_000, 20
CLUSTERS: Final = ("twins", "twin_cards", "one_card", "one_loyalty")
_DAYS: Final = range(6, 20)
_KINDS: Final = {"plain": 72, "cash_back": 14, "card_only": 6, "loyalty_only": 3, "tip": 3, "too_much": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row of one side: merchant by number, day of January, minor units, the sale it is of, and what is odd in it.

    ``cluster`` is the number of the first of the sales that nobody can tell apart, most often its own.
    """

    merchant: int
    day: int
    minor: int
    sale: int
    cluster: int
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sales:
    """The rows of both sides, in the order of their files; a row goes by its number, from 1."""

    card: list[Row]
    loyalty: list[Row]

    def of_kind(self, *kinds: str) -> set[int]:
        """The numbers of the sales of some kinds."""
        return {row.sale for row in (*self.card, *self.loyalty) if row.kind in kinds}

    @property
    def by_id(self) -> dict[tuple[str, str], Row]:
        """By side and id the row."""
        sides = ("left", self.card), ("right", self.loyalty)
        return {(side, str(at)): row for side, rows in sides for at, row in enumerate(rows, 1)}


def certain_sales(seed: int, *, count: int = 2_000, lag: bool = False) -> Sales:
    """Sales whose pairs are certain, but for clusters that nobody can tell apart.

    In a shop no two sales end in the same three digits, so no step of 10.00 leads from one to another. ``lag`` dates
    one loyalty row in ten a day later.
    """
    chance = random.Random(seed)
    free = [chance.sample(range(STEP), STEP) for _ in MERCHANTS]
    card: list[Row] = []
    loyalty: list[Row] = []

    def add(kind: str, merchant: int, amounts: tuple[list[int], list[int]]) -> None:
        first, day = len(card) + len(loyalty), chance.choice(_DAYS)
        late = lag and kind in {"plain", "cash_back"} and chance.random() < 0.1
        for side, minors, on in ((card, amounts[0], day), (loyalty, amounts[1], day + late)):
            for at, minor in enumerate(minors, first):
                side.append(Row(merchant=merchant, day=on, minor=minor, sale=at, cluster=first, kind=kind))

    for kind in (*chance.choices([*_KINDS], [*_KINDS.values()], k=count), *CLUSTERS * 8):
        merchant = chance.randrange(len(MERCHANTS))
        add(kind, merchant, _amounts(kind, chance, free[merchant]))
    chance.shuffle(card)
    chance.shuffle(loyalty)
    return Sales(card=card, loyalty=loyalty)


def _amounts(kind: str, chance: random.Random, free: list[int]) -> tuple[list[int], list[int]]:
    """The amounts of a kind on the card and on the loyalty side, by endings that no other sale of the shop has."""
    minor = chance.randrange(9) * STEP + free.pop()
    made: dict[str, Callable[[], tuple[list[int], list[int]]]] = {
        "plain": lambda: ([minor], [minor]),
        "cash_back": lambda: ([minor + STEP * chance.randint(1, MOST_STEPS)], [minor]),
        "card_only": lambda: ([minor], []),
        "loyalty_only": lambda: ([], [minor]),
        "tip": lambda: ([next(_tipped(minor + 2 * STEP, free))], [minor + 2 * STEP]),
        "too_much": lambda: ([minor + STEP * (MOST_STEPS + chance.randint(1, 5))], [minor]),
        "twins": lambda: ([minor, minor], [minor, minor]),
        "twin_cards": lambda: ([minor, minor], [minor]),
        "one_card": lambda: ([minor + 12 * STEP], [minor, minor + 7 * STEP]),
        "one_loyalty": lambda: ([minor + 3 * STEP, minor + STEP], [minor]),
    }
    return made[kind]()


def _tipped(minor: int, free: list[int]) -> Iterator[int]:
    for percent in range(12, 25):
        with_tip = minor + minor * percent // 100
        if with_tip % STEP in free:
            free.remove(with_tip % STEP)
            yield with_tip


def crowded_sales(seed: int, *, count: int = 2_000) -> Sales:
    """Sales of which many have the price of a menu: equal rows and steps between strangers come as they come."""
    chance = random.Random(seed)
    menus = [[chance.randrange(300, 1_500) for _ in range(12)] for _ in MERCHANTS]
    card: list[Row] = []
    loyalty: list[Row] = []
    for sale, kind in enumerate(chance.choices([*_KINDS], [*_KINDS.values()], k=count)):
        merchant, day = chance.randrange(len(MERCHANTS)), chance.choice(_DAYS)
        minor = chance.choice(menus[merchant]) if chance.random() < 0.3 else chance.randrange(300, 9_000)
        more = {
            "cash_back": STEP * chance.randint(1, MOST_STEPS),
            "too_much": STEP * (MOST_STEPS + 1),
            "tip": minor * chance.randint(10, 20) // 100,
        }
        for side, amount, absent in ((card, minor + more.get(kind, 0), "loyalty_only"), (loyalty, minor, "card_only")):
            if kind != absent:
                side.append(Row(merchant=merchant, day=day, minor=amount, sale=sale, cluster=sale, kind=kind))
    chance.shuffle(card)
    chance.shuffle(loyalty)
    return Sales(card=card, loyalty=loyalty)


def write_sales(made: Sales, folder: Path) -> tuple[Path, Path]:
    """Both files as they come: code page 1252, a time on one side alone, numbers of their own, zeros left out."""
    chance = random.Random(len(made.card))
    cards = [chance.randrange(1_000, 10_000) for _ in range(55)]
    members = [f"L{chance.randrange(1_000, 10_000)}" for _ in range(54)]
    lines = ["timestamp,location,price,last4ccnum"]
    for row in made.card:
        when = f"01/{row.day:02d}/2014 {chance.randrange(24):02d}:{chance.randrange(60):02d}"
        price = f"{row.minor // 100}.{row.minor % 100:02d}"
        lines.append(f'{when},"{MERCHANTS[row.merchant][0]}",{price},{chance.choice(cards)}')
    others = ["timestamp,location,price,loyaltynum"]
    for row in made.loyalty:
        price = f"{row.minor // 100}.{row.minor % 100:02d}".rstrip("0").rstrip(".")
        others.append(f'1/{row.day}/2014,"{MERCHANTS[row.merchant][1]}",{price},{chance.choice(members)}')
    paths = folder / "card.csv", folder / "loyalty.csv"
    for path, told in zip(paths, (lines, others), strict=True):
        path.write_bytes("\n".join([*told, ""]).encode("cp1252"))
    return paths
