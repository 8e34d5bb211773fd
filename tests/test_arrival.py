"""Arrival through a home: the same file in every wrapping, what is refused and why, transfers that have not ended."""

from __future__ import annotations

import gzip
import io
import shutil
import zipfile
from datetime import date
from pathlib import Path

import polars as pl
import pysequoia
import pytest
from lean_nights import keep_one_contract, settle_in_name
from made_clearing import FILE_ID, ipm_bytes, ipm_file, presentment

from settlement import originals, reperform, runner, store
from settlement.errors import RetryableError, TerminalError
from settlement.home import create_home
from settlement.store import Home

NIGHT, NEXT = date(2010, 12, 29), date(2010, 12, 30)
NAME = "MC_T112_20101229_01.ipm"
CONTENT = ipm_bytes(ipm_file([presentment(1, 100), presentment(2, 250)]))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    create_home(tmp_path / "home", None)
    home = store.open_home(tmp_path / "home")
    keep_one_contract(home)
    return home


def _deliver(home: Home, night: date, files: dict[str, bytes]) -> None:
    folder = home.inbox / str(night)
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)


def _declare(home: Home, text: str) -> None:
    programme = home.config / "programme.toml"
    programme.write_text(programme.read_text(encoding="utf-8") + "\n" + text, encoding="utf-8")


def _check(home: Home, night: date) -> dict[str, tuple[str, str | None]]:
    runner.run_night(home, night, until="check")
    rows = store.read_table(home, "file", night).iter_rows(named=True)
    return {row["file"].split("/", 1)[1]: (row["fate"], row["why"]) for row in rows}


def _zipped(content: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../../any/name.at.all", content)
    return target.getvalue()


@pytest.fixture
def ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pysequoia.Tsk:
    key = pysequoia.Tsk.generate("us")
    (tmp_path / "openpgp_key").write_text(str(key))
    monkeypatch.setenv("SETTLEMENT_OPENPGP_KEY_FILE", str(tmp_path / "openpgp_key"))
    return key


def test_every_wrapping_gives_the_same_rows(home: Home, ours: pysequoia.Tsk) -> None:
    to = [ours.extract_certificate()]
    wrapped = {
        NAME: CONTENT,
        f"{NAME}.gz": gzip.compress(CONTENT),
        f"{NAME}.zip": _zipped(CONTENT),
        f"{NAME}.pgp": pysequoia.encrypt(CONTENT, recipients=to, armor=False),
        f"{NAME}.gz.asc": pysequoia.encrypt(gzip.compress(CONTENT), recipients=to),
    }
    seen = []
    for number, (name, content) in enumerate(wrapped.items(), start=1):
        root = home.root.with_name(f"home{number}")
        create_home(root, None)
        other = store.open_home(root)
        _deliver(other, NIGHT, {name: content})
        assert _check(other, NIGHT) == {name: ("accepted", None)}
        row = store.read_table(other, "file", NIGHT).row(0, named=True)
        assert originals.read_original(other, row["sha256"]) == content, "the original is kept as it was delivered"
        assert not any(CONTENT in path.read_bytes() for path in root.rglob("*") if path.is_file() and name != NAME)
        seen.append(store.read_table(other, "clearing", NIGHT).drop("file"))
        assert row["content_bytes"] == len(CONTENT)
    assert all(frame.equals(seen[0]) for frame in seen)
    assert seen[0].height == 2


def test_the_same_file_in_other_wrappings_is_a_repeat(home: Home, ours: pysequoia.Tsk) -> None:
    _deliver(home, NIGHT, {NAME: CONTENT})
    _check(home, NIGHT)
    encrypted = pysequoia.encrypt(CONTENT, recipients=[ours.extract_certificate()], armor=False)
    _deliver(home, NEXT, {f"{NAME}.gz": gzip.compress(CONTENT), f"{NAME}.pgp": encrypted})
    settle_in_name(home, NIGHT)
    assert set(_check(home, NEXT).values()) == {("duplicate", "IDENTICAL_RESEND")}
    assert store.read_table(home, "clearing", NEXT).is_empty()


def test_refused_files_stay_out_whole_with_one_sentence(home: Home, ours: pysequoia.Tsk) -> None:
    sender, stranger = pysequoia.Tsk.generate("sender"), pysequoia.Tsk.generate("stranger")
    certificate = str(sender.extract_certificate())
    _declare(
        home,
        "[[arrival.feed]]\nfeed = 'mastercard_clearing'\nsigned = true\nencrypted = true\n"
        f"certificates = ['''{certificate}''']\n[limits]\nmost_ratio = 20\n",
    )
    to = [ours.extract_certificate()]
    bomb = gzip.compress(bytes(16 * 2**20))
    names = {n: f"MC_T112_20101229_{n:02d}.ipm" for n in range(1, 8)}
    _deliver(
        home,
        NIGHT,
        {
            names[1]: CONTENT,
            f"{names[2]}.pgp": pysequoia.encrypt(CONTENT, recipients=to),
            f"{names[3]}.pgp": pysequoia.encrypt(CONTENT, recipients=to, signer=stranger.signer()),
            f"{names[4]}.pgp": pysequoia.sign(sender.signer(), CONTENT),
            f"{names[5]}.pgp": pysequoia.encrypt(CONTENT, recipients=to, signer=sender.signer())[:-60],
            f"{names[6]}.gz.pgp": pysequoia.encrypt(bomb, recipients=to, signer=sender.signer()),
            f"{names[7]}.pgp": pysequoia.encrypt(CONTENT, recipients=to, signer=sender.signer()),
        },
    )
    assert _check(home, NIGHT) == {
        names[1]: ("rejected", "NOT_SIGNED"),
        f"{names[2]}.pgp": ("rejected", "NOT_SIGNED"),
        f"{names[3]}.pgp": ("rejected", "NOT_SIGNED"),
        f"{names[4]}.pgp": ("rejected", "NOT_ENCRYPTED"),
        f"{names[5]}.pgp": ("rejected", "NOT_DECRYPTED"),
        f"{names[6]}.gz.pgp": ("rejected", "TOO_LARGE"),
        f"{names[7]}.pgp": ("accepted", None),
    }
    clearing = store.read_table(home, "clearing", NIGHT)
    assert set(clearing["file"]) == {f"{NIGHT}/{names[7]}.pgp"}
    finding = store.read_table(home, "finding", NIGHT).filter(pl.col("check") == "file_rejected")
    assert finding.height == 6
    assert all(text.endswith(".") and text.count(". ") == 0 for text in finding["text"])


def test_a_night_waits_for_a_transfer_or_leaves_it_out(home: Home) -> None:
    _deliver(home, NIGHT, {NAME: CONTENT, "MC_T112_20101229_02.ipm.filepart": CONTENT[:50], "notes.tmp": b"x"})
    with pytest.raises(RetryableError, match=r"MC_T112_20101229_02.ipm.filepart has not ended"):
        _check(home, NIGHT)
    _declare(home, "[arrival]\nunfinished = 'leave_out'\n")
    assert _check(home, NIGHT) == {
        NAME: ("accepted", None),
        "MC_T112_20101229_02.ipm.filepart": ("rejected", "INCOMPLETE"),
        "notes.tmp": ("no_layout", "NO_LAYOUT_YET"),
    }


@pytest.mark.parametrize("name", [f"{NAME}.part", f"{NAME}.tmp", f".{NAME}.Xa3bQ9", f".{NAME}", f"{NAME}.gz.part"])
def test_names_of_transfers_that_have_not_ended(home: Home, name: str) -> None:
    _deliver(home, NIGHT, {name: CONTENT})
    with pytest.raises(RetryableError, match="has not ended"):
        _check(home, NIGHT)


def test_a_file_counts_once_its_marker_stands_beside_it(home: Home) -> None:
    _declare(home, "[[arrival.feed]]\nfeed = 'mastercard_clearing'\nmarker = '{name}.done'\n")
    _deliver(home, NIGHT, {NAME: CONTENT, "other.done": b""})
    with pytest.raises(RetryableError, match=f"{NAME} has not ended"):
        _check(home, NIGHT)
    _deliver(home, NIGHT, {f"{NAME}.done": b""})
    assert _check(home, NIGHT) == {
        NAME: ("accepted", None),
        f"{NAME}.done": ("marker", None),
        "other.done": ("no_layout", "NO_LAYOUT_YET"),
    }


def test_a_file_that_grows_between_two_looks_is_not_taken(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    _deliver(home, NIGHT, {NAME: CONTENT[:1000]})
    keep = originals._keep_original

    def while_it_grows(place: Home, source: Path) -> tuple[str, int]:
        kept = keep(place, source)
        with source.open("ab") as writer:
            writer.write(CONTENT[1000:])
        return kept

    monkeypatch.setattr(originals, "_keep_original", while_it_grows)
    with pytest.raises(RetryableError, match="has not ended"):
        _check(home, NIGHT)
    monkeypatch.setattr(originals, "_keep_original", keep)
    assert _check(home, NIGHT) == {NAME: ("accepted", None)}


def test_a_packed_night_re_performs(home: Home, ours: pysequoia.Tsk) -> None:
    content = pysequoia.encrypt(gzip.compress(CONTENT), recipients=[ours.extract_certificate()])
    _deliver(home, NIGHT, {f"{NAME}.gz.pgp": content})
    runner.run_night(home, NIGHT, until="pay")
    shutil.rmtree(home.inbox / str(NIGHT))
    result = reperform.verify_night(home, NIGHT)
    assert (result.differing, result.performed) == ((), result.standing)


def test_too_many_rejects_keep_a_file_out(home: Home) -> None:
    bad = ipm_bytes(
        ipm_file([presentment(n, 100, DE12="101399140851" if n < 3 else "101228140851") for n in range(1, 7)])
    )
    _declare(home, "[[arrival.feed]]\nfeed = 'mastercard_clearing'\nmost_rejects_ppm = 333_333\n")
    _deliver(home, NIGHT, {NAME: bad})
    assert _check(home, NIGHT) == {NAME: ("rejected", "TOO_MANY_REJECTS")}
    (text,) = store.read_table(home, "file", NIGHT)["detail"]
    assert text.startswith("2 of 6 rows could not be used, more than the 333333 in a million")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[limits]\nmost_ratio = 0\n", "limits.most_ratio"),
        ("[arrival]\nunfinished = 'sometimes'\n", "arrival.unfinished"),
        ("[[arrival.feed]]\nfeed = 'x'\nsigned = true\n", "`signed` needs the `certificates`"),
        ("[[arrival.feed]]\nfeed = 'x'\nmarker = '../{name}'\n", "arrival.feed.0.marker"),
        ("[[arrival.feed]]\nfeed = 'x'\n[[arrival.feed]]\nfeed = 'x'\n", "names 'x' twice"),
    ],
)
def test_a_mistake_in_the_programme_is_one_sentence(home: Home, text: str, complaint: str) -> None:
    _declare(home, text)
    _deliver(home, NIGHT, {NAME: CONTENT})
    with pytest.raises(TerminalError, match=complaint):
        _check(home, NIGHT)


def _sign(key: pysequoia.Tsk, content: bytes, *, armor: bool = False) -> bytes:
    return pysequoia.sign(key.signer(), content, mode=pysequoia.SignatureMode.DETACHED, armor=armor)


@pytest.fixture
def sender(home: Home) -> pysequoia.Tsk:
    """Who signs the feed's files, as the programme declares it."""
    key = pysequoia.Tsk.generate("sender")
    certificate = str(key.extract_certificate())
    _declare(
        home, f"[[arrival.feed]]\nfeed = 'mastercard_clearing'\nsigned = true\ncertificates = ['''{certificate}''']\n"
    )
    return key


def _file(number: int) -> tuple[str, bytes]:
    """A clearing file of its own."""
    own = f"{FILE_ID[:-5]}{number:05d}"
    messages = ipm_file([presentment(1, 100 + number)])
    content = ipm_bytes([message.replace(FILE_ID.encode("cp500"), own.encode("cp500")) for message in messages])
    return f"MC_T112_20101229_{number:02d}.ipm", content


def test_a_file_and_its_signature_come_as_a_pair(home: Home, sender: pysequoia.Tsk) -> None:
    (a, first), (b, second), (c, third) = _file(1), _file(2), _file(3)
    packed = gzip.compress(second)
    _deliver(
        home,
        NIGHT,
        {
            a: first,
            f"{a}.sig": _sign(sender, first),
            f"{b}.gz": packed,
            f"{b}.gz.asc": _sign(sender, packed, armor=True),
            c: third,
            f"{c}.sig": _sign(sender, first),
        },
    )
    assert _check(home, NIGHT) == {
        a: ("accepted", None),
        f"{a}.sig": ("signature", None),
        f"{b}.gz": ("accepted", None),
        f"{b}.gz.asc": ("signature", None),
        c: ("rejected", "NOT_SIGNED"),
        f"{c}.sig": ("signature", None),
    }
    (detail,) = store.read_table(home, "file", NIGHT).filter(pl.col("why") == "NOT_SIGNED")["detail"]
    assert detail.startswith("The file is not what its signature was made for")
    assert set(store.read_table(home, "clearing", NIGHT)["file"]) == {f"{NIGHT}/{a}", f"{NIGHT}/{b}.gz"}


@pytest.mark.parametrize("file_first", [True, False])
def test_the_half_of_a_pair_waits_for_the_other(home: Home, sender: pysequoia.Tsk, file_first: bool) -> None:
    halves = {NAME: CONTENT}, {f"{NAME}.sig": _sign(sender, CONTENT)}
    other_name, other = _file(2)
    _deliver(home, NIGHT, {**halves[not file_first], other_name: other, f"{other_name}.sig": _sign(sender, other)})
    waits = (
        (NAME, ("rejected", "WAITS_FOR_SIGNATURE")) if file_first else (f"{NAME}.sig", ("signature", "WAITS_FOR_FILE"))
    )
    fates = {other_name: ("accepted", None), f"{other_name}.sig": ("signature", None)}
    assert _check(home, NIGHT) == {**fates, waits[0]: waits[1]}
    named = store.read_table(home, "finding", NIGHT).filter(pl.col("subject") == f"{NIGHT}/{waits[0]}")
    assert named["check"].to_list() == ["file_rejected" if file_first else "signature_without_file"]
    runner.run_night(home, NIGHT, until="pay")
    _deliver(home, NEXT, halves[file_first])
    runner.run_night(home, NEXT, until="pay")
    came = {f"{NAME}.sig": ("signature", None)} if file_first else {}
    assert _check(home, NEXT) == {NAME: ("accepted", "late"), **came}
    assert store.read_table(home, "clearing", NEXT).height == 2
    for night in (NIGHT, NEXT):
        shutil.rmtree(home.inbox / str(night))
        result = reperform.verify_night(home, night)
        assert (result.differing, result.performed) == ((), result.standing)


def test_a_pair_that_came_again_is_a_repeat(home: Home, sender: pysequoia.Tsk) -> None:
    pair = {NAME: CONTENT, f"{NAME}.sig": _sign(sender, CONTENT)}
    for night, files in ((NIGHT, pair), (NEXT, pair), (date(2010, 12, 31), {f"{NAME}.sig": pair[f"{NAME}.sig"]})):
        _deliver(home, night, files)
        _check(home, night)
        settle_in_name(home, night)
    assert _check(home, NEXT) == {NAME: ("duplicate", "IDENTICAL_RESEND"), f"{NAME}.sig": ("signature", None)}
    assert _check(home, date(2010, 12, 31)) == {f"{NAME}.sig": ("duplicate", "IDENTICAL_RESEND")}


def test_a_signature_counts_for_one_file_and_not_for_the_next_of_its_name(home: Home, sender: pysequoia.Tsk) -> None:
    """A signature that waited is used up by the file that it waited for."""
    nights = [NIGHT, NEXT, date(2010, 12, 31)]
    for night, files in zip(
        nights, ({f"{NAME}.sig": _sign(sender, CONTENT)}, {NAME: CONTENT[:-1]}, {NAME: CONTENT}), strict=True
    ):
        _deliver(home, night, files)
        _check(home, night)
        settle_in_name(home, night)
    assert _check(home, NEXT) == {NAME: ("rejected", "NOT_SIGNED")}
    assert _check(home, nights[2]) == {NAME: ("rejected", "WAITS_FOR_SIGNATURE")}
