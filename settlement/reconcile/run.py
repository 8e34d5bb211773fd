"""Reconcile two files: read the rules and both sides, run the passes, write the outputs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any

from settlement.errors import TerminalError
from settlement.reconcile.carry import begin, taken_in
from settlement.reconcile.engine import Progress, reconcile
from settlement.reconcile.language import Rules
from settlement.reconcile.plan import planned
from settlement.reconcile.rules import read_rules
from settlement.reconcile.sides import read_sides
from settlement.reconcile.streamed import match_streamed
from settlement.reconcile.tables import with_tables
from settlement.reconcile.write import partial_outputs, write_outputs


def match_files(
    left: Path,
    right: Path,
    rules: Path,
    out: Path,
    progress: Progress,
    *,
    memory: int | None = None,
    tables: Mapping[str, Path] = MappingProxyType({}),
    carry: Path | None = None,
    as_of: date | None = None,
) -> dict[str, Any]:
    """Reconcile two files by a rules file and return the summary that is written with the outputs.

    Parameters
    ----------
    left, right : Path
        CSV, Parquet, Excel or Arrow IPC files.
    rules : Path
        The rules, as ``docs/RULES.md`` tells.
    out : Path
        Folder of the outputs; an earlier run's are replaced, anything else is refused.
    progress : callable
        Is told the work, how much is done, and how much there is.
    memory : int, optional
        Bytes that the run may take; files that do not fit are matched part by part, to the same result.
    tables : mapping
        By ``rates`` or the name of an alias table, the file to read in place of the one that the rules name.
    carry : Path, optional
        Outputs of an earlier run, whose open rows take part.
    as_of : date, optional
        The run's date; rules with ``[carry]`` or ``[ageing]`` need it.

    Raises
    ------
    TerminalError
        With one sentence, where the rules, a file, or the folder does not serve; nothing is written then.
    """
    known = with_tables(load_rules(rules), rules, tables)
    tonight = begin(known, rules.name, carry=carry, as_of=as_of, out=out)
    progress("read", 0, 1)
    plan = planned(known, left, right, memory, tonight) if memory is not None else None
    if plan is not None:
        with partial_outputs(out) as folder:
            return match_streamed(known, (left, right), plan, folder, progress, run=tonight)
    ours, theirs = taken_in(known, read_sides(known, left, right), tonight)
    progress("read", 1, 1)
    result = reconcile(known, ours, theirs, progress)
    progress("write", 0, 1)
    summary = write_outputs(result, out, tonight)
    progress("write", 1, 1)
    return summary


def load_rules(path: Path) -> Rules:
    """The rules of a file; TerminalError with one sentence where there is none or it is not right."""
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, IsADirectoryError):
        raise TerminalError(f"{path} is no file: name a rules file, as docs/RULES.md describes it.") from None
    except UnicodeDecodeError:
        raise TerminalError(f"{path.name} is not written in UTF-8: save it as UTF-8.") from None
    return read_rules(text, path.name)
