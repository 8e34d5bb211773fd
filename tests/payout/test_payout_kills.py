"""A release that is killed at any step, tried again, or run twice at once gives one entry, one file and one sending."""

from __future__ import annotations

import hashlib
import re
import signal
from multiprocessing.process import BaseProcess
from pathlib import Path

import killed_payout
import pytest
from payout_home import RELEASED, approved, balance, made_home, proposed, with_accounts
from warm_process import started

from settlement import books, payout_books
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
