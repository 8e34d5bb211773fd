"""What the text of an entry (field 86) tells: the payer's reference and the remittance text.

Three forms occur. Sub-fields after a business code of three digits (``166?00CREDIT?20EREF+R1?21SVWZ+text``), with
any sign as their mark; words between slashes (``/EREF/R1/REMI/text``); and plain lines. Lines of 65 characters are cut
where they happen to end, shorter ones end where the writer meant it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_FULL_LINE: Final = 65
_CODED: Final = re.compile(r"\s?([0-9]{3})([^0-9A-Za-z\s/])[0-9]{2}")
_PURPOSE: Final = (*(f"{number}" for number in range(20, 30)), *(f"{number}" for number in range(60, 66)))
_PLUS_WORD: Final = re.compile(
    r"(EREF|KREF|MREF|CRED|DEBT|SVWZ|ABWA|ABWE|PURP|COAM|OAMT|IBAN|BIC|ORCR|ORMR|DDAT|MDAT|SQTP|RREF|BREF)\+"
)
_SLASH_WORD: Final = re.compile(
    r"/(EREF|REMI|KREF|MARF|CSID|PREF|ORDP|BENM|RTRN|CNTP|PURP|ISDT|ULTD|ULTC|ULTB|TRCD|TRTP|IBAN|BIC|NAME|CREF|RREF"
    r"|RTYP|OCMT|CHGS|EXCH|SVCL|BO|ID|ADDR)/"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """The payer's reference, the remittance text and the business code of three digits, where they are told."""

    end_to_end_id: str | None = None
    remittance: str | None = None
    business_code: str | None = None


def read_text(lines: Sequence[str]) -> Told:
    """What the lines of one or more fields 86 tell together."""
    cut = "".join(line.rstrip("\r\n") for line in lines)
    coded = _CODED.match(cut)
    if coded is not None:
        return _coded(cut, coded[1], coded[2])
    if _SLASH_WORD.match(cut.lstrip()):
        words = _words(_SLASH_WORD, cut.lstrip())
        remittance = words.get("REMI", "").removeprefix("USTD//").strip("/ ")
        return Told(end_to_end_id=_filled(words.get("EREF", "").strip("/ ")), remittance=_filled(remittance))
    return Told(remittance=_filled(plain(lines)))


def plain(lines: Sequence[str]) -> str:
    """Lines as one text: full lines go on in the next, others are parted by a blank."""
    text = ""
    for line in lines:
        full = len(line.rstrip("\r\n")) >= _FULL_LINE and not line.endswith(" ")
        text += line.rstrip() + ("" if full else " ")
    return " ".join(text.split(" ")).strip() if "  " not in text else re.sub(r" {2,}", " ", text).strip()


def _coded(text: str, business_code: str, mark: str) -> Told:
    parts = text[text.index(mark) + 1 :].split(mark)
    purpose = "".join(part[2:] for part in parts if part[:2] in _PURPOSE)
    words = _words(_PLUS_WORD, purpose)
    remittance = words.get("SVWZ") or words[""]
    return Told(
        end_to_end_id=_filled(words.get("EREF", "").strip()),
        remittance=_filled(remittance.strip()),
        business_code=business_code,
    )


def _words(pattern: re.Pattern[str], text: str) -> dict[str, str]:
    """The text behind each word, and under no word what stands before the first; the first of equal words counts."""
    found = list(pattern.finditer(text))
    ends = [one.start() for one in found[1:]] + [len(text)]
    words = {"": text[: found[0].start()] if found else text}
    for one, end in zip(found, ends, strict=False):
        words.setdefault(one[1], text[one.end() : end])
    return words


def _filled(text: str) -> str | None:
    return text if text and text.upper() not in {"NOTPROVIDED", "NONREF"} else None
