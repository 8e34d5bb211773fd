"""The door of ``settle``: a program that cannot even be loaded says so in one sentence."""

from __future__ import annotations

import sys

from settlement.errors import SettlementError


def main() -> None:
    """Load the command line and run it."""
    try:
        from settlement.cli import main as run  # noqa: PLC0415 - loading may fail, and must fail with a sentence
    except SettlementError as error:
        sys.stderr.write(f"settle: {error}\n")
        sys.exit(2)
    run()


if __name__ == "__main__":
    main()
