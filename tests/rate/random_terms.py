"""Random contracts of terms over names, over time and over other terms, as TOML text, and what is measured for them."""

from __future__ import annotations

import random
import re
from datetime import date, timedelta
from pathlib import Path

from rate.oracle_periods import CALENDARS, Named

HEAD = (Path(__file__).resolve().parents[1] / "docs" / "contract_of_kinds.toml").read_text("utf-8")
ROUNDING = 'rounding = { unit = "minor", mode = "half_away", scope = "period" }'
SHORT = ("week", "cycle")
START = date(2009, 1, 1)
MOST_DAYS = 500
MONEY = ("volume", "fees", "losses", "offer_sales")
COUNTS = ("miles", "accounts", "used_accounts", "tickets", "carrying_accounts")
MILES = ("miles", "redeemed_miles")
PARTIES = ("ACQUIRER", "ISSUER", "NETWORK")
TO_DATE = ("year_to_date", "contract_to_date")


def measures(chance: random.Random, periods: list[Named]) -> dict[tuple[str, str], int]:
    """What each measure comes to in each period."""
    return {
        (name, period.text): chance.choice((0, 1, -1, chance.randrange(-2_000, 60_000)))
        for name in (*MONEY, *COUNTS, "redeemed_miles")
        for period in periods
    }


class RandomContract:
    """One contract made from a seed: its ``text`` and ``periods``, ``measured`` by measure and period.

    Money is in minor units.
    """

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.says = CALENDARS[0] if self.random.random() < 0.4 else self.random.choice(CALENDARS)
        self.terms: list[str] = []
        self.ids: list[str] = []
        makers = (
            self.tiers,
            self.tiers,
            self.sum,
            self.pick,
            self.gate,
            self.cap,
            self.minimum,
            self.purchase,
            self.due,
            self.points,
            self.prepaid,
            self.pool_share,
        )
        rate = self.random.randrange(1, 999)
        self.add("rate", f'measure = "volume"\nrate = 0.0{rate:03}\n{ROUNDING}')
        for _ in range(self.random.randrange(2, 7)):
            self.random.choice(makers)()
        head = HEAD.replace('calendar = "month"\nyear = "calendar"', self.says.toml)
        # A month's profit has no place in a shorter period; what measures come to is made up here.
        if self.says.calendar in SHORT:
            balances = 'type = "month_end_balances"\nclause = "1"\ntimes = "once"\n'
            head = re.sub('type = "monthly_profit"\nclause = "1"\n(.+\n){3}', balances, head)
        example = f'[[examples]]\nterm = "t0"\ntext = "a case"\ngiven = {{ volume = 10_000.00 }}\ngives = {rate}.00\n'
        self.text = f"{head}\n" + "\n".join([*self.terms, example])
        start = self.says.periods(START, START)[0]
        self.effective = start.first if start.first == START else start.last + timedelta(days=1)
        days = MOST_DAYS if self.says.calendar in SHORT else 2 * MOST_DAYS
        self.periods = self.says.periods(self.effective, self.effective + timedelta(days=self.random.randrange(days)))
        self.measured = measures(self.random, self.periods)

    def short_history(self, number: int) -> tuple[list[Named], dict[tuple[str, str], int]]:
        """Some first periods and what is measured in them, others for each number."""
        chance = random.Random(f"{self.text} {number}")
        periods = self.periods[: chance.choice((1, 1, 2, 3))]
        return periods, measures(chance, periods)

    def add(self, form: str, body: str) -> None:
        name = f"t{len(self.ids)}"
        share = self.random.choice(("", "", f'to = "{self.random.choice(PARTIES)}"\n', self.parts()))
        self.terms.append(f'[[terms]]\nid = "{name}"\nform = "{form}"\nclause = "1"\n{share}{body}\n')
        self.ids.append(name)

    def parts(self) -> str:
        chosen = self.random.sample(PARTIES, self.random.randrange(2, 4))
        said = ", ".join(f'{{ to = "{name}", weight = {self.random.randrange(1, 9)} }}' for name in chosen)
        return f"parts = [{said}]\n"

    def names(self, known: tuple[str, ...], most: int = 2) -> str:
        chosen = self.random.sample(known, self.random.randrange(1, min(most, len(known)) + 1))
        return "[" + ", ".join(f'"{name}"' for name in chosen) + "]"

    def money(self) -> tuple[str, ...]:
        return (*MONEY, *self.ids)

    def driver(self) -> str:
        counts = self.random.choice(("money", "count", "ratio"))
        rolling = () if self.says.calendar == "week" else ("last_12_full_months",)
        windows = ("period", "previous_period", *rolling, *TO_DATE)
        ratio = f", per = {self.names(COUNTS)}, decimals = 2" if counts == "ratio" else ""
        of = self.names(self.money() if counts == "money" else COUNTS)
        return f'{{ of = {of}, window = "{self.random.choice(windows)}", counts = "{counts}"{ratio} }}'

    def brackets(self, word: str) -> str:
        bounds = [0, *sorted(self.random.sample(range(1, 400), self.random.randrange(0, 4)))]
        said = []
        for number, first in enumerate(bounds):
            end = f", to = {bounds[number + 1]}" if number + 1 < len(bounds) else ""
            value = {"rate": "0.0{:03}", "price": "{}.005", "amount": "{}.25"}[word].format(
                self.random.randrange(0, 99)
            )
            said.append(f"{{ from = {first}{end}, {word} = {value} }}")
        return f"tiers = [{', '.join(said)}]"

    def tiers(self) -> None:
        method = self.random.choice(("marginal", "whole", "amount"))
        counts = self.random.choice(("money", "count"))
        window = self.random.choice(("period", "previous_period", *TO_DATE))
        block = self.random.choice(("", f", block = {self.random.randrange(1, 40)}"))
        word = "rate" if counts == "money" and not block else "price"
        body = [f'method = "{method}"', f'below_zero = "{self.random.choice(("first_rate", "nothing"))}"', ROUNDING]
        if method != "amount":
            of = self.names(self.money() if counts == "money" else COUNTS)
            body.append(f'base = {{ of = {of}, window = "{window}", counts = "{counts}"{block} }}')
        if method != "marginal":
            driver = self.driver()
            body.append(f"driver = {driver}")
            if method == "amount":
                window, word = driver.split('window = "')[1].split('"')[0], "amount"
        # By the number of the term, and not by chance: whatever else is random stays as it was.
        words = ("given_for_earlier_periods", "given_and_kept", "nothing" if method == "amount" else "given_and_kept")
        body.append(f'less = "{words[len(self.ids) % 3] if window in TO_DATE else "nothing"}"')
        self.add("tiers", "\n".join([*body, self.brackets(word)]))

    def sum(self) -> None:
        window = self.random.choice(("period", "previous_period"))
        bounds = self.random.choice(
            ("", "least = 0.00\n", "most = 30.00\n", "hurdle = 50.00\nleast = -10.00\nmost = 10.00\n")
        )
        adds = self.names(self.money())
        takes = self.random.choice(("[]", *(f'["{name}"]' for name in MONEY if name not in adds)))
        body = f'adds = {adds}\ntakes = {takes}\nwindow = "{window}"\nrate = 0.{self.random.randrange(1, 999):03}'
        self.add("sum", f"{body}\n{bounds}{ROUNDING}")

    def pool_share(self) -> None:
        pool = self.random.choice(self.money())
        counts, names = self.random.choice((("money", MONEY), ("count", COUNTS)))
        among = self.random.sample([name for name in names if name != pool], self.random.randrange(2, 4))
        listed = ", ".join(f'"{name}"' for name in among)
        body = f'pool = ["{pool}"]\nof = "{among[0]}"\namong = [{listed}]\ncounts = "{counts}"\nwindow = "period"'
        self.add("pool_share", f'{body}\nresidue = "largest_remainder"')

    def pick(self) -> None:
        if len(self.ids) > 1:
            first, second = self.random.sample(self.ids, 2)
            self.add(self.random.choice(("least", "greatest")), f'of = ["{first}", "{second}"]')

    def gate(self) -> None:
        self.add(
            "gate",
            f"of = {self.names(tuple(self.ids))}\ndriver = {self.driver()}\nleast = {self.random.randrange(200)}",
        )

    def cap(self) -> None:
        window = self.random.choice(("period", *TO_DATE))
        self.add(
            "cap", f'of = {self.names(tuple(self.ids))}\nwindow = "{window}"\nmost = {self.random.randrange(90)}.10'
        )

    def minimum(self) -> None:
        window = f'window = "{self.random.choice(("period", "year"))}"\ncheckpoint = "close_of_last_period"'
        self.add(
            "minimum_guarantee",
            f"of = {self.names(tuple(self.ids))}\n{window}\nguarantee = {self.random.randrange(900)}.00",
        )

    def purchase(self) -> None:
        window = f'window = "{self.random.choice(("period", "year"))}"\ncheckpoint = "close_of_last_period"'
        least = self.random.randrange(90_000)
        self.add(
            "minimum_purchase", f"of = {self.names(COUNTS)}\n{window}\nleast = {least}\nprice = 0.0125\n{ROUNDING}"
        )

    def due(self) -> None:
        if self.random.random() < 0.5:
            days = [f"20{self.random.randrange(9, 11):02}-{self.random.randrange(1, 13):02}-{d}" for d in ("01", "28")]
            self.add(
                "dated_amounts", "amounts = [" + ", ".join(f"{{ on = {day}, amount = 12.34 }}" for day in days) + "]"
            )
        else:
            number = self.random.randrange(1, 30)
            start = f"2009-0{self.random.randrange(1, 10)}-{self.random.choice(('01', '28'))}"
            body = f'number = {number}\nevery = "month"\nresidue = "largest_remainder"\nfrom = {start}'
            self.add("instalments", f"total = {self.random.randrange(10_000)}.01\n{body}")

    def points(self) -> None:
        entry = self.random.choice(("issued", "redeemed", "expired", "reserve"))
        breakage = "breakage = 0.28\n" if entry == "reserve" else ""
        months = self.random.choice((1, 2, 5, 42))
        flows = f'issued = ["miles"]\nredeemed = ["redeemed_miles"]\nexpires_after = {months}\n'
        price = f"price = {self.random.choice(('', '-'))}0.0{self.random.randrange(1, 99):02}"
        self.add("points", f'{flows}drawn = "first_in_first_out"\nentry = "{entry}"\n{breakage}{price}\n{ROUNDING}')

    def prepaid(self) -> None:
        days = [f"20{self.random.randrange(9, 11):02}-{self.random.randrange(1, 13):02}-15" for _ in range(2)]
        bought = ", ".join(f"{{ on = {day}, quantity = {self.random.randrange(1, 90_000)} }}" for day in days)
        self.add("prepaid", f"of = {self.names(MILES)}\nbought = [{bought}]\nprice = 0.0125\n{ROUNDING}")
