"""How files of each feed arrive: packed, signed or encrypted, with a marker behind them, and how many rows may be bad.

``programme.toml`` declares it::

    [limits]
    most_unpacked_bytes = 2_000_000_000   # of one file, once everything around it is taken off
    most_ratio = 200                      # unpacked bytes to packed ones, beyond the first mebibyte

    [arrival]
    unfinished = "wait"                   # or "leave_out": what a night does with transfers that have not ended

    [[arrival.feed]]
    feed = "mastercard_clearing"
    signed = true                         # OpenPGP, by one of these certificates
    encrypted = true                      # for a key of ours
    certificates = ["-----BEGIN PGP PUBLIC KEY BLOCK----- ..."]
    marker = "{name}.done"                # the file counts once this one stands beside it
    most_rejects_ppm = 20_000             # above it the file stays out whole

A file's name tells what it is packed in: ``.gz``, ``.zip`` and ``.pgp``, ``.gpg`` or ``.asc``, in the order in which
they were put around it, and the rest of the name is the file's own. Names inside an archive are never looked at.
A detached signature lies beside its file under the file's whole name and ``.sig`` or ``.asc``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from settlement.errors import TerminalError
from settlement.model.clearing import Why
from settlement.model.document import PROGRAMME, of_programme

SMALL_BYTES: Final = 2**20
"""What a file may always unpack to, whatever its ratio."""


class Layer(StrEnum):
    """Something that is put around a file for its way."""

    GZIP = "gzip"
    ZIP = "zip"
    OPENPGP = "openpgp"


_SUFFIXES: Final = {
    ".gz": Layer.GZIP,
    ".zip": Layer.ZIP,
    ".pgp": Layer.OPENPGP,
    ".gpg": Layer.OPENPGP,
    ".asc": Layer.OPENPGP,
}
_APART: Final = "+"
_SIGNATURE_SUFFIXES: Final = (".sig", ".asc")
_PARTIAL: Final = (".part", ".partial", ".filepart", ".crdownload", ".tmp", ".temp", ".swp", "~")


class Limits(BaseModel):
    """How large a file may become when it is unpacked."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    most_unpacked_bytes: Annotated[int, Field(gt=0)] = 2_000_000_000
    most_ratio: Annotated[int, Field(gt=0)] = 200

    def most_of(self, packed_bytes: int) -> int:
        """The most bytes that so many packed ones may become."""
        return min(self.most_unpacked_bytes, SMALL_BYTES + self.most_ratio * packed_bytes)


class FeedArrival(BaseModel):
    """What is declared of one feed's files. Nothing declared is nothing demanded."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    feed: str
    signed: bool = False
    encrypted: bool = False
    certificates: tuple[str, ...] = ()
    marker: Annotated[str | None, Field(pattern=r"^[^/\\]*\{name\}[^/\\]*$")] = None
    most_rejects_ppm: Annotated[int | None, Field(ge=0, le=1_000_000)] = None

    @model_validator(mode="after")
    def _signed_by_somebody(self) -> FeedArrival:
        if self.signed and not self.certificates:
            raise ValueError("`signed` needs the `certificates` of those who may sign")
        if self.marker == "{name}":
            raise ValueError("`marker` must name another file than the one that it is for")
        return self


class Arrival(BaseModel):
    """How the programme's files arrive."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    unfinished: Literal["wait", "leave_out"] = "wait"
    feed: tuple[FeedArrival, ...] = ()

    def of(self, feed: str | None) -> FeedArrival:
        """What is declared of a feed; nothing where it is not named."""
        return next((entry for entry in self.feed if entry.feed == feed), FeedArrival(feed=feed or ""))


class _Programme(BaseModel):
    model_config = ConfigDict(frozen=True)

    limits: Limits = Limits()
    arrival: Arrival = Arrival()


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Why a file cannot be opened, and one sentence for a person that begins with what the file is or does."""

    why: Why
    detail: str


def read_arrival(documents: Mapping[str, str]) -> tuple[Arrival, Limits]:
    """What ``programme.toml`` declares of arrival. Raises TerminalError naming the field that is wrong."""
    programme = of_programme(documents, _Programme)
    feeds = [entry.feed for entry in programme.arrival.feed]
    twice = sorted({feed for feed in feeds if feeds.count(feed) > 1})
    if twice:
        raise TerminalError(f"config/{PROGRAMME}: [[arrival.feed]] names {twice[0]!r} twice: say all of it once.")
    return programme.arrival, programme.limits


def unwrapped(name: str) -> tuple[str, tuple[Layer, ...]]:
    """A delivered file's own name, and what is put around it, outermost first."""
    layers: list[Layer] = []
    while True:
        suffix = next((suffix for suffix in _SUFFIXES if name.lower().endswith(suffix)), None)
        if suffix is None or len(name) == len(suffix):
            return name, tuple(layers)
        name = name[: -len(suffix)]
        layers.append(_SUFFIXES[suffix])


def signed_name(name: str) -> str | None:
    """The file that a detached signature of this name is for; None where none has a name like this."""
    suffix = next((suffix for suffix in _SIGNATURE_SUFFIXES if name.lower().endswith(suffix)), None)
    return name[: -len(suffix)] or None if suffix else None


def signature_digests(told: str | None) -> tuple[str, ...]:
    """The digests of detached signatures out of column ``signatures`` of table ``delivery``."""
    return tuple(told.split(_APART)) if told else ()


def told_signatures(digests: Sequence[str]) -> str | None:
    """What ``signature_digests`` reads."""
    return _APART.join(digests) or None


def unfinished_names(name: str) -> tuple[str, ...]:
    """The names that a file may get once its transfer has ended; none where no transfer program names one like this."""
    found = [name[: -len(suffix)] for suffix in _PARTIAL if name.lower().endswith(suffix)]
    if name.startswith("."):
        # As rsync does it: `.name.Ab3dE9`, or only the leading dot.
        found += [name[1:], name[1:].rpartition(".")[0]]
    return tuple(found)
