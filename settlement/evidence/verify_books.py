"""Look whether books are what was sealed: ``python3 verify_books.py PLACE [--home HOME] [--head SHA256]``.

PLACE is an evidence folder, or a home with its books in ``books.sqlite``. With ``--home`` the files of that home are
looked at beside an evidence folder, and ``--head`` is the digest of a seal that was noted earlier elsewhere: it must be
in the chain. Every line says what is wrong and where. It ends with 0 where all holds, 2 where something does not, and
1 where it could not look.

This file needs Python 3.9 or later and nothing else. It shares no code with the program that makes seals and follows
docs/EVIDENCE.md, which has their form to the byte. It reads and writes nothing.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import json
import re
import sqlite3
import sys
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

FIRST = "0" * 64
LAST_STAGE = "report"
SETTLEMENT_FILE = re.compile(r"^out/.*_(CLOSED|PREVIEW)\.csv$")
"""Details and restatements of a statement lie beside it under names of their own."""
ENDED = ("pay", LAST_STAGE)
PARTS = {"entry": "posting"}
UNSEALED = frozenset({"alembic_version", "seal", "book_row", *PARTS.values()})
TRANSIT = ("asset:clearing:", "asset:batch_clearing:", "asset:transit:", "asset:suspense:")
THINGS, POINTS, PREPAID = "equity:things:{0}:{1}", "liability:points:{0}:{1}", "asset:prepaid:{0}:{1}"
MOVES = {
    "issued": (THINGS, POINTS),
    "redeemed": (POINTS, THINGS),
    "expired": (POINTS, "income:breakage:{0}"),
    "bought": (PREPAID, THINGS),
    "drawn": (THINGS, PREPAID),
}
"""The accounts, of a contract and a ledger, that an entry of things debits and credits."""
KINDS = ("tables/*", "out", "report", "quality")
SHOWN = 40
DAMAGED = sqlite3.Error


@dataclass(frozen=True)
class Finding:
    """Something that does not hold, or is not sealed yet: the night (empty where there is none), where, and what."""

    night: str
    place: str
    what: str

    def __str__(self) -> str:
        """As a line is shown."""
        place = self.place.replace("\t", "/")
        return f"{self.night or 'books':<10}  {place}: {self.what}"


@dataclass
class Found:
    """What was found: problems, what is not sealed yet, and sentences that tell what was looked at."""

    problems: list[Finding] = field(default_factory=list)
    unsealed: list[Finding] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    def problem(self, night: str, place: str, what: str) -> None:
        """Note something that does not hold."""
        self.problems.append(Finding(night, place, what))


@dataclass(frozen=True)
class Books:
    """All rows of all tables as texts, and the primary key of each table."""

    tables: dict[str, list[dict[str, str | None]]]
    keys: dict[str, list[str]]

    def rows(self, table: str) -> list[dict[str, str]]:
        """The rows of a table with no text for no value; none where there is no such table."""
        return [{name: value or "" for name, value in row.items()} for row in self.tables.get(table, [])]


@dataclass(frozen=True)
class Seal:
    """One seal as it is written."""

    number: int
    night: str
    previous: str
    last_row: int
    config: dict[str, str]
    books: tuple[str, ...]
    rows: list[tuple[int, str, str, str]]


def main(words: list[str]) -> int:
    """Look at the place that was named and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("place", type=Path, help="an evidence folder, or a home with books.sqlite")
    parser.add_argument("--home", type=Path, help="the home whose files are looked at beside an evidence folder")
    parser.add_argument(
        "--head", metavar="SHA256", help="the digest of a seal, noted earlier, that must be in the chain"
    )
    given = parser.parse_args(words)
    place, home = given.place, given.home
    try:
        exported = (place / "seals.jsonl").exists()
        books = folder_books(place) if exported else sqlite_books(place / "books.sqlite")
        found = Found()
        copies = place / "files" if exported else None
        check_all(books, found, home or (None if exported else place), copies=copies, head=given.head)
        if exported:
            check_trial_balances(books, place / "trial_balance.csv", found)
            if (place / "ledger.csv").exists():
                check_things(books, place / "ledger.csv", found)
    except (OSError, ValueError, LookupError, sqlite3.Error, csv.Error) as error:
        sys.stdout.write(f"{place} cannot be read as books: {type(error).__name__}: {error}\n")
        return 1
    sys.stdout.write(told(found))
    return 2 if found.problems else 0


def told(found: Found) -> str:
    """What was found, as lines."""
    lines = list(found.told)
    for name, findings in (("not sealed yet", found.unsealed), ("DOES NOT HOLD", found.problems)):
        lines += [f"{name}: {len(findings)}"] if findings else []
        lines += [f"  {finding}" for finding in findings[:SHOWN]]
        lines += [f"  and {len(findings) - SHOWN} more"] if len(findings) > SHOWN else []
    lines += [] if found.problems else ["All that is sealed holds."]
    return "\n".join(lines) + "\n"


def check_all(
    books: Books, found: Found, home: Path | None, copies: Path | None = None, head: str | None = None
) -> None:
    """Look at seals, rows, entries and files; ``copies`` is where some of the files lie where there is no home."""
    seals = check_chain(books, head, found)
    check_rows(books, seals, found)
    check_entries(books, found)
    root = home or copies
    if root is not None:
        check_files(books, seals, root, home is not None, found)
    if copies is not None and home is not None:
        check_files(books, seals, copies, False, found)


# Reading


def sqlite_books(path: Path) -> Books:
    """Read the books of a home. Raises sqlite3.Error where they are no database or a damaged one."""
    books = Books({}, {})
    connection = sqlite3.connect(f"file:{quote(str(path.resolve()))}?mode=ro", uri=True, isolation_level=None)
    try:
        connection.execute("BEGIN")
        state = connection.execute("PRAGMA integrity_check").fetchone()[0]
        if state != "ok":
            raise sqlite3.DatabaseError(f"the database is damaged: {state}")
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for name in sorted(name for name in names if not name.startswith("sqlite_")):
            columns = connection.execute(f'PRAGMA table_info("{name}")').fetchall()
            books.keys[name] = [column[1] for column in sorted(columns, key=lambda c: c[5]) if column[5]]
            books.tables[name] = [
                {column[1]: sqlite_text(row[column[0]], column[2]) for column in columns}
                for row in connection.execute(f'SELECT * FROM "{name}"')  # noqa: S608 - names of the database itself
            ]
    finally:
        connection.close()
    return books


def sqlite_text(value: object, declared: str) -> str | None:
    """A value as it is sealed: moments without a part of a second that is none, bytes by their digest."""
    if value is None:
        return None
    if isinstance(value, bytes):
        return f"sha256:{hashlib.sha256(value).hexdigest()}"
    text = str(value)
    return text[:-7] if declared == "DATETIME" and text.endswith(".000000") else text


def folder_books(folder: Path) -> Books:
    """Read an evidence folder. Raises OSError, ValueError or KeyError where it is not whole."""
    keys = json.loads((folder / "keys.json").read_text(encoding="utf-8"))
    books = Books({}, keys)
    for name in keys:
        if name != "seal":
            with (folder / "books" / f"{name}.csv").open(encoding="utf-8", newline="") as reader:
                header, *rows = csv.reader(reader)
                books.tables[name] = [
                    {column: unescaped(row[index]) for index, column in enumerate(header)} for row in rows
                ]
    lines = (folder / "seals.jsonl").read_text(encoding="utf-8").split("\n")
    books.tables["seal"] = [json.loads(text) for text in lines if text]
    return books


def unescaped(text: str) -> str | None:
    r"""A value of a CSV file or of a line of a seal; ``\N`` is none."""
    if text == r"\N":
        return None
    return re.sub(r"\\(.)", lambda found: {"t": "\t", "n": "\n", "r": "\r"}.get(found[1], found[1]), text)


def line(fields: Iterable[str]) -> bytes:
    """Fields as one line of the canonical form."""
    escaped = (text.replace("\\", r"\\").replace("\t", r"\t").replace("\n", r"\n") for text in fields)
    return ("\t".join(escaped) + "\n").encode("utf-8", "surrogateescape")


def read_seal(content: str) -> Seal:
    """The content of a seal. Raises ValueError or KeyError where it is none."""
    found: dict[str, list[tuple[str, ...]]] = defaultdict(list)
    for text in content.split("\n")[:-1]:
        name, *values = (unescaped(part) or "" for part in text.split("\t"))
        found[name].append(tuple(values))
    if found["settlement seal"] != [("1",)]:
        raise ValueError("this is no seal of form 1")
    (number,), (night,), (previous,), (last,) = (found[name][0] for name in ("number", "night", "previous", "last row"))
    rows = [(int(row), table, key, sha256) for row, table, key, sha256 in found["row"]]
    config = {path: sha256 for path, sha256 in found["config"]}  # noqa: C416 - each has two fields, or this is no seal
    return Seal(int(number), night, previous, int(last), config, found["books"][0], rows)


# Seals


def check_chain(books: Books, head: str | None, found: Found) -> list[Seal]:
    """Look at each seal and at the chain of them; those that can be read, in order."""
    seals, previous, expected, last = [], FIRST, 1, 0
    for row in sorted(books.rows("seal"), key=lambda row: number_in(row["number"])):
        number, night, place = number_in(row["number"]), row["business_date"], f"seal {row['number']}"
        if number != expected:
            found.problem(night, place, f"comes where seal {expected} is expected, which is missing")
        if hashlib.sha256(row["content"].encode("utf-8", "surrogateescape")).hexdigest() != row["sha256"]:
            found.problem(night, place, "its content does not give its digest: one of the two was changed")
        try:
            seal = read_seal(row["content"])
        except (ValueError, KeyError, IndexError) as error:
            found.problem(night, place, f"its content cannot be read ({error})")
        else:
            if (seal.number, seal.night, seal.last_row) != (number, night, number_in(row["last_row"])):
                found.problem(seal.night, place, "number, night or last row stand otherwise in it than beside it")
            if seal.previous != previous:
                found.problem(night, place, "names another seal before it than the one that stands there")
            if not any((table, key.split("\t")[0]) == ("stage_run", seal.night) for _, table, key, _ in seal.rows):
                found.problem(night, place, "seals no commit row of its own night, so no night has made it")
            check_numbers(seal, last, found)
            seals.append(seal)
        previous, expected, last = row["sha256"], number + 1, number_in(row["last_row"])
    if head is not None and head not in {row["sha256"] for row in books.rows("seal")}:
        found.problem("", f"seal {head}", "was noted earlier and is not in the chain, which was cut or written anew")
    tell_chain(books, seals, found)
    return seals


def tell_chain(books: Books, seals: list[Seal], found: Found) -> None:
    """Say what the chain covers."""
    nights = {row["business_date"] for row in books.rows("stage_run")}
    before = sorted(nights - {row["business_date"] for row in books.rows("stage_file")})
    if before:
        found.told.append(
            f"{len(before)} nights, {before[0]} to {before[-1]}, are from before the chain: "
            "their entries and commit rows are in its first seal, their files in none."
        )
    rows = sum(len(seal.rows) for seal in seals)
    last = max(books.rows("seal"), key=lambda row: number_in(row["number"]), default={"sha256": FIRST})
    found.told.append(
        f"{len(seals)} seals, of the nights {seals[0].night} to {seals[-1].night}, over {rows} rows of the books; "
        f"the last has the digest {last['sha256']}."
        if seals
        else "There is no seal: the chain begins with the next night that ends."
    )


def number_in(text: str) -> int:
    """A number of a row or a seal; what is none is -1, which no row and no seal has."""
    return int(text) if text.isdecimal() else -1


def check_numbers(seal: Seal, last: int, found: Found) -> None:
    """A seal lists its rows by number, each behind those of the seal before."""
    numbers = [number for number, *_ in seal.rows]
    if numbers != sorted(set(numbers)) or not numbers or numbers[0] <= last or numbers[-1] != seal.last_row:
        found.problem(seal.night, f"seal {seal.number}", "does not list the rows behind the seal before it, in order")


def check_rows(books: Books, seals: list[Seal], found: Found) -> None:
    """Compare each record with its digest; tell what is missing, what was added, and what no seal holds yet."""
    there = {(table, key): row for table in books.tables for key, row in keyed(books, table)}
    notes = {(row["table_name"], row["row_key"]): number_in(row["number"]) for row in books.rows("book_row")}
    parts = parts_by_record(books, found)
    sealed = set()
    for seal in seals:
        for number, table, key, sha256 in seal.rows:
            place = f"{table} {key}"
            sealed.add((table, key))
            row = there.get((table, key))
            if row is None:
                found.problem(seal.night, place, f"is missing; seal {seal.number} holds it")
            elif record_digest(table, row, parts.get((table, key), [])) != sha256:
                found.problem(seal.night, place, f"was changed since seal {seal.number}{with_parts(table)}")
            if notes.get((table, key)) != number:
                found.problem(seal.night, f"book_row {number}", f"does not note {place} as seal {seal.number} does")
        check_books_line(seal, there, parts, found)
    last = max((number_in(row["last_row"]) for row in books.rows("seal")), default=0)
    for (table, key), row in there.items():
        if (table, key) not in sealed and table not in UNSEALED:
            check_unsealed(books, (table, key), row, notes.get((table, key), 0) > last, found)
    for table, key in notes.keys() - there.keys() - sealed:
        found.problem("", f"{table} {key}", "is noted as written and is missing")


def with_parts(table: str) -> str:
    """What else belongs to a record."""
    return f" (its row or one of its rows of {PARTS[table]})" if table in PARTS else ""


def check_unsealed(books: Books, name: tuple[str, str], row: dict[str, str | None], later: bool, found: Found) -> None:
    """A row that no seal holds was written since the last one, or past the rules."""
    table, key = name
    night, place = row.get("business_date") or "", f"{table} {key}"
    if not later:
        found.problem(night, place, "is in no seal and was not written since the last one: it was added past the rules")
        return
    found.unsealed.append(Finding(night, place, "was written since the last seal"))
    ended = table == "stage_run" and row.get("stage") == LAST_STAGE
    if ended and any((f["business_date"], f["stage"]) == (night, LAST_STAGE) for f in books.rows("stage_file")):
        found.problem(night, place, "ended its night, whose seal is missing")


def keyed(books: Books, table: str) -> Iterator[tuple[str, dict[str, str | None]]]:
    """The rows of a table with their keys."""
    for row in books.tables[table]:
        yield "\t".join(row.get(column) or "" for column in books.keys.get(table, [])), row


def parts_by_record(books: Books, found: Found) -> dict[tuple[str, str], list[dict[str, str | None]]]:
    """Rows that are parts of records, by their record and in their order; a part without its record is told."""
    parts: dict[tuple[str, str], list[dict[str, str | None]]] = defaultdict(list)
    for table, part in PARTS.items():
        records = {key for key, _ in keyed(books, table)}
        first, order = books.keys.get(part, ["entry_key", "line"])
        for row in sorted(books.tables.get(part, []), key=lambda row: (len(row[order] or ""), row[order] or "")):
            if row[first] not in records:
                found.problem("", f"{part} {row[first]}\t{row[order]}", f"has no {table}")
            parts[table, row[first] or ""].append(row)
    return parts


def record_digest(table: str, row: dict[str, str | None], parts: list[dict[str, str | None]]) -> str:
    """SHA-256 over the lines of a record and of its parts."""
    digest = hashlib.sha256(row_line(table, row))
    for part in parts:
        digest.update(row_line(PARTS[table], part))
    return digest.hexdigest()


def row_line(table: str, row: dict[str, str | None]) -> bytes:
    """The table, then each value that there is with its column's name, by name."""
    return line([table, *(f"{name}={row[name]}" for name in sorted(row) if row[name] is not None)])


# Entries


def check_books_line(
    seal: Seal,
    there: dict[tuple[str, str], dict[str, str | None]],
    parts: dict[tuple[str, str], list[dict[str, str | None]]],
    found: Found,
) -> None:
    """Make the books digest of a seal's entries again."""
    digest, count, postings = hashlib.sha256(), 0, 0
    for key in sorted(key for _, table, key, _ in seal.rows if table == "entry"):
        row = {name: value or "" for name, value in there.get(("entry", key), {}).items()}
        count += 1
        for part in parts.get(("entry", key), []):
            postings += 1
            names = ("line", "account", "currency", "amount_minor")
            told_of = [row.get(name, "") for name in ("entry_key", "business_date", "kind")]
            fields = [*told_of, *(part[name] or "" for name in names), row.get("text", "")]
            digest.update(line([*fields, row["corrects"]] if row.get("corrects") else fields))
    if seal.books != (str(count), str(postings), digest.hexdigest()):
        found.problem(seal.night, f"seal {seal.number}", "its entries give another books digest than it says")


def check_entries(books: Books, found: Found) -> None:
    """Every entry balances in each currency; tell the clearing and suspense accounts that are open."""
    sums: Counter[tuple[str, str]] = Counter()
    balances: Counter[tuple[str, str]] = Counter()
    kept = set()
    for row in books.rows("posting"):
        amount = whole(row["amount_minor"], f"posting {row['entry_key']}", found)
        sums[row["entry_key"], row["currency"]] += amount
        balances[row["account"], row["currency"]] += amount
        kept.add(row["entry_key"])
    nights = {row["entry_key"]: row["business_date"] for row in books.rows("entry")}
    for (key, currency), total in sums.items():
        if total:
            found.problem(nights.get(key, ""), f"entry {key}", f"does not balance: {total} minor units of {currency}")
    for key in nights.keys() - kept:
        found.problem(nights[key], f"entry {key}", "has no postings")
    opened = sorted(pair for pair, total in balances.items() if total and pair[0].startswith(TRANSIT))
    count = len(books.tables.get("posting", []))
    found.told.append(
        f"{len(nights)} entries of {count} postings; {len(opened) or 'no'} accounts that clear are open"
        f"{':' if opened else '.'}"
    )
    found.told += [
        f"  {account}: {balances[account, currency]} minor units of {currency}" for account, currency in opened
    ]


def whole(text: str, place: str, found: Found) -> int:
    """A whole number; what is none is told and counts as 0."""
    try:
        return int(text)
    except ValueError:
        found.problem("", place, f"{text!r} is no whole number of minor units")
        return 0


def check_trial_balances(books: Books, path: Path, found: Found) -> None:
    """Each night's trial balance is the journal, added up until the night was booked."""
    notes = {(row["table_name"], row["row_key"]): number_in(row["number"]) for row in books.rows("book_row")}
    postings: dict[str, list[dict[str, str]]] = defaultdict(list)
    for row in books.rows("posting"):
        postings[row["entry_key"]].append(row)
    told = {row["business_date"] for row in books.rows("stage_file")}
    before = sorted({row["business_date"] for row in books.rows("stage_run")} - told)
    nights = {row["entry_key"]: row["business_date"] for row in books.rows("entry")}

    def place(night: str, noted: int) -> int:
        # Rows from before the chain were noted together, table by table: there the night alone orders them.
        index = bisect_left(before, night)
        return index - len(before) if index < len(before) else noted

    waiting = sorted((place(nights.get(key, ""), notes.get(("entry", key), 0)), key) for key in postings)
    with path.open(encoding="utf-8", newline="") as reader:
        rows = list(csv.DictReader(reader))
    sums: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    for night in sorted({row["business_date"] for row in rows}):
        last = place(night, notes.get(("stage_run", f"{night}\tpost"), 0))
        while waiting and waiting[0][0] <= last:
            for posting in postings[waiting.pop(0)[1]]:
                amount = whole(posting["amount_minor"], "posting", found)
                sums[posting["account"], posting["currency"]][amount < 0] += abs(amount)
        told_of = {
            (row["account"], row["currency"]): [int(row[f"{side}_minor"]) for side in ("debit", "credit", "balance")]
            for row in rows
            if row["business_date"] == night
        }
        for account, currency in sorted(told_of.keys() | sums.keys()):
            debit, credit = sums.get((account, currency), [0, 0])
            if told_of.get((account, currency)) != [debit, credit, debit - credit]:
                found.problem(night, f"table trial_balance, {account} {currency}", "is not the journal added up")


def check_things(books: Books, path: Path, found: Found) -> None:
    """Each entry of points or other things is what its ledger has come to by its night, less what it had come to."""
    with path.open(encoding="utf-8", newline="") as reader:
        told = [{name: unescaped(value) or "" for name, value in row.items()} for row in csv.DictReader(reader)]
    to_date: dict[tuple[str, str, str], Counter[tuple[str, str]]] = defaultdict(Counter)
    for row in told:
        # Rows with a period are parts of a statement's lines, in money.
        place = f"table ledger, {row['contract']} {row['term']} {row['entry']}"
        if not row["period"] and row["entry"] not in MOVES:
            found.problem(row["business_date"], place, "is no entry of things")
        elif not row["period"]:
            amount = whole(row["amount"], place, found)
            to_date[row["business_date"], row["contract"], row["term"]][row["entry"], row["unit"]] += amount
    expected: dict[str, Counter[tuple[str, str]]] = {}
    before: dict[tuple[str, str], Counter[tuple[str, str]]] = defaultdict(Counter)
    for (night, contract, ledger), now in sorted(to_date.items()):
        moved = expected[f"things/{contract}/{ledger}/{night}"] = Counter()
        for entry, unit in now.keys() | before[contract, ledger].keys():
            for account, sign in zip(MOVES[entry], (1, -1)):  # noqa: B905 - Python 3.9 knows no `strict`
                change = sign * (now[entry, unit] - before[contract, ledger][entry, unit])
                moved[account.format(contract, ledger), unit] += change
        before[contract, ledger] = now
    booked: dict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
    for posting in books.rows("posting"):
        booked[posting["entry_key"]][posting["account"], posting["currency"]] += whole(
            posting["amount_minor"], "posting", found
        )
    nights = {row["entry_key"]: row["business_date"] for row in books.rows("entry") if row["kind"] == "things"}
    for key in sorted(nights.keys() | expected.keys()):
        owed, there = expected.get(key, Counter()), booked[key]
        for account, unit in sorted(pair for pair in owed.keys() | there.keys() if owed[pair] != there[pair]):
            amounts = f"{there[account, unit]} {unit} on {account} where table ledger gives {owed[account, unit]}"
            found.problem(nights.get(key, key.rpartition("/")[2]), f"entry {key}", f"has {amounts}")
    found.told.append(f"{len(nights)} entries of things are held against the ledgers of their contracts.")


# Files


def check_files(books: Books, seals: list[Seal], root: Path, is_home: bool, found: Found) -> None:
    """Compare files with their digests in the books, re-add settlement files, and look for what nobody has made."""
    files = {row["path"]: row for row in books.rows("stage_file")}
    looked = 0
    for path, row in sorted(files.items()):
        if (root / path).is_file():
            looked += 1
            check_file(root / path, row, found)
        elif is_home:
            found.problem(row["business_date"], path, "is missing")
    found.told.append(f"{looked} of {len(files)} files are in {root}.")
    if is_home:
        runs = [key.split("\t") for seal in seals for _, table, key, _ in seal.rows if table == "stage_run"]
        check_strangers(books, {night for night, stage in runs if stage in ENDED}, root, found)
    if seals:
        check_config(seals[-1], root, found)


def check_file(path: Path, row: dict[str, str], found: Found) -> None:
    """One file against its row; a settlement file is re-added."""
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != row["sha256"]:
        found.problem(row["business_date"], row["path"], f"is not what stage {row['stage']} has written or landed")
    if SETTLEMENT_FILE.search(row["path"]) and content.startswith(b"H,1,"):
        for what in wrong_in_statement(content):
            found.problem(row["business_date"], row["path"], what)


def check_strangers(books: Books, sealed: set[str], root: Path, found: Found) -> None:
    """Files in the folder of a night that is sealed, or of none, that no stage has written."""
    files = {row["path"] for row in books.rows("stage_file")}
    nights = {row["business_date"] for row in books.rows("stage_run")}
    for folder in (folder for kind in KINDS for folder in root.glob(f"{kind}/business_date=*")):
        night = folder.name.partition("=")[2]
        # A night that comes may have left something of a run that was killed.
        if night in sealed or (night not in nights and night < max(nights, default="")):
            for path in sorted(path for path in folder.rglob("*") if not path.is_dir()):
                if path.relative_to(root).as_posix() not in files:
                    found.problem(night, path.relative_to(root).as_posix(), "was written by no stage of a night")


def check_config(seal: Seal, root: Path, found: Found) -> None:
    """The configuration is what the last seal names; what came to it since is told."""
    since = f"seal {seal.number}, the last one"
    for path, sha256 in sorted(seal.config.items()):
        if not (root / path).is_file():
            found.problem(seal.night, path, f"is missing since {since}")
        elif hashlib.sha256((root / path).read_bytes()).hexdigest() != sha256:
            found.problem(seal.night, path, f"was changed since {since}")
    for file in sorted(file for file in (root / "config").rglob("*") if file.is_file()):
        if file.relative_to(root).as_posix() not in seal.config:
            found.unsealed.append(Finding("", file.relative_to(root).as_posix(), f"came since {since}"))


def wrong_in_statement(content: bytes) -> list[str]:
    """What does not re-add in a settlement file of form 1."""
    try:
        rows = list(csv.reader(io.StringIO(content.decode("utf-8"), newline="")))
        return list(wrong_sums(rows))
    except (ValueError, IndexError, csv.Error) as error:
        return [f"cannot be read as a settlement file ({error})"]


def wrong_sums(rows: list[list[str]]) -> Iterator[str]:
    """Each sum of a settlement file that its lines do not give. Raises ValueError or IndexError where it is none."""
    terms: list[list[str]] = []
    own: dict[str, int] = {}
    totals: dict[str, int] = {}
    balance = 0
    for row in rows:
        if row[0] == "D" and totals:
            own[row[3]] = int(row[6])
        elif row[0] == "D":
            terms.append(row)
        elif row[0] == "S" and row[3] == "total":
            totals[row[8]] = int(row[6])
        elif row[0] == "S":
            balance = int(row[6])
    earned: Counter[str] = Counter()
    for row in terms:
        earned[row[8]] += int(row[6])
    if {currency: total for currency, total in totals.items() if total} != {c: v for c, v in earned.items() if v}:
        yield "its terms and adjustments do not give their total"
    share = own.get("share_converted", own.get("share", sum(earned.values())))
    aside = {"share", "share_converted", "carry_in", "payout", "carry_out"}
    moved = sum(amount for name, amount in own.items() if name not in aside)
    if balance != own.get("carry_in", 0) + share + moved:
        yield "what is carried in, the share and the entries between do not give the balance"
    if balance != own.get("payout", 0) + own.get("carry_out", 0):
        yield "the balance is not what is paid and carried out"
    yield from wrong_trailers(rows)


def wrong_trailers(rows: list[list[str]]) -> Iterator[str]:
    """What its lines do not give: their amounts in major units, their numbers and the trailers."""
    details = [row for row in rows if row[0] == "D"]
    for row in (row for row in rows if row[0] in {"D", "S"}):
        if int(row[7].replace(".", "")) != int(row[6]):
            yield f"line {row[3]} has another amount in major than in minor units"
    if [int(row[1]) for row in details] != list(range(1, len(details) + 1)):
        yield "its lines are not numbered one by one"
    if sorted({row[8] for row in details}) != [row[1] for row in rows if row[0] == "T"]:
        yield "it has not one trailer for each currency"
    for row in (row for row in rows if row[0] == "T"):
        amounts = [int(detail[6]) for detail in details if detail[8] == row[1]]
        debits, credits_ = -sum(a for a in amounts if a < 0), sum(a for a in amounts if a > 0)
        if [int(value) for value in row[2:]] != [len(amounts), debits, credits_, credits_ - debits]:
            yield f"its trailer of {row[1]} is not the sum of its lines"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
