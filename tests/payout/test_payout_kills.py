"""A release that is killed at any step, tried again, or run twice at once gives one entry, one file and one sending.

Two that propose at once give one batch.
"""

from __future__ import annotations

import hashlib
import re
import signal
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import killed_payout
import pytest
from payout_home import PROPOSED, RELEASED, approved, balance, made_home, proposed, with_accounts
from warm_process import started

from settlement import books, payout_books
from settlement.errors import RetryableError
from settlement.model.payout import Batch, BatchState
from settlement.payout import conservation, steps
from settlement.store import Home

BOOKED = "approved"
STEPS = {
    "before the booking": (BOOKED, set()),
    "before the commit": (BOOKED, set()),
    "after the commit": ("released", set()),
    "before the sync": ("released", {".P000001.ach.arriving"}),
    "before the rename": ("released", {".P000001.ach.arriving"}),
    "after the rename": ("released", {"P000001.ach"}),
    "before it is sent": ("released", {"P000001.ach"}),
    "before that is committed": ("released", {"P000001.ach"}),
}
"""Where the batch stands after a kill, and what lies in the outbox."""


@pytest.fixture
def home(tmp_path: Path, on_each_database: object) -> Home:
    home = made_home(tmp_path / "home")
    with_accounts(home)
    return home


def release(home: Home, batch: Batch, step: str, said: str = "said") -> BaseProcess:
    return started(home.root.parent / said, killed_payout.main, str(home.root), batch.batch_id, RELEASED, step)


def require_paid_once(home: Home, batch: Batch) -> None:
    engine = books.connect(home)
    done = payout_books.one_batch(engine, batch.batch_id)
    assert [step.state for step in done.steps].count("released") == 1
    assert [step.state for step in done.steps].count("sent") == 1
    assert balance(home, "asset:transit") == -batch.total_minor
    assert conservation.broken(engine) == []
    (path,) = steps.outbox(home).iterdir()
    expected = steps.payment_file(batch, steps.moment_from(RELEASED))
    assert (path.name, path.read_bytes()) == (expected.name, expected.content)
    assert done.steps[-1].note == hashlib.sha256(path.read_bytes()).hexdigest() == expected.sha256


def test_a_killed_release_goes_on_where_it_was(home: Home) -> None:
    batch = approved(home, proposed(home), "cem", "dora")
    for step, (state, lies) in STEPS.items():
        process = release(home, batch, step)
        process.join()
        assert process.exitcode == -signal.SIGKILL, step
        standing = payout_books.one_batch(books.connect(home), batch.batch_id)
        assert standing.state == state, step
        # The name of a file that is not whole has a name of its writer.
        lying = {re.sub(r"\.[0-9a-f]+\.arriving$", ".arriving", path.name) for path in steps.outbox(home).glob("*")}
        assert lying >= lies, step
        moved = balance(home, "asset:transit")
        assert moved == (-batch.total_minor if standing.by(BatchState.RELEASED) else 0), step
    process = release(home, batch, "not at all")
    process.join()
    assert process.exitcode == 0
    require_paid_once(home, batch)


@pytest.mark.parametrize("step", ["with the lock of the home", "without the lock of the home"])
def test_two_that_release_at_once_pay_once(home: Home, step: str) -> None:
    batch = approved(home, proposed(home), "cem", "dora")
    one, other = (release(home, batch, step, said) for said in ("one", "other"))
    for process in (one, other):
        process.join()
    said = [(home.root.parent / name).read_text() for name in ("one", "other")]
    assert {one.exitcode, other.exitcode} <= {0, 2}, said
    assert 0 in {one.exitcode, other.exitcode}, said
    require_paid_once(home, batch)


def require_proposed_once(home: Home) -> None:
    """One batch pays all that is due, and who proposes after it finds nothing."""
    engine = books.connect(home)
    (batch,) = payout_books.batches(engine)
    assert (batch.batch_id, batch.state, batch.total_minor) == ("P000001", "proposed", 56_136_05)
    after = steps.propose(home, engine, "eve", PROPOSED)
    assert (after.batches, after.left) == ((), ())


def test_two_that_propose_at_once_propose_one_batch(home: Home) -> None:
    people = ("ann", "fay")
    both = [started(home.root.parent / who, killed_payout.propose, str(home.root), who, PROPOSED) for who in people]
    for process in both:
        process.join()
    said = [(home.root.parent / who).read_text() for who in people]
    codes = {process.exitcode for process in both}
    assert 0 in codes, said
    assert codes <= {0, 2}, said
    require_proposed_once(home)


def test_who_proposes_what_another_has_proposed_meanwhile_proposes_nothing(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    checks = steps._checks

    def meanwhile(*given: Any) -> Any:
        # Behind the look at what is due, before the batch is kept.
        monkeypatch.setattr(steps, "_checks", checks)
        assert len(steps.propose(home, books.connect(home), "fay", PROPOSED).batches) == 1
        return checks(*given)

    monkeypatch.setattr(steps, "_checks", meanwhile)
    with pytest.raises(RetryableError, match="Another run booked the same at the same time and this one booked noth"):
        steps.propose(home, books.connect(home), "ann", PROPOSED)
    require_proposed_once(home)
    (batch,) = payout_books.batches(books.connect(home))
    assert batch.by(BatchState.PROPOSED) == ("fay",)
