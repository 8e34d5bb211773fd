"""An Airflow of the tests' own: its home is a temporary folder, its configuration the project's.

What Airflow imports and builds before its first task costs tens of seconds. One process does it once a session and then
runs Airflow's own commands, each as the command line runs it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
AIRFLOW = Path(sys.executable).with_name("airflow")


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
    """Run a command against this Airflow home in a process of its own and return what it printed."""
    return subprocess.run(
        [str(part) for part in command],
        cwd=airflow_home.parent,
        env=environment(airflow_home),
        capture_output=True,
        text=True,
        check=False,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Airflow:
    """A process that has loaded Airflow; ``home`` is its home, whose metadata database knows the project's DAGs."""

    home: Path
    process: subprocess.Popen[str]

    def run(self, script: Path, *words: object, answers: Iterable[str] = ()) -> subprocess.CompletedProcess[str]:
        """Run a Python script in the process, while open questions are answered as ``airflow_answers.py`` does."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        said = self.home.parent / "said"
        ours = {name: value for name, value in os.environ.items() if name.startswith(("SETTLEMENT_", "XDG_"))}
        asked = {"words": [str(script), *map(str, words)], "answers": list(answers), "environment": ours}
        print(json.dumps(asked | {"said": str(said)}), file=self.process.stdin, flush=True)
        code = int(self.process.stdout.readline())
        return subprocess.CompletedProcess(
            asked["words"], code, *(said.with_suffix(f".{n}").read_text() for n in (1, 2))
        )

    def test(
        self, dag: str, *words: object, answers: Iterable[str] = (), **conf: object
    ) -> subprocess.CompletedProcess[str]:
        """Run a DAG once, as ``airflow dags test`` does."""
        return self.run(AIRFLOW, "dags", "test", dag, *words, "--conf", json.dumps(conf), answers=answers)


@contextmanager
def running_airflow(folder: Path) -> Iterator[Airflow]:
    """An Airflow with its home in ``folder``, ended behind the block."""
    home = folder / "airflow"
    home.mkdir()
    command = [sys.executable, str(Path(__file__).with_name("airflow_at_work.py"))]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=folder, env=environment(home), **pipes) as process:
        airflow = Airflow(home=home, process=process)
        for words in (("db", "migrate"), ("dags", "reserialize")):
            done = airflow.run(AIRFLOW, *words)
            assert done.returncode == 0, done.stdout + done.stderr
        yield airflow
        process.communicate()
