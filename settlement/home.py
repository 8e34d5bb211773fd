"""Creating a home: its configuration, its card key check, and deliveries copied from elsewhere."""

from __future__ import annotations

import json
import shutil
import sys
from datetime import date
from pathlib import Path
from typing import Final

from settlement.cardkey import check_value, create_card_key, outside_card_key
from settlement.errors import TerminalError

_PACKAGE: Final = Path(__file__).resolve().parent


def contracts_folder() -> Path:
    """Where programme and contracts are shipped: beside the package in a checkout, under ``share`` when installed."""
    beside = _PACKAGE.parent / "contracts"
    return beside if beside.is_dir() else Path(sys.prefix) / "share" / "settlement" / "contracts"


def create_home(root: Path, source: Path | None) -> Path | None:
    """Create a home at ``root`` and copy the delivery folders of ``source`` into its inbox.

    The home appears whole or not at all. Returns the path of a card key that had to be created for this user,
    else None. Raises TerminalError where ``root`` is in use or ``source`` holds no delivery folder.
    """
    if root.exists() and any(root.iterdir() if root.is_dir() else (root,)):
        raise TerminalError(f"{root} is not empty: choose another folder for the new home.")
    folders = _delivery_folders(source) if source else []
    created = create_card_key()
    key = outside_card_key()
    root.parent.mkdir(parents=True, exist_ok=True)
    arriving = root.with_name(f".{root.name}.arriving")
    shutil.rmtree(arriving, ignore_errors=True)
    _write_config(arriving / "config")
    (arriving / "home.json").write_text(
        json.dumps({"version": 1, "card_keys": {key.key_id: check_value(key)}}) + "\n", encoding="utf-8"
    )
    (arriving / "inbox").mkdir()
    for folder in folders:
        shutil.copytree(folder, arriving / "inbox" / folder.name, symlinks=True)
    if root.exists():
        root.rmdir()
    arriving.rename(root)
    return created


def _write_config(config: Path) -> None:
    contracts = contracts_folder()
    shutil.copytree(contracts, config / "contracts", ignore=shutil.ignore_patterns("programme.toml"))
    shutil.copy(contracts / "programme.toml", config / "programme.toml")
    shutil.copy(_PACKAGE / "match" / "rules.toml", config / "match.toml")
    shutil.copytree(_PACKAGE / "parse" / "layouts", config / "layouts")


def _delivery_folders(source: Path) -> list[Path]:
    """The folders of ``source`` that are named by a delivery date, in order."""
    if not source.is_dir():
        raise TerminalError(f"{source} is no folder: give the folder that holds one folder per delivery date.")
    found = [path for path in sorted(source.iterdir()) if path.is_dir() and _is_date(path.name)]
    if not found:
        raise TerminalError(
            f"{source} holds no delivery folder: it must hold one folder per delivery date, named YYYY-MM-DD."
        )
    return found


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
