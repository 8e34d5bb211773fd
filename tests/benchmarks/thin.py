"""Starts a command from a small process: Linux counts the memory of whoever starts a process into that process's peak.

``python -S tests/benchmarks/thin.py COMMAND ...`` is the command. With ``--measured`` before it, its output is dropped,
and one JSON object tells its seconds, the peak memory of it in MiB, and its exit code.
"""

from __future__ import annotations

import json
import os
import sys
import time


def main() -> int:
    """Run, and tell or pass on how it ended."""
    measured = sys.argv[1] == "--measured"
    command = sys.argv[2:] if measured else sys.argv[1:]
    quiet = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)] if measured else []
    started = time.perf_counter()
    process = os.posix_spawn(command[0], command, os.environ, file_actions=quiet)
    _, status, usage = os.wait4(process, 0)
    code = os.waitstatus_to_exitcode(status)
    if not measured:
        return code if code >= 0 else 128 - code
    took = time.perf_counter() - started
    print(json.dumps({"seconds": took, "peak_mib": usage.ru_maxrss / 1024, "failed": code}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
