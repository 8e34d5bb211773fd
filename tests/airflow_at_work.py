"""Run by the tests in a process of its own: loads Airflow once and runs scripts and commands, as lines ask for them.

A line of input is a JSON object: ``words`` are a script and its arguments, ``answers`` what people answer meanwhile,
``environment`` the settings of the settlement, ``said`` begins the names of the files of what is printed. A line of
output is the exit code.
"""

from __future__ import annotations

import json
import os
import runpy
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any


def main() -> None:
    """Do what each line asks for, until there are no more."""
    replies = os.fdopen(os.dup(1), "w")
    # Airflow warns on the standard output when it is imported.
    os.dup2(2, 1)
    from airflow_answers import answer

    for line in sys.stdin:
        asked = json.loads(line)
        for name in [name for name in os.environ if name.startswith(("SETTLEMENT_", "XDG_"))]:
            del os.environ[name]
        os.environ.update(asked["environment"])
        for number in (1, 2):
            file = os.open(f"{asked['said']}.{number}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(file, number)
            os.close(file)
        print(_done(asked, answer), file=replies, flush=True)
    # What Airflow has running would be waited for.
    os._exit(0)


def _done(asked: dict[str, Any], answer: Callable[[list[str], threading.Event], None]) -> int:
    over = threading.Event()
    answering = threading.Thread(target=answer, args=(asked["answers"], over))
    answering.start()
    try:
        return _run(asked["words"])
    finally:
        over.set()
        answering.join()
        sys.stdout.flush()
        sys.stderr.flush()


def _run(words: list[str]) -> int:
    sys.argv = words
    sys.path[0] = str(Path(words[0]).parent)
    try:
        runpy.run_path(words[0], run_name="__main__")
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
            return 1
        return end.code or 0
    except BaseException:  # noqa: BLE001 - as the interpreter does at its end
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    main()
