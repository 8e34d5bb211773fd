"""Bank entries beside payments: what each shows, and how entries bear on one another.

A payment is debited once, and each part of it that came back is credited once. A debit of what came back is held until
a credit shows, and the credit until the debit shows. A second debit and the credit that gives it back come to nothing:
both name the same payments with the same amount, so they are set off, whichever of them the bank made by mistake.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from settlement.model.payout import Batch, Payout, Way
from settlement.payout.bank_entries import BankEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordered:
    """A payment and the batch that orders it; ``part_minor`` is the one part of what came back that is meant."""

    batch: Batch
    payout: Payout
    part_minor: int | None = None

    @property
    def name(self) -> str:
        """The payment's id."""
        return self.payout.payment_id

    def shown_by(self, way: Way) -> int:
        """What a bank statement has to show of it, in minor units: all of it goes out, what came back comes in."""
        if way is Way.DEBIT:
            return self.payout.amount_minor
        return sum(self.payout.to_credit) if self.part_minor is None else self.part_minor


Meant = tuple[Ordered, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A bank entry with the payments that it shows or is nearest to; ``why`` says why it is not taken, or nothing.

    ``waits`` tells that only its other half is missing, which comes by itself: nobody has to act. ``again`` tells of a
    debit that only an earlier debit keeps from being taken, ``names`` are all payments that an entry may mean, and
    ``against`` is the entry by which it is set off.
    """

    entry: BankEntry
    meant: Meant
    why: str = ""
    waits: bool = False
    again: bool = False
    names: frozenset[frozenset[str]] = frozenset()
    against: BankEntry | None = None


def each_once(found: Iterable[Judged]) -> list[Judged]:
    """Of entries that show one payment, or one part of what came back, the same way the first is taken."""
    debited: set[str] = set()
    left: dict[str, list[int]] = {}
    kept = []
    for one in found:
        again = "" if one.why else next((each.name for each in one.meant if _spent(one, each, debited, left)), "")
        if again:
            why = f"another bank entry of now shows {again} already"
            kept.append(replace(one, why=why, again=one.entry.way is Way.DEBIT))
            continue
        if not one.why:
            _spend(one, debited, left)
        kept.append(one)
    return kept


def _spent(one: Judged, each: Ordered, debited: set[str], left: dict[str, list[int]]) -> bool:
    if one.entry.way is Way.DEBIT:
        return each.name in debited
    parts = left.setdefault(each.name, list(each.payout.to_credit))
    return each.shown_by(Way.CREDIT) not in {*parts, sum(parts)}


def _spend(one: Judged, debited: set[str], left: dict[str, list[int]]) -> None:
    for each in one.meant:
        if one.entry.way is Way.DEBIT:
            debited.add(each.name)
        elif each.shown_by(Way.CREDIT) in left[each.name]:
            left[each.name].remove(each.shown_by(Way.CREDIT))
        else:
            left[each.name] = []


def both_ways(found: list[Judged]) -> list[Judged]:
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
        credited = each.payout.credits or (each.name, Way.CREDIT) in shown
        if one.entry.way is Way.DEBIT and each.payout.backs and not credited:
            if each.payout.rejected:
                why = f"the bank rejected {each.name} and shows a debit of it, and no credit yet: ask the bank for it"
                yield replace(one, why=why)
            why = f"{each.name} came back, and no bank entry shows yet how: it is taken together with that"
            yield replace(one, why=why, waits=True)
        if one.entry.way is Way.CREDIT and not each.payout.debited and (each.name, Way.DEBIT) not in shown:
            why = f"no bank entry shows yet that {each.name} left: it is taken together with that"
            yield replace(one, why=why, waits=True)


def set_off(found: list[Judged]) -> list[Judged]:
    """Set second debits off against credits of the same payments, account and amount that nothing else takes.

    Each is taken with its other half as ``against``; those without one stay as they are.
    """
    pairs: dict[tuple[str, int], BankEntry] = {}
    for second in found:
        credit = next((one for one in found if _gives_back(one, second) and one.entry.place not in pairs), None)
        if second.again and credit is not None:
            pairs |= {second.entry.place: credit.entry, credit.entry.place: second.entry}
    return [
        replace(one, why="", waits=False, against=pairs[one.entry.place]) if one.entry.place in pairs else one
        for one in found
    ]


def _gives_back(one: Judged, second: Judged) -> bool:
    """Whether a credit that is not taken gives back a debit."""
    ours, theirs = one.entry, second.entry
    return (
        bool(one.why)
        and ours.way is Way.CREDIT
        and (ours.account, ours.currency, ours.amount_minor) == (theirs.account, theirs.currency, -theirs.amount_minor)
        and frozenset(each.name for each in second.meant) in one.names
    )


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
