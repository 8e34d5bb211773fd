"""Cash of our own payments: what bank statements show of them is taken off suspense, by name and to the minor unit.

A night books each bank entry that no file explains on a suspense account of its own. Here such entries are laid beside
what was ordered from the bank. An entry is taken where it names a payment or a batch (by end-to-end id, the message's
or block's id, a trace or batch number of NACHA, alone or in its text) and account, currency, sign and amount are those
of it; its journal entry empties the suspense account into the transit accounts of its payments. All else stays where it
is, with a sentence that names the nearest payment.

A payment is debited once. One that came back, or that the bank rejected, is debited only together with the credit by
which it came: until a statement shows both, both stay. So the order in which statements and answers come changes
nothing in the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from settlement import books, payout_books, store
from settlement.model.accounts import SUSPENSE
from settlement.model.journal import Entry, Posting
from settlement.model.money import amount_text
from settlement.model.payout import GONE_OUT, Batch, Payout, Way
from settlement.payout.bank_entries import BankEntry, on_suspense
from settlement.payout.orders import bank_names, paying_account, transit_of
from settlement.store import Home


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordered:
    """A payment and the batch that orders it."""

    batch: Batch
    payout: Payout

    @property
    def name(self) -> str:
        """The payment's id."""
        return self.payout.payment_id

    def shown_by(self, way: Way) -> int:
        """What a bank statement has to show of it, in minor units: all of it goes out, what came back comes in."""
        return self.payout.amount_minor if way is Way.DEBIT else self.payout.back_minor


Meant = tuple[Ordered, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A bank entry with the payments that it shows or is nearest to; ``why`` says why it is not taken, or nothing.

    ``waits`` tells that only its other half is missing, which comes by itself: nobody has to act.
    """

    entry: BankEntry
    meant: Meant
    why: str = ""
    waits: bool = False


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
                replace(one, why=_refused(engine, one, night, person, moment))
                if one.entry.way is way and not one.why
                else one
                for one in _both_ways(found)
            ]
    return found


def _refused(engine: books.Engine, one: Judged, night: date, person: str, moment: str) -> str:
    """Book what an entry shows; why the books refuse it, or nothing."""
    shown = [(ordered.payout, one.entry.way) for ordered in one.meant]
    return payout_books.add_cash(engine, _booked(one, night), one.entry.place, shown, person, moment)


def judged_now(home: Home, engine: books.Engine) -> list[Judged]:
    """All bank entries on suspense that have to do with our payments, as the last booked night leaves them."""
    batches = [batch for batch in payout_books.batches(engine) if batch.payouts]
    return judged(on_suspense(home, engine), batches) if batches else []


def _booked(one: Judged, night: date) -> Entry:
    """What takes a bank entry off suspense, into the transit accounts of the payments that it shows."""
    entry = one.entry
    sign = 1 if entry.way is Way.DEBIT else -1
    shown = [(transit_of(each.batch, each.payout), each.shown_by(entry.way)) for each in one.meant]
    what = "left our account" if entry.way is Way.DEBIT else "came back to it"
    return Entry(
        key=f"payout_cash/{entry.statement}/{entry.entry}",
        business_date=night,
        kind="payout_cash",
        text=f"Bank entry {entry.entry_ref}: {named(one.meant)} {what}"[:400],
        postings=(
            Posting(
                account=SUSPENSE.at(entry.statement, entry.entry),
                currency=entry.currency,
                amount_minor=entry.amount_minor,
            ),
            *(
                Posting(account=account, currency=entry.currency, amount_minor=sign * amount)
                for account, amount in shown
            ),
        ),
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
    return _both_ways(_each_once(found))


def _meant(entry: BankEntry, by_name: Mapping[str, list[Meant]]) -> Judged | None:
    """What an entry names by the surest place whose names fit it; None where no place names anything of ours."""
    parts = [_of_names(names, by_name) for names, _ in entry.parts]
    if any(len(candidate) == 1 for candidates in parts for candidate in candidates):
        return _of_parts(entry, parts)
    places = [_of_names(names, by_name) for names in entry.names]
    for candidates in places:
        if good := _good(entry, candidates):
            return _the_one(entry, good)
    for name in (name for names in entry.names for name in names):
        whole = by_name.get(name.rpartition("-")[0], ())
        if name not in by_name and whole:
            return Judged(entry=entry, meant=whole[0], why=f"it names {name}, which {named(whole[0])} does not order")
    candidates = [candidate for found in places for candidate in found]
    return _of_candidates(entry, _alone(entry, candidates) or candidates) if candidates else None


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

    What the bank rejected it does not debit with the rest, and of a batch only what came back comes in.
    """
    found: dict[tuple[str, ...], Meant] = {}
    for candidate in candidates:
        shown = tuple(one for one in candidate if one.shown_by(entry.way))
        living = tuple(one for one in shown if not one.payout.rejected)
        found |= {tuple(one.name for one in meant): meant for meant in (candidate, shown, living) if meant}
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
    if not one.payout.back_minor:
        yield f"no answer of the bank says that {one.name} came back: `settle payouts read` the answer"
    if one.payout.credited:
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


def _each_once(found: Iterable[Judged]) -> list[Judged]:
    """Of entries that show one payment the same way the first is taken."""
    taken: set[tuple[str, Way]] = set()
    kept = []
    for one in found:
        mine = {(each.name, one.entry.way) for each in one.meant}
        if not one.why and (again := sorted(name for name, _ in mine & taken)):
            one = replace(one, why=f"another bank entry of now shows {again[0]} already")  # noqa: PLW2901
        elif not one.why:
            taken |= mine
        kept.append(one)
    return kept


def _both_ways(found: list[Judged]) -> list[Judged]:
    """Hold a debit of what came back until its credit shows, and the credit until the debit shows."""
    while True:
        shown = {(each.name, one.entry.way) for one in found if not one.why for each in one.meant}
        held = [one if one.why else next(_halves(one, shown), one) for one in found]
        if held == found:
            return found
        found = held


def _halves(one: Judged, shown: set[tuple[str, Way]]) -> Iterator[Judged]:
    """The entry as held where its other half is missing."""
    for each in one.meant:
        credited = each.payout.credited or (each.name, Way.CREDIT) in shown
        if one.entry.way is Way.DEBIT and each.payout.back_minor and not credited:
            if each.payout.rejected:
                why = f"the bank rejected {each.name} and shows a debit of it, and no credit yet: ask the bank for it"
                yield replace(one, why=why)
            why = f"{each.name} came back, and no bank entry shows yet how: it is taken together with that"
            yield replace(one, why=why, waits=True)
        if one.entry.way is Way.CREDIT and not each.payout.debited and (each.name, Way.DEBIT) not in shown:
            why = f"no bank entry shows yet that {each.name} left: it is taken together with that"
            yield replace(one, why=why, waits=True)


def named(meant: Meant) -> str:
    """Payments as people name them: one by its id, all of a batch by the batch's."""
    whole = meant[0].batch
    if (
        len(meant) > 1
        and len(meant) == len(whole.payouts)
        and {one.batch.batch_id for one in meant} == {whole.batch_id}
    ):
        return f"{whole.batch_id}"
    return ", ".join(one.name for one in meant)
