"""A reader of pain.001 of its own: the published schemas, then what they cannot know (decimals, counts, sums, ids)."""

from __future__ import annotations

import re
from decimal import Decimal
from functools import cache
from importlib.resources import files
from io import BytesIO
from xml.etree import ElementTree as ET

from lxml import etree

DECIMALS = {"JPY": 0, "KRW": 0, "KWD": 3, "BHD": 3, "EUR": 2, "USD": 2, "CNY": 2, "GBP": 2, "CLF": 4}


class WrongMessageError(Exception):
    pass


@cache
def schema(name: str) -> etree.XMLSchema:
    return etree.XMLSchema(etree.fromstring((files("sepaxml") / "schemas" / f"{name}.xsd").read_bytes()))


def need(condition: bool, what: str) -> None:
    if not condition:
        raise WrongMessageError(what)


def read(content: bytes) -> list[dict[str, str]]:
    """The payments of a message as their texts by path, in order. Raises WrongMessageError."""
    root = ET.parse(BytesIO(content)).getroot()
    namespace, _, tag = root.tag[1:].partition("}")
    name = namespace.rpartition(":")[2]
    need(tag == "Document" and namespace == f"urn:iso:std:iso:20022:tech:xsd:{name}", "namespace")
    found = schema(name)
    need(found.validate(etree.fromstring(content)), str(found.error_log))
    ns = {"n": namespace}
    payments = [flat(one) for one in root.findall(".//n:CdtTrfTxInf", ns)]
    currencies = {one["Amt/InstdAmt@Ccy"] for one in payments}
    need(len(currencies) == 1, "one currency")
    places = DECIMALS[currencies.pop()]
    form = re.compile(rf"[0-9]+\.[0-9]{{{places}}}" if places else r"[0-9]+")
    amounts = [one["Amt/InstdAmt"] for one in payments]
    sums = [node.text or "" for node in root.findall(".//n:CtrlSum", ns)]
    need(all(form.fullmatch(text) for text in amounts + sums), "decimals of the currency")
    need([Decimal(text) for text in sums] == [sum(map(Decimal, amounts))] * 2, "control sums")
    need([node.text for node in root.findall(".//n:NbOfTxs", ns)] == [str(len(payments))] * 2, "numbers of payments")
    ids = [one["PmtId/EndToEndId"] for one in payments]
    need(len(set(ids)) == len(ids), "ids")
    need(all(Decimal(text) > 0 for text in amounts), "amounts above zero")
    return payments


def flat(element: ET.Element, path: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for child in element:
        here = f"{path}/{child.tag.rpartition('}')[2]}".lstrip("/")
        need(here not in found, f"{here} twice")
        if len(child):
            found |= flat(child, here)
        else:
            found[here] = child.text or ""
            found |= {f"{here}@{key}": value for key, value in child.attrib.items()}
    return found
