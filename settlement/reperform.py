"""A settled night performed again from the landed bytes, in a scratch home, and compared with what stands."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from settlement import books, originals, quarantine, quarantine_books, restate_books, runner, store
from settlement.cardkey import read_card_keys
from settlement.evidence.sealed_night import compare_with_seals
from settlement.history import naming_damage
from settlement.model.arrival import signature_digests
from settlement.model.stage import Progress
from settlement.stages import STAGES
from settlement.store import Home


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyResult:
    """The books digest as it stands and as re-performed, and the tables, entries and files that differ.

    ``sealed`` is how many re-performed entries and files are what seals hold; 0 where none holds the night.
    """

    business_date: date
    standing: str
    performed: str
    differing: tuple[str, ...]
    same_configuration: bool
    sealed: int


@naming_damage
def verify_night(home: Home, business_date: date, progress: Progress | None = None) -> VerifyResult:
    """Re-perform a settled night from its originals in a scratch home and compare digests, tables and files.

    Earlier nights are taken as they stand; verify them one by one for the whole chain.
    """
    standing = runner.books_digest(home, business_date)
    read_card_keys(home, business_date)
    with tempfile.TemporaryDirectory(prefix="settle-verify-") as scratch:
        other = scratch_home(home, business_date, Path(scratch), earlier=home)
        runner.run_night(other, business_date, progress, until="pay")
        performed = runner.books_digest(other, business_date)
        engine, other_engine = books.connect(home), books.connect(other)
        differing: list[str] = []
        same_configuration = False
        for stage in STAGES[: [s.name for s in STAGES].index("pay") + 1]:
            for table in stage.writes:
                a = store.read_table(home, table, business_date)
                b = store.read_table(other, table, business_date)
                if not a.equals(b):
                    differing.append(f"table {table}")
            mine = books.committed(engine, business_date, stage.name)
            theirs = books.committed(other_engine, business_date, stage.name)
            if mine is None or theirs is None or mine.outputs_digest != theirs.outputs_digest:
                differing.append(f"stage {stage.name}")
            if stage.name == "land":
                # This first stage of a night rests on the configuration and on nights that the scratch home copies.
                same_configuration = (
                    mine is not None and theirs is not None and mine.inputs_digest == theirs.inputs_digest
                )
        sealed, unlike = compare_with_seals(engine, other_engine, business_date)
        differing += unlike
        differing += _differing_entries(engine, other_engine, business_date)
        differing += _differing_files(home.published("out", business_date), other.published("out", business_date))
    return VerifyResult(
        business_date=business_date,
        standing=standing,
        performed=performed,
        differing=tuple(differing),
        same_configuration=same_configuration,
        sealed=sealed,
    )


def _differing_entries(mine: books.Engine, theirs: books.Engine, until: date) -> list[str]:
    """Journal entries that only one of two books holds, or that they hold otherwise, by key."""
    a, b = ({entry.key: entry for entry in books.read_entries(engine, until)} for engine in (mine, theirs))
    return [f"journal entry {key}" for key in sorted(a.keys() | b.keys()) if a.get(key) != b.get(key)]


def _differing_files(mine: Path, theirs: Path) -> list[str]:
    """Partner files that only one of two folders holds, or that they hold with other bytes, by path."""
    a, b = (
        {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        for folder in (mine, theirs)
    )
    return [f"partner file {path}" for path in sorted(a.keys() | b.keys()) if a.get(path) != b.get(path)]


def scratch_home(home: Home, business_date: date, root: Path, *, earlier: Home) -> Home:
    """A home with the configuration and a night's files, from the originals, on the nights before it of ``earlier``."""
    shutil.copytree(home.config, root / "config")
    other = replace(store.open_home(root), own_books=True)
    (root / "home.json").write_bytes((home.root / "home.json").read_bytes())
    inbox = other.inbox / str(business_date)
    inbox.mkdir(parents=True)
    for row in store.read_table(home, "delivery", business_date).iter_rows(named=True):
        if row["why"] == "NOT_A_FILE":
            (inbox / row["name"]).mkdir()
        else:
            content = originals.read_original(home, row["sha256"])
            (inbox / row["name"]).write_bytes(content)
            if row["container"] == "replay" and row["fate"] == "registered":
                originals.keep_content(other, originals.read_original(home, quarantine.original_of_replay(content)))
            for signature in signature_digests(row["signatures"]):
                originals.keep_content(other, originals.read_original(home, signature))
    for partition in sorted((earlier.root / "tables").glob("*/business_date=*")):
        if date.fromisoformat(partition.name.removeprefix("business_date=")) < business_date:
            target = other.root / "tables" / partition.parent.name
            target.mkdir(parents=True, exist_ok=True)
            (target / partition.name).symlink_to(partition)
    # Orders stand before the nights that make them.
    restate_books.copy_until(books.connect(home), books.connect(other), business_date)
    books.copy_books_before(books.connect(earlier), books.connect(other), business_date)
    with books.transaction(books.connect(other)) as connection:
        # Of nights that are performed upon performed ones, what persons booked between them stands in the home alone.
        books.book(connection, books.booked_between(books.connect(home), business_date))
    quarantine_books.copy_quarantine_before(books.connect(home), books.connect(other), business_date)
    return other
