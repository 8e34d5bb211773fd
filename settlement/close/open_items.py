"""Open items behind a close: accounts of cash that are not zero, and breaks, by how long they are open."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Final

import polars as pl

from settlement import store
from settlement.close.scene import Scene
from settlement.model.accounts import BATCH_CLEARING, CLEARING, bank_entry_of
from settlement.model.dates import delivery_night
from settlement.model.money import amount_text

_SELF_TOLD: Final = ("DUPLICATE_RECORD", "FOREIGN_BIN")
"""Reasons that say by themselves why an item stays open: it is of no match by its nature."""


def aged_accounts(scene: Scene, until: date) -> tuple[dict[str, str], int]:
    """Clearing and suspense accounts that are not zero, of files, batches and statements that came up to a day.

    A bank entry that was taken for payouts since the last settled night is none of them.

    Returns
    -------
    Those older than ``[close]`` allows, by account, each with a sentence; and how many there are in all.
    """
    rows = store.read_table(scene.home, "trial_balance", scene.night).filter(pl.col("balance_minor") != 0)
    shown, near = scene.bank_entries
    found, counted, batches = {}, 0, _batch_files(scene, rows["account"])
    for row in rows.iter_rows(named=True):
        came, place = _came(row["account"], batches), bank_entry_of(row["account"])
        if came is None or came > until or place in shown:
            continue
        counted += 1
        age = (scene.night - came).days
        if age > scene.rules.clearing_days:
            why = f": {near[place]}" if place is not None and near.get(place) else ""
            amount = amount_text(row["balance_minor"], row["currency"])
            found[row["account"]] = f"{row['account']} holds {amount} for {age} days{why}"
    return found, counted


def _batch_files(scene: Scene, accounts: Iterable[str]) -> dict[str, str]:
    """The first file that told of each of the accounts that is a batch's."""
    batches = {account: names for account in accounts if (names := BATCH_CLEARING.names(account)) is not None}
    if not batches:
        return {}
    told = scene.history("batch_tie").group_by("feed", "batch").agg(pl.col("file").min()).collect()
    files = {(feed, batch): file for feed, batch, file in told.iter_rows()}
    return {account: files[names[0], names[1]] for account, names in batches.items() if names in files}


def _came(account: str, batches: Mapping[str, str]) -> date | None:
    """The delivery date of what an account of cash is named after: a file, a batch or a statement; None for others."""
    cleared, suspended = CLEARING.names(account), bank_entry_of(account)
    file = cleared[1] if cleared is not None else suspended[0] if suspended is not None else batches.get(account)
    return None if file is None else delivery_night(file)


def aged_breaks(scene: Scene, programme: str, until: date) -> tuple[dict[str, str], int]:
    """Breaks of a programme that are open since a night up to a day.

    A break whose record names no card that is enrolled may be of any programme, and counts for each.

    Returns
    -------
    Those older than ``[close]`` allows, by ``leg/reason/night``, each with a sentence; and how many there are in all.
    """
    items = (
        scene.history("open_item")
        .filter(pl.col("business_date") == scene.night, pl.col("opened_on") <= until)
        .filter(~pl.col("reason").is_in(_SELF_TOLD))
        .collect()
    )
    places = items.lazy().select("file", "record").unique()
    cards = scene.history("clearing").select("file", "record", "card_ref").join(places, on=["file", "record"])
    enrolled = scene.history("enrolment").select("card_ref", "programme").unique().collect()
    others = cards.collect().join(enrolled, on="card_ref").group_by("file", "record").agg("programme")
    own = (
        items.join(others, on=["file", "record"], how="left")
        .filter(pl.col("programme").list.contains(programme).fill_null(value=True))
        .with_columns(age=(pl.lit(scene.night) - pl.col("opened_on")).dt.total_days())
    )
    old = own.filter(pl.col("age") > scene.rules.break_days).group_by("leg", "reason", "opened_on", "age").len()
    found = {
        f"{leg}/{reason}/{night}": f"{count} {leg} items {reason} are open since {night}, for {age} days"
        for leg, reason, night, age, count in old.sort("leg", "reason", "opened_on").iter_rows()
    }
    return found, own.height
