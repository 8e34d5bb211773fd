"""From a payout line back to clause, quantities, matches and source records, over small tables written by hand."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from explain_home import BANK, C2, SHOP, clearing, matched, rated, write
from payout_frames import line, night, payout

from settlement.errors import TerminalError
from settlement.explain import LineAddress, explain_line, line_addresses, parse_line_address, render_text
from settlement.home import contracts_folder
from settlement.store import Home

RATE = f"{C2}/2010-Q4/own_store_rate"
PNL, OPENING = "2010-12-29/PNL.csv", "2010-12-29/OPENING.csv"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Two nights of the retailer's contract: three purchases, one of them taken back in part, closed on the second."""
    home = Home(root=tmp_path_factory.mktemp("home"))
    shutil.copytree(
        contracts_folder(), home.config / "contracts", ignore=shutil.ignore_patterns("programme.toml", "partners.toml")
    )
    first, second = (
        matched("M1", {BANK: (1, 5000), SHOP: (11, 5000)}),
        matched("M2", {BANK: (2, 300), SHOP: (12, 280)}, kind="AMOUNT_DIFF", residual_minor=-20, residual_reason="TIP"),
    )
    write(home, "file", 1, [{"file": BANK, "fate": "accepted"}])
    write(home, "clearing", 1, [clearing(BANK, n, a) for n, a in ((1, 5000), (2, 300), (3, 40))])
    write(home, "clearing", 2, [clearing(SHOP, 11, 5000), clearing(SHOP, 12, 280, order_ref="O-7")])
    write(home, "match", 1, [first[0]])
    write(home, "match", 2, [second[0]])
    write(home, "match_member", 1, list(first[1:]))
    write(home, "match_member", 2, list(second[1:]))
    write(home, "rated", 1, [rated(1, 5000), rated(3, 40)])
    write(
        home,
        "rated",
        2,
        [
            rated(2, 300),
            rated(3, -40),
            rated(1, -1000),
            rated(9, 7, contract="C9-OTHER"),
            rated(
                None, 1, contract="C3-UNI-ALUMNI", term="opening_bounty", file=None, account_id="A77", unit="accounts"
            ),
        ],
    )
    write(
        home,
        "account_event",
        1,
        [
            {
                "file": "2010-12-29/ACC.csv",
                "record": 5,
                "event": "OPEN",
                "account_id": "A77",
                "account_class": "STANDARD",
            },
            {"file": "2010-12-29/ACC.csv", "record": 6, "event": "STATEMENT", "account_id": "A77"},
        ],
    )
    write(
        home,
        "opening_position",
        1,
        [
            {
                "file": OPENING,
                "record": 6,
                "contract": C2,
                "item": "quarter_own_volume",
                "value": 100,
                "unit": "USD minor",
            },
            {"file": OPENING, "record": 7, "contract": C2, "item": "carry_forward_HARBOR-RETAIL", "value": -25}
            | {"unit": "USD minor"},
        ],
    )
    terms = [
        line("own_store_rate", 13, contract=C2, quantities="own_volume=4400"),
        line("elsewhere_rate", 7, contract=C2, quantities="elsewhere_volume=900", clause="2"),
    ]
    own = {"share": 10, "carry_in": -25, "payout": 0, "carry_out": -15}
    lines = [*terms, *(line(t, a, "HARBOR-RETAIL", contract=C2, clause="statement") for t, a in own.items())]
    bounty = line("opening_bounty", 100, contract="C3-UNI-ALUMNI", quantities="accounts=1")
    tables = {1: lines, 2: [*(row | {"state": "CLOSED"} for row in lines), bounty]}
    for number, rows in tables.items():
        write(home, "payout", number, payout(night(number), rows).rows(named=True))
    return home


def explained(home: Home, text: str, number: int = 2, limit: int | None = None) -> Any:
    return explain_line(home, night(number), parse_line_address(text), limit=limit)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("C2/2010-Q4/rate", LineAddress(contract="C2", period="2010-Q4", term="rate")),
        (" C2/2010-Q4/payout/A ", LineAddress(contract="C2", period="2010-Q4", term="payout", beneficiary="A")),
        (
            "C2/2011-Q1/adjustment:2010-Q4",
            LineAddress(contract="C2", period="2011-Q1", term="adjustment", adjusts="2010-Q4"),
        ),
    ],
)
def test_an_address_is_read_as_it_is_written(text: str, address: LineAddress) -> None:
    assert parse_line_address(text) == address
    assert parse_line_address(text).text == text.strip()


@pytest.mark.parametrize("text", ["", "C2", "C2/2010-Q4", "C2//rate", "C2/2010-Q4/rate/", "a/b/c/d/e"])
def test_what_is_no_address_is_told_how_to_write_one(text: str) -> None:
    with pytest.raises(TerminalError, match="write CONTRACT/PERIOD/TERM"):
        parse_line_address(text)


def test_the_addresses_of_a_night(home: Home) -> None:
    assert line_addresses(home, night(1)) == (
        f"{C2}/2010-Q4/carry_in/HARBOR-RETAIL",
        f"{C2}/2010-Q4/carry_out/HARBOR-RETAIL",
        f"{C2}/2010-Q4/elsewhere_rate",
        f"{C2}/2010-Q4/own_store_rate",
        f"{C2}/2010-Q4/payout/HARBOR-RETAIL",
        f"{C2}/2010-Q4/share/HARBOR-RETAIL",
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (f"{C2}/2010-Q4/own_stor_rate", f"did you mean {RATE}"),
        (f"{C2}/2010-Q4/payout/HARBOR-RETALI", f"did you mean {C2}/2010-Q4/payout/HARBOR-RETAIL"),
        (f"{C2}/2010-Q4/share", "did you mean .*share/HARBOR-RETAIL"),
        ("x/y/z", f"it has {C2}/2010-Q4/carry_in/HARBOR-RETAIL"),
    ],
)
def test_a_line_that_is_not_there_is_answered_with_those_that_are(home: Home, text: str, sentence: str) -> None:
    with pytest.raises(TerminalError, match=sentence):
        explained(home, text)


def test_a_night_without_lines_says_so(home: Home) -> None:
    with pytest.raises(TerminalError, match="2011-01-02 has no payout lines"):
        explained(home, RATE, number=5)


def test_a_term_names_its_amount_clause_quantities_and_opening(home: Home) -> None:
    found = explained(home, RATE)
    assert (found.amount_minor, found.currency, found.state) == (13, "USD", "CLOSED")
    assert found.quantities == ("own_volume=4400",)
    assert (found.clause, found.clause_text) == ("1", "0.30 % of own-store volume, rounded once per quarter.")
    assert found.contract_source == "contracts/harbor-retail/2009-01-01.toml"
    assert [(part.text, part.amount_minor, part.unit) for part in found.parts] == [
        (f"quarter_own_volume, {OPENING} record 6", 100, "USD")
    ]


def test_contributions_are_netted_over_the_nights_and_what_was_taken_back_is_gone(home: Home) -> None:
    found = explained(home, RATE)
    assert [(c.record, c.quantity, c.known_on, c.changed_on) for c in found.contributions] == [
        (1, 4000, night(1), night(2)),
        (2, 300, night(2), night(2)),
    ]
    assert [(s.contributions, s.quantity, s.unit) for s in found.subtotals] == [(2, 4300, "USD")]
    assert [c.record for c in explained(home, RATE, number=1).contributions] == [1, 3]


def test_contributions_and_openings_make_the_quantity(home: Home) -> None:
    found = explained(home, RATE)
    assert sum(s.quantity for s in found.subtotals) + sum(p.amount_minor for p in found.parts) == 4400


def test_a_contribution_leads_to_its_match_and_the_records_of_both_sides(home: Home) -> None:
    _, tip = explained(home, RATE).contributions
    (source,) = tip.sources
    assert (source.file, source.record, source.what, source.amount_minor) == (BANK, 2, "purchase", 300)
    assert source.card_masked == "555555******1234"
    (match,) = tip.matches
    assert (match.match_id, match.kind, match.residual_minor, match.residual_reason) == (
        "M2",
        "AMOUNT_DIFF",
        -20,
        "TIP",
    )
    assert match.known_on == night(2)
    shop = next(member for member in match.members if member.side == "merchant")
    assert (shop.file, shop.record, shop.amount_minor) == (SHOP, 12, 280)
    assert shop.source is not None
    assert shop.source.text == "STORE 7, order O-7"


def test_what_came_later_is_not_known_yet(home: Home) -> None:
    first, _ = explained(home, RATE, number=1).contributions
    assert [member.source is None for member in first.matches[0].members] == [False, True]


def test_the_limit_gathers_evidence_for_the_largest_and_counts_all(home: Home) -> None:
    found = explained(home, RATE, limit=1)
    assert [c.record for c in found.contributions] == [1]
    assert found.subtotals == explained(home, RATE).subtotals


def test_an_account_leads_to_what_the_account_feed_told(home: Home) -> None:
    (account,) = explained(home, "C3-UNI-ALUMNI/2010-Q4/opening_bounty").contributions
    assert (account.account_id, account.quantity, account.unit) == ("A77", 1, "accounts")
    assert [(s.record, s.what) for s in account.sources] == [(5, "account OPEN")]


def test_a_share_is_made_of_the_terms_and_the_weights(home: Home) -> None:
    found = explained(home, f"{C2}/2010-Q4/share/HARBOR-RETAIL")
    assert found.rule == "7 of 15 parts of the sum of these lines, split by largest remainder"
    assert [(p.address, p.amount_minor) for p in found.parts] == [(f"{C2}/2010-Q4/elsewhere_rate", 7), (RATE, 13)]
    assert found.contributions == ()


def test_a_payout_is_made_of_carry_and_share_and_tells_the_threshold(home: Home) -> None:
    for term in ("payout", "carry_out"):
        found = explained(home, f"{C2}/2010-Q4/{term}/HARBOR-RETAIL")
        assert "paid in full from 100.00 USD up" in found.rule
        assert [(p.text, p.amount_minor) for p in found.parts] == [("carry_in", -25), ("share", 10)]


def test_a_carry_in_comes_from_the_opening_position_first(home: Home) -> None:
    found = explained(home, f"{C2}/2010-Q4/carry_in/HARBOR-RETAIL")
    assert [(p.text, p.amount_minor) for p in found.parts] == [
        (f"carry_forward_HARBOR-RETAIL, {OPENING} record 7", -25)
    ]


@pytest.fixture(scope="module")
def restated(home: Home, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A third night that restates the closed quarter, and a fourth that restates it again."""
    other = Home(root=tmp_path_factory.mktemp("restated") / "home")
    shutil.copytree(home.root, other.root)
    common = {"contract": C2, "period": "2011-Q1"}
    own = [line("carry_in", -15, "HARBOR-RETAIL", **common), line("payout", 0, "HARBOR-RETAIL", **common)]
    for number, amount in ((3, 10), (4, 21)):
        lines = [
            line("own_store_rate", amount, contract=C2, state="RESTATED"),
            line("adjustment", amount - 13, adjusts="2010-Q4", **common),
            *own,
        ]
        write(other, "payout", number, payout(night(number), lines).rows(named=True))
    write(other, "rated", 3, [rated(2, -300)])
    write(other, "rated", 4, [rated(3, 40, period="2011-Q1"), rated(1, 9, term="elsewhere_rate")])
    return other


def test_an_adjustment_is_what_changed_since_the_close(restated: Home) -> None:
    for text in ("adjustment:2010-Q4", "adjustment"):
        found = explained(restated, f"{C2}/2011-Q1/{text}", number=4)
        assert found.address.text == f"{C2}/2011-Q1/adjustment:2010-Q4"
        assert [(p.address, p.amount_minor) for p in found.parts] == [(RATE, 21), (None, -13)]
        assert sum(p.amount_minor for p in found.parts) == found.amount_minor
        assert [(c.term, c.record, c.quantity) for c in found.contributions] == [
            ("own_store_rate", 2, -300),
            ("elsewhere_rate", 1, 9),
        ]


def test_an_adjustment_that_was_stated_is_not_adjusted_again(restated: Home, tmp_path: Path) -> None:
    home = Home(root=tmp_path / "home")
    shutil.copytree(restated.root, home.root)
    third = pl.read_parquet(home.partition("payout", night(3)) / "part-00000.parquet")
    carried = payout(night(3), [line("carry_out", 0, "HARBOR-RETAIL", contract=C2, period="2011-Q1", state="CLOSED")])
    closed = pl.when(pl.col("state") == "PREVIEW").then(pl.lit("CLOSED")).otherwise("state").alias("state")
    write(home, "payout", 3, pl.concat([third.with_columns(closed), carried]).rows(named=True))
    found = explained(home, f"{C2}/2011-Q1/adjustment:2010-Q4", number=4)
    assert [(p.address, p.amount_minor) for p in found.parts] == [(RATE, 21), (None, -10)]
    assert [(c.term, c.quantity) for c in found.contributions] == [("elsewhere_rate", 9)]


def test_opening_positions_enter_the_first_period_only(restated: Home) -> None:
    write(
        restated,
        "payout",
        5,
        payout(night(5), [line("own_store_rate", 0, contract=C2, period="2011-Q1")]).rows(named=True),
    )
    found = explained(restated, f"{C2}/2011-Q1/own_store_rate", number=5)
    assert found.parts == ()
    assert [(c.record, c.quantity) for c in found.contributions] == [(3, 40)]


def test_an_older_opening_position_that_came_later_is_not_the_one_that_was_rated(home: Home, tmp_path: Path) -> None:
    other, late = Home(root=tmp_path / "home"), "2010-12-30/OPENING.csv"
    shutil.copytree(home.root, other.root)
    told = {"contract": C2, "item": "quarter_own_volume", "value": 1, "unit": "USD minor"}
    write(other, "file", 2, [{"file": late, "fate": "accepted", "file_date": date(2010, 12, 1)}])
    write(other, "opening_position", 2, [told | {"file": late, "record": 2}])
    parts = explained(home, RATE).parts
    assert [part.text for part in parts] == [f"quarter_own_volume, {OPENING} record 6"]
    assert explained(other, RATE).parts == parts


def test_a_carry_in_comes_from_the_last_closed_statement_then(restated: Home) -> None:
    found = explained(restated, f"{C2}/2011-Q1/carry_in/HARBOR-RETAIL", number=3)
    assert [(p.address, p.amount_minor) for p in found.parts] == [(f"{C2}/2010-Q4/carry_out/HARBOR-RETAIL", -15)]


def test_a_line_of_a_contract_that_is_gone_from_the_configuration_is_explained_as_far_as_it_goes(
    home: Home, tmp_path: Path
) -> None:
    bare = Home(root=tmp_path / "home")
    shutil.copytree(home.root, bare.root, ignore=shutil.ignore_patterns("contracts"))
    found = explained(bare, RATE)
    assert (found.clause_text, len(found.contributions)) == ("", 2)
    assert "not found in the configuration" in render_text(found)
    for term in ("share", "payout", "carry_in"):
        assert explained(bare, f"{C2}/2010-Q4/{term}/HARBOR-RETAIL").amount_minor in (10, 0, -25)


def test_the_text_of_a_term(home: Home) -> None:
    assert render_text(explained(home, RATE)) == TERM_TEXT.strip()


TERM_TEXT = """
C2-RET-COBRAND/2010-Q4/own_store_rate
  amount      0.13 USD, CLOSED as known after 2010-12-30
  quantities  own_volume = 4400
  clause      1: 0.30 % of own-store volume, rounded once per quarter.
              (contracts/harbor-retail/2009-01-01.toml, in force from 2009-01-01)
  computed    id own_store_rate, form rate, measure own_volume, rate 0.0030, rounding unit minor, mode half_away,
              scope period

Opening positions that enter
              1.00 USD  quarter_own_volume, 2010-12-29/OPENING.csv record 6

Rounded
  0.132 USD half_away to 0.13, residue 0.002, of own_volume 4400

Contributions added up
             43.00 USD  rows       2

Contributions
    1             40.00 USD  2010-12-29/MC.ipm record 1 (known 2010-12-29, changed 2010-12-30)
         purchase, 2010-12-28, 50.00 USD, 555555******1234, STORE 7
         matched EXACT 1:1 by strong on 2010-12-29, residual 0.00 USD, M1
           merchant  2010-12-29/RET.csv record 11: purchase, 2010-12-28, 50.00 USD, 555555******1234, STORE 7
    2              3.00 USD  2010-12-29/MC.ipm record 2 (known 2010-12-30)
         purchase, 2010-12-28, 3.00 USD, 555555******1234, STORE 7
         matched AMOUNT_DIFF 1:1 by strong on 2010-12-30, residual -0.20 USD (TIP), M2
           merchant  2010-12-29/RET.csv record 12: purchase, 2010-12-28, 2.80 USD, 555555******1234, STORE 7, order O-7
"""


def test_the_text_sums_what_it_does_not_show(home: Home) -> None:
    found = explained(home, RATE)
    short = render_text(found, limit=1)
    assert short.endswith("and 1 more, which sum to 3.00 USD")
    assert "Contributions, the 1 largest of 2" in short
    assert render_text(explained(home, RATE, limit=1), limit=20) == short
    assert "more, which sum" not in render_text(found, limit=None)


def test_the_text_of_a_payout(home: Home) -> None:
    text = render_text(explained(home, f"{C2}/2010-Q4/payout/HARBOR-RETAIL"))
    assert text == PAYOUT_TEXT.strip()


PAYOUT_TEXT = """
C2-RET-COBRAND/2010-Q4/payout/HARBOR-RETAIL
  amount      0.00 USD, CLOSED as known after 2010-12-30
  clause      statement: The clauses and the adjustments are added up and split 7 : 5 : 3 by largest remainder. A
              balance, carry-in and share, of 100.00 or more is paid in full; any other balance, a negative one too,
              is carried to the next quarter.
              (contracts/harbor-retail/2009-01-01.toml, in force from 2009-01-01)

Made of: the sum of these lines is paid in full from 100.00 USD up, else carried out whole
             -0.25 USD  C2-RET-COBRAND/2010-Q4/carry_in/HARBOR-RETAIL
              0.10 USD  C2-RET-COBRAND/2010-Q4/share/HARBOR-RETAIL
             -0.15 USD  sum
"""


def test_nothing_in_a_record_steers_the_terminal(home: Home) -> None:
    found = explained(home, RATE)
    source = replace(found.contributions[0].sources[0], text="\x1b[2J\rname")
    hostile = replace(found, contributions=(replace(found.contributions[0], sources=(source,)),))
    text = render_text(hostile)
    assert "[2J" in text
    assert not {"\x1b", "\r"} & set(text)


def test_a_line_without_records_says_so(home: Home) -> None:
    assert "No record contributes." in render_text(explained(home, f"{C2}/2010-Q4/elsewhere_rate"))


def test_amounts_of_every_size_and_unit_are_written_for_people(home: Home) -> None:
    found = explained(home, f"{C2}/2010-Q4/payout/HARBOR-RETAIL")
    for amount, currency, text in (
        (-123456789, "USD", "-1,234,567.89 USD"),
        (-5, "USD", "-0.05 USD"),
        (1234567, "JPY", "1,234,567 JPY"),
        (1234567, "KWD", "1,234.567 KWD"),
        (-1200, "miles", "-1,200 miles"),
    ):
        assert f"amount      {text}," in render_text(replace(found, amount_minor=amount, currency=currency))
