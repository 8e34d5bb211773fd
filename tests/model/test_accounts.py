"""The chart of accounts: paths are filled and read back, strangers are refused, and the page tells the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from settlement.errors import TerminalError
from settlement.model.accounts import CARRIED, CHART, CLEARING, DUE, AccountKind, kind_of

PAGE = Path(__file__).resolve().parents[2] / "docs" / "BOOKS.md"


@pytest.mark.parametrize("kind", CHART, ids=[kind.path for kind in CHART])
def test_an_account_is_of_its_own_kind_and_tells_its_names(kind: AccountKind) -> None:
    names = tuple(f"N{number}" for number in range(kind.path.count("<")))
    account = kind.at(*names)
    assert "<" not in account
    assert kind_of(account) is kind
    assert kind.names(account) == names
    with pytest.raises(ValueError, match="zip"):
        kind.at(*names, "more")


def test_a_file_may_hold_colons_and_line_ends() -> None:
    account = CLEARING.at("visa", "2010-12-29/a:b\nc.ctf")
    assert CLEARING.names(account) == ("visa", "2010-12-29/a:b\nc.ctf")
    assert DUE.names(CARRIED.at("C1", "X")) is None


@pytest.mark.parametrize(
    "account", ["", "x", "asset:bonk:1", "equity:opening:more", "liability:payable:C1:X", "asset:bank:", "Asset:bank:1"]
)
def test_what_is_not_in_the_chart_is_refused(account: str) -> None:
    with pytest.raises(TerminalError, match="is no account of the chart"):
        kind_of(account)


def test_the_page_shows_the_chart() -> None:
    rows = "".join(f"| `{kind.path}` | {kind.holds} | {kind.normal} |\n" for kind in CHART)
    table = "| account | what stands on it | normal balance |\n|---|---|---|\n" + rows
    assert table in PAGE.read_text(encoding="utf-8"), f"docs/BOOKS.md must hold:\n{table}"
