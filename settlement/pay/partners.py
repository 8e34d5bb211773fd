"""The partner directory, ``config/partners.toml``: who gets what, in which language and layout.

A beneficiary that is not listed gets the settlement file in the standing layout, in English: a contract that is
activated pays from its first night, and a missing entry must hold nothing up. A listed partner that no contract pays
is refused, as it is a slip in a name: its files would go out in a form that nobody has agreed.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Self

from pydantic import BaseModel, ConfigDict, model_validator

from settlement.model.document import checked, read_toml
from settlement.pay.contract_text import ContractText, require_paid
from settlement.pay.outgoing_layout import STANDING, Content, OutgoingLayout
from settlement.pay.statement import Statement
from settlement.pay.words import Language, Words, words_of

PARTNERS: Final = "partners.toml"
_PLACE: Final = f"config/{PARTNERS}"


class Form(StrEnum):
    """The forms of a statement for people."""

    HTML = "html"
    PDF = "pdf"


class Display(StrEnum):
    """What tells a card, each granted for itself: its first six and last four digits, or its reference."""

    CARD_MASKED = "card_masked"
    CARD_REF = "card_ref"


class Partner(BaseModel):
    """One beneficiary as the directory declares it; layouts are named as under ``[layouts]``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    names: dict[Language, str] = {}
    language: Language = Language.ENGLISH
    statement: tuple[Form, ...] = ()
    settlement_file: str = ""
    detail_file: str = ""
    restatement_file: str = ""

    def layout_of(self, content: Content) -> str:
        """The name of the layout that is declared for a content; empty where none is."""
        match content:
            case Content.SETTLEMENT:
                return self.settlement_file
            case Content.DETAILS:
                return self.detail_file
            case Content.RESTATEMENT:
                return self.restatement_file


class Grant(BaseModel):
    """What a programme lets one partner see of its cards."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    programme: str
    partner: str
    shows: tuple[Display, ...]


class PartnerDirectory(BaseModel):
    """The whole directory."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    partner: tuple[Partner, ...] = ()
    grant: tuple[Grant, ...] = ()
    layouts: dict[str, OutgoingLayout] = {}

    @model_validator(mode="after")
    def _fits(self) -> Self:
        ids = [one.id for one in self.partner]
        for name in ids:
            if ids.count(name) > 1:
                raise ValueError(f"partner {name} is declared {ids.count(name)} times; declare each once")
        for one in self.partner:
            for content in Content:
                self._check_layout(one, content)
        for grant in self.grant:
            if grant.partner not in ids:
                raise ValueError(f"a grant is for the partner {grant.partner}, which is not declared")
        return self

    def _check_layout(self, partner: Partner, content: Content) -> None:
        name = partner.layout_of(content)
        if not name:
            return
        if name not in self.layouts:
            known = ", ".join(sorted(self.layouts)) or "none"
            raise ValueError(
                f"partner {partner.id} asks for the layout {name}, which is not declared under [layouts] ({known} is)"
            )
        layout = self.layouts[name]
        if layout.of is not content:
            raise ValueError(
                f"partner {partner.id}: the layout {name} is of {layout.of}, and stands where one of {content} must"
            )

    def named(self, beneficiary: str) -> Partner:
        """The partner of that id; one that is not listed has the standing layout and no more."""
        return next((one for one in self.partner if one.id == beneficiary), Partner(id=beneficiary))

    def layout(self, partner: Partner, content: Content) -> OutgoingLayout | None:
        """The layout in which a partner gets a content; None where it does not get it."""
        name = partner.layout_of(content)
        if name:
            return self.layouts[name]
        return STANDING if content is Content.SETTLEMENT else None

    def shown(self, partner: str, programme: str) -> frozenset[Display]:
        """What a partner may see of the cards of a programme."""
        return frozenset(
            show for one in self.grant if (one.partner, one.programme) == (partner, programme) for show in one.shows
        )


def read_partners(documents: Mapping[str, str], paid: AbstractSet[str]) -> PartnerDirectory:
    """The directory among the configuration's documents; an empty one where there is none.

    ``paid`` are all beneficiaries of contracts. Raises TerminalError that names the place, or the partner that no
    contract pays.
    """
    content = read_toml(PARTNERS, documents.get(PARTNERS, ""))
    directory = checked(PartnerDirectory, content, _PLACE)
    require_paid(_PLACE, (one.id for one in directory.partner), paid)
    return directory


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """A partner with one statement, the contract as it may read it (None where it is not there), and its words."""

    partner: Partner
    statement: Statement
    contract: ContractText | None

    @property
    def name(self) -> str:
        """The partner's name in its language: as declared, else as the contract has it, else its id."""
        in_contract = "" if self.contract is None else self.contract.name
        return self.partner.names.get(self.partner.language) or in_contract or self.partner.id

    @property
    def words(self) -> Words:
        """The words of its language."""
        return words_of(self.partner.language)

    def said(self, term: str) -> Mapping[str, Any]:
        """What the contract says of a term; empty where it is not at hand or has no such term."""
        return {} if self.contract is None else self.contract.terms.get(term, {})
