"""Prefect at the rim.

A flow body runs as it is where nobody asked for Prefect, so that a rehearsal from the shell or in CI starts
at once: importing Prefect costs more than a whole dry-run. Whoever comes through Prefect (its server, a
worker, `prefect deploy`) has imported it before it loads a flow, and then the same body is a Prefect flow and
every step a task run. Result persistence and caching stay off: the journal remembers.
"""

import sys
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

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
        )(body)
        return wrapped  # type: ignore[no-any-return] # a Flow is called like its body

    return decorate


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
