"""A question to people of a DAG: it shows what is approved, and one answer goes on record as the person's who gave it.

A question that somebody marks as done without an answer does nothing, and the books have the last word.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import task, task_group
from run_of_a_night import one_sentence

from settlement.errors import TerminalError

if TYPE_CHECKING:
    from settlement.model.steps import Question
    from settlement.store import Home


def rows(home: Home, questions: Iterable[Question]) -> list[dict[str, str]]:
    """What ``deciding`` is expanded over, for questions of a home."""
    return [{"home": str(home.root)} | asdict(one) for one in questions]


def deciding(options: list[str], answered: Callable[..., str]) -> Any:
    """A task group that asks one question and hands its answer on.

    ``answered`` is given the home, what the question is of, its digest, the answer, the person and the moment.
    """

    @task
    def record(home: str, of: str, digest: str, answer: dict[str, Any] | None) -> str:
        """Put the answer on record as the person's who gave it; what came of it."""
        with one_sentence():
            from settlement.store import open_home  # noqa: PLC0415 - heavy imports belong into tasks
            from settlement.terminal import moment_of  # noqa: PLC0415

            person, chosen = _answer_of(answer, of)
            return answered(open_home(Path(home)), of, digest, chosen, person, moment_of(None))

    @task_group
    def decide(home: str, of: str, digest: str, subject: str, body: str) -> None:
        """One question and what its answer does."""
        ask = HITLOperator(task_id="ask", subject=subject, body=body, options=options)
        record(home, of, digest, ask.output)

    return decide


def _answer_of(answer: dict[str, Any] | None, asked: str) -> tuple[str, str]:
    """Who has answered a question about ``asked``, and what; TerminalError where nobody has chosen one answer."""
    who = (answer or {}).get("responded_by_user") or {}
    chosen = (answer or {}).get("chosen_options") or []
    if not who.get("name") or len(chosen) != 1:
        raise TerminalError(f"Nobody has answered for {asked}: clear the question and have a person answer it.")
    return who["name"], chosen[0]
