"""Random persons take random steps: nothing is paid without two of them, nothing twice, and no cent is lost."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from made_replies import report, returned
from payout_home import ABROAD, AIR, NIGHT, RETAIL, bank_entry, bank_shows, made_home, with_account

from settlement import account_books, books, payout_books, store
from settlement.account_books import ProposedAccount
from settlement.errors import TerminalError
from settlement.model.decision import Meaning
from settlement.model.payout import AccountState, Payout
from settlement.payout import cash, conservation, decisions, replies, steps
from settlement.payout.decisions import Proposed
from settlement.store import Home

PEOPLE = st.sampled_from(["ann", "bea", "cem", "dora"])
EXAMPLES = 25
"""On SQLite, where each has its own copy of one file; PostgreSQL gets few, for the rules are the same."""
DUES = ((RETAIL, "A", 100_00), (RETAIL, "B", 250_00), (AIR, "A", 75_00))
FIRST_DAY = date(2011, 1, 3)
COOLING_OFF = timedelta(days=2)
PLACE = st.integers(0, 5)
OF_PAYMENTS = {Meaning.DEBIT, Meaning.CREDIT, Meaning.BACK}


@dataclass(frozen=True)
class Paid:
    """The model of the account to which a partner is paid: who proposed it, and from when."""

    account_id: str
    proposer: str
    usable_from: date
    closing_by: str | None = None


def begun(root: Path) -> Home:
    """Statements that are closed, and partners with accounts; whatever comes back is proposed again."""
    home = made_home(root, DUES)
    programme = home.config / "programme.toml"
    programme.write_text(programme.read_text().replace('minimum = "50.00"', 'minimum = "0.00"'))
    for partner in "AB":
        with_account(home, partner, ABROAD, by="bea", and_by="fay")
    return home


class Machine(RuleBasedStateMachine):
    """The model: per batch who proposed and approved, what of each payment is out, and which dues are free or held."""

    template: Path

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="settlement-machine-"))
        if os.environ.get("SETTLEMENT_BOOKS_URL"):
            self.home = begun(self.folder / "home")
        else:
            shutil.copytree(self.template, self.folder / "home")
            self.home = store.open_home(self.folder / "home")
        self.engine = books.connect(self.home)
        self.day, self.steps = FIRST_DAY, 0
        self.accounts: dict[str, Paid | None] = {
            one.partner: Paid(one.account_id, "bea", date(2010, 12, 1)) for one in account_books.accounts(self.engine)
        }
        self.state: dict[str, str] = {}
        self.proposer: dict[str, str] = {}
        self.approvers: dict[str, set[str]] = {}
        self.out: dict[str, int] = {}
        self.free: dict[str, set[str]] = {"A": {"first"}, "B": {"first"}}
        self.held: dict[str, tuple[str, set[str]]] = {}
        self.night, self.shown_minor, self.replies = NIGHT, 0, 0
        self.fees_minor, self.amounts = 0, {}
        self.decided: list[Meaning] = []

    def teardown(self) -> None:
        self.no_cent_is_lost()
        self.engine.dispose()
        shutil.rmtree(self.folder)

    @property
    def at(self) -> str:
        return f"{self.day}T10:00:00Z"

    @initialize(out=st.booleans(), place=PLACE, which=PLACE, meaning=st.sampled_from(list(Meaning)))
    def some_are_out(self, out: bool, place: int, which: int, meaning: Meaning) -> None:
        if out:
            self.propose("ann")
            self.approve("cem", 0)
            self.release("cem", 0)
            self._shows(*(bank_entry(amount, end_to_end_id="X") for amount in (-100_00, 20_00, -4_00, 4_00)))
            self.decide("ann", "bea", place, which, meaning)
            self.decide("cem", "dora", which, place, Meaning.OFFSET)

    def _shows(self, *entries: dict[str, object]) -> None:
        """A night more, whose bank statement has these entries."""
        self.night += timedelta(days=1)
        for number, entry in enumerate(entries, start=1):
            amount = int(str(entry["direction"])) * int(str(entry["amount_minor"]))
            self.shown_minor += amount
            self.amounts[f"{self.night}/statement.xml", number] = -amount
        bank_shows(self.home, self.night, *entries)

    def _pick(self, place: int) -> str | None:
        names = sorted(self.state)
        return names[place % len(names)] if names else None

    def _frees(self, payment: str) -> None:
        partner, dues = self.held.pop(payment)
        self.free[partner] |= dues

    @rule(days=st.integers(1, 2))
    def time_goes_by(self, days: int) -> None:
        """Cooling-off ends, and value dates pass."""
        self.day += timedelta(days=days)

    @rule(person=PEOPLE, other=PEOPLE, partner=st.sampled_from("AB"))
    def change_account(self, person: str, other: str, partner: str) -> None:
        """Somebody asks to close a partner's account, or another than who asked closes it, and a new one comes."""
        paid = self.accounts[partner]
        if paid is None:
            proposed = ProposedAccount(partner=partner, currency="USD", holder=partner, account=ABROAD)
            name, from_day = (
                account_books.propose(self.engine, proposed, person, self.at).account_id,
                self.day + COOLING_OFF,
            )
            if self._does(person != other, lambda: self._step(name, AccountState.APPROVED, other, from_day)):
                self.accounts[partner] = Paid(name, person, from_day)
            else:
                self._step(name, AccountState.REJECTED, other)
        elif paid.closing_by is None:
            self._step(paid.account_id, AccountState.CLOSING, person)
            self.accounts[partner] = replace(paid, closing_by=person)
        elif self._does(other != paid.closing_by, lambda: self._step(paid.account_id, AccountState.CLOSED, other)):
            self.accounts[partner] = None

    def _step(self, account_id: str, state: AccountState, person: str, from_day: date | None = None) -> None:
        account_books.take_step(self.engine, account_id, state, person, self.at, from_day)

    def _is_paid(self, partner: str, account_id: str | None = None) -> bool:
        """Whether money may go to a partner today, to that account where one is named."""
        paid = self.accounts[partner]
        usable = paid is not None and paid.closing_by is None and paid.usable_from <= self.day
        return usable and account_id in {None, paid.account_id}

    @rule(person=PEOPLE)
    def propose(self, person: str) -> None:
        found = steps.propose(self.home, self.engine, person, self.at)
        payouts = [one for batch in found.batches for one in batch.payouts]
        assert {one.partner for one in payouts} == {
            partner for partner, dues in self.free.items() if dues and self._is_paid(partner)
        }
        for one in payouts:
            self.held[one.payment_id], self.free[one.partner] = (one.partner, self.free[one.partner]), set()
        for batch in found.batches:
            self.state[batch.batch_id], self.proposer[batch.batch_id] = "proposed", person
            self.approvers[batch.batch_id] = set()

    @rule(person=PEOPLE, place=PLACE)
    def approve(self, person: str, place: int) -> None:
        name = self._pick(place)
        if name is None:
            return
        may = self.state[name] in {"proposed", "approved"} and person != self.proposer[name]
        may = may and person not in self.approvers[name]
        digest = payout_books.one_batch(self.engine, name).digest
        if self._does(may, lambda: steps.approve(self.engine, name, person, self.at, digest)):
            self.state[name] = "approved"
            self.approvers[name].add(person)

    @rule(person=PEOPLE, place=PLACE)
    def reject(self, person: str, place: int) -> None:
        name = self._pick(place)
        if name is None:
            return
        may = self.state[name] in {"proposed", "approved"}
        if self._does(may, lambda: steps.reject(self.engine, name, person, self.at, "no")):
            self.state[name] = "rejected"
            for one in payout_books.one_batch(self.engine, name).payouts:
                self._frees(one.payment_id)

    @rule(person=PEOPLE, place=PLACE)
    def release(self, person: str, place: int) -> None:
        name = self._pick(place)
        if name is None:
            return
        done = self.state[name] in {"sent", "acknowledged", "failed", "returned"}
        batch = payout_books.one_batch(self.engine, name)
        # Who proposed a bank account of it is not enough alone.
        proposers = {one.account.steps[0].person for one in batch.payouts}
        payable = batch.value_date >= self.day
        payable = payable and all(self._is_paid(one.partner, one.account.account_id) for one in batch.payouts)
        two = person != self.proposer[name] and bool(self.approvers[name] - proposers)
        may = done or (self.state[name] == "approved" and two and payable)
        if self._does(may, lambda: steps.release(self.home, self.engine, name, person, self.at)) and not done:
            self.state[name] = "sent"
            self.out |= {one.payment_id: one.amount_minor for one in batch.payouts}

    def _came_back(self, payout: Payout, amount: int) -> None:
        """The model of so much that came back: its dues are free, or a part is due by itself."""
        self.out[payout.payment_id] -= amount
        if amount == payout.amount_minor:
            self._frees(payout.payment_id)
        else:
            self.free[payout.partner].add(f"{payout.payment_id}/{len(payout.backs)}")

    @rule(place=PLACE, which=st.integers(0, 1), code=st.sampled_from(["ACSC", "RJCT", "PDNG", "return", "part", "20"]))
    def answer(self, place: int, which: int, code: str) -> None:
        name = self._pick(place)
        if name is None:
            return
        batch = payout_books.one_batch(self.engine, name)
        payout = batch.payouts[which % len(batch.payouts)]
        self.replies += 1
        amount = {"part": payout.amount_minor - 1, "20": 20_00}.get(code, payout.amount_minor)
        if code in {"return", "part", "20"}:
            content = returned(payout.payment_id, f"{amount // 100}.{amount % 100:02}")
        else:
            content = report(batch, (payout.payment_id, code))
        content = content.replace(b">R1<", f">R{self.replies}<".encode())
        content = content.replace(b"<Id>N1<", f"<Id>N{self.replies}<".encode())
        sent = self.state[name] in {"sent", "acknowledged", "failed", "returned"}

        def read() -> replies.Told:
            return replies.read(self.home, self.engine, "reply.xml", content, "fay", self.at)

        if code == "RJCT":
            comes = not payout.backs and (payout.debited or not payout.accepted)
        else:
            comes = code in {"return", "part", "20"} and amount <= payout.amount_minor - payout.back_minor
            comes = comes and amount not in payout.backs
        if self._does(sent, read) and comes:
            self._came_back(payout, amount)
        if sent:
            assert read().again
            self.state[name] = payout_books.one_batch(self.engine, name).state

    @rule(place=PLACE, which=st.integers(0, 1), kind=st.sampled_from(["one", "batch", "credit", "other", "unknown"]))
    def bank(self, place: int, which: int, kind: str) -> None:
        """The bank's statement shows something of a payment, in whatever state that is."""
        name = self._pick(place)
        if name is None:
            return
        batch = payout_books.one_batch(self.engine, name)
        payout = batch.payouts[which % len(batch.payouts)]
        amount, names = -payout.amount_minor, {"end_to_end_id": payout.payment_id}
        if kind == "batch":
            amount, names = -batch.total_minor, {"payment_id": name}
        elif kind == "credit":
            amount = max(payout.back_minor, 1)
        elif kind == "other":
            amount -= 1
        elif kind == "unknown":
            names = {"end_to_end_id": "X"}
        self._shows(bank_entry(amount, **names))
        cash.tie(self.home, self.engine, "fay", self.at)
        fresh = batch.by("sent") and not payout.back_minor and not payout.debited
        if kind == "one":
            after = payout_books.one_batch(self.engine, name).payouts[which % len(batch.payouts)]
            # What came back is debited too where its credit was shown before.
            assert after.debited == bool(payout.debited or fresh or after.credits)

    @rule(person=PEOPLE, other=PEOPLE, place=PLACE, which=PLACE, meaning=st.sampled_from(list(Meaning)))
    def decide(self, person: str, other: str, place: int, which: int, meaning: Meaning) -> None:
        """Somebody says what something that waits means, and another approves it, never the same person."""
        waiting = [one.subject for one in decisions.waiting(self.home, self.engine)]
        payments = sorted(self.out)
        if not waiting:
            return
        one = None
        for tried in [meaning, *Meaning]:
            said = Proposed(
                subject=waiting[place % len(waiting)],
                meaning=tried,
                reason="the bank wrote",
                payments=(payments[which % len(payments)],) if payments and tried in OF_PAYMENTS else (),
                against=waiting[which % len(waiting)] if tried is Meaning.OFFSET else None,
            )
            with suppress(TerminalError):
                one = decisions.propose(self.home, self.engine, said, person, self.at)
                break
        if one is None:
            return
        before = {p.payment_id: p for batch in payout_books.batches(self.engine) for p in batch.payouts}
        if not self._does(
            person != other,
            lambda: decisions.approve(self.home, self.engine, one.decision_id, other, self.at, one.digest),
        ):
            decisions.withdraw(self.engine, one.decision_id, person, self.at, "no")
            return
        self.decided.append(one.meaning)
        if one.meaning is Meaning.BACK:
            for payment, amount in one.payments:
                self._came_back(before[payment], amount)
        self.fees_minor += one.fee_minor + (self.amounts[one.place] if one.meaning is Meaning.CHARGE else 0)
        for batch in self.state:
            self.state[batch] = payout_books.one_batch(self.engine, batch).state

    def _does(self, may: bool, step) -> bool:
        if may:
            step()
        else:
            with pytest.raises(TerminalError):
                step()
        return may

    @invariant()
    def all_holds(self) -> None:
        """Each step leaves states as the model has them; money is added up on the way and at the end."""
        self.steps += 1
        if self.steps % 8 == 0:
            self.no_cent_is_lost()
        files = {path.stem for path in steps.outbox(self.home).glob("*")}
        assert files == {
            name for name, state in self.state.items() if state not in {"proposed", "approved", "rejected"}
        }

    def no_cent_is_lost(self) -> None:
        assert conservation.broken(self.engine) == []
        (standing,) = conservation.standing(self.engine)
        assert standing.earned_minor == sum(amount for _, _, amount in DUES)
        assert standing.paid_minor + standing.in_transit_minor == sum(self.out.values())
        taken = 0
        for batch in payout_books.batches(self.engine):
            assert batch.state == self.state[batch.batch_id]
            for one in batch.payouts:
                assert not one.debited or batch.by("sent")
                assert one.credited_minor <= one.back_minor <= one.amount_minor
                taken += one.amount_minor * one.debited - one.credited_minor
            if batch.by("released"):
                assert len({*batch.by("approved"), *batch.by("released")} | {self.proposer[batch.batch_id]}) > 1
        # What the bank has shown and what was taken of it: the rest stands on suspense.
        stands = books.balances(self.engine, date.max)
        fees, suspense = (
            sum(one.balance_minor for one in stands if one.account.startswith(begin))
            for begin in ("expense:fees:bank", "asset:suspense")
        )
        assert fees == self.fees_minor
        assert suspense == -self.shown_minor - taken - self.fees_minor


def test_no_path_pays_without_two_people_or_twice(on_each_database: Callable[[], None], tmp_path: Path) -> None:
    reached: set[object] = set()
    on_each_database()
    in_files = not os.environ.get("SETTLEMENT_BOOKS_URL")
    if in_files:
        begun(tmp_path / "home")
    few = settings(
        max_examples=EXAMPLES if in_files else 4, stateful_step_count=14, deadline=None, derandomize=True,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip

    class Fresh(Machine):
        template = tmp_path / "home"

        def __init__(self) -> None:
            on_each_database()
            super().__init__()

        def teardown(self) -> None:
            reached.update(self.decided, self.state.values())
            super().teardown()

    run_state_machine_as_test(Fresh, settings=few)
    assert reached & set(Meaning), "no path decided anything"
    assert "sent" in reached, "no path paid"
