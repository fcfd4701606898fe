"""Secrets: where a reference becomes a value, and the key that their digests are taken with."""

from adapters.secrets.keys import digest_key
from adapters.secrets.resolver import Resolver, Source

__all__ = ["Resolver", "Source", "digest_key"]
