"""The layout of Mastercard IPM files: framing and code pages, and the editions of what messages hold.

A file is read by the edition that is in force on its own date, which PDS0105 of its header tells.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from settlement.model.clearing import Kind
from settlement.model.layout import Layout, read_spec
from settlement.parse.editions import Dated, read_editions

Element = Annotated[int, Field(ge=2, le=128)]
ProcessingCode = Annotated[str, Field(pattern="^[0-9]{6}$")]


class MessageType(StrEnum):
    """What a message is."""

    PRESENTMENT = "presentment"
    SECOND_PRESENTMENT = "second_presentment"
    CHARGEBACK = "chargeback"
    FEE_COLLECTION = "fee_collection"
    HEADER = "header"
    ADDENDUM = "addendum"
    FINANCIAL_POSITION = "financial_position"
    SETTLEMENT_POSITION = "settlement_position"
    CURRENCY_SUMMARY = "currency_summary"
    EXCEPTION = "exception"
    FILE_REJECT = "file_reject"
    TRAILER = "trailer"


class Edition(Dated):
    """What messages hold from a date on.

    Attributes
    ----------
    messages:
        What a message is, by message type and function code.
    processing, fees:
        Kind of a presentment, and direction of a fee (+1 the issuer is charged), by processing code.
    pds_elements:
        Elements that hold PDS: tag 4, length 3, value.
    elements:
        Length of each element, or how many digits before it tell the length.
    """

    messages: dict[Annotated[str, Field(pattern="^[0-9]{4}/[0-9]{3}$")], MessageType]
    processing: dict[ProcessingCode, Kind]
    fees: dict[ProcessingCode, Literal[1, -1]]
    pds_elements: list[Element]
    elements: dict[Element, int | Literal["LL", "LLL"]]


class IpmSpec(BaseModel):
    """The part of a layout that this format understands.

    ``refused`` names files that are something else by their first four bytes as a number, ``refused_texts`` by how one
    of their records begins.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    encoding: str
    ebcdic: str
    block_bytes: Annotated[int, Field(gt=0)]
    data_bytes: Annotated[int, Field(gt=0)]
    file_type: str
    refused: dict[str, str] = {}
    refused_texts: dict[str, str] = {}
    edition: Annotated[list[dict[str, Any]], Field(min_length=1)]


def read_layout(layout: Layout) -> tuple[IpmSpec, tuple[Edition, ...]]:
    """The layout's own part and its editions, the earliest first. Raises TerminalError naming the field."""
    spec = read_spec(layout, IpmSpec)
    return spec, read_editions(layout, spec.edition, Edition)
