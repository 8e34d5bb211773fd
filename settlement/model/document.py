"""Configuration documents: TOML checked against a model, or one sentence that names the file and the field."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from settlement.errors import TerminalError

Model = TypeVar("Model", bound=BaseModel)

PROGRAMME: Final = "programme.toml"


def read_toml(name: str, text: str) -> dict[str, Any]:
    """What a document under ``config/`` says; numbers with a point are decimals."""
    try:
        return tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise TerminalError(f"config/{name} is no readable TOML: {error}. Correct that place.") from None


def checked(model: type[Model], content: Mapping[str, Any], place: str, *within: str) -> Model:
    """The content as a model. A sentence about it begins with the place, then the path ``within`` it and the field."""
    try:
        return model.model_validate(dict(content))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join((*within, *(str(part) for part in first["loc"])))
        message = first["msg"].removeprefix("Value error, ")
        raise TerminalError(": ".join(part for part in (place, where, message) if part) + ".") from None


def of_programme(documents: Mapping[str, str], model: type[Model]) -> Model:
    """A part of ``programme.toml``, which may be missing where nothing is declared."""
    return checked(model, read_toml(PROGRAMME, documents.get(PROGRAMME, "")), f"config/{PROGRAMME}")
