"""The words of what partners get, one file for each language."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files

from settlement.model.statement_lines import OWN_LINES, kind_of, name_of


class Language(StrEnum):
    """The languages in which partners are written to."""

    ENGLISH = "en"
    CHINESE = "zh"


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """The words of one language.

    Attributes
    ----------
    labels:
        Titles, headings and notes of a statement.
    lines:
        What each line of a beneficiary means, by its name.
    quantities:
        Names of quantities and of what a term says that are the same in every contract; a contract's own names stand
        as they are.
    reasons:
        Why a closed period comes to something else, the kinds of records among them.
    """

    labels: Mapping[str, str]
    lines: Mapping[str, str]
    quantities: Mapping[str, str]
    reasons: Mapping[str, str]

    def line(self, line: str) -> str:
        """What a line of a beneficiary means, with the name of its tax or hold where it has one."""
        name = name_of(line)
        return self.lines[kind_of(line)] if name is None else f"{self.lines[kind_of(line)]}: {name}"


@cache
def words_of(language: Language) -> Words:
    """The words of a language, from its file beside this module."""
    told = tomllib.loads(files(__package__).joinpath(f"{language}.toml").read_text(encoding="utf-8"))
    english = {name: line.text for name, line in OWN_LINES.items()}
    return Words(
        labels=told["labels"],
        lines=english if language is Language.ENGLISH else told["lines"],
        quantities=told["quantities"],
        reasons=told["reasons"],
    )
