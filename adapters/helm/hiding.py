"""Values without their secrets, and with them again."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hopbook.resources.base import SecretRef
from hopbook.resources.helm import Release, Value, leaves, nested
from hopbook.secret import Secret


@dataclass(frozen=True, slots=True)
class Source:
    """A chart that may be used.

    Attributes:
        location: As `Chart` says.
        secret_at: Where its one secret stands; none: it has none.
        hidden: Further places that may hold something secret: they are not read.
    """

    location: str = ""
    secret_at: tuple[str, ...] = ()
    hidden: tuple[tuple[str, ...], ...] = ()


STRONGSWAN = Source(
    secret_at=("preshared", "secret"),
    hidden=(("overRideIpsecSecrets",), ("monitoring", "slackWebhook")),
)
"""IBM's strongSwan chart, but for where it is."""


def parted(given: Mapping[str, Any], source: Source) -> tuple[tuple[Value, ...], Secret | None]:
    """The values that may be shown, and the secret; an empty one is none."""
    shown, secret = [], None
    for value in leaves(given):
        if source.secret_at and value.path == source.secret_at:
            told = json.loads(value.value)
            secret = Secret(str(told)) if told not in {None, ""} else None
        elif not any(value.path[: len(place)] == place for place in source.hidden):
            shown.append(value)
    return tuple(shown), secret


def joined(release: Release, secret: Secret | None) -> dict[str, Any]:
    """The values as Helm is to read them; never to be shown."""
    if secret is None:
        return release.document()
    return nested([*release.values, Value(release.secret_at, json.dumps(secret.reveal()))])


def unknown(release: Release) -> SecretRef:
    """What stands for a secret that is none of those that we know; it equals no reference of anybody's."""
    return SecretRef("helm", f"{release.cluster}/{release.namespace}/{release.release}")
