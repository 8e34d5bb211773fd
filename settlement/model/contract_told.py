"""A contract in plain words beside its quoted clauses: what the pages for people are made of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What one measure, term or rule says, under its name in the file."""

    name: str
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Article:
    """A clause of the agreement as it is quoted, and what computes it."""

    clause: str
    quoted: str
    said: tuple[Said, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Worked:
    """A worked example: the clause and the term, what it shows, what is given and what comes out, in words."""

    clause: str
    term: str
    text: str
    given: str
    gives: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractTold:
    """Everything on the page of a contract; ``order`` has the steps of a statement in their order of application."""

    id: str
    title: str
    source: str
    effective: date
    parties: tuple[Said, ...]
    articles: tuple[Article, ...]
    order: tuple[Said, ...]
    worked: tuple[Worked, ...]
