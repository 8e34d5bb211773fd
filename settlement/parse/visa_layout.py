"""The layout of Visa BASE II files: framing, header and trailers, and the editions of what stands between them.

A file is read by the edition that is in force on its own date. An edition names its source and says what changed since
the one before it; tables that it does not name are the earlier one's.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from settlement.model.clearing import Kind
from settlement.model.layout import Layout, read_spec
from settlement.parse.editions import Dated, read_editions

HEADER, BATCH, FILE = 90, 91, 92
FRAMING: Final = (HEADER, BATCH, FILE)
"""Transaction codes of the file's header, of a batch's trailer and of the file's."""

Places = Annotated[list[int], Field(min_length=2, max_length=2)]
Fields = dict[str, Places]
Code = Annotated[str, Field(pattern=r"^[0-9]{2}$")]
Direction = Literal[-1, 1]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Transaction(_Part):
    """What a transaction code is: +1 the issuer pays, -1 it is credited. ``again`` is its kind when presented again."""

    kind: Kind
    direction: Direction
    again: Kind | None = None


class Edition(Dated):
    """What stands between header and trailers from a date on; fields are first and last position, from 1."""

    needs: list[int]
    transactions: dict[Code, Transaction]
    fees: dict[Code, Direction]
    returns: dict[Code, str]
    reports: dict[Code, str]
    notices: dict[Code, str]
    usage: dict[str, Literal["first", "again"]]
    tcr0: Fields
    tcr1: Fields
    tcr5: Fields
    fee: Fields
    returned: Fields
    report: Fields

    @property
    def free(self) -> tuple[int, ...]:
        """Transaction codes that carry no money of the file: no trailer counts them as monetary or adds them."""
        return tuple(int(code) for code in (*self.reports, *self.notices))


class Interchange(_Part):
    """The long form of a record (ITF): so many bytes, with a gap that no field counts from its first to its last."""

    record_bytes: int
    gap: Places


class CtfSpec(_Part):
    """The part of a layout that this format understands; fields are first and last position, from 1."""

    encoding: str
    ebcdic: str
    record_bytes: int
    interchange: Interchange
    header: Fields
    trailer: Fields
    edition: Annotated[list[dict[str, Any]], Field(min_length=1)]


def read_layout(layout: Layout) -> tuple[CtfSpec, tuple[Edition, ...]]:
    """The layout's own part and its editions, the earliest first. Raises TerminalError naming the field."""
    spec = read_spec(layout, CtfSpec)
    return spec, read_editions(layout, spec.edition, Edition)
