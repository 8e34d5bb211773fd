"""The life of an order: nights are performed again and what that comes to is proposed, approved, and made by a night.

Each function may be called again at any time and after being killed anywhere: a step is a row that the books take
once. The last one is written with the commit of the matching of the night that makes the restatement. What nobody may
do alone is refused by the books themselves (``schema/restatement_rules.py``). Persons and moments are given by the
caller.

What an order comes to is a function of the settled nights and of the configuration. Where one of them is another than
when it was proposed, its approval is worth nothing any more: it is withdrawn by whoever looks next.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from settlement import books, restate_books, store
from settlement.errors import TerminalError
from settlement.model.restatement import (
    Configuration,
    OrderId,
    OrderState,
    RestatementOrder,
    configuration_of,
    digest_of,
)
from settlement.model.stage import Progress, Restatement, reaches_back
from settlement.model.steps import Step, require_digest, require_reason
from settlement.restate.text import render_trial
from settlement.restate.trial import Trial, attempt, nights_from
from settlement.store import Home

MOST_REASON: Final = 100
"""Characters of a reason: it stands in the text of every entry that the restating night books."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The nights that somebody asks about, and why."""

    first_night: date
    last_night: date
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What nights come to under a configuration, from the first night that would be restated, and as a text."""

    asked: Asked
    first_night: date
    configuration: Configuration
    trial: Trial
    text: str


def perform(home: Home, asked: Asked, progress: Progress | None = None) -> Tried:
    """Perform the nights again and tell what differs. Nothing is written.

    Nights that an earlier restatement has told of are performed from where that began. Raises TerminalError where the
    range is not settled, the reason is empty or too long, or the configuration was changed meanwhile.
    """
    reason = asked.reason.strip()
    if not 0 < len(reason) <= MOST_REASON:
        raise TerminalError(f"Say in at most {MOST_REASON} characters what was changed, and why.")
    last = nights_from(home, asked.first_night, asked.last_night)[-1]
    first = reaches_back(asked.first_night, restate_books.restatements(books.connect(home), last))
    configuration = configuration_of(store.read_documents(home))
    trial = attempt(home, nights_from(home, first, asked.last_night), progress)
    if configuration != configuration_of(store.read_documents(home)):
        raise TerminalError("The configuration was changed while the nights were performed: do this again.")
    return Tried(
        asked=replace(asked, reason=reason),
        first_night=first,
        configuration=configuration,
        trial=trial,
        text=render_trial(trial, reason),
    )


def propose(home: Home, tried: Tried, into: date, person: str, moment: str) -> RestatementOrder:
    """Propose that a night to come makes a restatement.

    The same proposal of the same person again gives the order that stands.

    Raises
    ------
    TerminalError
        Where nothing differs, the night is settled or landed already or has another order, a night was settled or the
        configuration changed since the others were performed, or files are read otherwise than when they were taken.
    """
    _require_taken_alike(tried.trial)
    engine = books.connect(home)
    # A landing that began before would not know of it.
    with store.locked(home):
        _require_to_come(engine, into, "name a night to come, after it")
        made = _order(engine, tried, into)
        changed = _changed(home, engine, made)
        if changed:
            raise TerminalError(f"Other {changed} than when the nights were performed: do this again.")
        standing = _living(home, engine, into, person, moment)
        if standing is not None:
            if (standing.digest, standing.by(OrderState.PROPOSED)) == (made.digest, person):
                return standing
            raise TerminalError(
                f"The night {into} restates others already, by the order {standing.order_id}, which is "
                f"{standing.state}: approve or withdraw that one."
            )
        with books.transaction(engine) as connection:
            first = Step(number=1, was="none", state=OrderState.PROPOSED, person=person, moment=moment)
            restate_books.add_order(connection, replace(made, steps=(first,)))
    return restate_books.one_order(engine, made.order_id)


def _require_taken_alike(trial: Trial) -> None:
    if trial.nothing:
        raise TerminalError("The nights come to the same: there is nothing to restate.")
    if trial.read.height:
        row = trial.read.row(0, named=True)
        raise TerminalError(
            f"Table {row['table']} of {row['night']} would be read otherwise: a restatement matches and rates again "
            "what was taken, and takes nothing anew. Put the layouts back, or repair and replay the records."
        )


def _require_to_come(engine: books.Engine, night: date, instead: str) -> None:
    landed = books.nights_of(engine, "land")
    if landed and night <= landed[-1]:
        raise TerminalError(f"The night {landed[-1]} is landed already: {instead}.")


def _order(engine: books.Engine, tried: Tried, into: date) -> RestatementOrder:
    """The next order, of what was tried."""
    number = restate_books.next_number(engine)
    restatement = Restatement(
        business_date=into,
        first_night=tried.first_night,
        last_night=tried.asked.last_night,
        reason=tried.asked.reason,
    )
    order = RestatementOrder(
        order_id=OrderId(f"R{number:06d}"),
        number=number,
        restatement=restatement,
        known_after=tried.trial.nights[-1],
        configuration=tried.configuration,
        trial=tried.text,
        differences=tried.trial.differences,
        digest="",
    )
    return replace(order, digest=digest_of(order))


def _changed(home: Home, engine: books.Engine, order: RestatementOrder) -> str:
    """What an order rests on that is another by now, in words; empty where its trial is as it was proposed."""
    last = books.nights_of(engine, "pay")[-1]
    return order.rests_on_other(configuration_of(store.read_documents(home)), last)


def _living(home: Home, engine: books.Engine, night: date, person: str, moment: str) -> RestatementOrder | None:
    """The order that a night to come has; one whose trial is another by now is withdrawn, and is none."""
    for order in restate_books.orders(engine):
        if order.restatement.business_date == night and order.state is not OrderState.WITHDRAWN:
            return None if _withdrawn_as_changed(home, engine, order, person, moment) else order
    return None


def _withdrawn_as_changed(home: Home, engine: books.Engine, order: RestatementOrder, person: str, moment: str) -> str:
    """Withdraw an order whose trial is another by now; what has changed, in words, empty where nothing has."""
    changed = _changed(home, engine, order)
    if changed:
        with books.transaction(engine) as connection:
            restate_books.add_step(connection, order, OrderState.WITHDRAWN, person, moment, f"other {changed} by now")
    return changed


def approve(home: Home, order_id: str, person: str, moment: str, digest: str) -> RestatementOrder:
    """Approve an order by the digest that the person has seen; the first digits of it do. Its night then makes it.

    The same approval again changes nothing. Raises TerminalError where the digest is another, the order stands
    elsewhere or kept no trial, its night is landed, its trial is another by now (which withdraws it), or the books
    refuse the person.
    """
    engine = books.connect(home)
    with store.locked(home):
        order = restate_books.one_order(engine, order_id)
        if not order.digest:
            raise TerminalError(
                f"The order {order_id} is of one person, from before orders kept what they come to: there is nothing "
                "to approve. Withdraw it with `settle restate withdraw` and propose it anew."
            )
        require_digest(f"The order {order_id}", order.digest, digest, "settle restate show")
        if order.by(OrderState.APPROVED) == person and order.state is OrderState.APPROVED:
            return order
        _require_state(order, OrderState.PROPOSED)
        anew = f"withdraw {order_id} with `settle restate withdraw` and propose it anew for a night to come"
        _require_to_come(engine, order.restatement.business_date, anew)
        if digest_of(order) != order.digest:
            raise TerminalError(f"The order {order_id} is not what was proposed: somebody has changed the books.")
        changed = _withdrawn_as_changed(home, engine, order, person, moment)
        if changed:
            raise TerminalError(
                f"The order {order_id} was proposed with other {changed}, so its trial is another by now: it is "
                "withdrawn, propose it anew."
            )
        with books.transaction(engine) as connection:
            restate_books.add_step(connection, order, OrderState.APPROVED, person, moment)
    return restate_books.one_order(engine, order_id)


def withdraw(home: Home, order_id: str, person: str, moment: str, reason: str) -> RestatementOrder:
    """Withdraw an order, approved or not, that its night has not made. TerminalError where it stands elsewhere."""
    require_reason(reason)
    engine = books.connect(home)
    with store.locked(home):
        order = restate_books.one_order(engine, order_id)
        _require_state(order, OrderState.PROPOSED, OrderState.APPROVED)
        with books.transaction(engine) as connection:
            restate_books.add_step(connection, order, OrderState.WITHDRAWN, person, moment, reason)
    return restate_books.one_order(engine, order_id)


def _require_state(order: RestatementOrder, *states: OrderState) -> None:
    if order.state not in states:
        raise TerminalError(f"The order {order.order_id} is {order.state}: {what_is_next(order)}.")


def what_is_next(order: RestatementOrder) -> str:
    """What goes on with an order, as a part of a sentence."""
    night = order.restatement.business_date
    return {
        OrderState.PROPOSED: "another person looks at it with `settle restate show` and approves or withdraws it",
        OrderState.APPROVED: f"the night {night} makes it",
        OrderState.WITHDRAWN: "what it would have restated stays as it is, `settle restate propose` proposes it anew",
        OrderState.CARRIED_OUT: f"the night {night} has made it",
    }[order.state]
