"""A contract with other values: paths that lead somewhere, and one sentence for those that do not."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from settlement.errors import TerminalError
from settlement.home import contracts_folder
from settlement.model.contract import Contract
from settlement.rate.contract_file import contract_version, read_content
from settlement.whatif.changed import with_changes

SOURCE = "harbor-retail/2009-01-01.toml"


def content(source: str = SOURCE) -> dict[str, Any]:
    return read_content(source, (contracts_folder() / source).read_text(encoding="utf-8"))


def changed(*changes: str, source: str = SOURCE) -> Contract:
    return with_changes(source, content(source), changes).contract


def test_without_changes_it_is_the_file() -> None:
    assert with_changes(SOURCE, content(), ()) == contract_version(SOURCE, content())


@pytest.mark.parametrize(
    ("path", "get"),
    [
        ("own_store_rate.rate", lambda c: c.terms[0].rate),
        ("terms.own_store_rate.rate", lambda c: c.terms[0].rate),
        ("terms.1.rate", lambda c: c.terms[0].rate),
        ("1.rate", lambda c: c.terms[0].rate),
        ('"1".rate', lambda c: c.terms[0].rate),
        ("annual_volume_tier.tiers.2.rate", lambda c: c.terms[2].tiers[1].rate),
        ("profit_share.hurdle", lambda c: c.terms[3].hurdle),
        ("settlement.threshold", lambda c: c.settlement.threshold),
    ],
)
def test_a_path_leads_to_its_value(path: str, get: Any) -> None:
    before, after = changed(), changed(f"{path}=0.07")
    assert get(before) != get(after) == Decimal("0.07")


def test_values_are_of_toml() -> None:
    assert changed('own_store_rate.rounding.mode = "half_even"').terms[0].rounding.mode == "half_even"
    assert changed('measures.own_volume.takes_back=["refund"]').measures["own_volume"].takes_back == ("refund",)
    assert changed("beneficiaries.HARBOR-LOYALTY.weight=6").beneficiaries[1].weight == 6
    assert len(changed("annual_volume_tier.tiers=[{ from = 0.00, rate = 0.0012 }]").terms[2].tiers) == 1
    later = changed("miles_purchase.prices.1.to=2010-12-30", "1.prices.2.from=2010-12-30", source=AIR)
    assert later.terms[0].prices[1].first == date(2010, 12, 30)


AIR = "meridian-air/2009-01-01.toml"


def test_a_word_that_the_file_leaves_out_can_be_said() -> None:
    assert changed("measures.base_miles.most_a_record=500", source=AIR).measures["base_miles"].most_a_record == 500


def test_the_file_is_left_as_it_is() -> None:
    held = content()
    with_changes(SOURCE, held, ["own_store_rate.rate=0.07"])
    assert held == content()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (["own_stor_rate.rate=1"], "the contract has no `own_stor_rate`; did you mean `own_store_rate`?"),
        (
            ["own_store_rate.ratte=1"],
            "clause 1 (own_store_rate): `ratte` is not a word of this table; did you mean `rate`?",
        ),
        (["own_store_rate.rate='x'"], "`rate` must be a plain decimal without quotes"),
        (["own_store_rate.rate=x"], "is no path with a value of TOML"),
        (["own_store_rate.rate"], "is no path with a value of TOML"),
        (["=1"], "is no path with a value of TOML"),
        (["own_store_rate.rate=1\nid='C9'"], "gives more than one value"),
        (["own_store_rate.rate.most=1"], "`terms.own_store_rate.rate` is a value and no table"),
        (
            ["annual_volume_tier.tiers.4.rate=1"],
            "annual_volume_tier.tiers has no entry `4`; write one of `1`, `2`, `3`.",
        ),
        (["beneficiaries.HARBOUR-RETAIL.weight=1"], "did you mean `HARBOR-RETAIL`?"),
        (["measures.own_volum.store='any'"], "measures has no `own_volum`; did you mean `own_volume`?"),
        (["measures.own_volum={}"], "measures has no `own_volum`; did you mean `own_volume`?"),
        (["mcc_lists.exclude=[]"], "mcc_lists has no `exclude`; did you mean `excluded`?"),
        (["settlement.convrt.to='EUR'"], "settlement has no `convrt`"),
        (["settlement.threshold=0.001"], "0.001 USD is no amount of money"),
        (["annual_volume_tier.tiers.2.to=3_000_000.00"], "the tiers leave a gap between 3,000,000.00 and 4,000,000.00"),
        (["own_store_rate.rounding.mode='half_up'"], "did you mean `half_away`?"),
    ],
)
def test_a_wrong_path_or_value_is_one_sentence(changes: list[str], sentence: str) -> None:
    with pytest.raises(TerminalError) as told:
        changed(*changes)
    assert str(told.value).startswith(f"--set {changes[0]}")
    assert sentence in str(told.value)


def test_a_clause_of_several_terms_names_them() -> None:
    twice = content()
    twice["terms"][1]["clause"] = "1"
    with pytest.raises(TerminalError, match="own_store_rate, elsewhere_rate rest on clause 1; name one of them"):
        with_changes(SOURCE, twice, ["1.rate=0.07"])


def test_changes_that_belong_together_are_checked_together() -> None:
    bounds = ("annual_volume_tier.tiers.2.to=3_000_000.00", "annual_volume_tier.tiers.3.from=3_000_000.00")
    assert changed(*bounds).terms[2].tiers[2].first == 3_000_000
