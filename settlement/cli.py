"""``settle``: every stage and every question, without Airflow.

Exit codes: 0 the night is settled (breaks are normal), 2 a person must act and the message says who and what,
1 a fault of the program or of the machine.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import typer

from settlement.errors import RetryableError, SettlementError, TerminalError
from settlement.match_commands import app as match_app

PERSON_MUST_ACT: Final = 2
PROGRAM_FAULT: Final = 1
STOPPED: Final = 130
_MATCHER: Final = frozenset({"match", "rules"})
_LAYOUTS: Final = frozenset({"layout"})


def commands(words: Sequence[str]) -> typer.Typer:
    """The commands among which the words of a call choose.

    The matcher's own do without the house behind the nights, which takes longer to load than many files to match.
    """
    app = typer.Typer(
        help="Settle co-branded and affinity cards: from landed files to partners' money, with evidence.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    first = words[0] if words else ""
    if first in _MATCHER | _LAYOUTS:
        app.callback()(lambda: None)
    else:
        from settlement.account_commands import app as accounts_app  # noqa: PLC0415
        from settlement.books_commands import app as books_app  # noqa: PLC0415 - only where a home may be meant
        from settlement.close_commands import app as close_app  # noqa: PLC0415
        from settlement.contract_commands import app as contract_app  # noqa: PLC0415
        from settlement.contract_whatif_commands import app as whatif_app  # noqa: PLC0415
        from settlement.decision_commands import app as decisions_app  # noqa: PLC0415
        from settlement.delivery_commands import app as delivery_app  # noqa: PLC0415
        from settlement.evidence_commands import app as evidence_app  # noqa: PLC0415
        from settlement.key_commands import app as key_app  # noqa: PLC0415 - only where a night may be meant
        from settlement.night_commands import app as night_app  # noqa: PLC0415
        from settlement.payout_commands import app as payouts_app  # noqa: PLC0415
        from settlement.quarantine_commands import app as quarantine_app  # noqa: PLC0415
        from settlement.rate_commands import app as rate_app  # noqa: PLC0415
        from settlement.restate_commands import app as restate_app  # noqa: PLC0415

        app.add_typer(night_app)
        app.add_typer(rate_app)
        app.add_typer(restate_app, name="restate")
        app.add_typer(key_app, name="keys")
        app.add_typer(quarantine_app, name="quarantine")
        app.add_typer(accounts_app, name="accounts")
        app.add_typer(payouts_app, name="payouts")
        app.add_typer(decisions_app, name="decisions")
        app.add_typer(books_app, name="books")
        app.add_typer(close_app, name="close")
        app.add_typer(evidence_app, name="evidence")
        app.add_typer(delivery_app, name="deliveries")
        contract = typer.Typer(help="Check, show, compare and try contracts.", no_args_is_help=True)
        contract.add_typer(contract_app)
        contract.add_typer(whatif_app)
        app.add_typer(contract, name="contract")
    if first not in _MATCHER:
        from settlement.layout_commands import app as layout_app  # noqa: PLC0415 - only where a layout may be meant

        app.add_typer(layout_app)
    app.add_typer(match_app)
    return app


def main() -> None:
    """Run the command line and leave with its exit code; a user never sees a traceback."""
    try:
        code = commands(sys.argv[1:])(standalone_mode=False)
    except typer.Exit as leaving:
        code = leaving.exit_code
    except KeyboardInterrupt:
        code = STOPPED
    except TerminalError as error:
        code = _say(str(error), PERSON_MUST_ACT)
    except (RetryableError, SettlementError) as error:
        code = _say(f"{error} Run the same command again.", PROGRAM_FAULT)
    except OSError as error:
        why = f"{error.strerror} ({error.filename})" if error.filename else error.strerror or str(error)
        code = _say(f"The machine refused: {why}. Mend that and run again.", PROGRAM_FAULT)
    except Exception as error:  # noqa: BLE001 - the last door: what gets here is a fault of the program
        code = _usage_or_fault(error)
    if code == STOPPED:
        # The command line's library turns an interrupt into this code without a word.
        _say("Stopped. Nothing was published half: run the same command again.", STOPPED)
    sys.exit(code or 0)


def _usage_or_fault(error: Exception) -> int:
    """A mistake in the command's words is the user's to mend; anything else is ours."""
    message = getattr(error, "format_message", None)
    if type(error).__name__ == "NoArgsIsHelpError" and message is not None:
        sys.stdout.write(f"{message()}\n")
        return 0
    if message is not None:
        return _say(f"{message()} See `settle --help`.", PERSON_MUST_ACT)
    if os.environ.get("SETTLEMENT_TRACEBACK"):
        traceback.print_exception(error)
    place = traceback.extract_tb(error.__traceback__)[-1]
    return _say(
        f"A fault of the program: {type(error).__name__} at {Path(place.filename).name}:{place.lineno}. Nothing was "
        "published half. Run again with SETTLEMENT_TRACEBACK=1 and report what it prints.",
        PROGRAM_FAULT,
    )


def _say(sentence: str, code: int) -> int:
    sys.stderr.write(f"settle: {sentence}\n")
    return code
