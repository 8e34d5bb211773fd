"""The records of a NACHA file as data: 94 characters each, fields by name and width.

Source: the record formats of the Nacha operating rules, appendix three, as public parsers and banks document them.
``N`` is a number, filled with zeros on the left; ``A`` is text, filled with blanks on the right.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

RECORD_LENGTH: Final = 94
RECORDS_A_BLOCK: Final = 10
HASH_MODULUS: Final = 10**10
CURRENCY: Final = "USD"


class EntryClass(StrEnum):
    """The classes of entries (SEC codes) in which payments are written.

    ``CCD`` to companies, with at most one addenda record; ``CTX`` to companies, with up to 9,999; ``PPD`` to persons.
    """

    CCD = "CCD"
    CTX = "CTX"
    PPD = "PPD"


FILE_HEADER: Final = "file header"
BATCH_HEADER: Final = "batch header"
ENTRY: Final = "entry"
CTX_ENTRY: Final = "CTX entry"
ADDENDA_05: Final = "addenda 05"
ADDENDA_98: Final = "addenda 98"
ADDENDA_99: Final = "addenda 99"
BATCH_CONTROL: Final = "batch control"
FILE_CONTROL: Final = "file control"

_ENTRY_HEAD: Final = "type N1, code N2, bank N8, check_digit N1, account A17, amount N10, identification A15, "
_ENTRY_TAIL: Final = "discretionary A2, addenda_follows N1, trace N15"
_FORMS: Final = {
    FILE_HEADER: (
        "type N1, priority N2, destination A10, origin A10, date N6, time A4, modifier A1, record_size N3, "
        "blocking N2, format N1, destination_name A23, origin_name A23, reference A8"
    ),
    BATCH_HEADER: (
        "type N1, service N3, company_name A16, company_data A20, company_id A10, entry_class A3, description A10, "
        "descriptive_date A6, effective_date N6, settlement_date A3, originator_status A1, bank N8, batch N7"
    ),
    ENTRY: f"{_ENTRY_HEAD}name A22, {_ENTRY_TAIL}",
    CTX_ENTRY: f"{_ENTRY_HEAD}addenda N4, name A16, reserved A2, {_ENTRY_TAIL}",
    ADDENDA_05: "type N1, kind N2, text A80, sequence N4, entry N7",
    ADDENDA_98: (
        "type N1, kind N2, code A3, original_trace A15, reserved_1 A6, original_bank A8, corrected A29, "
        "reserved_2 A15, trace N15"
    ),
    ADDENDA_99: (
        "type N1, kind N2, code A3, original_trace A15, date_of_death A6, original_bank A8, text A44, trace N15"
    ),
    BATCH_CONTROL: (
        "type N1, service N3, entries N6, hash N10, debit N12, credit N12, company_id A10, authentication A19, "
        "reserved A6, bank N8, batch N7"
    ),
    FILE_CONTROL: "type N1, batches N6, blocks N6, entries N8, hash N10, debit N12, credit N12, reserved A39",
}

RECORDS: Final[Mapping[str, Mapping[str, tuple[bool, int]]]] = {
    record: {name: (form[0] == "N", int(form[1:])) for name, form in (field.split(" ") for field in fields.split(", "))}
    for record, fields in _FORMS.items()
}
"""Of each record the fields in their order: whether it is a number, and its width."""
