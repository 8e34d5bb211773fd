"""Quarantine through a home: a reject is kept sealed, repaired by one, replayed by another, and applied once."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date
from pathlib import Path

import polars as pl
import pytest
import sqlalchemy as sa
from lean_nights import keep_one_contract, settle_in_name
from made_clearing import card_number, ipm_bytes, ipm_file, presentment
from typer.testing import CliRunner

from settlement import books, quarantine, reperform, runner, store
from settlement import quarantine_books as sql
from settlement.errors import TerminalError
from settlement.home import create_home
from settlement.model.layout import Layout
from settlement.quarantine_books import Outcome, Release, Repair, ReplayFile
from settlement.quarantine_commands import app
from settlement.sealing import Sealed
from settlement.store import Home

NIGHT, NEXT, THIRD = date(2010, 12, 29), date(2010, 12, 30), date(2010, 12, 31)
NAME = "MC_T112_20101229_01.ipm"
FILE = f"{NIGHT}/{NAME}"
GOOD, BAD = "101228140851", "101399140851"
# The header is message 1, so that the bad presentment is the file's message 3.
CONTENT = ipm_bytes(ipm_file([presentment(1, 100), presentment(2, 250, DE12=BAD), presentment(3, 75)]))


@pytest.fixture
def home(own_home: Callable[[str, Callable[[Path], object]], Home]) -> Home:
    """A home whose first night is settled with one reject."""
    return own_home("rejecting", _rejecting)


def _rejecting(root: Path) -> None:
    create_home(root, None)
    place = store.open_home(root)
    keep_one_contract(place)
    _deliver(place, NIGHT, NAME, CONTENT)
    runner.run_night(place, NIGHT, until="check")


def _deliver(home: Home, night: date, name: str, content: bytes) -> None:
    (home.inbox / str(night)).mkdir(exist_ok=True)
    (home.inbox / str(night) / name).write_bytes(content)


def _rejects(home: Home) -> list[sql.Case]:
    return sql.cases(books.connect(home))


def _mended(before: bytes, _layout: Layout) -> bytes:
    return before.replace(BAD.encode("cp500"), GOOD.encode("cp500"))


def _repaired(home: Home, person: str = "alice", change: quarantine.Change = _mended) -> str:
    (case, *_) = _rejects(home)
    quarantine.repair(home, books.connect(home), case.reject.reject_id, person, change)
    return case.reject.reject_id


def _settle(home: Home, *nights: date, until: str = "check") -> None:
    for night in nights:
        runner.run_night(home, night, until=until)


def test_a_reject_keeps_its_bytes_sealed_its_position_and_its_reason(home: Home) -> None:
    (case,) = _rejects(home)
    reject = case.reject
    assert (reject.file, reject.record, reject.reason, case.state) == (FILE, 3, "BAD_DATE", "open")
    assert reject.byte_offset is not None
    assert reject.byte_length is not None
    raw = CONTENT[reject.byte_offset : reject.byte_offset + reject.byte_length]
    assert BAD.encode("cp500") in raw
    assert reject.sealed is not None
    values = [value for row in _rows(books.connect(home)) for value in row]
    stored = [value if isinstance(value, bytes) else str(value).encode() for value in values]
    for secret in (card_number(2).encode("cp500"), card_number(2).encode(), raw[:60]):
        assert secret not in reject.sealed.content
        assert not any(secret in value for value in stored)
        assert all(secret not in path.read_bytes() for path in home.root.glob("books.sqlite*"))
    shown = quarantine.shown_record(home, case)
    assert shown is not None
    assert BAD in shown or "*" in shown
    assert card_number(2) not in shown


def test_a_repaired_record_enters_a_later_night_with_a_link_to_its_reject(home: Home) -> None:
    reject_id = _repaired(home)
    assert _rejects(home)[0].state == "repaired"
    (file,) = quarantine.release(home, books.connect(home), [reject_id], "bob", NEXT)
    assert _rejects(home)[0].state == "replayed"
    assert (home.inbox / str(NEXT) / file.name).read_bytes() == file.content
    settle_in_name(home, NIGHT)
    _settle(home, NEXT, until="pay")
    (row,) = store.read_table(home, "clearing", NEXT).to_dicts()
    assert (row["record"], row["amount_minor"], row["transaction_date"]) == (3, 250, date(2010, 12, 28))
    assert row["card_masked"] == f"{card_number(2)[:6]}******{card_number(2)[-4:]}"
    (link,) = store.read_table(home, "replay", NEXT).to_dicts()
    assert link == {
        "file": row["file"], "record": 3, "original_file": FILE, "reject_id": reject_id,
        "repaired_by": "alice", "replayed_by": "bob",
    }  # fmt: skip
    (fate,) = store.read_table(home, "file", NEXT).to_dicts()
    assert (fate["fate"], fate["why"], fate["net_settlement_minor"]) == ("accepted", "late", None)
    assert _rejects(home)[0].state == "applied"
    first = store.read_table(home, "clearing", NIGHT)
    assert first["record"].to_list() == [2, 4], "an earlier night is not changed"
    result = reperform.verify_night(home, NEXT)
    assert (result.differing, result.performed) == ((), result.standing)


def test_nothing_is_applied_twice(home: Home) -> None:
    reject_id = _repaired(home)
    engine = books.connect(home)
    (file,) = quarantine.release(home, engine, [reject_id], "bob", NEXT)
    for person in ("bob", "carol"):
        with pytest.raises(TerminalError, match="only a repaired one can be replayed"):
            quarantine.release(home, engine, [reject_id], person, NEXT)
    with pytest.raises(TerminalError, match="cannot be repaired again"):
        _repaired(home, "carol")
    settle_in_name(home, NIGHT)
    _settle(home, NEXT)
    settle_in_name(home, NEXT)
    with pytest.raises(TerminalError, match="is applied"):
        quarantine.release(home, engine, [reject_id], "carol", THIRD)
    # The same file put into a later night by hand was not released for that night.
    _deliver(home, THIRD, file.name, file.content)
    _settle(home, THIRD)
    (row,) = store.read_table(home, "file", THIRD).to_dicts()
    assert (row["fate"], row["why"]) == ("rejected", "NOT_RELEASED")
    assert store.read_table(home, "clearing", THIRD).is_empty()


def test_rejects_and_repairs_of_a_changed_original_are_not_kept(home: Home) -> None:
    case = _rejects(home)[0]
    path = home.originals / case.reject.original_sha256[:2] / case.reject.original_sha256
    content = path.read_bytes()
    path.chmod(0o640)
    path.write_bytes(content + b"\0")
    with pytest.raises(TerminalError, match="was changed: restore it"):
        quarantine.night_rejects(home, case.reject.business_date)
    with pytest.raises(TerminalError, match="was changed: restore it"):
        _repaired(home)
    assert not _rejects(home)[0].repairs


def test_who_repaired_cannot_replay(home: Home) -> None:
    reject_id = _repaired(home)
    for person in ("alice", books.person_of("  ALICE ")):
        with pytest.raises(TerminalError, match="another person must replay it"):
            quarantine.release(home, books.connect(home), [reject_id], person, NEXT)
    assert not (home.inbox / str(NEXT)).exists()


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda before, _: before, "still rejected: BAD_DATE"),
        (lambda _before, _layout: b"", "cannot be read"),
        (lambda before, _: before[:-1], "still rejected: MALFORMED"),
        (
            lambda before, _: before.replace("1240".encode("cp500"), "1644".encode("cp500"), 1),
            "rejected|cannot be read",
        ),
    ],
)
def test_a_repair_that_the_reader_refuses_is_not_kept(home: Home, change: quarantine.Change, complaint: str) -> None:
    with pytest.raises(TerminalError, match=complaint):
        _repaired(home, change=change)
    assert _rejects(home)[0].state == "open"


def test_a_night_that_is_landed_takes_no_replay(home: Home) -> None:
    reject_id = _repaired(home)
    with pytest.raises(TerminalError, match="is landed already"):
        quarantine.release(home, books.connect(home), [reject_id], "bob", NIGHT)


def test_a_replay_released_while_a_night_is_landed_is_not_left_behind(home: Home) -> None:
    reject_id = _repaired(home)
    settle_in_name(home, NIGHT)
    _deliver(home, NEXT, "MC_T112_20101230_01.ipm", b"")
    (unit,) = runner.plan(home, NEXT, "land")
    runner.run_unit(home, NEXT, "land", unit)
    quarantine.release(home, books.connect(home), [reject_id], "bob", NEXT)
    with pytest.raises(runner.RetryableError, match="while 2010-12-30 was landed"):
        runner.commit(home, NEXT, "land", (unit,))
    _settle(home, NEXT)
    assert store.read_table(home, "clearing", NEXT).height == 1


def test_a_seal_opens_with_its_own_key_alone(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    (case,) = _rejects(home)
    monkeypatch.setenv("SETTLEMENT_QUARANTINE_KEY", "ab" * 32)
    with pytest.raises(TerminalError, match="does not open"):
        quarantine.shown_record(home, case)
    monkeypatch.setenv("SETTLEMENT_QUARANTINE_KEY_ID", "q2")
    with pytest.raises(TerminalError, match="sealed with the quarantine key 'q1'"):
        quarantine.shown_record(home, case)


def test_a_night_with_rejects_stops_without_a_key_and_goes_on_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_home(tmp_path / "home", None)
    home = store.open_home(tmp_path / "home")
    _deliver(home, NIGHT, NAME, CONTENT)
    with monkeypatch.context() as without:
        without.delenv("SETTLEMENT_QUARANTINE_KEY")
        without.setenv("SETTLEMENT_QUARANTINE_KEY_FILE", str(tmp_path / "none"))
        with pytest.raises(TerminalError, match="There is no quarantine key"):
            _settle(home, NIGHT)
        assert _rejects(home) == []
    _settle(home, NIGHT)
    assert len(_rejects(home)) == 1


def test_a_changed_replay_or_another_file_of_its_name_is_no_replay(home: Home) -> None:
    reject_id = _repaired(home)
    (file,) = quarantine.release(home, books.connect(home), [reject_id], "bob", NEXT)
    (home.inbox / str(NEXT) / file.name).chmod(0o640)
    _deliver(home, NEXT, file.name, file.content.replace(b"replay 1", b"replay 2"))
    settle_in_name(home, NIGHT)
    _settle(home, NEXT)
    (row,) = store.read_table(home, "file", NEXT).to_dicts()
    assert (row["fate"], row["why"]) == ("rejected", "NOT_RELEASED")
    assert _rejects(home)[0].state == "refused"
    # It can be repaired and released again.
    _repaired(home, "dora")
    settle_in_name(home, NEXT)
    quarantine.release(home, books.connect(home), [reject_id], "bob", THIRD)
    _settle(home, THIRD)
    assert _rejects(home)[0].state == "applied"
    assert store.read_table(home, "clearing", THIRD).height == 1


def _attacks(rng: random.Random, number: int) -> Callable[[sa.Engine], None]:
    """One random step of somebody who writes to the books past the program, of a sequence of this number."""
    person, other = rng.choice(["ann", "bea", "cem"]), rng.choice(["ann", "bea", "cem", "Ann", " bea", ""])
    attempt, seal = rng.randint(1, 3), Sealed(key_id="q1", content=b"x")
    reject = rng.choice([f"{number} r1", f"{number} r2", "gone"])
    night = rng.choice([NEXT, THIRD])
    release = Release(
        reject_id=reject, attempt=attempt, repaired_by=person, replayed_by=other, business_date=night, name=f"n{number}"
    )
    file = ReplayFile(business_date=night, name=f"n{number}", sha256="0", content=b"")
    outcome = Outcome(
        reject_id=reject, attempt=attempt, business_date=night, outcome=rng.choice(["applied", "refused", "x"])
    )
    edits = [
        "UPDATE quarantine_repair SET person = 'zoe'",
        "UPDATE quarantine_replay SET replayed_by = 'zoe'",
        "DELETE FROM quarantine_outcome",
        "DELETE FROM quarantine_replay",
        "INSERT OR REPLACE INTO quarantine_repair SELECT reject_id, 1, 'zoe', 'q1', sealed FROM quarantine_repair",
        "UPDATE quarantine_reject SET record = 9",
    ]

    def edit(engine: sa.Engine) -> None:
        with engine.begin() as connection:
            connection.execute(sa.text(rng.choice(edits)))

    def add(engine: sa.Engine) -> None:
        with engine.begin() as connection:
            sql.add_night(connection, [], [outcome])

    steps: list[Callable[[sa.Engine], None]] = [
        lambda engine: sql.add_repair(engine, Repair(reject_id=reject, attempt=attempt, person=other, sealed=seal)),
        lambda engine: sql.add_replay(engine, file, [release]),
        add,
        edit,
    ]
    return rng.choice(steps)


def test_no_sequence_of_writes_to_the_books_passes_four_eyes(
    tmp_path: Path, on_each_database: Callable[[], None]
) -> None:
    rng = random.Random(17)
    engine = books.connect(Home(root=tmp_path))
    seen: list[tuple[object, ...]] = []
    for number in range(20):
        with engine.begin() as connection:
            sql.add_night(connection, [_made_reject(f"{number} r{n}", 2 * number + n) for n in (1, 2)], [])
        for _ in range(40):
            try:
                _attacks(rng, number)(engine)
            except (TerminalError, sa.exc.DatabaseError):
                continue
            seen = _only_added(engine, seen)
    cases = sql.cases(engine)
    assert len(cases) == 40
    for case in cases:
        repairers = {(repair.attempt, repair.person) for repair in case.repairs}
        for release in case.releases:
            assert (release.attempt, release.repaired_by) in repairers
            assert release.replayed_by not in {release.repaired_by, ""}
            assert release.replayed_by == release.replayed_by.strip().lower()
        assert sum(outcome.outcome == "applied" for outcome in case.outcomes) <= 1
        assert {(o.attempt, o.business_date) for o in case.outcomes} <= {
            (r.attempt, r.business_date) for r in case.releases
        }


def _only_added(engine: sa.Engine, before: list[tuple[object, ...]]) -> list[tuple[object, ...]]:
    now = _rows(engine)
    assert set(before) <= set(now), "a row was changed or removed"
    return now


def _rows(engine: sa.Engine) -> list[tuple[object, ...]]:
    with engine.connect() as connection:
        return [
            (table.name, *row)
            for table in (sql.REJECT, sql.REPAIR, sql.REPLAY_FILE, sql.REPLAY, sql.OUTCOME)
            for row in connection.execute(sa.select(table))
        ]


def _made_reject(reject_id: str, record: int) -> sql.Reject:
    return sql.Reject(
        reject_id=reject_id, business_date=NIGHT, file=FILE, record=record, original_file=FILE, original_sha256="0",
        layout="x", byte_offset=None, byte_length=None, reason="BAD_DATE", field="DE12", preview="", sealed=None,
    )  # fmt: skip


def test_the_database_itself_refuses_the_one_who_repaired(home: Home) -> None:
    reject_id = _repaired(home, "alice")
    _repaired(home, "bob")
    file = ReplayFile(business_date=NEXT, name="n", sha256="0", content=b"")
    for repaired_by, replayed_by in (
        ("bob", "bob"),
        ("bob", "alice"),
        ("alice", "bob"),
        ("zoe", "carol"),
        ("bob", "Bob"),
    ):
        release = Release(
            reject_id=reject_id,
            attempt=2,
            repaired_by=repaired_by,
            replayed_by=replayed_by,
            business_date=NEXT,
            name="n",
        )
        with pytest.raises(TerminalError, match="The books refuse this replay"):
            sql.add_replay(books.connect(home), file, [release])
    with pytest.raises(TerminalError, match="never changed"), books.transaction(books.connect(home)) as connection:
        connection.execute(sa.text("UPDATE quarantine_repair SET person = 'zoe' WHERE attempt = 2"))


def test_records_of_one_file_go_into_one_replay(tmp_path: Path) -> None:
    create_home(tmp_path / "home", None)
    home = store.open_home(tmp_path / "home")
    rows = [presentment(n, 100 * n, DE12=BAD if n % 2 else GOOD) for n in range(1, 7)]
    _deliver(home, NIGHT, NAME, ipm_bytes(ipm_file(rows)))
    _settle(home, NIGHT)
    settle_in_name(home, NIGHT)
    engine, ids = books.connect(home), [case.reject.reject_id for case in _rejects(home)]
    for reject_id in ids:
        quarantine.repair(home, engine, reject_id, "alice", _mended)
    assert len(quarantine.release(home, engine, ids, "bob", NEXT)) == 1
    _settle(home, NEXT)
    clearing = store.read_table(home, "clearing", NEXT)
    assert clearing.select("record", "amount_minor").rows() == [(2, 100), (4, 300), (6, 500)]
    both = pl.concat([store.read_table(home, "clearing", night)["amount_minor"] for night in (NIGHT, NEXT)])
    assert sorted(both) == [100, 200, 300, 400, 500, 600]


def test_the_commands_from_reject_to_record(home: Home) -> None:
    def said(*words: str) -> str:
        done = CliRunner().invoke(app, [*words, "--home", str(home.root)])
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert card_number(2) not in done.output
        return done.output

    reject_id = _rejects(home)[0].reject.reject_id
    assert reject_id in said("list", "--state", "open")
    assert "BAD_DATE in DE12: 10-13-99T140851" in said("show", reject_id)
    with pytest.raises(TerminalError, match="stands 0 times"):
        said("repair", reject_id, "--by", "alice", "--find", "20101399", "--put", "x")
    with pytest.raises(TerminalError, match="either --find TEXT --put TEXT, or --with FILE"):
        said("repair", reject_id, "--by", "alice", "--find", BAD)
    assert "repaired by alice" in said("repair", reject_id, "--by", "Alice", "--find", "101399", "--put", "101228")
    with pytest.raises(TerminalError, match="another person"):
        said("replay", reject_id, "--by", "alice", "--business-date", str(NEXT))
    assert f"goes into the night {NEXT}" in said("replay", reject_id, "--by", "bob", "--business-date", str(NEXT))
    assert "repair 1 by bob into 2010-12-30" in said("show", reject_id)
    assert said("list", "--state", "open").endswith("0 rejects.\n")
    with pytest.raises(TerminalError, match="no reject 'zzz'"):
        said("show", "zzz")
