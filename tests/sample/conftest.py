"""One sample with every kind of fault for the tests of the generator."""

from __future__ import annotations

from pathlib import Path

import pytest

from settlement.sample.generate import generate


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four nights with 600 clearing records each."""
    target = tmp_path_factory.mktemp("made") / "nights"
    generate(target, nights=4, rows=600, seed=3)
    return target
