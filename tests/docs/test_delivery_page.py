"""The page about deliveries is current: its declaration, its states, its acknowledgement."""

from __future__ import annotations

import csv
import re
import tomllib
from pathlib import Path

from settlement.deliver import acknowledgements
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
        assert model.model_fields_set == set(type(model).model_fields)
    assert one.model_fields_set == set(type(one).model_fields) - {"outbox"}


def test_the_states_of_the_page_are_those_that_there_are() -> None:
    assert set(re.findall(r"^\| `(\w+)` \| (?!format)[^|]+ \| [^|]+ \|$", _PAGE, flags=re.MULTILINE)) == set(
        DeliveryState
    )


def test_the_acknowledgement_of_the_page_has_the_cells_that_are_read() -> None:
    block = re.search(r"    H,1,(?:.*\n    )*T,\d+", _PAGE)
    assert block is not None
    rows = list(csv.reader(line.strip() for line in block.group().splitlines()))
    assert [len(row) for row in rows] == [
        acknowledgements._HEADER_CELLS,
        *[acknowledgements._LINE_CELLS] * (len(rows) - 2),
        2,
    ]
    assert {row[6] for row in rows[1:-1]} == set(Status)
    assert rows[-1][1] == str(len(rows) - 2)
