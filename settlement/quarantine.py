"""Quarantine: rejected records are kept sealed, repaired by one person and released by another.

A night's rejects enter quarantine in the transaction that commits its stage ``check``. A repair is tried on the whole
file with the layout's own reader before it is kept. A release makes a file (see ``settlement.model.replay``) that goes
into a later night's delivery folder and is landed, read and judged there like any other; the night's commit books what
came of it. The books say who may do what (``settlement.quarantine_books``).
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any, Final

import polars as pl

from settlement import books, openpgp, originals, store
from settlement import quarantine_books as sql
from settlement.cardkey import read_card_keys
from settlement.errors import TerminalError
from settlement.model.arrival import Refused
from settlement.model.clearing import Fate, Why
from settlement.model.dates import delivery_night
from settlement.model.layout import Layout
from settlement.model.replay import Replay, ReplayRecord, replay_name
from settlement.model.stage import StageInput
from settlement.parse import files
from settlement.parse.record_bytes import PACKED_ROWS, Place, bytes_at, masked_record
from settlement.quarantine_books import Case, Outcome, Reject, RejectState, Release, Repair, ReplayFile
from settlement.sealing import Sealed, outside_sealing_key, seal, unseal
from settlement.store import Home

Change = Callable[[bytes, Layout], bytes]
"""Makes a record's new bytes of its old ones; the layout tells its encoding."""

_FORMAT: Final = "settlement replay 1"
_ID_DIGITS: Final = 16
_TOKEN_DIGITS: Final = 8
_ANY_TOKEN: Final = "0" * _TOKEN_DIGITS


def reject_id_of(file: str, record: int) -> str:
    """The id of a reject: made of its file and record, so that a night run again gives the same."""
    return hashlib.sha256(f"{file}#{record}".encode()).hexdigest()[:_ID_DIGITS]


def parse_inputs(home: Home, night: date, unit: str, content: Callable[[str], memoryview]) -> StageInput:
    """What the stage ``parse`` is handed for one file of a landed night; ``content`` opens its original."""
    return StageInput(
        business_date=night,
        unit=unit,
        documents=store.read_documents(home),
        tables={"delivery": store.read_table(home, "delivery", night)},
        history={"card_token": store.scan_history(home, "card_token", night)},
        content=content,
        decrypt=openpgp.opener(home),
        verify=openpgp.verifier(),
        replayed=open_replay,
        card_keys=read_card_keys(home, night),
    )


def night_rejects(home: Home, night: date) -> list[Reject]:
    """The rejects of a night's accepted files with their sealed bytes. Needs the quarantine key where there are any."""
    rejects = store.read_table(home, "reject", night).join(
        store.read_table(home, "reject_place", night), on=["file", "record"], how="left"
    )
    found = []
    for (file,), rows in sorted(rejects.group_by(["file"]), key=lambda item: str(item[0][0])):
        found += _rejects_of(home, night, str(file), rows.sort("record"))
    return found


def _rejects_of(home: Home, night: date, file: str, rows: pl.DataFrame) -> list[Reject]:
    # The stage parse has read them behind the landing, and found them as they were landed.
    with originals.reading_originals(home, originals.landed_at(home, night)) as content_of:
        inputs = parse_inputs(home, night, file, content_of)
        delivery = inputs.tables["delivery"].row(by_predicate=pl.col("file") == file, named=True)
        layout = files.layout_of(inputs, str(delivery["layout"]))
        opened = files.open_delivered(inputs, delivery, layout)
        replay = opened.replay
        kept = (
            {number: record.content for number, record in replay.records.items()}
            if replay
            else bytes_at(opened.content, layout, _places(rows))
        )
    key = outside_sealing_key()
    found = []
    for row in rows.iter_rows(named=True):
        reject_id, record = reject_id_of(file, row["record"]), int(row["record"])
        content = kept.get(record)
        found.append(
            Reject(
                reject_id=reject_id,
                business_date=night,
                file=file,
                record=record,
                original_file=replay.original_file if replay else file,
                original_sha256=replay.original_sha256 if replay else str(delivery["sha256"]),
                layout=layout.layout,
                byte_offset=row["byte_offset"],
                byte_length=row["byte_length"],
                reason=row["reason"],
                field=row["field"],
                preview=row["preview"],
                sealed=None if content is None else seal(key, content, reject_id),
            )
        )
    return found


def _places(rows: pl.DataFrame) -> dict[int, Place | None]:
    """Where rejected records lie by number, as was told when their file was read."""
    told = rows.select("record", "byte_offset", "byte_length").rows()
    return {record: None if length is None else Place(offset=at, length=length) for record, at, length in told}


def night_outcomes(home: Home, engine: books.Engine, night: date) -> list[Outcome]:
    """What became of the night's replays: applied where their file was accepted, else refused."""
    fates = dict(store.read_table(home, "file", night).select("file", "fate").rows())
    return [
        Outcome(
            reject_id=release.reject_id,
            attempt=release.attempt,
            business_date=night,
            outcome="applied" if fates.get(f"{night}/{release.name}") == Fate.ACCEPTED else "refused",
        )
        for release in sql.releases_of(engine, night)
    ]


def place_replays(home: Home, engine: books.Engine, night: date) -> frozenset[tuple[str, str]]:
    """Put the night's replays into its delivery folder; their names and digests."""
    found = sql.replay_files(engine, night)
    for file in found:
        originals.deliver(home, night, file.name, io.BytesIO(file.content))
    return frozenset((file.name, file.sha256) for file in found)


def one_case(engine: books.Engine, reject_id: str) -> Case:
    """A reject by its id; TerminalError where there is none."""
    found = sql.cases(engine, [reject_id])
    if not found:
        raise TerminalError(
            f"There is no reject {reject_id!r} in quarantine: `settle quarantine list` shows their ids."
        )
    return found[0]


def shown_record(home: Home, case: Case) -> str | None:
    """The record as it stands, its latest repair included, card numbers masked; None where its bytes are not known."""
    content = _latest(case)
    return None if content is None else masked_record(content, _layout(home, case.reject))


def _latest(case: Case) -> bytes | None:
    key, reject = outside_sealing_key(), case.reject
    sealed, about = reject.sealed, reject.reject_id
    if case.repairs:
        sealed, about = case.repairs[-1].sealed, _about(case.repairs[-1])
    return None if sealed is None else unseal(key, sealed, about)


def _about(repair: Repair) -> str:
    """What a repair's seal is bound to: the same bytes under another name or number do not open."""
    return f"{repair.reject_id}/{repair.attempt}/{repair.person}"


def _layout(home: Home, reject: Reject) -> Layout:
    return files.layout_of(_bare(home), reject.layout)


def _bare(home: Home) -> StageInput:
    return StageInput(business_date=date.min, unit="", documents=store.read_documents(home), tables={}, history={})


def repair(home: Home, engine: books.Engine, reject_id: str, person: str, change: Change) -> Case:
    """Keep new bytes for a rejected record.

    Raises TerminalError where the record is under way already, or its reader still refuses it.
    """
    with store.locked(home):
        case = one_case(engine, reject_id)
        if case.state in {RejectState.REPLAYED, RejectState.APPLIED}:
            raise TerminalError(f"Reject {reject_id} is {case.state}: it cannot be repaired again.")
        layout = _layout(home, case.reject)
        if layout.format in PACKED_ROWS:
            raise TerminalError(
                f"Reject {reject_id} is a row of {case.reject.file}, whose rows are packed together and cannot be "
                "changed one by one: ask the sender for a corrected file and deliver that."
            )
        before = _latest(case)
        if before is None:
            raise TerminalError(
                f"The bytes of reject {reject_id} cannot be told apart in their file: ask the sender for another file."
            )
        after = change(before, layout)
        _require_readable(home, case.reject, after)
        attempt = len(case.repairs) + 1
        kept = Repair(reject_id=reject_id, attempt=attempt, person=person, sealed=Sealed(key_id="", content=b""))
        kept = replace(kept, sealed=seal(outside_sealing_key(), after, _about(kept)))
        sql.add_repair(engine, kept)
    return one_case(engine, reject_id)


def _require_readable(home: Home, reject: Reject, content: bytes) -> None:
    """Read the whole file with the repaired record as its replay will be read."""
    night = delivery_night(reject.original_file)
    delivery = store.read_table(home, "delivery", night).filter(pl.col("file") == reject.original_file)
    name = replay_name(str(delivery["name"][0]), _ANY_TOKEN)
    record = ReplayRecord(
        record=reject.record, reject_id=reject.reject_id, content=content, repaired_by="", replayed_by=""
    )
    trial = Replay(
        token=_ANY_TOKEN,
        original_file=reject.original_file,
        original_sha256=reject.original_sha256,
        records={reject.record: record},
    )
    tables = {"delivery": delivery.with_columns(pl.lit(name).alias("name"))}
    with originals.reading_originals(home) as content_of:
        inputs = parse_inputs(home, night, reject.original_file, content_of)
        read = files.run(replace(inputs, tables=tables, replayed=lambda _: trial)).tables
    (fault, detail) = read["parsed_file"].select("fault", "detail").row(0)
    if fault is not None:
        raise TerminalError(f"With this record the file cannot be read ({fault}): {detail} Nothing was kept.")
    if read["parsed_reject"].height:
        reason, field = read["parsed_reject"].select("reason", "field").row(0)
        raise TerminalError(
            f"The record is still rejected: {reason} in {field}; nothing was kept, repair it otherwise."
        )
    if not any(frame.height for name, frame in read.items() if name not in _ABOUT_FILES):
        raise TerminalError("The record is no record any more: nothing was kept, repair it otherwise.")


_ABOUT_FILES: Final = frozenset(
    {"parsed_file", "parsed_control_total", "parsed_card_token", "parsed_reject_place", "parsed_replay"}
)


def release(home: Home, engine: books.Engine, reject_ids: Sequence[str], person: str, night: date) -> list[ReplayFile]:
    """Release repaired records into a night that is not landed yet: one file for each file that they come from.

    Raises TerminalError where a record is not repaired, the person repaired it, or the night is landed.
    """
    with store.locked(home):
        landed = books.nights_of(engine, "land")
        if landed and landed[-1] >= night:
            raise TerminalError(f"The night {landed[-1]} is landed already: release into a later one than {night}.")
        found = [one_case(engine, reject_id) for reject_id in dict.fromkeys(reject_ids)]
        for case in found:
            _require_releasable(case, person)
        by_file: dict[tuple[str, str], list[Case]] = {}
        for case in found:
            by_file.setdefault((case.reject.original_file, case.reject.original_sha256), []).append(case)
        made = [_release_file(engine, cases, person, night) for _, cases in sorted(by_file.items())]
    place_replays(home, engine, night)
    return made


def _require_releasable(case: Case, person: str) -> None:
    reject = case.reject
    if case.state is not RejectState.REPAIRED:
        raise TerminalError(f"Reject {reject.reject_id} is {case.state}: only a repaired one can be replayed.")
    if any(repair.person == person for repair in case.repairs):
        raise TerminalError(f"{person} repaired reject {reject.reject_id}: another person must replay it.")


def _release_file(engine: books.Engine, cases: list[Case], person: str, night: date) -> ReplayFile:
    key, reject = outside_sealing_key(), cases[0].reject
    parts = [f"{case.reject.reject_id}/{case.repairs[-1].attempt}" for case in cases]
    token = hashlib.sha256("+".join(sorted(parts)).encode()).hexdigest()[:_TOKEN_DIGITS]
    records = [
        {
            "record": case.reject.record,
            "reject_id": case.reject.reject_id,
            "repaired_by": case.repairs[-1].person,
            "replayed_by": person,
            "content": base64.b64encode(unseal(key, case.repairs[-1].sealed, _about(case.repairs[-1]))).decode(),
        }
        for case in sorted(cases, key=lambda case: case.reject.record)
    ]
    body = json.dumps({"token": token, "original_file": reject.original_file, "records": records}).encode()
    sealed = seal(key, body, f"{_FORMAT} {reject.original_sha256}")
    outside = {
        "format": _FORMAT,
        "original_sha256": reject.original_sha256,
        "key_id": sealed.key_id,
        "sealed": base64.b64encode(sealed.content).decode(),
    }
    content = json.dumps(outside, indent=1).encode() + b"\n"
    name = replay_name(reject.original_file.partition("/")[2], token)
    file = ReplayFile(business_date=night, name=name, sha256=hashlib.sha256(content).hexdigest(), content=content)
    releases = [
        Release(
            reject_id=case.reject.reject_id,
            attempt=case.repairs[-1].attempt,
            repaired_by=case.repairs[-1].person,
            replayed_by=person,
            business_date=night,
            name=name,
        )
        for case in cases
    ]
    sql.add_replay(engine, file, releases)
    return file


def open_replay(content: memoryview) -> Replay | Refused:
    """A replay's records, or why it is none. Raises TerminalError where the key outside is not the one of its seal."""
    try:
        outside: Mapping[str, Any] = json.loads(bytes(content))
        sealed = Sealed(key_id=outside["key_id"], content=base64.b64decode(outside["sealed"]))
        original_sha256 = str(outside["original_sha256"])
        body = json.loads(unseal(outside_sealing_key(), sealed, f"{outside['format']} {original_sha256}"))
        records = [
            ReplayRecord(**{**record, "content": base64.b64decode(record["content"])}) for record in body["records"]
        ]
    except (ValueError, LookupError, TypeError):
        return Refused(why=Why.UNREADABLE, detail="is no replay, though its name says so: find out who put it there")
    return Replay(
        token=str(body["token"]),
        original_file=str(body["original_file"]),
        original_sha256=original_sha256,
        records={record.record: record for record in records},
    )


def original_of_replay(content: memoryview) -> str:
    """The digest of the file that a replay rests on, which stands outside its seal."""
    return str(json.loads(bytes(content))["original_sha256"])
