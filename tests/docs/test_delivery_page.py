"""The page about deliveries is current: its declaration, its states, its acknowledgement."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from settlement.deliver.acknowledgement_layout import OF_FILE, WHOLE, AcknowledgementLayout, Told, read_told
from settlement.deliver.declared import Declarations
from settlement.delivery_books import DeliveryState, Status

_PAGE = (Path(__file__).resolve().parents[2] / "docs" / "DELIVERY.md").read_text("utf-8")


def test_the_declaration_of_the_page_is_read_with_every_key_that_there_is() -> None:
    block = re.search(r"    \[\[delivery\]\]\n((?:    .*\n|\n)+)", _PAGE)
    assert block is not None
    content = tomllib.loads(re.sub(r"^    ", "", block.group().replace("AAAA...", "AAAA"), flags=re.MULTILINE))
    (one,) = Declarations.model_validate(content).delivery
    assert one.sftp is not None
    assert one.acknowledgement is not None
    for model in (one.sftp, one.acknowledgement):
        assert model.model_fields_set == set(type(model).model_fields) - {"layout"}
    assert one.model_fields_set == set(type(one).model_fields) - {"outbox"}


def test_the_states_of_the_page_are_those_that_there_are() -> None:
    assert set(re.findall(r"^\| `(\w+)` \| (?!format)[^|]+ \| [^|]+ \|$", _PAGE, flags=re.MULTILINE)) == set(
        DeliveryState
    )


def test_the_acknowledgement_of_the_page_has_the_cells_that_are_read() -> None:
    block = re.search(r"    H,1,(?:.*\n    )*T,\d+", _PAGE)
    assert block is not None
    content = "".join(f"{line.strip().replace('9f86d0…', '9f86d0')}\n" for line in block.group().splitlines())
    told = read_told(AcknowledgementLayout(), content.encode())
    assert isinstance(told, Told)
    assert {values["status"] for _, values in told.files} == set(Status)
    assert told.whole["count"] == str(len(told.files))


def test_the_layout_of_the_page_is_one_and_every_value_that_there_is_stands_there() -> None:
    block = re.search(r"    \[delivery.acknowledgement.layout\]\n((?:    .*\n|\n)+)", _PAGE)
    assert block is not None
    content = tomllib.loads(re.sub(r"^    ", "", block.group(), flags=re.MULTILINE))
    layout = AcknowledgementLayout.model_validate(content["delivery"]["acknowledgement"]["layout"])
    assert read_told(layout, b"File;Result;Lines;Sum\nX;OK;50;1.500,00\n") == Told(
        whole={}, files=((2, {"name": "X", "lines": "50", "total": "1500.00", "status": "OK"}),)
    )
    for name in (*WHOLE, *OF_FILE):
        assert f"`{name}`" in _PAGE
