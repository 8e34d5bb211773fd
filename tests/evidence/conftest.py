"""The home of all tests of evidence, made once."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from conftest import TEST_CARD_KEY, TEST_QUARANTINE_KEY
from sealed_home import make_sealed_home
from shared import made_once

from settlement import store
from settlement.store import Home


@pytest.fixture(scope="session")
def sealed_home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Two ended nights with their books in SQLite. Tests must not change it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SETTLEMENT_CARD_KEY", TEST_CARD_KEY)
        patch.setenv("SETTLEMENT_CARD_KEY_ID", "test")
        patch.setenv("SETTLEMENT_QUARANTINE_KEY", TEST_QUARANTINE_KEY)
        return store.open_home(made_once(tmp_path_factory, "sealed", make_sealed_home) / "home")


@pytest.fixture
def copied_home(sealed_home: Home, tmp_path: Path) -> Home:
    """A copy that a test may change."""
    shutil.copytree(sealed_home.root, tmp_path / "home")
    return store.open_home(tmp_path / "home")
