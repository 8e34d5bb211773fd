"""Where and how each partner gets its files.

``config/delivery.toml`` declares it::

    [[delivery]]
    partner = "HARBOR-RETAIL"                # as contracts name the beneficiary
    signing_key = "s1"                       # id of our OpenPGP key
    certificate = '''-----BEGIN PGP PUBLIC KEY BLOCK----- ...'''

    [delivery.sftp]                          # or [delivery.outbox] with a folder alone
    host = "files.example.org"
    user = "settlement"
    folder = "/in"
    host_key = "ssh-ed25519 AAAA..."         # no server with another key is spoken to
    key = "d1"                               # id of our SSH key

    [delivery.acknowledgement]
    folder = "/ack"                          # on the same server, or a folder here
    pattern = "ACK_*.csv"

No night rests on this document: a certificate that is renewed changes nothing that was settled.
"""

from __future__ import annotations

import posixpath
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from settlement.deliver.acknowledgement_layout import AcknowledgementLayout
from settlement.errors import TerminalError
from settlement.model.document import checked, read_toml
from settlement.pay.contract_text import beneficiaries, require_paid
from settlement.store import DELIVERY, Home, read_document, read_documents

_PLACE: Final = f"config/{DELIVERY}"
KeyId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]{1,20}$")]
_Text = Annotated[str, StringConstraints(min_length=1)]
_Absolute = Annotated[str, StringConstraints(pattern=r"^/[^\x00]*$")]


class _Declared(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Sftp(_Declared):
    """A folder on an SFTP server whose host key is pinned."""

    host: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.:-]+$")]
    port: Annotated[int, Field(gt=0, lt=65536)] = 22
    user: _Text
    folder: _Absolute
    host_key: Annotated[str, StringConstraints(pattern=r"^[a-z0-9@.-]+ [A-Za-z0-9+/=]+$")]
    key: KeyId

    @property
    def place(self) -> str:
        """The place in one line."""
        return f"sftp://{self.user}@{self.host.lower()}:{self.port}{posixpath.normpath(self.folder)}"


class Outbox(_Declared):
    """A folder of this machine, from which others take the files on."""

    folder: _Absolute

    @property
    def place(self) -> str:
        """The place in one line; links are followed, so that two names of one folder are one place."""
        return f"file://{Path(self.folder).resolve()}"


class AcknowledgementPlace(_Declared):
    """Where a partner's acknowledgements lie, and how they are named and written.

    ``within_hours`` is how long they are awaited.
    """

    folder: _Absolute
    pattern: _Text
    look_seconds: Annotated[int, Field(gt=0)] = 300
    within_hours: Annotated[int, Field(gt=0)] = 24
    layout: AcknowledgementLayout = AcknowledgementLayout()

    @property
    def within(self) -> timedelta:
        """How long acknowledgements are awaited."""
        return timedelta(hours=self.within_hours)


class Declaration(_Declared):
    """Where and how one partner gets its files."""

    partner: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=100)]
    signing_key: KeyId
    certificate: _Text
    sftp: Sftp | None = None
    outbox: Outbox | None = None
    acknowledgement: AcknowledgementPlace | None = None

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.sftp is None) == (self.outbox is None):
            raise ValueError(f"{self.partner} has one of [delivery.sftp] and [delivery.outbox]; declare exactly one")
        return self

    @property
    def target(self) -> Sftp | Outbox:
        """Where the files go."""
        target = self.sftp or self.outbox
        if target is None:
            raise TerminalError(f"{_PLACE}: {self.partner} has no place: declare [delivery.sftp] or [delivery.outbox].")
        return target


class Declarations(_Declared):
    """The whole document: no two partners share a certificate or a place, and no place lies in another's."""

    delivery: tuple[Declaration, ...] = ()

    @model_validator(mode="after")
    def _apart(self) -> Self:
        for number, one in enumerate(self.delivery):
            for other in self.delivery[:number]:
                if one.partner == other.partner:
                    raise ValueError(f"{one.partner} is declared twice; declare it once")
                if one.certificate.split() == other.certificate.split():
                    raise ValueError(f"{one.partner} and {other.partner} have one certificate; each needs its own")
                mine, theirs = f"{one.target.place}/", f"{other.target.place}/"
                if mine.startswith(theirs) or theirs.startswith(mine):
                    raise ValueError(
                        f"{one.partner} and {other.partner} get their files in one place; each needs its own"
                    )
        return self


def read_declarations(home: Home) -> dict[str, Declaration]:
    """The declarations by partner; none where there is no document.

    Raises TerminalError that names the field that is wrong, or the partner that no contract pays.
    """
    try:
        text = read_document(home, DELIVERY)
    except FileNotFoundError:
        return {}
    found = checked(Declarations, read_toml(DELIVERY, text), _PLACE).delivery
    require_paid(_PLACE, (one.partner for one in found), beneficiaries(read_documents(home)))
    return {one.partner: one for one in found}


def declaration_of(home: Home, partner: str) -> Declaration:
    """How a partner gets its files; TerminalError where that is not declared."""
    found = read_declarations(home).get(partner)
    if found is None:
        raise TerminalError(f"{_PLACE} declares no [[delivery]] for {partner}: say where its files go.")
    return found
