"""The door to storage: originals, units, publishing, history, and what it refuses."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest

from settlement import originals, store
from settlement.errors import RetryableError, TerminalError
from settlement.model.journal import Entry, Posting
from settlement.model.stage import Part, StageOutput
from settlement.model.tables import TABLES
from settlement.store import Home

NIGHT, NEXT = date(2010, 12, 29), date(2010, 12, 30)
STORES = TABLES["store"]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    (tmp_path / "config").mkdir()
    (tmp_path / "inbox" / str(NIGHT)).mkdir(parents=True)
    return store.open_home(tmp_path)


def stores(*records: int, file: str = "f") -> pl.DataFrame:
    rows = [{"file": file, "record": n, "merchant_number": "m", "store_id": "s", "name": "n"} for n in records]
    return pl.DataFrame(rows, schema=STORES.schema)


def output(
    frame: pl.DataFrame | None = None, files: Mapping[str, bytes] | None = None, entries: tuple[Entry, ...] = ()
) -> StageOutput:
    return StageOutput(tables={} if frame is None else {"store": frame}, files=files or {}, entries=entries)


def publish(home: Home, units: Mapping[str, StageOutput], night: date = NIGHT, files: str | None = "out") -> str:
    for unit, made in units.items():
        store.save_unit(home, night, "check", unit, made)
    return store.publish(home, night, "check", writes=("store",), files=files, units=tuple(units)).digest


def deliver(home: Home, name: str | bytes, content: bytes = b"content") -> Path:
    path = Path(os.fsdecode(os.fsencode(home.inbox / str(NIGHT)) + b"/" + os.fsencode(name)))
    path.write_bytes(content)
    return path


def test_a_folder_without_configuration_is_no_home(tmp_path: Path) -> None:
    with pytest.raises(TerminalError, match="settle init"):
        store.open_home(tmp_path)


def test_documents_are_read_by_path_and_must_be_text(home: Home) -> None:
    (home.config / "b").mkdir()
    (home.config / "b" / "2.toml").write_text("two = 'ä'", encoding="utf-8")
    (home.config / "1.toml").write_text("one", encoding="utf-8")
    (home.config / "note.txt").write_text("not read")
    assert store.read_documents(home) == {"1.toml": "one", "b/2.toml": "two = 'ä'"}
    (home.config / "bad.toml").write_bytes(b"ab\xff")
    with pytest.raises(TerminalError, match=r"config/bad.toml is not UTF-8 text \(byte 2\)"):
        store.read_documents(home)


def test_deliveries_are_folders_named_by_their_date_in_one_way_only(home: Home) -> None:
    for name in ("2011-01-02", "20101231", "2010-W52-5", "notes", "2010-13-01"):
        (home.inbox / name).mkdir()
    (home.inbox / "2010-12-28").write_text("a file")
    assert originals.delivery_dates(home) == [NIGHT, date(2011, 1, 2)]


def test_landing_keeps_each_content_once_under_its_digest(home: Home) -> None:
    deliver(home, "b.csv")
    deliver(home, "a.csv")
    deliver(home, "empty.csv", b"")
    landed = originals.land_originals(home, NIGHT)
    assert [(d.file, d.name, d.size_bytes, d.regular) for d in landed] == [
        (f"{NIGHT}/a.csv", "a.csv", 7, True),
        (f"{NIGHT}/b.csv", "b.csv", 7, True),
        (f"{NIGHT}/empty.csv", "empty.csv", 0, True),
    ]
    assert landed[0].sha256 == landed[1].sha256 == hashlib.sha256(b"content").hexdigest()
    assert sorted(p.name for p in home.originals.rglob("*") if p.is_file()) == sorted(
        {delivery.sha256 for delivery in landed}
    )
    assert originals.land_originals(home, NIGHT) == landed


def test_links_and_folders_are_seen_and_not_followed(home: Home, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("outside")
    inbox = home.inbox / str(NIGHT)
    (inbox / "link.csv").symlink_to(tmp_path / "secret")
    (inbox / "folder").mkdir()
    assert [(d.name, d.regular, d.size_bytes) for d in originals.land_originals(home, NIGHT)] == [
        ("folder", False, 0),
        ("link.csv", False, 0),
    ]
    assert not list(home.originals.rglob("??/*"))


def test_two_names_that_are_no_text_stay_two_files(home: Home) -> None:
    deliver(home, b"a\xff.csv")
    deliver(home, b"a\xfe.csv")
    assert [d.name for d in originals.land_originals(home, NIGHT)] == [r"a\xfe.csv", r"a\xff.csv"]


def test_a_night_without_files_says_where_to_deliver_them(home: Home) -> None:
    with pytest.raises(TerminalError, match="is empty"):
        originals.land_originals(home, NIGHT)
    with pytest.raises(TerminalError, match="does not exist"):
        originals.land_originals(home, NEXT)


def test_an_original_is_read_back_and_refused_when_it_is_gone_or_changed(home: Home) -> None:
    deliver(home, "a.csv")
    deliver(home, "b.csv", b"")
    full, empty = originals.land_originals(home, NIGHT)
    assert bytes(originals.read_original(home, full.sha256)) == b"content"
    assert bytes(originals.read_original(home, empty.sha256)) == b""
    path = home.originals / full.sha256[:2] / full.sha256
    path.chmod(0o640)
    for changed in (b"cOntent", b"conten", b""):
        path.write_bytes(changed)
        with pytest.raises(TerminalError, match="was changed: restore it"):
            originals.read_original(home, full.sha256)
    path.unlink()
    with pytest.raises(TerminalError, match="is missing"):
        originals.read_original(home, full.sha256)


def test_what_was_made_of_a_changed_original_does_not_hold(home: Home) -> None:
    deliver(home, "a.csv")
    deliver(home, "b.csv", b"other")
    one, other = originals.land_originals(home, NIGHT)
    with originals.reading_originals(home) as opened:
        assert [bytes(opened(delivery.sha256)) for delivery in (one, other)] == [b"content", b"other"]
    path = home.originals / other.sha256[:2] / other.sha256
    path.chmod(0o640)
    path.write_bytes(b"otheR")
    made = []
    with pytest.raises(TerminalError, match="was changed: restore it"), originals.reading_originals(home) as opened:
        made = [bytes(opened(delivery.sha256)) for delivery in (one, other)]
    assert made == [b"content", b"otheR"]
    with pytest.raises(TerminalError, match="was changed: restore it"), originals.reading_originals(home) as opened:
        int(bytes(opened(other.sha256)))  # a reader may fail on what was changed


def test_an_original_that_nobody_has_touched_since_it_was_read_is_not_digested_again(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(home, "a.csv")
    (one,) = originals.land_originals(home, NIGHT)
    path = home.originals / one.sha256[:2] / one.sha256
    digested: list[bytes] = []

    def sha256(content: memoryview) -> object:
        digested.append(bytes(content))
        return hashlib.sha256(content)

    monkeypatch.setattr("settlement.originals.hashlib", SimpleNamespace(sha256=sha256))
    after = path.stat().st_ctime_ns + 1
    with originals.reading_originals(home, after) as opened:
        assert bytes(opened(one.sha256)) == b"content"
    assert not digested
    path.chmod(0o640)
    path.write_bytes(b"cOntent")
    os.utime(path, ns=(0, 0))
    touched = path.stat().st_ctime_ns
    with pytest.raises(TerminalError, match="was changed"), originals.reading_originals(home, touched) as opened:
        opened(one.sha256)
    assert digested == [b"cOntent"]


def test_a_published_table_is_read_back_and_becomes_history(home: Home) -> None:
    publish(home, {"u2": output(stores(2)), "u1": output(stores(1))})
    publish(home, {"u1": output(stores(3))}, night=NEXT)
    assert sorted(store.read_table(home, "store", NIGHT)["record"]) == [1, 2]
    assert store.scan_table(home, "store", NIGHT).collect().equals(store.read_table(home, "store", NIGHT))
    after = store.scan_history(home, "store", date(2010, 12, 31)).sort("record").collect()
    assert after.select("record", "business_date").rows() == [(1, NIGHT), (2, NIGHT), (3, NEXT)]
    assert store.scan_history(home, "store", NEXT).collect()["business_date"].unique().to_list() == [NIGHT]


def test_a_night_that_is_not_asked_for_is_not_opened(home: Home) -> None:
    publish(home, {"u1": output(stores(1))})
    publish(home, {"u1": output(stores(2))}, night=NEXT)
    for part in home.partition("store", NIGHT).glob("part-*.parquet"):
        part.unlink()
        part.write_bytes(b"no Parquet")
    history = store.scan_history(home, "store", date(2010, 12, 31))
    nights = pl.Series([NEXT])
    assert history.filter(pl.col("business_date").is_in(nights.implode())).collect()["record"].to_list() == [2]
    with pytest.raises(pl.exceptions.PolarsError):
        history.collect()


def test_a_table_that_no_night_wrote_is_empty_and_has_its_columns(home: Home) -> None:
    assert store.read_table(home, "store", NIGHT).equals(STORES.empty())
    assert store.scan_table(home, "store", NIGHT).collect().equals(STORES.empty())
    history = store.scan_history(home, "store", NIGHT).collect()
    assert history.schema == {**STORES.schema, "business_date": pl.Date()}
    publish(home, {"all": output()})
    assert store.read_table(home, "store", NIGHT).schema == STORES.schema


def test_a_column_that_came_later_is_empty_in_the_nights_before_it(home: Home) -> None:
    publish(home, {"u1": output(stores(1))})
    publish(home, {"u1": output(stores(2))}, night=NEXT)
    for part in home.partition("store", NIGHT).glob("part-*.parquet"):
        older = pl.read_parquet(part).drop("name")
        part.unlink()
        older.write_parquet(part)
    history = store.scan_history(home, "store", date(2010, 12, 31)).collect()
    assert history.schema == {**STORES.schema, "business_date": pl.Date()}
    assert history.select("record", "name", "business_date").rows() == [(1, None, NIGHT), (2, "n", NEXT)]
    past = store.read_table(home, "store", NIGHT)
    assert past.schema == STORES.schema
    assert past.select("record", "name").rows() == [(1, None)]
    assert store.scan_table(home, "store", NIGHT).collect().equals(past)


def test_the_digest_does_not_depend_on_the_order_of_units_and_sees_content(home: Home) -> None:
    units = {"u1": output(stores(1), {"p": b"1"}), "u2": output(stores(2), {"q": b"2"})}
    base = publish(home, units)
    assert publish(home, dict(reversed(units.items())), night=NEXT) == base
    changed = {**units, "u2": output(stores(2), {"q": b"3"})}
    assert publish(home, changed, night=date(2010, 12, 31)) != base
    changed = {**units, "u2": output(stores(4), {"q": b"2"})}
    assert publish(home, changed, night=date(2011, 1, 1)) != base


def test_publishing_replaces_what_a_run_that_died_left_in_place(home: Home) -> None:
    left = home.partition("store", NIGHT)
    left.mkdir(parents=True)
    stores(99).write_parquet(left / "part-00009.parquet")
    (home.published("out", NIGHT) / "old").mkdir(parents=True)
    publish(home, {"u1": output(stores(1), {"a/b": b"1"})})
    assert store.read_table(home, "store", NIGHT)["record"].to_list() == [1]
    assert [p.name for p in home.published("out", NIGHT).rglob("*")] == ["a", "b"]


def test_publishing_again_from_the_same_units_gives_the_same(home: Home) -> None:
    units = {"u1": output(stores(1), {"p": b"1"})}
    assert publish(home, units) == publish(home, units)


def test_two_units_that_make_one_file_are_refused(home: Home) -> None:
    with pytest.raises(TerminalError, match="make the same file a/p"):
        publish(home, {"u1": output(files={"a/p": b"1"}), "u2": output(files={"a/p": b"2"})})


def test_a_unit_is_kept_once_whatever_its_name(home: Home) -> None:
    unit = "../../etc/passwd"
    assert not store.unit_saved(home, NIGHT, "check", unit)
    store.save_unit(home, NIGHT, "check", unit, output(stores(1)))
    store.save_unit(home, NIGHT, "check", unit, output(stores(2)))
    assert store.unit_saved(home, NIGHT, "check", unit)
    publish(home, {unit: output(stores(3))})
    assert store.read_table(home, "store", NIGHT)["record"].to_list() == [1]
    assert {p.name for p in home.root.iterdir()} <= {"config", "inbox", "work", "tables", "out"}
    store.drop_work(home, NIGHT, "check")
    assert not store.unit_saved(home, NIGHT, "check", unit)


def in_parts(*parts: Part) -> StageOutput:
    return StageOutput(tables={}, parts={"store": parts})


def test_a_part_that_a_stage_gives_back_is_published_without_being_written_once_more(home: Home) -> None:
    publish(home, {"u1": output(stores(1, 2)), "u2": output(stores(1, file="g"))})
    first, second = store.table_parts(home, "store", NIGHT)
    made = Part(rows=stores(7, file="fa").lazy())
    publish(home, {"all": in_parts(first, made, second)}, NEXT)
    expected = pl.concat([stores(1, 2), stores(7, file="fa"), stores(1, file="g")])
    assert store.read_table(home, "store", NEXT).equals(expected)
    before, after = (sorted(home.partition("store", night).iterdir()) for night in (NIGHT, NEXT))
    assert [part.stat().st_ino for part in before] == [after[0].stat().st_ino, after[2].stat().st_ino]


def test_a_part_without_a_column_of_today_is_written_anew(home: Home) -> None:
    publish(home, {"u": output(stores(1))})
    (lies,) = home.partition("store", NIGHT).glob("part-*.parquet")
    stores(1).drop("name").write_parquet(lies)
    (part,) = store.table_parts(home, "store", NIGHT)
    assert part.stored is None
    with pytest.raises(TerminalError, match="has other columns"):
        store.save_unit(home, NEXT, "check", "u", in_parts(Part(rows=part.rows, stored=lies)))
    publish(home, {"u": in_parts(Part(rows=part.rows.with_columns(name=pl.lit("n"))))}, NEXT)
    assert store.read_table(home, "store", NEXT).equals(stores(1))


@pytest.mark.parametrize(
    "frames",
    [
        (stores(2), stores(1)),
        (stores(1), stores(1)),
        (stores(2, 1),),
        (stores(1, file="g"), stores(2, file="f")),
    ],
)
def test_parts_out_of_the_order_of_their_key_are_refused(
    home: Home, tmp_path: Path, frames: tuple[pl.DataFrame, ...]
) -> None:
    for index, frame in enumerate(frames):
        frame.write_parquet(tmp_path / f"{index}.parquet")
    lie = [tmp_path / f"{index}.parquet" for index in range(len(frames))]
    for stored in ([None] * len(frames), lie):
        parts = [Part(rows=frame.lazy(), stored=place) for frame, place in zip(frames, stored, strict=True)]
        with pytest.raises(TerminalError, match="do not ascend"):
            store.save_unit(home, NIGHT, "check", "u", in_parts(*parts))
    assert not store.unit_saved(home, NIGHT, "check", "u")


@pytest.mark.parametrize(
    ("keys", "ascends"),
    [
        ([], True),
        ([("f", 1)], True),
        ([("f", 1), ("f", 2), ("f", 9)], True),
        ([("f", 9), ("g", 1)], True),
        ([("f", 1), ("g", 1)], True),
        ([("f", 1), ("f", 1)], False),
        ([("f", 2), ("f", 1)], False),
        ([("g", 1), ("f", 2)], False),
        ([("f", 1), ("g", 2), ("g", 2)], False),
        ([(None, 1), ("f", 2)], False),
    ],
)
def test_a_key_ascends(keys: list[tuple[str | None, int]], ascends: bool) -> None:
    rows = pl.DataFrame(keys, schema={"file": pl.String, "record": pl.Int64}, orient="row")
    assert STORES.ascends(rows) is ascends


def test_units_kept_for_other_inputs_are_dropped(home: Home) -> None:
    store.begin_stage(home, NIGHT, "check", "one")
    store.save_unit(home, NIGHT, "check", "u", output(stores(1)))
    store.begin_stage(home, NIGHT, "check", "one")
    assert store.unit_saved(home, NIGHT, "check", "u")
    store.begin_stage(home, NIGHT, "check", "two")
    assert not store.unit_saved(home, NIGHT, "check", "u")


@pytest.mark.parametrize("path", ["../escape", "/etc/escape", "a/../../escape"])
def test_a_file_that_would_leave_its_folder_is_refused(home: Home, path: str) -> None:
    with pytest.raises(TerminalError, match="outside its folder"):
        store.save_unit(home, NIGHT, "pay", "u", output(files={path: b""}))
    assert not store.unit_saved(home, NIGHT, "pay", "u")


def test_entries_come_back_as_they_were(home: Home) -> None:
    postings = (
        Posting(account="a", currency="USD", amount_minor=2**60),
        Posting(account="b", currency="USD", amount_minor=-(2**60)),
    )
    entry = Entry(key="k", business_date=NIGHT, kind="close", text="ein Wort: ä", postings=postings)
    store.save_unit(home, NIGHT, "post", "all", output(entries=(entry,)))
    assert store.publish(home, NIGHT, "post", writes=(), files=None, units=("all",)).entries == [entry]


@pytest.mark.parametrize(
    ("frame", "sentence"),
    [
        (stores(1, 1), "its key .* is not unique"),
        (stores(1).with_columns(name=pl.lit(None, pl.String)), r"empty values in \['name'\]"),
        (stores(1).with_columns(pl.col("record").cast(pl.Int32)), r"wrong columns \{'record': 'Int32'\}"),
        (stores(1).drop("name"), r"missing \['name'\]"),
        (stores(1).with_columns(more=pl.lit(1)), "wrong columns {'more'"),
    ],
)
def test_a_frame_that_is_not_its_table_is_refused(frame: pl.DataFrame, sentence: str) -> None:
    with pytest.raises(TerminalError, match=f"Table store: .*{sentence}"):
        store.checked(STORES, frame)


def test_a_checked_frame_is_in_the_tables_column_order() -> None:
    turned = stores(1, 2).select(reversed(STORES.schema.names()))
    assert store.checked(STORES, turned).equals(stores(1, 2))
    assert store.checked(STORES, STORES.empty()).height == 0


def test_a_second_commit_waits_for_the_first(home: Home) -> None:
    order: list[str] = []
    entered = threading.Event()

    def second() -> None:
        entered.set()
        with store.locked(home):
            order.append("second")

    with store.locked(home):
        waiting = threading.Thread(target=second)
        waiting.start()
        entered.wait(10)
        order.append("first")
    waiting.join(10)
    assert order == ["first", "second"]


def test_a_table_that_a_full_disk_refuses_is_worth_another_run() -> None:
    with pytest.raises(RetryableError, match="/dev/full could not be written"):
        store._write_part(stores(*range(100_000)), Path("/dev/full"))
