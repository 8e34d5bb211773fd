"""Runs ``settle match`` once for each line of words on its input, and tells how each run ended: a line of JSON each.

Before it moves its outputs, a run says so and waits for a line that tells the moment to move them at, so that several
processes do it at once.
"""

from __future__ import annotations

import io
import json
import sys
import time
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

from settlement import cli
from settlement.reconcile import write


def main() -> None:
    said, move = sys.stdout, write._move

    def told_move(partial: Path, out: Path) -> None:
        print("moves", file=said, flush=True)
        moment = float(sys.stdin.readline())
        while time.monotonic() < moment:
            pass
        move(partial, out)

    write._move = told_move
    while line := sys.stdin.readline():
        sys.argv = ["settle", "match", *json.loads(line)]
        wrong, code = io.StringIO(), 0
        with redirect_stdout(io.StringIO()), redirect_stderr(wrong):
            try:
                cli.main()
            except SystemExit as left:
                code = int(left.code or 0)
        print(json.dumps({"code": code, "said": wrong.getvalue()}), file=said, flush=True)


if __name__ == "__main__":
    main()
