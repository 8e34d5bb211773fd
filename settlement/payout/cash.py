"""Cash of our own payments: what bank statements show of them is taken off suspense, by name and to the minor unit.

A night books each bank entry that no file explains on a suspense account of its own. Here such entries are laid beside
what was ordered from the bank. An entry is taken where it names a payment or a batch (by end-to-end id, the message's
or block's id, a trace or batch number of NACHA, alone or in its text) and account, currency, sign and amount are those
of it; its journal entry empties the suspense account into the transit accounts of its payments. All else stays where it
is, with a sentence that names the nearest payment.

A payment is debited once. One that came back, or that the bank rejected, is debited only together with the credit by
which it came: until a statement shows both, both stay. A second debit is taken together with the credit that gives it
back (``judged``). So the order in which statements and answers come changes nothing in the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date

from settlement import books, payout_books, store
from settlement.model.accounts import BANK_FEES, SUSPENSE
from settlement.model.journal import Entry, Posting
from settlement.model.money import amount_text
from settlement.model.payout import GONE_OUT, Batch, Way
from settlement.payout.bank_entries import BankEntry, on_suspense
from settlement.payout.judged import Judged, Meant, Ordered, both_ways, each_once, named, set_off
from settlement.payout.orders import bank_names, paying_account, transit_of
from settlement.payout_books import Taken
from settlement.store import Home


def tie(home: Home, engine: books.Engine, person: str, moment: str) -> list[Judged]:
    """Take what bank statements show of our payments off suspense; each entry that has to do with us as it is judged.

    An entry that the books refuse stays, says why, and holds up no other. A second call finds nothing more to take.
    Raises TerminalError where no night is settled.
    """
    with store.locked(home):
        night, found = payout_books.next_night(engine), judged_now(home, engine)
        for way in (Way.DEBIT, Way.CREDIT):
            # A credit is not taken where its debit was refused.
            found = [
                replace(one, why=payout_books.add_cash(engine, booked(one, night), person, moment))
                if one.entry.way is way and not one.why and one.against is None
                else one
                for one in both_ways(found)
            ]
        refused = {
            place: payout_books.add_cash(engine, booked(one, night), person, moment)
            for one in found
            if one.against is not None and one.entry.way is Way.DEBIT
            for place in (one.entry.place, one.against.place)
        }
        return [replace(one, why=refused.get(one.entry.place, one.why)) for one in found]


def judged_now(home: Home, engine: books.Engine) -> list[Judged]:
    """All bank entries on suspense that have to do with our payments, as the last booked night leaves them."""
    batches = [batch for batch in payout_books.batches(engine) if batch.payouts]
    return judged(on_suspense(home, engine), batches) if batches else []


def booked(one: Judged, night: date) -> Taken:
    """What takes a bank entry off suspense: into the transit accounts of the payments that it shows, or set off."""
    if one.against is not None:
        what = f"{named(one.meant)} is set off against the entry {one.against.entry_ref}"
        return taken_off(one.entry, night, what, against=one.against)
    shown = tuple((each, each.shown_by(one.entry.way)) for each in one.meant)
    what = "left our account" if one.entry.way is Way.DEBIT else "came back to it"
    return taken_off(one.entry, night, f"{named(one.meant)} {what}", shown)


def taken_off(
    entry: BankEntry,
    night: date,
    what: str,
    shown: Sequence[tuple[Ordered, int]] = (),
    *,
    against: BankEntry | None = None,
) -> Taken:
    """What takes a bank entry off suspense: so much of each payment, and what is left is a charge of the bank.

    An entry that is set off has the other one's suspense account on its other side, and shows no payments.
    """
    sign = 1 if entry.way is Way.DEBIT else -1
    sides = [(transit_of(each.batch, each.payout), sign * amount) for each, amount in shown]
    if against is not None:
        sides = [(SUSPENSE.at(*against.place), against.amount_minor)]
    left = -entry.amount_minor - sum(amount for _, amount in sides)
    sides = [(SUSPENSE.at(*entry.place), entry.amount_minor), *sides, (BANK_FEES.at(), left)]
    return Taken(
        booked=Entry(
            key=f"payout_cash/{entry.statement}/{entry.entry}",
            business_date=night,
            kind="payout_cash",
            text=f"Bank entry {entry.entry_ref}: {what}"[:400],
            postings=tuple(
                Posting(account=account, currency=entry.currency, amount_minor=amount)
                for account, amount in sides
                if amount
            ),
        ),
        place=entry.place,
        shown=tuple((each.payout, entry.way, amount) for each, amount in shown),
        against=None if against is None else against.place,
    )


def judged(entries: Iterable[BankEntry], batches: Sequence[Batch]) -> list[Judged]:
    """Lay bank entries on suspense beside all batches; an entry that has nothing to do with any is left out."""
    by_name: dict[str, list[Meant]] = {}
    for batch in batches:
        for name, payouts in bank_names(batch):
            meant = tuple(Ordered(batch=batch, payout=payout) for payout in payouts)
            by_name.setdefault(name, []).append(meant)
    found = [
        one
        for entry in sorted(entries, key=lambda entry: entry.place)
        if (one := _meant(entry, by_name) or (_nearest(entry, batches) if entry.unexplained else None)) is not None
    ]
    return set_off(both_ways(each_once(found)))


def _meant(entry: BankEntry, by_name: Mapping[str, list[Meant]]) -> Judged | None:
    """What an entry names by the surest place whose names fit it; None where no place names anything of ours."""
    parts = [_of_names(names, by_name) for names, _ in entry.parts]
    places = [_of_names(names, by_name) for names in entry.names]
    found = _by_parts_or_places(entry, by_name, parts, places)
    if found is None:
        return None
    candidates = [candidate for one in (*parts, *places) for candidate in one]
    names = {frozenset(one.name for one in candidate) for candidate in candidates}
    names.add(frozenset(one.name for candidates in parts for meant in candidates for one in meant))
    again = bool(found.why) and [*_problems(entry, found.meant)] == [*_not_debited_twice(entry, found.meant)]
    return replace(found, names=frozenset(names), again=again)


def _by_parts_or_places(
    entry: BankEntry, by_name: Mapping[str, list[Meant]], parts: Sequence[list[Meant]], places: Sequence[list[Meant]]
) -> Judged | None:
    if any(len(candidate) == 1 for candidates in parts for candidate in candidates):
        return _of_parts(entry, parts)
    for candidates in places:
        if good := _good(entry, candidates):
            return _the_one(entry, good)
    for name in (name for names in entry.names for name in names):
        whole = by_name.get(name.rpartition("-")[0], ())
        if name not in by_name and whole:
            return Judged(entry=entry, meant=whole[0], why=f"it names {name}, which {named(whole[0])} does not order")
    candidates = [candidate for found in places for candidate in found]
    return _of_candidates(entry, _alone(entry, candidates) or candidates) if candidates else None


def _not_debited_twice(entry: BankEntry, meant: Meant) -> Iterator[str]:
    """That payments of a debit were debited before; nothing where one of them was not."""
    if entry.way is Way.DEBIT and all(one.payout.debited for one in meant):
        yield from (problem for one in meant for problem in _not_debited(one))


def _alone(entry: BankEntry, candidates: Sequence[Meant]) -> list[Meant]:
    """The payments of an entry's amount in batches that it names, where it names no payment.

    A bank that books one by one may repeat our text, which names the batch.
    """
    if any(len(candidate) == 1 for candidate in candidates):
        return []
    found = {one.name: one for candidate in candidates for one in candidate}
    return [(one,) for one in found.values() if not _difference(entry, (one,))]


def _of_names(names: Iterable[str], by_name: Mapping[str, list[Meant]]) -> list[Meant]:
    return [meant for name in names for meant in by_name.get(name, ())]


def _of_parts(entry: BankEntry, parts: Sequence[list[Meant]]) -> Judged:
    """An entry whose transactions the bank tells one by one: each is another payment, or the entry is not taken."""
    meant: list[Ordered] = []
    sign = -1 if entry.way is Way.DEBIT else 1
    for (names, amount), candidates in zip(entry.parts, parts, strict=True):
        single = {one.name: one for candidate in candidates if len(candidate) == 1 for one in candidate}
        fits = [one for one in single.values() if amount in {None, sign * one.shown_by(entry.way)}]
        if len(fits) != 1:
            nearest = tuple(single.values()) or next((each for found in parts for each in found), ())
            return Judged(
                entry=entry, meant=nearest, why=f"its part {names[0] if names else '?'} is no payment of ours"
            )
        if fits[0] in meant:
            return Judged(entry=entry, meant=(fits[0],), why=f"its parts name {fits[0].name} twice: ask the bank")
        meant += fits
    return _of_candidates(entry, [tuple(meant)])


def _of_candidates(entry: BankEntry, candidates: Sequence[Meant]) -> Judged:
    """The one candidate whose amount and state fit; otherwise the nearest, and why it is not taken."""
    if good := _good(entry, candidates):
        return _the_one(entry, good)
    nearest = min(_tried(entry, candidates), key=lambda meant: (_difference(entry, meant), [one.name for one in meant]))
    return Judged(entry=entry, meant=nearest, why=next(_problems(entry, nearest)))


def _the_one(entry: BankEntry, good: Sequence[Meant]) -> Judged:
    also = " and ".join(named(meant) for meant in good)
    return Judged(entry=entry, meant=good[0], why=f"it may be {also}: ask the bank which" if len(good) > 1 else "")


def _good(entry: BankEntry, candidates: Iterable[Meant]) -> list[Meant]:
    return [meant for meant in _tried(entry, candidates) if next(_problems(entry, meant), None) is None]


def _tried(entry: BankEntry, candidates: Iterable[Meant]) -> list[Meant]:
    """Each candidate whole, and what of it the bank can have meant.

    What the bank rejected it does not debit with the rest, and of a batch only what came back comes in. Of one payment
    that came back in parts each part may come by itself.
    """
    found: dict[tuple[tuple[str, int | None], ...], Meant] = {}
    for candidate in candidates:
        shown = tuple(one for one in candidate if one.shown_by(entry.way))
        living = tuple(one for one in shown if not one.payout.rejected)
        each: list[Meant] = []
        if entry.way is Way.CREDIT and len(candidate) == 1 and len(candidate[0].payout.to_credit) > 1:
            each = [(replace(candidate[0], part_minor=part),) for part in candidate[0].payout.to_credit]
        tried = (candidate, shown, living, *each)
        found |= {tuple((one.name, one.part_minor) for one in meant): meant for meant in tried if meant}
    return list(found.values())


def _difference(entry: BankEntry, meant: Meant) -> int:
    return abs(abs(entry.amount_minor) - sum(one.shown_by(entry.way) for one in meant))


def _problems(entry: BankEntry, meant: Meant) -> Iterator[str]:
    """Why an entry is not the cash of these payments."""
    for one in meant:
        yield from _problems_of_one(entry, one)
        yield from _not_debited(one) if entry.way is Way.DEBIT else _not_credited(one)
    if entry.reversal:
        yield f"it takes back an earlier entry, and names {named(meant)}: ask the bank"
    if _difference(entry, meant):
        said, ours = abs(entry.amount_minor), sum(one.shown_by(entry.way) for one in meant)
        amounts = [amount_text(amount, entry.currency) for amount in (said, ours)]
        yield f"it is of {amounts[0]}, and {named(meant)} of {amounts[1]}: ask the bank"


def _problems_of_one(entry: BankEntry, one: Ordered) -> Iterator[str]:
    ordered_from = paying_account(one.batch)
    if one.batch.state not in GONE_OUT:
        yield f"it names {one.name} of {one.batch.batch_id}, which is {one.batch.state} in the books and not sent"
    if entry.account != ordered_from:
        yield f"it is on the account {entry.account}, and {one.name} was ordered from {ordered_from}"
    if entry.currency != one.batch.currency:
        yield f"it is in {entry.currency}, and {one.name} in {one.batch.currency}"


def _not_debited(one: Ordered) -> Iterator[str]:
    if one.payout.debited:
        yield f"{one.name} was debited before: ask the bank for the second debit back"


def _not_credited(one: Ordered) -> Iterator[str]:
    if not one.payout.backs:
        yield f"no answer of the bank says that {one.name} came back: `settle payouts read` the answer"
    elif not one.payout.to_credit:
        yield f"what came back of {one.name} was credited before"


def _nearest(entry: BankEntry, batches: Sequence[Batch]) -> Judged | None:
    """For a debit of an account that pays which names nothing of ours: the payment whose amount is nearest."""
    waiting = [
        (Ordered(batch=batch, payout=payout),)
        for batch in batches
        if batch.state in GONE_OUT and (paying_account(batch), batch.currency) == (entry.account, entry.currency)
        for payout in batch.payouts
        if not payout.settled
    ]
    if entry.way is Way.CREDIT or not waiting:
        return None
    meant = min(waiting, key=lambda one: (_difference(entry, one), one[0].name))
    amount = amount_text(meant[0].payout.amount_minor, entry.currency)
    return Judged(entry=entry, meant=meant, why=f"it names no payment; the nearest is {named(meant)} of {amount}")
