"""An Airflow of the tests' own: its home is a temporary folder, its configuration the project's."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]


def environment(airflow_home: Path) -> dict[str, str]:
    """The environment of a process that uses this Airflow home."""
    return {
        **os.environ,
        "AIRFLOW_HOME": str(airflow_home),
        "AIRFLOW_CONFIG": str(REPOSITORY / "airflow.cfg"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(REPOSITORY / "dags"),
        "GX_ANALYTICS_ENABLED": "false",
    }


def call(airflow_home: Path, command: Iterable[object]) -> subprocess.CompletedProcess[str]:
    """Run a command against this Airflow home and return what it printed."""
    return subprocess.run(
        [str(part) for part in command],
        cwd=airflow_home.parent,
        env=environment(airflow_home),
        capture_output=True,
        text=True,
        check=False,
    )
