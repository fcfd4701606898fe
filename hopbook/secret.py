"""A secret that does not show itself.

Whatever holds one prints, compares and serialises without it; only `reveal` gives it, and only adapters call
that, at the moment of the call that needs it.
"""

import hashlib
import hmac
from typing import Never


class Secret:
    """A secret value. Two are equal when their values are; nothing else of it can be seen."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value itself, for the one call that needs it."""
        return self._value

    def digest(self, key: bytes) -> str:
        """A keyed digest: tells whether two secrets are equal to whoever has the key, and nothing else."""
        return hmac.new(key, self._value.encode(), hashlib.sha256).hexdigest()

    def __eq__(self, other: object) -> bool:
        """Compare in constant time."""
        return isinstance(other, Secret) and hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        """All alike: a hash would tell something of the value."""
        return hash(Secret)

    def __repr__(self) -> str:
        """Nothing of the value."""
        return "Secret(…)"

    def __reduce__(self) -> Never:
        """Refuse to be written anywhere."""
        message = "a secret is not written anywhere"
        raise TypeError(message)
