"""The night's journal: accruals, the close of statements, opening balances, things, cash, and the trial balance.

When a period closes, what is accrued for it moves to its beneficiaries and the accounts of the period end at zero.
``docs/BOOKS.md`` shows the chart of accounts and each kind of entry by an example.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

import polars as pl

from settlement.errors import TerminalError
from settlement.model import accounts
from settlement.model.clearing import StatementState
from settlement.model.journal import Entry, Posting
from settlement.model.money import amounts_text
from settlement.model.stage import StageInput, StageOutput
from settlement.model.statement_lines import Ledger, moves_of, told
from settlement.model.tables import TABLES
from settlement.post.accruals import STATEMENT, TermKey, accrual_entries, guarantee_entries, term_amounts, terms_of
from settlement.post.cash import cash_entries
from settlement.post.things import thing_entries

_ACCOUNTS: Final[Mapping[Ledger, accounts.AccountKind]] = {
    Ledger.ADVANCE: accounts.ADVANCE,
    Ledger.TAX_BORNE: accounts.TAX_BORNE,
    Ledger.TAX_OWED: accounts.TAX_OWED,
    Ledger.HOLD: accounts.HELD,
    Ledger.RESERVE: accounts.RESERVE,
}
"""The account of each ledger that stands between what a beneficiary earns and what it is paid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Share:
    """One beneficiary's lines of one closed statement: minor units by line name, and the line's currency.

    ``advanced`` is what the contract says is paid in advance in the statement's period.
    """

    contract: str
    period: str
    beneficiary: str
    advanced: Counter[str] = field(default_factory=Counter)
    amounts: dict[str, int] = field(default_factory=dict)
    currencies: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"{self.contract} {self.period} {self.beneficiary}"


def run(inputs: StageInput) -> StageOutput:
    """Book the night.

    Parameters
    ----------
    inputs:
        What persons booked since the night before; tonight's ``file``, ``cash_tie``, ``batch_tie``, ``batch_carry``,
        ``statement_entry``, ``payout`` and ``ledger``; of earlier nights ``file``, ``cash_tie``, ``batch_tie``,
        ``payout``, ``ledger`` and ``trial_balance``.

    Returns
    -------
    StageOutput
        The night's entries, each balanced in each currency, sorted by key, and the table ``trial_balance``: all
        accounts with their debits and credits of all nights so far.

    Raises
    ------
    TerminalError
        Where a statement does not re-add, or carries in another balance than the books hold.
    """
    before = _balances_before(inputs.history["trial_balance"])
    opening = _opening_entries(inputs)
    closing = _close_entries(inputs, _carried_after(before, opening))
    entries = sorted(
        [*opening, *accrual_entries(inputs), *closing, *thing_entries(inputs), *cash_entries(inputs)],
        key=lambda entry: entry.key,
    )
    for entry in entries:
        entry.check()
    return StageOutput(
        tables={"trial_balance": _trial_balance(before, [*inputs.booked, *entries])}, entries=tuple(entries)
    )


def _opening_entries(inputs: StageInput) -> list[Entry]:
    """The balance that a beneficiary brings from before its first night, and the advance that was open then."""
    lines = inputs.tables["payout"].filter(pl.col("beneficiary").is_not_null())
    pair = ["contract", "beneficiary"]
    known = inputs.history["payout"].filter(pl.col("beneficiary").is_not_null()).select(pair).unique().collect()
    fresh = lines.join(known, on=pair, how="anti").sort(*pair, "period", "term")
    first = fresh.filter(pl.col("period") == pl.col("period").min().over(pair))
    entries = []
    for row in first.filter(pl.col("term").is_in(["carry_in", "recouped"])).iter_rows(named=True):
        contract, beneficiary, currency = row["contract"], row["beneficiary"], row["currency"]
        if row["term"] == "carry_in":
            account, amount, what = (
                accounts.CARRIED.at(contract, beneficiary),
                -row["amount_minor"],
                "balance carried in",
            )
        else:
            account, amount = accounts.ADVANCE.at(contract, beneficiary), _quantity(row, "unrecouped_before")
            what = "advance not recouped"
        if amount:
            entries.append(
                Entry(
                    key=f"opening/{contract}/{beneficiary}/{row['term']}",
                    business_date=inputs.business_date,
                    kind="opening",
                    text=f"{contract} {beneficiary}: {what} from before the first night",
                    postings=(
                        Posting(account=account, currency=currency, amount_minor=amount),
                        Posting(account=accounts.OPENING.at(), currency=currency, amount_minor=-amount),
                    ),
                )
            )
    return entries


def _quantity(row: Mapping[str, Any], name: str) -> int:
    """One whole number out of a line's quantities."""
    value = told(row["quantities"], name)
    if value is None:
        raise TerminalError(
            f"{row['contract']} {row['period']} {row['term']} {row['beneficiary']} does not tell {name} among its "
            f"quantities ({row['quantities']!r}): the opening balance cannot be booked without it."
        )
    return int(value)


def _close_entries(inputs: StageInput, carried_before: Mapping[tuple[str, str], int]) -> list[Entry]:
    """One entry for each beneficiary of each statement that closes tonight."""
    payout = inputs.tables["payout"]
    closed = payout.filter(pl.col("state") == StatementState.CLOSED)
    if closed.is_empty():
        return []
    _refuse_second_close(inputs, closed)
    totals: dict[tuple[str, str], Counter[str]] = {}
    terms = term_amounts(terms_of(closed.lazy()).collect())
    for (contract, period, *_), amounts in terms.items():
        totals.setdefault((contract, period), Counter()).update(amounts)
    shares: dict[tuple[str, str], dict[str, _Share]] = {}
    for row in closed.filter(pl.col("beneficiary").is_not_null()).iter_rows(named=True):
        contract, period, beneficiary = row["contract"], row["period"], row["beneficiary"]
        share = shares.setdefault((contract, period), {}).setdefault(
            beneficiary, _Share(contract=contract, period=period, beneficiary=beneficiary)
        )
        share.amounts[row["term"]], share.currencies[row["term"]] = row["amount_minor"], row["currency"]
        share.advanced[row["currency"]] += int(told(row["quantities"], "advanced") or 0)
    entries = [*_from_original_periods(terms, inputs.business_date), *guarantee_entries(inputs, terms)]
    carried = Counter(carried_before)
    # In order of periods: where several close in one night, a later one carries in what an earlier one carries out.
    for statement in sorted(totals.keys() | shares.keys()):
        fresh = _close_statement(
            statement, totals.get(statement, Counter()), shares.get(statement, {}), carried, inputs.business_date
        )
        for posting in (posting for entry in fresh for posting in entry.postings):
            carried[posting.account, posting.currency] += posting.amount_minor
        entries += fresh
    return entries


def _from_original_periods(terms: Mapping[TermKey, Mapping[str, int]], night: date) -> list[Entry]:
    """Adjustments that stand in their original periods move to the statements that carry them, as these close."""
    return [
        Entry(
            key=f"original_period/{contract}/{period}/{term}/{adjusts}",
            business_date=night,
            kind="close",
            text=f"{contract} {period} carries the {term} of {adjusts}: {amounts_text(amounts)}",
            postings=tuple(
                Posting(
                    account=accounts.ACCRUED_SHARE.at(contract, where), currency=currency, amount_minor=sign * amount
                )
                for currency, amount in sorted(amounts.items())
                for where, sign in ((booked, 1), (period, -1))
            ),
        )
        for (contract, period, term, adjusts, booked), amounts in sorted(terms.items())
        if booked != period and any(amounts.values())
    ]


def _close_statement(
    statement: tuple[str, str],
    total: Counter[str],
    shares: Mapping[str, _Share],
    carried_before: Mapping[tuple[str, str], int],
    night: date,
) -> list[Entry]:
    """Move one statement's accrued share to its beneficiaries, once everything in it re-adds."""
    name = " ".join(statement)
    left = Counter(total)
    entries = []
    for beneficiary, share in sorted(shares.items()):
        if "share" in share.amounts:
            earned = {share.currencies["share"]: share.amounts["share"]}
        elif len(shares) == 1:
            earned = dict(total)
        else:
            raise TerminalError(f"{name} has several beneficiaries but no share of {beneficiary}: it cannot be closed.")
        left.subtract(earned)
        postings = _close_postings(share, earned, carried_before)
        if postings:
            entries.append(
                Entry(
                    key=f"close/{share.contract}/{share.period}/{beneficiary}",
                    business_date=night,
                    kind="close",
                    text=f"{share.name}: stated {amounts_text(earned)}, for payment {_line_money(share, 'payout')}, "
                    f"carried {_line_money(share, 'carry_out')}",
                    postings=postings,
                )
            )
    if any(left.values()):
        raise TerminalError(f"{name}: its shares leave {amounts_text(left)} of its terms without a beneficiary.")
    return entries


def _close_postings(
    share: _Share, earned: Mapping[str, int], carried_before: Mapping[tuple[str, str], int]
) -> tuple[Posting, ...]:
    """The postings of one beneficiary's close; checks that its balance re-adds and follows from the books."""
    currency = share.currencies.get("payout")
    if currency is None:
        raise TerminalError(f"{share.name} has no line payout: a closed statement must say what is paid, also zero.")
    payable = share.amounts.get("share_converted", earned.get(currency, 0))
    ledgers = moves_of(share.amounts)
    moves = {name: share.amounts[name] for name in ledgers}
    carry_in, between = share.amounts.get("carry_in", 0), sum(moves.values())
    payout, carry_out = share.amounts["payout"], share.amounts.get("carry_out", 0)
    if carry_in + payable + between != payout + carry_out:
        entries = "".join(f", {name.replace('_', ' ')} {amount}" for name, amount in moves.items())
        raise TerminalError(
            f"{share.name} does not re-add: carried in {carry_in}, stated {payable}{entries}, but paid {payout} and "
            f"carried out {carry_out} (minor units of {currency})."
        )
    carried = accounts.CARRIED.at(share.contract, share.beneficiary)
    booked = -carried_before.get((carried, currency), 0)
    if booked != carry_in:
        raise TerminalError(
            f"{share.name} carries in {carry_in}, but the books carry {booked} (minor units of {currency})."
        )
    converted, advanced = "share_converted" in share.amounts, sorted(share.advanced.items())
    lines = [(accounts.ACCRUED_SHARE.at(share.contract, share.period), unit, amount) for unit, amount in earned.items()]
    if converted:
        lines += [(accounts.CURRENCY_CONVERSION.at(), unit, -amount) for unit, amount in earned.items()]
        lines.append((accounts.CURRENCY_CONVERSION.at(), currency, payable))
    lines += [
        (carried, currency, -payable),
        *(
            line
            for name, amount in moves.items()
            for line in (
                (carried, currency, -amount),
                (_ACCOUNTS[ledgers[name]].at(share.contract, share.beneficiary), currency, amount),
            )
        ),
        (carried, currency, payout),
        (accounts.DUE.at(share.contract, share.beneficiary), currency, -payout),
        *((accounts.ADVANCE.at(share.contract, share.beneficiary), unit, amount) for unit, amount in advanced),
        *((accounts.DUE.at(share.contract, share.beneficiary), unit, -amount) for unit, amount in advanced),
    ]
    return tuple(
        Posting(account=account, currency=unit, amount_minor=amount) for account, unit, amount in lines if amount
    )


def _refuse_second_close(inputs: StageInput, closed: pl.DataFrame) -> None:
    again = (
        inputs.history["payout"]
        .filter(pl.col("state") == StatementState.CLOSED)
        .join(closed.lazy().select(STATEMENT), on=STATEMENT, how="semi")
        .sort(*STATEMENT, "business_date")
        .select(*STATEMENT, "business_date")
        .first()
        .collect()
    )
    for contract, period, night in again.iter_rows():
        raise TerminalError(
            f"{contract} {period} was closed on {night} and cannot be closed again: a later change is an adjustment."
        )


def _carried_after(
    before: Mapping[tuple[str, str], tuple[int, int]], opening: Iterable[Entry]
) -> dict[tuple[str, str], int]:
    """Balance of each account and currency after the nights before and tonight's opening entries."""
    balances = Counter({key: debit - credit for key, (debit, credit) in before.items()})
    for entry in opening:
        for posting in entry.postings:
            balances[posting.account, posting.currency] += posting.amount_minor
    return dict(balances)


def _balances_before(history: pl.LazyFrame) -> dict[tuple[str, str], tuple[int, int]]:
    """Debits and credits to date by account and currency, from the last earlier night's trial balance."""
    last = history.filter(pl.col("business_date") == pl.col("business_date").max()).collect()
    return {
        (row["account"], row["currency"]): (row["debit_minor"], row["credit_minor"]) for row in last.rows(named=True)
    }


def _trial_balance(before: Mapping[tuple[str, str], tuple[int, int]], entries: Iterable[Entry]) -> pl.DataFrame:
    """Debits and credits to date; TerminalError unless they are equal in each currency."""
    sums = {key: [debit, credit] for key, (debit, credit) in before.items()}
    for entry in entries:
        for posting in entry.postings:
            pair = sums.setdefault((posting.account, posting.currency), [0, 0])
            pair[0 if posting.amount_minor > 0 else 1] += abs(posting.amount_minor)
    off: Counter[str] = Counter()
    for (_, currency), (debit, credit) in sums.items():
        off[currency] += debit - credit
    if any(off.values()):
        raise TerminalError(f"The trial balance is off by {dict(off)} (minor units): the books are not to be trusted.")
    return pl.DataFrame(
        [
            (account, currency, debit, credit, debit - credit)
            for (account, currency), (debit, credit) in sorted(sums.items())
        ],
        schema=TABLES["trial_balance"].schema,
        orient="row",
    )


def _line_money(share: _Share, term: str) -> str:
    if term not in share.amounts:
        return "nothing"
    return amounts_text({share.currencies[term]: share.amounts[term]})
