"""Every table of the house, by name."""

from __future__ import annotations

from typing import Final

from settlement.model.packs import packed_tables
from settlement.model.records import CONTROL_TOTAL, candidate_tables
from settlement.model.table import Table, read_columns


def _table(name: str, stage: str, doc: str, key: str, columns: str) -> Table:
    return Table(name=name, stage=stage, doc=doc, key=tuple(key.split()), columns=read_columns(columns))


_KNOWN_CARD: Final = """
token text keyed hash of the card number under the key that was current
card_ref text the card's reference, which stays as keys change
"""
_REJECT_PLACE: Final = """
file text delivery folder + `/` + file name
record int locator inside the file
byte_offset int first byte of the record in the file inside its container, from 0
byte_length int bytes to its last one, without its line end
"""
_REPLAY: Final = """
file text the replay: delivery folder + `/` + file name
record int locator, the same as in the original file
original_file text file in which the record was rejected
reject_id text the reject in quarantine
repaired_by text who repaired it
replayed_by text who released it, another person
"""

_FINDING: Final = """
check text name of the check
subject text file, feed, record, or statement and place of its contract, that it is about
severity text error (a person must act), warning or note
text text one sentence: what was found and what to do
"""

_OTHERS: Final[tuple[Table, ...]] = (
    _table(
        "delivery",
        "land",
        "one delivered file as registered, before anything in it is read",
        "file",
        """
file text delivery folder + `/` + file name
name text file name
sha256 text digest of the content
size_bytes int size of the content
container text? what is put around the file by its name, outermost first, such as `openpgp+gzip`
layout text? layout that its name fits
feed text? feed of that layout
sender text? sender of that layout
file_date date? business date in the name
sequence text? sequence in the name
fate text registered, duplicate, no_layout, marker (it says that another file is complete), signature or rejected
why text? reason where it is not registered
signatures text? digests of the detached signatures that came for it, apart by `+`
""",
    ),
    _table(
        "parsed_file",
        "parse",
        "one file as read: what it says of itself and whether it is whole",
        "file",
        """
file text delivery folder + `/` + file name
sender text? sender that the file or its layout names
file_date date? business date that the file names
internal_id text? the file's own id or sequence
mode text? T test, P production, where the file says so
records int? records, lines or entries in the file
content_sha256 text? digest of the file inside its container; empty where that stayed shut
content_bytes int bytes that were read: of the file inside, or of a container that stayed shut
accepted_bytes int? bytes of its records
rejected_bytes int? bytes of its rejects; all bytes of a file that stays out
control_bytes int? bytes of header, trailer and other lines that are no records, and of the container
padding_bytes int? bytes that only fill up blocks
net_settlement_minor int? what the bank should show for the file, + to our account
net_settlement_currency text? its currency
payout_text text? text under which the bank shows it
fault text? why the whole file stays out, such as TRUNCATED, TOO_LARGE or NOT_SIGNED
detail text? one sentence on the fault
""",
    ),
    _table(
        "parsed_card_token",
        "parse",
        "one token of a card that an older key knows, as a file tells it",
        "file token",
        "file text delivery folder + `/` + file name\n" + _KNOWN_CARD,
    ),
    _table(
        "card_token", "check", "one token of a card whose reference was made under an older key", "token", _KNOWN_CARD
    ),
    _table("parsed_reject_place", "parse", "where the bytes of a reject lie, as read", "file record", _REJECT_PLACE),
    _table(
        "reject_place", "check", "where the bytes of a reject of an accepted file lie", "file record", _REJECT_PLACE
    ),
    _table(
        "parsed_replay", "parse", "one record of a replay and the reject that it was, as read", "file record", _REPLAY
    ),
    _table("replay", "check", "one record that came in again after a repair", "file record", _REPLAY),
    _table("parsed_control_total", "parse", "one control total of a file, as read", "file control", CONTROL_TOTAL),
    _table("control_total", "check", "one control total of an accepted or refused file", "file control", CONTROL_TOTAL),
    _table(
        "file",
        "check",
        "one delivered file and its fate",
        "file",
        """
file text delivery folder + `/` + file name
fate text accepted, rejected, duplicate, no_layout, marker or signature
why text? late, or the reason why it is not accepted
sha256 text digest of the content
records int? records, lines or entries in the file; empty where it could not be read whole
size_bytes int size of the content
container text? what was put around the file, outermost first, such as `openpgp+gzip`
content_sha256 text? digest of the file inside its container; empty where it was not read
content_bytes int? bytes that were read, which the four below add up to
accepted_bytes int? bytes of its records
rejected_bytes int? bytes of its rejects; all bytes of a file that stays out
control_bytes int? bytes of header, trailer and other lines that are no records, and of the container
padding_bytes int? bytes that only fill up blocks
feed text? feed
sender text? sender
file_date date? business date of the file
identity text? sender, type, business date and internal id: what makes it the same logical file
net_settlement_minor int? what the bank should show for the file, + to our account
net_settlement_currency text? its currency
payout_text text? text under which the bank shows it
detail text? one sentence for a person
""",
    ),
    _table("finding", "check", "one result of a check that a person should see", "check subject", _FINDING),
    _table(
        "match",
        "match",
        "one accepted group of rows of both sides",
        "match_id",
        """
match_id text id, unique over all nights
pass text pass of the rules that found it
leg text leg, such as MERCHANT
cardinality text 1:1, 1:N or N:1 (bank:merchant)
kind text EXACT, LATE, DATE_SHIFT, MASKED_ONLY, AMOUNT_DIFF, MILES_DIFF, ONE_TO_MANY, MANY_TO_ONE, REFUND or another
residual_minor int merchant side minus bank side, in `currency`
residual_reason text? TIP, CASHBACK or FX_ROUNDING where the residual is explained; MILES where miles alone differ
residual_miles int? miles told less miles earned by the rules of the leg; empty on a leg without miles
currency text currency in which the sides were compared
by_order flag another choice was as good: the first by file and record was taken
""",
    ),
    _table(
        "match_member",
        "match",
        "one record inside a match",
        "match_id file record",
        """
match_id text match
side text `bank` or `merchant`
file text delivery folder + `/` + file name
record int locator inside the file
amount_minor int unsigned amount of the record in `currency`
currency text currency in which the sides were compared
""",
    ),
    _table(
        "match_taken_back",
        "match",
        "one match of an earlier night that does not hold from this night on, because the night restates that one",
        "match_id",
        """
match_id text match
leg text its leg
night date night that told it
""",
    ),
    _table(
        "open_item",
        "match",
        "one record that is open on one leg at the night's close",
        "leg file record",
        """
leg text leg
reason text MISSING_MERCHANT, MISSING_ACCRUAL, MISSING_BANK, DUPLICATE_RECORD or FOREIGN_BIN
opened_on date night on which it was first open
age_days int days from opened_on to this night
age_bucket text bucket of that age, such as 4-7, as the rules declare them
state text open, or expired: older than its leg carries, so that it takes part no more
file text delivery folder + `/` + file name
record int locator inside the file
side text `bank` or `merchant`
amount_minor int unsigned amount
currency text its currency
nearest_file text? file of the record that came closest; of a duplicate, of its original
nearest_record int? its locator
nearest_condition text? the condition it failed, such as amount_differs (the words: settlement.model.clearing.Nearest)
note text what both have in common and what not, in one sentence
""",
    ),
    _table(
        "pass_use",
        "match",
        "one pass of the rules and when it last took something",
        "leg pass",
        """
leg text leg
pass text pass of the rules
matches int matches that it found this night
last_on date? night of its last match
idle_nights int nights in a row, this one included, in which it found none
stale flag idle for as many nights as the rules allow
""",
    ),
    _table(
        "cash_tie",
        "match",
        "one bank statement entry and the file it ties to, as judged this night",
        "camt_file entry",
        """
camt_file text bank statement file
entry int number of the entry in the message
entry_ref text the bank's reference
currency text currency
direction int +1 credit to our account, -1 debit
amount_minor int unsigned amount of the entry
ties_to text? file whose settlement the entry pays
expected_minor int? unsigned amount that the file gives
diff_minor int? received minus expected, + in our favour
status text TIED, SHORT_BY_FEE, DIFFERS, FILE_PENDING or UNEXPLAINED
""",
    ),
    _table(
        "detail_tie",
        "match",
        "the transactions told for one bank entry, and the entry they explain, as judged this night",
        "file entry",
        """
file text file that tells the transactions
entry int number of the entry under which they stand there
account text bank account
statement_file text? statement that has the entry
statement_entry int? its number there
linked_by text? SAME_ENTRY, BANK_REF, ENTRY_REF, PAYMENT_ID, MESSAGE_ID or END_TO_END_ID
details int transactions told
details_minor int? their sum, + to us; empty where one of them has no amount in the entry's currency
entry_minor int? the statement's entry, + to us; what the notification says of it while that is still to come
currency text currency of the entry
difference_minor int? sum less entry, charges taken out where that makes them agree
status text LINKED, PARTIAL (some are missing), DIFFERS, REPEATED (told before), AMBIGUOUS or ENTRY_PENDING
""",
    ),
    _table(
        "batch_tie",
        "match",
        "one batch of an acquirer's file, re-added from its transactions and held against its payout",
        "file batch currency",
        """
file text acquirer's file; that of a replay tells what its records add to the batch
batch text batch number
currency text currency of the batch and of all amounts, which are + to the merchant
transactions int records of the batch in `clearing`
transactions_minor int their net amounts, after the acquirer's fees for each
rejected int rows of the batch in `reject`, which the acquirer settles all the same; below zero where they come again
rejected_minor int their net amounts where they could be read
fees_minor int fees charged for the batch as a whole
balance_minor int balance taken over from an earlier batch
batch_minor int what transactions, rejected rows, fees and balance come to
closing_record int? locator of the payout, or of the balance that the next batch takes over
closing_minor int? what is paid out or carried over; empty where the batch has neither
residual_minor int closing minus batch
lines_minor int? what the reader summed over the file's lines before any row was judged, payout left out
lines_residual_minor int? that minus what the tables come to: not zero where a line was lost on the way
state text TIED, CARRIED_OVER (closed by a balance, without a payout) or DIFFERS
closed_by text? PAYOUT or BALANCE; empty where the batch has no end
feed text? feed of the file, where its layout has the bank show payouts: the batch has an account in the books
""",
    ),
    _table(
        "batch_carry",
        "match",
        "one balance that an acquirer's batch takes over from an earlier one, told on the night that knows both",
        "file batch currency",
        """
file text file of the batch that takes it over
batch text its number
feed text feed of both
currency text currency
taken_minor int what the batch says it takes over, + to the merchant
from_file text file of the batch that carried it over
from_batch text its number
carried_minor int what that one says it carries over
in_books flag the batch has an account in the books; of nights before there were such accounts none has
from_in_books flag so has the earlier one
""",
    ),
    _table(
        "rated",
        "rate",
        "one record's contribution to one term that became known this night; a correction is a new row",
        "contract term period selector file record account_id quantity",
        """
contract text contract id
version date effective date of the contract file
clause text clause
term text term
period text period, such as 2010-Q4, 2010-12 or 2010-12-29
selector text which rate or population inside the term, empty text where there is one only
file text? source file of the record, balance or profit line; empty for an account
record int? locator inside the file
account_id text? account, for terms that count accounts
quantity int signed quantity: minor units for volumes, 1 for an account
unit text currency code, `accounts` or `miles`
""",
    ),
    _table(
        "rated_basis",
        "rate",
        "what the totals of one contract rest on beside the facts",
        "contract",
        """
contract text contract id
basis text digest of the contract's files and of the version that rated them: another one rates all facts anew
""",
    ),
    _table(
        "rated_total",
        "rate",
        "contributions to date, added up by term, period and selector, as known after this night",
        "contract term period selector",
        """
contract text contract id
term text term
period text period
selector text which rate or population inside the term, empty text where there is one only
quantity int sum of the contributions
rows int how many contributions there are, those of nothing too
accounts int accounts with a contribution to the term in the period, for terms that limit accounts; else 0
""",
    ),
    _table(
        "rated_account",
        "rate",
        "what this night adds to the units of one account, for terms that limit accounts",
        "contract version term period account_id",
        """
contract text contract id
version date effective date of the contract file
term text term
period text period
period_first date first day of the period
account_id text account
units int units added, before the limit
rows int contributions added, less those taken away
""",
    ),
    _table(
        "rated_pack",
        "rate",
        "one night whose packed tables are to be read after this night, beside those of the others",
        "pack",
        """
pack date night that wrote them
nights int how many nights up to it are in them
""",
    ),
    _table(
        "rated_key",
        "rate",
        "a key by which a later night may look for records of a night, this one or an earlier one that had none",
        "key night",
        """
key int 64-bit digest of a reference or order, a card, merchant number or file, or a record matched later
night date night whose records or matches hold it
""",
    ),
    _table(
        "payout",
        "rate",
        "one line of a statement as known after this night",
        "as_of contract period term beneficiary adjusts",
        """
as_of date night after which this is known
contract text contract id
period text period
term text term, or adjustment, interest, or a line of a beneficiary such as share, recouped, held, reserved, payout
beneficiary text? beneficiary; empty for a term of the whole contract
amount_minor int signed amount
currency text currency
state text CLOSED, PREVIEW, RESTATED or PARKED
quantities text the quantities behind the amount as `name=value;...`
clause text clause of the contract, or the settlement rule
adjusts text? for an adjustment, its interest and what is parked the closed period
""",
    ),
    _table(
        "ledger",
        "rate",
        "an entry of a ledger of a contract: part of a statement's line, or things to date as known after this night",
        "contract period term adjusts entry",
        """
contract text contract id
period text period of the statement; empty text for things, which are to date
term text the line that it is a part of; for things the ledger, named by its first term
adjusts text? for a part of an adjustment the closed period
entry text guarantee, breakage or reserve of a line; issued, redeemed, expired, bought or drawn of things
unit text currency, or what the things are, such as POINTS or miles
amount int minor units of the currency, or things
""",
    ),
    _table("rate_finding", "rate", "one thing about a statement that a person should see", "check subject", _FINDING),
    _table(
        "trial_balance",
        "post",
        "balance of one account after this night",
        "account currency",
        """
account text account of the chart
currency text currency
debit_minor int sum of debits to date
credit_minor int sum of credits to date
balance_minor int debits minus credits
""",
    ),
    _table(
        "payable",
        "pay",
        "what one partner is owed for one period of one contract",
        "beneficiary contract period",
        """
beneficiary text partner
contract text contract id
period text period
currency text currency
amount_minor int net payable, never negative
carry_minor int balance carried forward
state text CLOSED (payable) or PREVIEW
""",
    ),
    _table(
        "settlement_file",
        "pay",
        "one file made for a partner",
        "path",
        """
path text path under HOME/out/business_date=.../
beneficiary text partner
contract text contract id
period text period
sha256 text digest of the content
lines int detail lines
total_minor int sum of the detail lines' amounts in `currency`; of a restatement, of its differences
currency text currency paid
told text settlement, details, restatement or statement
format text delimited, fixed_width, parquet, workbook, html or pdf
sequence int sequence number that the file tells
""",
    ),
    _table(
        "expectation",
        "quality",
        "one data-quality expectation and its result, without any value of the data",
        "suite expectation column",
        """
suite text suite, one for a feed or table
expectation text type of the expectation
column text column or columns
success flag whether it held
rows int rows looked at
unexpected int rows that failed
""",
    ),
)

_PLAIN: Final = (*candidate_tables(), *_OTHERS)

TABLES: Final[dict[str, Table]] = {table.name: table for table in (*_PLAIN, *packed_tables(_PLAIN))}
