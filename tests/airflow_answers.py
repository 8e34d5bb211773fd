"""Answers Airflow's open questions through its API, one after another, while a DAG runs in the same process."""

from __future__ import annotations

import threading

from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from airflow.api_fastapi.core_api.datamodels.hitl import UpdateHITLDetailPayload
from airflow.api_fastapi.core_api.routes.public.hitl import update_hitl_detail
from airflow.models.hitl import HITLDetail
from airflow.models.taskinstance import TaskInstance
from airflow.utils.session import create_session
from airflow.utils.state import TaskInstanceState
from sqlalchemy import select


def answer(answers: list[str], over: threading.Event) -> None:
    """Give answers, each PERSON=OPTION, in the order in which questions come, and print each question's body."""
    left = list(answers)
    while left and not over.wait(0.5):
        with create_session() as session:
            # A task still waits for a moment when its question is answered.
            waiting = select(TaskInstance, HITLDetail).join(HITLDetail, HITLDetail.ti_id == TaskInstance.id)
            waiting = waiting.where(
                TaskInstance.state == TaskInstanceState.AWAITING_INPUT, HITLDetail.responded_at.is_(None)
            )
            open_question = session.execute(waiting.order_by(TaskInstance.map_index)).first()
            if open_question is not None:
                found, question = open_question
                print(question.body, flush=True)
                person, _, option = left.pop(0).partition("=")
                update_hitl_detail(
                    dag_id=found.dag_id,
                    dag_run_id=found.run_id,
                    task_id=found.task_id,
                    map_index=found.map_index,
                    update_hitl_detail_payload=UpdateHITLDetailPayload(chosen_options=[option], params_input={}),
                    user=SimpleAuthManagerUser(username=person, role="admin"),
                    session=session,
                )
