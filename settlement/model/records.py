"""The tables of records: what the parsers read, and what the checks let through."""

from __future__ import annotations

from typing import Final

from settlement.model.table import Table, read_columns

_LOCATOR = """
file text delivery folder + `/` + file name
record int locator inside the file, from 1 (see FORMATS in docs)
"""
_RETRACTED = "retracted text? `R` where the row takes back what was told of its key\n"

_CLEARING = (
    _LOCATOR
    + """
side text `bank` (issuer, network, acquirer of the issuer's cards) or `merchant`
feed text feed of the layout that read the file
delivered_on date the night on which the file came, from which on the record is known
posting_date date business date of the file
kind text purchase, second_presentment, refund, reversal, chargeback and its reversal, cash_advance, fee_collection
direction int +1 the cardholder (or, for fee_collection, the issuer) is charged, -1 is credited
amount_minor int unsigned amount in `currency`: bank side with cash-back, merchant side goods only
currency text ISO 4217 code of amount_minor
transaction_amount_minor int unsigned amount in the currency of the transaction
transaction_currency text ISO 4217 code of transaction_amount_minor
cashback_minor int? cash-back told by this side, in `currency`; empty where the side says nothing
tip_minor int? tip told by the merchant, in `currency`; empty where it says nothing
total_minor int what the cardholder paid: bank amount_minor; merchant goods + tip + cash-back told
interchange_micro int? interchange in millionths of the currency's major unit, + the issuer earns
transaction_date date? local calendar date of the transaction, its year completed
local_time time? local date-time of the transaction, where the record tells a time
zone text? IANA zone of local_time, where known
card_ref text? keyed reference of the card (bank side only)
card_masked text? first six and last four digits, one `*` for each digit between
arn text? acquirer reference number, 23 digits
rrn text? retrieval reference number
authorisation_code text? approval code
lifecycle_id text? network id that the messages of one authorisation share
clearing_sequence int? which of the clearings of one authorisation this is, from 1, where the network tells it
clearing_count int? how many clearings the authorisation has in all, where the network tells it
processing_date date? the day on which the network processed the record, where it tells it
settlement_date date? the day on which the network settles the record, where it tells it
mcc text? merchant category code, four digits
merchant_number text? card acceptor id
merchant_name text? as the record writes it
terminal text? terminal id
order_ref text? the merchant side's reference of the sale (order, PSP reference)
part_ref text? the merchant side's reference of this row of the sale (shipment, modification)
original_ref text? order_ref of the sale that a refund, reversal or chargeback refers to
reason_code text? network reason of a chargeback, its reversal, a second presentment or a fee collection
member_id text? partner's member number, where the record names the member and no card
base_miles int? miles for the amount, unsigned like it
bonus_miles int? miles over and above, unsigned like it
purchases int? how many purchases are added up in the record, where it tells that
batch text? batch in which the acquirer settles the record
net_minor int? what the acquirer settles for the record after its fees, + to the merchant, in `net_currency`
net_currency text? currency of net_minor
"""
)

_REJECT = (
    _LOCATOR
    + """
reason text BAD_DATE, BAD_LUHN, UNKNOWN_CURRENCY, NON_NUMERIC_AMOUNT or MALFORMED
field text the field that failed
preview text the field's content, card numbers masked, control characters replaced
amount_minor int? the row's amount where it could be read
currency text? its currency where it could be read
batch text? batch in which the acquirer settles the row all the same
net_minor int? what the acquirer settles for it after its fees, + to the merchant, where that could be read
net_currency text? currency of net_minor
"""
)

_CONTROL_RECORD = (
    _LOCATOR
    + """
class text what it is, such as HEADER, COMMENT, TRAILER, CONTINUATION_TCR, SETTLEMENT_REPORT, RETURNED or PAYOUT
amount_minor int? money the record carries, debit to the merchant negative
currency text? its currency
text text? reference or text of the record
batch text? batch of the acquirer that the record belongs to
"""
)

_ACCOUNT_EVENT = (
    _LOCATOR
    + """
event text SNAPSHOT, OPEN, ACTIVATE, CLOSE or STATEMENT
effective_on date when it happened
account_id text account
programme text programme of the account
product text? product
affinity_group text? affinity group
account_class text? class, such as STANDARD or STUDENT
channel text? channel through which the account was won
member_id text? partner's member number
opened_on date? opening date
activated_on date? activation date
closed_on date? closing date
first_purchase_on date? date of the first purchase
statement_balance_minor int? balance of a STATEMENT event
currency text? its currency
"""
    + _RETRACTED
)

_ENROLMENT = (
    _LOCATOR
    + """
card_ref text keyed reference of the card
card_masked text masked card number
account_id text account of the card
programme text programme of the card
member_id text? partner's member number
valid_from date from when the card belongs to the account
"""
    + _RETRACTED
)

_STORE = (
    _LOCATOR
    + """
merchant_number text card acceptor id of an own store
store_id text the partner's store id
name text name of the store
"""
    + _RETRACTED
)

_FX_RATE = (
    _LOCATOR
    + """
rate_date date the day the rate is for
from_currency text currency of the one unit
to_currency text currency of the rate
rate text units of to_currency for one from_currency, exact decimal
"""
    + _RETRACTED
)

_OPENING_POSITION = (
    _LOCATOR
    + """
contract text contract id
item text what the balance is
value int value in `unit`
unit text unit, such as `USD minor` or `miles`
"""
    + _RETRACTED
)

_PNL = (
    _LOCATOR
    + """
programme text programme
month text YYYY-MM
version int a higher version replaces a lower one
line text INTEREST, FEES, LOSSES, COST_OF_FUNDS or OPEX
amount_minor int always positive; the line says whether it is income or cost
currency text ISO 4217 code
"""
    + _RETRACTED
)

_MCC = (
    _LOCATOR
    + """
mcc text merchant category code, four digits
name text what it is
category text? group that the bank puts it in
"""
    + _RETRACTED
)

_CALENDAR_DAY = (
    _LOCATOR
    + """
calendar text whose calendar, such as a market or a settlement system
day date the day
kind text OPEN or CLOSED
"""
    + _RETRACTED
)

_STATEMENT_ENTRY = (
    _LOCATOR
    + """
account text bank account of the statement
entry_ref text the bank's reference of the entry
booked_on date booking date
value_on date value date
direction int +1 credit to our account, -1 debit
amount_minor int unsigned amount
currency text ISO 4217 code
code text bank transaction code, such as NETW or ACQP
end_to_end_id text? end-to-end reference
remittance text? unstructured remittance text
bank_ref text? the account servicer's reference
message_id text? message of ours that a batch entry books
payment_id text? payment group of ours that a batch entry books
details int? how many transactions the bank says the entry stands for
charges_minor int? charges that the bank tells with the entry, + taken from us, in `currency`
reversal flag? whether the entry takes back an earlier one; `direction` is that of the entry itself
availability text? when the funds can be used, as BAI2 writes it, such as `1` or `V 240305`
"""
)

_BANK_STATEMENT = (
    _LOCATOR
    + """
account text bank account of the statement
statement_id text? the bank's id of the statement
currency text? currency of its balances
sequence int? running number of the statement (electronic sequence, statement number)
legal_sequence int? running number in the legal order
page int page of the statement, from 1
last_page flag whether it is the statement's last page
opening_on date? day of the opening balance
opening_minor int? booked opening balance, + to us
closing_on date? day of the closing balance
closing_minor int? booked closing balance, + to us
entries int entries in it
entries_minor int sum of the booked entries that could be read, + to us
"""
)

_BANK_DETAIL = (
    _LOCATOR
    + """
told_by text `statement` (inside the entry it belongs to) or `notification` (in a message of its own)
entry int number of the entry in this file under which the detail stands
account text bank account
entry_ref text? reference of that entry
bank_ref text? the account servicer's reference of that entry
entry_direction int +1 the entry is a credit to our account, -1 a debit
entry_minor int unsigned amount of that entry, in `entry_currency`
entry_currency text its currency
charges_minor int? charges told with that entry, + taken from us, in `entry_currency`
booked_on date? booking date of that entry
message_id text? message of ours that the detail belongs to
payment_id text? payment group of ours that the detail belongs to
end_to_end_id text? end-to-end reference
transaction_id text? the bank's or scheme's id of the transaction
direction int +1 credit to our account, -1 debit
amount_minor int? unsigned amount; empty where the bank tells none that can be read
currency text? its currency
remittance text? unstructured remittance text
"""
)

CONTROL_TOTAL = """
file text delivery folder + `/` + file name
control text name of the total, such as `records` or `PDS0301`
declared int? what the file says
computed int what its records give
agrees flag whether they are equal; true where the file declares nothing
"""

# Candidate tables hold everything a parser read, also from files that stay out whole; `check` publishes the
# rows of accepted files under the name without `parsed_`.
CANDIDATES: Final[tuple[str, ...]] = (
    "clearing",
    "reject",
    "control_record",
    "account_event",
    "enrolment",
    "store",
    "fx_rate",
    "opening_position",
    "pnl",
    "mcc",
    "calendar_day",
    "statement_entry",
    "bank_statement",
    "bank_detail",
)

OWN_NUMBERS: Final[frozenset[str]] = frozenset({"bank_statement", "bank_detail"})
"""Tables whose rows have numbers of their own; in all others ``record`` locates a row in its file, once over all."""

_ROWS: Final[dict[str, tuple[str, str]]] = {
    "clearing": ("one financial message about one card transaction", _CLEARING),
    "reject": ("one row that could not be used, with its reason", _REJECT),
    "control_record": ("one header, trailer, continuation or fee record that is no transaction", _CONTROL_RECORD),
    "account_event": ("one event of a card account", _ACCOUNT_EVENT),
    "enrolment": ("one card of an account", _ENROLMENT),
    "store": ("one own store of a partner", _STORE),
    "fx_rate": ("one exchange rate", _FX_RATE),
    "opening_position": ("one balance from before the first night", _OPENING_POSITION),
    "pnl": ("one line of a programme's monthly profit and loss", _PNL),
    "mcc": ("one merchant category code", _MCC),
    "calendar_day": ("one day of a bank calendar", _CALENDAR_DAY),
    "statement_entry": ("one booked entry of a bank statement", _STATEMENT_ENTRY),
    "bank_statement": ("one statement of a bank account, or one page of it", _BANK_STATEMENT),
    "bank_detail": ("one transaction inside a bank entry; it explains the entry and is never cash", _BANK_DETAIL),
}


def candidate_tables() -> tuple[Table, ...]:
    """Each table of records twice: as read by ``parse`` and as published by ``check``."""
    tables = []
    for name in CANDIDATES:
        doc, columns = _ROWS[name]
        tables.append(
            Table(
                name=f"parsed_{name}",
                stage="parse",
                doc=f"{doc}, as read, from every file that has a layout",
                key=("file", "record"),
                columns=read_columns(columns),
            )
        )
        tables.append(
            Table(
                name=name,
                stage="check",
                doc=f"{doc}, from accepted files only",
                key=("file", "record"),
                columns=read_columns(columns),
            )
        )
    return tuple(tables)
