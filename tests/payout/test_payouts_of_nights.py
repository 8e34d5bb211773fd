"""Payouts between the nights of a settled sample: the next night's books hold them, and every law holds throughout."""

from __future__ import annotations

import re
from collections import Counter
from datetime import date, timedelta
from decimal import Decimal

import polars as pl
import pytest
from made_replies import report, returned
from payout_home import ABROAD, PAYS_ABROAD, with_account

from settlement import books, originals, payout_books, reperform, runner, store
from settlement.errors import RetryableError
from settlement.model.payout import Batch
from settlement.payout import conservation, replies, steps
from settlement.sample.writers_bank import write_statement
from settlement.store import Home

PAYS = "SAMPLE-SETTLEMENT-USD"
PARTNERS = ("ALMA-MATER", "HARBOR-FOUNDATION", "HARBOR-LOYALTY", "HARBOR-RETAIL", "MERIDIAN-AIR")
FIRST, SECOND = "2026-01-01T07:00:00Z", "2026-01-02T07:00:00Z"


@pytest.fixture
def home(two_nights_on_each_database: Home) -> Home:
    """Two nights of the sample, of which the second closes periods; the third is delivered."""
    place = two_nights_on_each_database
    programme = place.config / "programme.toml"
    pays = f'iban = "{PAYS_ABROAD}" }}\n'
    programme.write_text(programme.read_text().replace(pays, f'{pays}statement_account = "{PAYS}"\n'))
    for partner in PARTNERS:
        with_account(place, partner, ABROAD)
    return place


def on_the_statement(home: Home, night: date, *entries: tuple[int, str]) -> None:
    """Add entries, each an amount (+ to us) in cents and an end-to-end id, to the night's statement in dollars."""
    (path,) = (home.inbox / str(night)).glob("CAMT053_*.xml")
    head, closing, tail = path.read_text().partition("</Stmt>")
    for number, (amount, name) in enumerate(entries, start=1):
        head += (
            f'<Ntry><NtryRef>OUT{number}</NtryRef><Amt Ccy="USD">{abs(amount) / 100:.2f}</Amt>'
            f"<CdtDbtInd>{'CRDT' if amount > 0 else 'DBIT'}</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>"
            f"<BookgDt><Dt>{night}</Dt></BookgDt><ValDt><Dt>{night}</Dt></ValDt><BkTxCd><Prtry><Cd>PMNT</Cd></Prtry>"
            f"</BkTxCd><NtryDtls><TxDtls><Refs><EndToEndId>{name}</EndToEndId></Refs></TxDtls></NtryDtls></Ntry>\n"
        )
    balance = re.compile(r"(<Cd>CLBD</Cd></CdOrPrtry></Tp><Amt Ccy=\"USD\">)([0-9.]+)")
    moved = sum(amount for amount, _ in entries)
    head = balance.sub(lambda found: f"{found[1]}{Decimal(found[2]) + Decimal(moved) / 100}", head)
    path.write_text(head + closing + tail)


def paid(home: Home, moment: str) -> Batch:
    engine = books.connect(home)
    (batch,) = steps.propose(home, engine, "ann", moment).batches
    assert {check.name for check in steps.failing(batch)} >= {"data_quality"}
    for person in ("cem", "dora"):
        steps.approve(engine, batch.batch_id, person, moment, batch.digest)
        steps.override(engine, batch.batch_id, person, moment, "the faults are known")
    return steps.release(home, engine, batch.batch_id, "dora", moment)


def require_laws(home: Home) -> None:
    engine = books.connect(home)
    assert conservation.broken(engine) == []
    assert [one.earned_minor == one.found_minor for one in conservation.standing(engine)] == [True]


def journal(home: Home, night: date) -> dict[tuple[str, str], int]:
    sums: Counter[tuple[str, str]] = Counter()
    for entry in books.read_entries(books.connect(home), night):
        for posting in entry.postings:
            sums[posting.account, posting.currency] += posting.amount_minor
    return dict(sums)


def test_the_next_night_holds_what_was_paid_and_what_came_back(home: Home) -> None:
    *_, closed, last = originals.delivery_dates(home)
    before = runner.books_digest(home, closed)
    require_laws(home)
    batch = paid(home, FIRST)
    require_laws(home)
    engine = books.connect(home)
    amount = batch.payouts[0].amount_minor
    content = returned(batch.payouts[0].payment_id, f"{amount // 100}.{amount % 100:02}")
    replies.read(home, engine, "back.xml", content, "fay", FIRST)
    replies.read(home, engine, "report.xml", report(batch, (batch.payouts[1].payment_id, "ACSC")), "fay", FIRST)
    require_laws(home)
    assert runner.books_digest(home, closed) == before
    on_the_statement(home, last, (-batch.total_minor, batch.batch_id), (amount, batch.payouts[0].payment_id))
    runner.run_night(home, last, until="pay")
    require_laws(home)
    table = store.read_table(home, "trial_balance", last)
    told = {(row["account"], row["currency"]): row["balance_minor"] for row in table.iter_rows(named=True)}
    assert told == journal(home, last)
    assert sum(told[key] for key in told if key[0].startswith("asset:transit")) == amount - batch.total_minor
    again = paid(home, SECOND)
    assert [(one.partner, one.amount_minor) for one in again.payouts] == [("ALMA-MATER", amount)]
    require_laws(home)
    (standing,) = conservation.standing(engine)
    assert dict(standing.left)["due"] == 0
    # The proposal has taken the debit of the batch and the credit of what came back off suspense.
    assert all(payout.settled for payout in payout_books.one_batch(engine, batch.batch_id).payouts)
    assert (standing.paid_minor, standing.in_transit_minor) == (batch.total_minor - amount, amount)
    after = last + timedelta(days=1)
    (home.inbox / str(after)).mkdir()
    write_statement(home.inbox / str(after) / f"CAMT053_{after:%Y%m%d}.xml", [], 0, after)
    runner.run_night(home, after, until="pay")
    assert reperform.verify_night(home, after).differing == ()
    rows = store.read_table(home, "trial_balance", after).filter(pl.col("account").str.starts_with("asset:transit"))
    standing_rows = rows.filter(pl.col("balance_minor") != 0).select("account", "balance_minor").rows()
    assert standing_rows == [(f"asset:transit:{PAYS}:{again.payouts[0].payment_id}", -amount)]


def test_a_payout_that_is_booked_while_a_night_is_posted_has_it_posted_again(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    last = originals.delivery_dates(home)[-1]
    runner.run_night(home, last, until="rate")
    runner.run_unit(home, last, "post", "all")
    paid(home, FIRST)
    with pytest.raises(RetryableError, match="A payout was booked while"):
        runner.commit(home, last, "post", ("all",))
    runner.run_night(home, last, until="pay")
    table = store.read_table(home, "trial_balance", last)
    assert table.filter(table["account"].str.starts_with("asset:transit"))["balance_minor"].sum() < 0
    assert payout_books.last_night(books.connect(home)) == last
