"""Prefect at the rim.

A flow body runs as it is where nobody asked for Prefect, so that a rehearsal from the shell or in CI starts
at once: importing Prefect costs more than a whole dry-run. Whoever comes through Prefect (its server, a
worker, `prefect deploy`) has imported it before it loads a flow, and then the same body is a Prefect flow and
every step a task run. Result persistence and caching stay off: the journal remembers.
"""

import sys
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from hopbook.errors import Waiting

P = ParamSpec("P")
R = TypeVar("R")


def flow(*, name: str, flow_run_name: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Make a function a Prefect flow where Prefect is in charge; else leave it as it is."""

    def decorate(body: Callable[P, R]) -> Callable[P, R]:
        if "prefect" not in sys.modules:
            return body
        import prefect  # noqa: PLC0415 - see the module's head

        wrapped: Any = prefect.flow(
            name=name, flow_run_name=flow_run_name, persist_result=False, validate_parameters=True
        )(_waiting_is_said(body))
        return wrapped  # type: ignore[no-any-return] # a Flow is called like its body

    return decorate


def _waiting_is_said(body: Callable[P, R]) -> Callable[P, R]:
    """End a flow run that waits in a state of that name, with what it waits for; retrying it goes on.

    A Failed state by its type: suspending would have Prefect ask for the answer, and the journal has it.
    """

    @wraps(body)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        from prefect.client.schemas.objects import State, StateType  # noqa: PLC0415 - see the module's head

        try:
            return body(*args, **kwargs)
        except Waiting as error:
            state: Any = State(type=StateType.FAILED, name="Waiting", message=str(error))
            return state  # type: ignore[no-any-return] # Prefect takes it for the flow run's own

    return run


def in_flow_run() -> bool:
    """Whether a Prefect flow run is under way here."""
    if "prefect" not in sys.modules:
        return False
    from prefect.context import FlowRunContext  # noqa: PLC0415 - see the module's head

    return FlowRunContext.get() is not None


def flow_run_id() -> str:
    """The id of the flow run under way, empty outside one."""
    if not in_flow_run():
        return ""
    from prefect.runtime import flow_run  # noqa: PLC0415 - see the module's head

    return str(flow_run.get_id())


def as_task(title: str, body: Callable[[], R]) -> R:
    """Run a step: as a task run named by its title under Prefect, else directly."""
    if not in_flow_run():
        return body()
    from prefect import task  # noqa: PLC0415 - see the module's head
    from prefect.cache_policies import NO_CACHE  # noqa: PLC0415 - see the module's head

    run: Any = task(name=title, task_run_name=title, cache_policy=NO_CACHE, persist_result=False, retries=0)(
        body
    )
    result: R = run()
    return result


def say(text: str) -> None:
    """Tell the flow run's log; nothing outside Prefect, where the command shows progress itself."""
    if not in_flow_run():
        return
    from prefect.logging import get_run_logger  # noqa: PLC0415 - see the module's head

    get_run_logger().info(text)


def publish(key: str, markdown: str) -> None:
    """Keep a Markdown artifact with the flow run; nothing outside Prefect."""
    if not in_flow_run():
        return
    from prefect.artifacts import create_markdown_artifact  # noqa: PLC0415 - see the module's head

    create_markdown_artifact(key=key, markdown=markdown)
