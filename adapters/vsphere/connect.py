"""The provider of a site's real vCenter, and its wire.

Importing this imports pyvmomi, which takes a second; a rehearsal needs neither (`provider.for_site`).
"""

import ssl

from adapters.vsphere.client import VsphereClient
from adapters.vsphere.provider import Patience, VsphereProvider, for_site
from adapters.vsphere.soap import SoapVcenter
from adapters.vsphere.waiting import Progress
from hopbook.secret import Secret
from hopbook.site.model import Site, VsphereEndpoint


def client(
    endpoint: VsphereEndpoint, password: Secret, *, verify: ssl.SSLContext | None = None
) -> VsphereClient:
    """The wire to a vCenter; whoever opens it closes it. Nothing is sent before it is first asked.

    Args:
        endpoint: As the site file has it.
        password: What its reference leads to.
        verify: Trust in the endpoint's CA file; None: in whom the operating system trusts, or in the
            endpoint's fingerprint.
    """
    return VsphereClient(
        endpoint.url,
        endpoint.username,
        password,
        timeout=endpoint.timeout,
        verify=verify,
        fingerprint=endpoint.fingerprint,
    )


def real(
    site: Site, endpoint: VsphereEndpoint, wire: VsphereClient, *, progress: Progress | None = None
) -> VsphereProvider:
    """The provider of the site's vCenter.

    Args:
        site: Its name is in our markers, its ESXi hosts' names in what is observed.
        endpoint: Says how long tasks and guests are waited for.
        wire: From `client`.
        progress: Told how far a task is, in percent.
    """
    patience = Patience(endpoint.timeout, endpoint.task_timeout, endpoint.guest_timeout)
    vcenter = SoapVcenter(wire, patience=patience, progress=progress or _unwatched)
    return for_site(site, vcenter, patience)


def _unwatched(_what: str, _percent: int) -> None:
    """Nobody watches."""
