"""Terms that are not paid, terms to one beneficiary and terms in parts, through the nights of a close and after it."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from rate.histories import Night, rate_history

from settlement.errors import TerminalError
from settlement.rate.contract_file import read_contracts

HEAD = (Path(__file__).resolve().parents[1] / "docs" / "contract_of_kinds.toml").read_text("utf-8")
SOURCE = "contracts/partner/2009-01-01.toml"
ROUNDING = 'rounding = { unit = "minor", mode = "half_away", scope = "period" }'
TERMS = f"""
[[terms]]
id = "earned"
form = "rate"
clause = "1"
paid = false
measure = "volume"
rate = 0.0100
{ROUNDING}

[[terms]]
id = "from_ten"
form = "gate"
clause = "1"
of = ["earned"]
driver = {{ of = ["earned"], window = "period", counts = "money" }}
least = 10.00
parts = [{{ to = "ISSUER", weight = 1 }}, {{ to = "NETWORK", weight = 1 }}]

[[terms]]
id = "fixed"
form = "dated_amounts"
clause = "1"
amounts = [{{ on = 2010-12-15, amount = 0.15 }}]

[[examples]]
term = "earned"
text = "one per cent"
given = {{ volume = 1_000.00 }}
gives = 10.00
"""


def night(day: str, *purchases: tuple[str, int]) -> Night:
    """A night that brings reconciled purchases: when they were posted and for how many cents."""
    made = Night(day=date.fromisoformat(day))
    account = {"account_id": "A1", "programme": "UNI", "account_class": "STANDARD", "opened_on": date(2009, 1, 1)}
    made.add("account_event", event="SNAPSHOT", effective_on=made.day, **account)
    made.add("enrolment", card_ref="c1", account_id="A1", programme="UNI", valid_from=date(2009, 1, 1))
    for posted, amount in purchases:
        told: dict[str, Any] = {"posting_date": date.fromisoformat(posted), "kind": "purchase", "mcc": "5411"}
        told |= {"transaction_date": told["posting_date"], "currency": "USD", "direction": 1, "amount_minor": amount}
        row = made.add("clearing", side="bank", card_ref="c1", arn=f"{day}-{posted}", **told)
        match_id = f"m{day}-{row['record']}"
        made.add("match", match_id=match_id, leg="MERCHANT")
        made.add("match_member", match_id=match_id, side="bank", file=row["file"], record=row["record"])
    return made


def told(output: dict[str, pl.DataFrame], state: str) -> dict[tuple[str, str | None], int]:
    """(term, beneficiary) to amount of a night's lines in one state."""
    rows = output["payout"].filter(state=state)
    return {(term, who): amount for term, who, amount in rows.select("term", "beneficiary", "amount_minor").rows()}


def test_a_term_in_parts_is_shared_by_them_and_the_rest_by_weight() -> None:
    (output,) = rate_history([night("2010-12-31", ("2010-12-31", 100_100))], {SOURCE: HEAD + TERMS})
    lines = told(output, "CLOSED")
    assert {term: amount for (term, who), amount in lines.items() if who is None} == {"from_ten": 1_001, "fixed": 15}
    shares = {who: amount for (term, who), amount in lines.items() if term == "share"}
    # Half of 10.01 with the cent left over to the id that sorts first, and 7, 3 and 5 parts of 0.15.
    assert shares == {"ISSUER": 501 + 7, "NETWORK": 500 + 3, "ACQUIRER": 5}
    quantities = dict(output["payout"].filter(term="share").select("beneficiary", "quantities").iter_rows())
    assert quantities == {"ISSUER": "of=15;own=501", "NETWORK": "of=15;own=500", "ACQUIRER": "of=15;own=0"}


def test_what_a_gate_holds_back_is_told_and_not_paid() -> None:
    (output,) = rate_history([night("2010-12-31", ("2010-12-31", 99_900))], {SOURCE: HEAD + TERMS})
    assert told(output, "CLOSED")["from_ten", None] == 0
    (quantities,) = output["payout"].filter(term="from_ten")["quantities"]
    assert quantities == "driver=999;earned=999"


def test_a_late_change_goes_to_those_whose_term_it_is() -> None:
    nights = [night("2010-12-31", ("2010-12-31", 100_100)), night("2011-01-01", ("2010-12-30", 200))]
    _, second = rate_history(nights, {SOURCE: HEAD + TERMS})
    assert told(second, "RESTATED") == {("from_ten", None): 1_003}
    lines = told(second, "PREVIEW")
    assert lines["adjustment", None] == 2
    # 10.03 is 5.02 and 5.01; 5.01 and 5.00 of it were stated.
    assert [lines["share", who] for who in ("ISSUER", "NETWORK", "ACQUIRER")] == [1, 1, 0]


def test_a_payee_of_an_earlier_version_stays() -> None:
    later = (HEAD + TERMS).replace('"NETWORK"', '"RAILS"')
    with pytest.raises(TerminalError, match="beneficiary NETWORK has terms of its own"):
        read_contracts({SOURCE: HEAD + TERMS, "contracts/partner/2011-01-01.toml": later})


def test_weights_stay_as_long_as_earlier_terms_are_split_by_them() -> None:
    lines = [line for line in HEAD.splitlines() if not line.startswith("weight")]
    own = "".join(
        f'[[terms]]\nid = "t{n}"\nform = "dated_amounts"\nclause = "1"\nto = "{who}"\n'
        "amounts = [{ on = 2011-01-01, amount = 1.00 }]\n"
        for n, who in enumerate(("ISSUER", "NETWORK", "ACQUIRER"))
    )
    with pytest.raises(TerminalError, match="splits terms by weight"):
        read_contracts(
            {SOURCE: HEAD + TERMS, "contracts/partner/2011-01-01.toml": "\n".join(["examples = []", *lines, own])}
        )
