"""Runbook name to flow: `icp-network` is `icp_network` in the module of that name."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

from tasks import files


def flow_of(runbook: str) -> Callable[..., Any]:
    """The flow of a runbook.

    Raises:
        InvalidInput: there is no such runbook; names what is near.
    """
    files.runbook(runbook)
    name = runbook.replace("-", "_")
    flow: Callable[..., Any] = getattr(import_module(f"flows.{name}"), name)
    return flow
