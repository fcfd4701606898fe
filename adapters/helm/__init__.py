"""Helm: its binary, releases as resources, and a helm that only remembers."""

from adapters.helm.client import Chart, HelmClient
from adapters.helm.hiding import STRONGSWAN, Source
from adapters.helm.provider import Access, HelmProvider

__all__ = ["STRONGSWAN", "Access", "Chart", "HelmClient", "HelmProvider", "Source"]
