"""Payouts for those who decide elsewhere than at a terminal: the questions that are open, and the answers to them.

A question shows all that is paid and names the digest of it, and who is not paid and why; its answer is worth what the
books make of it. Whoever asks, and however the answer came, nothing goes out that the books would refuse to the command
line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from settlement import books, payout_books
from settlement.books import person_of
from settlement.errors import TerminalError
from settlement.model.money import amount_text
from settlement.model.payout import NOBODY, Batch, BatchState
from settlement.model.steps import Question
from settlement.payout import steps
from settlement.payout.orders import LeftOut
from settlement.payout.text import change
from settlement.store import Home

APPROVE: Final = "Approve"
REJECT: Final = "Reject"
OPTIONS: Final = (APPROVE, REJECT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The questions that are open, and what is due and not proposed: a sentence for each partner and currency."""

    questions: tuple[Question, ...]
    left: tuple[str, ...]


def ask(home: Home, person: str | None, since: str, moment: str) -> Asked:
    """Propose what is due at a moment, and ask for each approval that this person's batches since another still need.

    There is no person where a settled night has started it. Asked again, at a later moment too, it proposes nothing
    twice and gives the questions that are still open. Who is left out is told by each question, and by itself where
    there is none.
    """
    engine, person = books.connect(home), person_of(person or NOBODY)
    left = steps.propose(home, engine, person, moment).left
    known = payout_books.batches(engine)
    mine = [
        batch
        for batch in known
        if batch.state in {BatchState.PROPOSED, BatchState.APPROVED}
        and batch.steps[0].person == person
        and batch.steps[0].moment >= since
    ]
    found: list[Question] = []
    for batch in mine:
        question = Question(
            of=batch.batch_id,
            digest=batch.digest,
            subject=(
                f"Payouts {batch.batch_id}: {amount_text(batch.total_minor, batch.currency)} for {batch.value_date}"
            ),
            body=_body(batch, steps.paid_before(batch, known), steps.calendar_warning(home, engine, batch), left),
        )
        found += [question] * max(batch.approvals - len(batch.by(BatchState.APPROVED)), 1)
    told = [
        f"{one.partner} is not paid {amount_text(one.amount_minor, one.currency)}, which stays due: {one.why}"
        for one in left
    ]
    return Asked(questions=tuple(found), left=tuple(told))


def answer(home: Home, batch_id: str, digest: str, option: str, person: str, moment: str) -> str:  # noqa: PLR0917
    """Put one person's answer on record, and release the batch once it has all its approvals; what came of it.

    The same answer again goes on where it was. Raises TerminalError where the answer is none of ``OPTIONS``, or the
    books refuse it.
    """
    engine, person = books.connect(home), person_of(person or NOBODY)
    batch = payout_books.one_batch(engine, batch_id)
    if option not in OPTIONS:
        raise TerminalError(f"{option!r} is no answer to {batch_id}: it is {APPROVE} or {REJECT}.")
    if option == REJECT:
        if batch.state is not BatchState.REJECTED:
            batch = steps.reject(engine, batch_id, person, moment, "rejected where it was asked for")
    elif batch.state in {BatchState.PROPOSED, BatchState.APPROVED} and person not in batch.by(BatchState.APPROVED):
        batch = steps.approve(engine, batch_id, person, moment, digest)
    if option == APPROVE and len(batch.by(BatchState.APPROVED)) >= batch.approvals:
        batch = steps.release(home, engine, batch_id, person, moment)
    return f"The batch {batch_id} is {batch.state}: {steps.what_is_next(batch)}."


def _body(batch: Batch, before: dict[str, int], warning: str | None, left: Sequence[LeftOut]) -> str:
    lines = ["| partner | amount | change against the last payout | account |", "|---|---|---|---|"]
    lines += [
        f"| {_cell(one.partner)} | {amount_text(one.amount_minor, batch.currency)} "
        f"| {change(one, before, batch.currency)} | {one.account.shown} |"
        for one in batch.payouts
    ]
    lines += ["", "| check | partner | holds | what it says |", "|---|---|---|---|"]
    lines += [
        f"| {check.name} | {_cell(check.partner)} | {'yes' if check.passed else '**no**'} | {_cell(check.text)} |"
        for check in batch.last_checks
    ]
    lines += [] if warning is None else ["", f"**Warning:** {warning}"]
    if left:
        lines += ["", "Left out, and still due:", "", "| partner | due | why, and what to do |", "|---|---|---|"]
    lines += [
        f"| {_cell(one.partner)} | {amount_text(one.amount_minor, one.currency)} | {_cell(one.why)} |" for one in left
    ]
    people = "person" if batch.approvals == 1 else "persons"
    proposer = batch.by(BatchState.PROPOSED)[0]
    asked = f"Proposed by {proposer}; {batch.approvals} {people} must approve. Digest: `{batch.digest}`"
    return "\n".join([*lines, "", asked])


def _cell(text: str) -> str:
    """A text that does not end its cell."""
    return text.replace("|", "\\|").replace("\n", " ")
