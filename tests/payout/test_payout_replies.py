"""What banks answer moves payouts back to due, once, by entries that name what they correct; the rest is kept."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_replies import LATER, read, report, returned
from payout_home import ABROAD, AIR, PROPOSED, RETAIL, approved, balance, made_home, proposed, released, with_account

from settlement import books, payout_books
from settlement.errors import TerminalError
from settlement.model.payout import Batch
from settlement.payout import conservation, replies, steps
from settlement.store import Home

DUES = ((RETAIL, "A", 100_00), (RETAIL, "B", 250_00))


@pytest.fixture
def home(tmp_path: Path, on_each_database: object) -> Home:
    """Two payouts abroad, in a pain.001 file."""
    home = made_home(tmp_path / "home", DUES)
    for partner in "AB":
        with_account(home, partner, ABROAD)
    return home


def state(home: Home, batch: Batch) -> str:
    return payout_books.one_batch(books.connect(home), batch.batch_id).state


def effects(told: replies.Told) -> list[tuple[str | None, str]]:
    return [(status.payment_id, status.effect) for status in told.statuses]


def test_an_accepted_and_a_rejected_payment(home: Home) -> None:
    batch = released(home)
    content = report(batch, ("P000001-001", "ACSC"), ("P000001-002", "RJCT"))
    assert effects(read(home, content)) == [("P000001-001", "accepted"), ("P000001-002", "back")]
    assert state(home, batch) == "acknowledged"
    assert balance(home, "asset:transit") == -100_00
    assert balance(home, "liability:payable") == -250_00
    back = [entry for entry in books.read_entries(books.connect(home), payout_books.date.max) if entry.corrects]
    assert [(entry.key, entry.corrects) for entry in back] == [("payout_back/P000001-002", "payout/P000001")]
    assert "AC04" in back[0].text
    again = read(home, content)
    assert (again.again, effects(again)) == (True, [("P000001-001", "accepted"), ("P000001-002", "back")])
    assert balance(home, "asset:transit") == -100_00
    assert conservation.broken(books.connect(home)) == []
    following = proposed(home)
    assert [(one.partner, one.amount_minor) for one in following.payouts] == [("B", 250_00)]


def test_a_batch_that_is_rejected_as_a_whole_has_failed_and_all_is_due_again(home: Home) -> None:
    batch = released(home)
    assert effects(read(home, report(batch, group="<GrpSts>RJCT</GrpSts>"))) == [
        ("P000001-001", "back"), ("P000001-002", "back"),
    ]  # fmt: skip
    assert state(home, batch) == "failed"
    assert balance(home, "asset:transit") == 0
    assert proposed(home).total_minor == 350_00


def test_what_comes_back_after_it_was_accepted_returns_and_is_paid_once_more(home: Home) -> None:
    batch = released(home)
    read(home, report(batch, group="<GrpSts>ACSC</GrpSts>"))
    assert state(home, batch) == "acknowledged"
    read(home, returned("P000001-001", "100.00"))
    read(home, returned("P000001-002", "250.00"))
    assert state(home, batch) == "returned"
    following = approved(home, proposed(home, at=LATER), "cem", "dora", at=LATER)
    steps.release(home, books.connect(home), following.batch_id, "cem", LATER)
    assert balance(home, "asset:transit") == -350_00
    assert conservation.broken(books.connect(home)) == []


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        (returned("P000001-001", "100.00"), returned("P000001-001", "99.00"), "is back already"),
        (returned("P000001-009", "100.00"), None, "no batch has such a payment"),
        (returned("P000001-001", "160.00"), None, "160"),
        (returned("P000001-001", "0.00"), None, "nothing that came back"),
    ],
)
def test_what_fits_not_moves_nothing_and_is_kept(home: Home, first: bytes, second: bytes | None, words: str) -> None:
    released(home)
    told = read(home, first)
    before = balance(home, "asset:transit")
    told = told if second is None else read(home, second)
    (status,) = told.statuses
    assert status.effect == "to_look_at"
    assert words in status.words
    assert balance(home, "asset:transit") == before
    with books.transaction(books.connect(home)) as connection:
        assert status in [kept for _, kept in payout_books.statuses_of(connection)]


def test_a_part_that_comes_back_is_due_again_and_paid_again_and_the_rest_stays_paid(home: Home) -> None:
    batch = released(home)
    told = read(home, returned("P000001-001", "60.00"))
    assert effects(told) == [("P000001-001", "back")]
    assert "60.00 USD came back, the rest stays paid" in told.statuses[0].words
    assert (balance(home, "asset:transit"), balance(home, "liability:payable")) == (-290_00, -60_00)
    told_again = returned("P000001-001", "60.00").replace(b"<Id>N1<", b"<Id>N2<")
    for content, words in ((told_again, "more is told"), (returned("P000001-001", "40.01"), "more is told")):
        (status,) = read(home, content).statuses
        assert (status.effect, words in status.words) == ("to_look_at", True)
    assert state(home, batch) == "acknowledged"
    following = approved(home, proposed(home, at=LATER), "cem", "dora", at=LATER)
    (again,) = following.payouts
    assert (again.partner, again.amount_minor, again.remittance) == ("A", 60_00, "P000002 returned P000001-001")
    steps.release(home, books.connect(home), following.batch_id, "cem", LATER)
    assert (balance(home, "asset:transit"), balance(home, "liability:payable")) == (-350_00, 0)
    assert conservation.broken(books.connect(home)) == []
    assert steps.propose(home, books.connect(home), "ann", LATER).batches == ()


def test_a_payment_comes_back_in_parts_until_nothing_is_left_and_each_account_gets_what_it_paid(tmp_path: Path) -> None:
    home = made_home(tmp_path / "home", ((RETAIL, "A", 100_01), (AIR, "A", 200_02)))
    with_account(home, "A", ABROAD)
    batch = released(home)
    for amount in ("100.01", "200.02"):
        assert effects(read(home, returned("P000001-001", amount))) == [("P000001-001", "back")]
        assert conservation.broken(books.connect(home)) == []
    assert state(home, batch) == "returned"
    assert (balance(home, "asset:transit"), balance(home, f"liability:payable:{RETAIL}")) == (0, -100_01)
    (again,) = proposed(home, at=LATER).payouts
    assert (again.amount_minor, again.remittance) == (300_03, "P000002 returned P000001-001")
    (status,) = read(home, returned("P000001-001", "100.01").replace(b"<Id>N1<", b"<Id>N2<")).statuses
    assert (status.effect, "is back already" in status.words) == ("to_look_at", True)


def test_a_part_of_the_amount_of_an_earlier_one_may_be_the_same_told_again(tmp_path: Path) -> None:
    home = made_home(tmp_path / "home", DUES[:1])
    with_account(home, "A", ABROAD)
    released(home)
    for effect in ("back", "to_look_at"):
        content = returned("P000001-001", "20.00").replace(b"<Id>N1<", f"<Id>N{effect}<".encode())
        assert effects(read(home, content)) == [("P000001-001", effect)]
    assert balance(home, "asset:transit") == -80_00


def test_a_word_that_contradicts_moves_nothing(home: Home) -> None:
    batch = released(home)
    read(home, report(batch, ("P000001-001", "RJCT")))
    told = read(home, report(batch, ("P000001-001", "ACSC")))
    assert effects(told) == [("P000001-001", "to_look_at")]
    assert balance(home, "asset:transit") == -250_00


def test_answers_to_what_is_not_sent_are_not_read(home: Home) -> None:
    batch = proposed(home)
    with pytest.raises(TerminalError, match="which is proposed in the books, not sent"):
        read(home, report(batch, ("P000001-001", "ACSC")))
    with pytest.raises(TerminalError, match=r"no pain\.002, no camt\.054 and no NACHA file"):
        read(home, b"hello")


def nacha_return(trace: str, cents: int, payment: str) -> bytes:
    """A file of one return, R03, of the entry with that trace number."""
    entry = f"62609100001900000000000000000{cents:010}{payment:15}{'HARBOR':22}  1091000010000001"
    addenda = f"799R03{trace}      09100001{'':44}091000010000001"
    hashed = f"{int('09100001'):010}"
    records = [
        f"101 021000021 0910000191101051000A094101{'OUR BANK':23}{'THEIRS':23}{'':8}",
        f"5200{'EXAMPLE BANK':16}{'':20}1234567890CCD{'PAYOUT':10}{'':6}110105   1091000010000001",
        entry,
        addenda,
        f"8200000002{hashed}{cents:012}{0:012}1234567890{'':19}{'':6}091000010000001",
        f"9000001000001{2:08}{hashed}{cents:012}{0:012}{'':39}",
    ]
    return "".join(f"{record}\n" for record in [*records, *["9" * 94] * 4]).encode()


def test_a_nacha_return_names_its_payment_by_the_trace_number(tmp_path: Path, on_each_database: object) -> None:
    home = made_home(tmp_path / "home", DUES)
    for partner in "AB":
        with_account(home, partner)
    batch = released(home)
    trace = batch.payouts[1].trace
    assert trace is not None
    told = read(home, nacha_return(trace, 250_00, batch.payouts[1].payment_id), "returns.ach")
    assert effects(told) == [("P000001-002", "back")]
    assert "R03" in told.statuses[0].words
    assert balance(home, "liability:payable") == -250_00


def test_moments_do_not_go_back(home: Home) -> None:
    batch = released(home)
    with pytest.raises(TerminalError, match="not taken before the one that it follows"):
        replies.read(
            home,
            books.connect(home),
            "r.xml",
            report(batch, ("P000001-001", "ACSC")),
            "fay",
            PROPOSED.replace("2011", "2010"),
        )
