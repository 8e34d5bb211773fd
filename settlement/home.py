"""Creating a home: its configuration, its card key check, and deliveries copied from elsewhere."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from settlement.cardkey import KnownKey, check_value, create_card_key, note_of, outside_keys
from settlement.errors import RetryableError, TerminalError
from settlement.sealing import create_sealing_key

_ARRIVING: Final = ".arriving"
_BESIDE_CONTRACTS: Final = ("programme.toml", "partners.toml")
_PACKAGE: Final = Path(__file__).resolve().parent


def contracts_folder() -> Path:
    """Where programme and contracts are shipped: beside the package in a checkout, under ``share`` when installed."""
    beside = _PACKAGE.parent / "contracts"
    return beside if beside.is_dir() else Path(sys.prefix) / "share" / "settlement" / "contracts"


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatedKeys:
    """Where the keys lie that had to be created for this user; empty where there was one."""

    card: Path | None
    quarantine: Path | None

    def told(self) -> list[str]:
        """A sentence for each key that is new."""
        said = []
        if self.card is not None:
            said.append(f"A card key was created in {self.card}: keep it safe, card references depend on it.")
        if self.quarantine is not None:
            said.append(f"A quarantine key was created in {self.quarantine}: keep it safe, rejects are sealed with it.")
        return said


def create_home(root: Path, source: Path | None) -> CreatedKeys:
    """Create a home at ``root`` and copy the delivery folders of ``source`` into its inbox.

    The home appears whole or not at all. Returns the keys that had to be created for this user.
    Raises TerminalError where ``root`` is in use or ``source`` holds no delivery folder.
    """
    standing = root.exists()
    if standing and (not root.is_dir() or any(path.name != _ARRIVING for path in root.iterdir())):
        raise TerminalError(f"{root} is not empty: choose another folder for the new home.")
    folders = _delivery_folders(source) if source else []
    created = CreatedKeys(card=create_card_key(), quarantine=create_sealing_key())
    key = outside_keys()[0]
    # A folder that stands there is filled and not replaced: somebody may stand in it, or it may be a mount.
    arriving = root / _ARRIVING if standing else root.with_name(f".{root.name}{_ARRIVING}")
    shutil.rmtree(arriving, ignore_errors=True)
    try:
        # Files of card networks hold card numbers: they are nobody's but the user's and the group's.
        arriving.mkdir(mode=0o750, parents=True)
        _write_config(arriving / "config")
        note = note_of([KnownKey(key_id=key.key_id, check=check_value(key))])
        (arriving / "home.json").write_text(note, encoding="utf-8")
        (arriving / "inbox").mkdir()
        for folder in folders:
            _copy_delivery(folder, arriving / "inbox" / folder.name)
        if standing:
            # The configuration last: without it the folder is no home.
            for name in ("home.json", "inbox", "config"):
                (arriving / name).rename(root / name)
        else:
            arriving.rename(root)
    finally:
        shutil.rmtree(arriving, ignore_errors=True)
    return created


def _copy_delivery(folder: Path, target: Path) -> None:
    try:
        shutil.copytree(folder, target, symlinks=True)
    except shutil.Error as error:
        path, _, why = error.args[0][0]
        if os.access(path, os.R_OK) and (Path(path).is_file() or Path(path).is_dir()):
            raise RetryableError(f"{path} could not be copied into the home: {why}.") from None
        raise TerminalError(
            f"{path} cannot be copied into the home ({why}): take it away or make it readable, then do this again."
        ) from None


def _write_config(config: Path) -> None:
    contracts = contracts_folder()
    shutil.copytree(contracts, config / "contracts", ignore=shutil.ignore_patterns(*_BESIDE_CONTRACTS))
    for name in _BESIDE_CONTRACTS:
        shutil.copy(contracts / name, config / name)
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
