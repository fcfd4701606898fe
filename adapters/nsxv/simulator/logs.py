"""`<logging>`, which several features carry."""

from adapters.nsxv.simulator.fields import Fields
from adapters.nsxv.simulator.values import Logging
from adapters.nsxv.simulator.wire import Node, node

_LEVELS = ("emergency", "alert", "critical", "error", "warning", "notice", "info", "debug")


def parse(fields: Fields) -> Logging:
    """Off, at info, unless it says otherwise."""
    with fields:
        return Logging(
            enabled=fields.flag("enable", default=False), level=fields.one_of("logLevel", _LEVELS, "info")
        )


def render(logging: Logging) -> Node:
    """Both elements."""
    return node("logging", node("enable", logging.enabled), node("logLevel", logging.level))
