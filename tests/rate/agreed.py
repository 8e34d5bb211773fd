"""Agreements in a few words, and ``settle rate`` over them in this process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import polars as pl
import pytest
from rate.settled import PLAIN, beneficiaries

from settlement import cli

Out = dict[str, pl.DataFrame]

VOLUME = """\
id = "P2-WORKED"
title = "A worked case"
payer = "the issuing bank"
programme = "CARD"
currency = "USD"
examples = []
clauses = { 1 = "As published." }

[period]
calendar = "month"
year = "calendar"
closes = "last_calendar_day"
place = { purchase = "transaction_date", negative = "transaction_date", refund_without_purchase = "transaction_date" }
clause = "1"

[measures.volume]
type = "volume"
clause = "1"
counts = "reconciled"
amount = "bank_amount_less_cashback"
takes_back = ["refund", "reversal", "chargeback"]
gives_back = []
store = "any"
mcc_in = "any"
mcc_not_in = "none"
account_classes = ["any"]
"""
SPLIT = f'{PLAIN}booked_in = "current_period"\n'
"""A settlement that splits, and pays whatever is above nothing."""
ROUNDING = 'rounding = { unit = "minor", mode = "half_away", scope = "period" }'


def listed(word: str) -> str:
    """A list of one word, or of none."""
    return f'["{word}"]' if word else "[]"


def counted(
    name: str, kind: str, adds: str, takes: str = "", *, where: str = "", where_not: str = "", more: str = ""
) -> str:
    """A measure over events of a kind."""
    said = f"adds = {listed(adds)}\ntakes_back = {listed(takes)}\nwhere = {{{where}}}\nwhere_not = {{{where_not}}}\n"
    return f'\n[measures.{name}]\ntype = "event_{kind}"\nclause = "1"\n{said}{more}\n'


def things(name: str, adds: str, takes: str = "", *, unit: str = "", per: str = "1", where: str = "") -> str:
    """A measure over the quantities of events."""
    return counted(name, "units", adds, takes, where=where, more=f'unit = "{unit or name.upper()}"\nper = {per}')


def term(name: str, form: str, said: str) -> str:
    return f'\n[[terms]]\nid = "{name}"\nform = "{form}"\nclause = "1"\n{said}\n'


def tiers(
    name: str,
    method: str,
    of: str,
    brackets: Sequence[tuple[int, str]],
    *,
    window: str = "period",
    block: int = 0,
    more: str = "",
) -> str:
    """A tariff by counts: brackets by their first unit, a price each."""
    count = f'{{ of = ["{of}"], window = "{window}", counts = "count"'
    blocks = f"{count}, block = {block} }}" if block else f"{count} }}"
    ends = [f", to = {first}" for first, _ in brackets[1:]] + [""]
    said = ", ".join(f"{{ from = {first}{end}, price = {p} }}" for (first, p), end in zip(brackets, ends, strict=True))
    driver = f"driver = {count} }}\n" if method == "whole" else ""
    less = "nothing" if window == "period" else "given_for_earlier_periods"
    return term(
        name,
        "tiers",
        f'method = "{method}"\nbase = {blocks}\n{driver}less = "{less}"\nbelow_zero = "first_rate"\n{more}\n'
        f"tiers = [{said}]\n{ROUNDING}",
    )


def head(currency: str = "USD", calendar: str = "month", counts: Sequence[str] = ()) -> str:
    """A contract of three beneficiaries before its terms, with measures of things by the kinds of their events."""
    frame = VOLUME.replace('"USD"', f'"{currency}"').replace('"month"', f'"{calendar}"')
    shared = beneficiaries({"ACQUIRER": 1, "ISSUER": 1, "NETWORK": 1}) + SPLIT.replace("0.00", "0.01")
    return f"{frame}\n{shared}" + "".join(things(name, name) for name in counts)


def settle_rate(options: Mapping[str, str]) -> tuple[int, str, str]:
    """How ``settle rate`` ends with these options, and what it tells on its two channels."""
    out, err = StringIO(), StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr("sys.argv", ["settle", "rate", *(word for option in options.items() for word in option)])
        with pytest.raises(SystemExit) as left:
            cli.main()
    return int(left.value.code or 0), out.getvalue(), err.getvalue()


def rated(home: Path, files: Mapping[str, str], events: str, as_of: str) -> Out:
    """The tables that ``settle rate`` writes, of contract files by their names, an events table and the last day."""
    folder, table, out = home / "contract", home / "events.csv", home / "out"
    folder.mkdir()
    for name, text in files.items():
        (folder / f"{name}.toml").write_text(text, "utf-8")
    table.write_text(events, "utf-8")
    options = {"--contract": str(folder), "--events": str(table), "--as-of": as_of, "--out": str(out)}
    code, _, err = settle_rate(options)
    assert (code, err) == (0, "")
    return {name: pl.read_parquet(out / f"{name}.parquet") for name in ("statement", "lines")}
