"""What `dump` has to know of a field, as its metadata."""

from collections.abc import Mapping
from types import MappingProxyType

GENERATED: Mapping[str, bool] = MappingProxyType({"generated": True})
"""The manager made it up (an id, a counter), or nobody may see it."""

MOID: Mapping[str, bool] = MappingProxyType({"moid": True})
"""It refers to another object by its id."""

UNORDERED: Mapping[str, bool] = MappingProxyType({"unordered": True})
"""Its items have no order that means anything."""
