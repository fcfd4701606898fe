"""The example site, its machines, and variants of it."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from hopbook.icp.config import ca_domain
from hopbook.icp.egress import Proxying, proxying
from hopbook.icp.inventory import Groups, groups_of
from hopbook.icp.sizes import Catalogue, Node, nodes_of, read_catalogue
from hopbook.site.document import read_document
from hopbook.site.load import read_site, to_document
from hopbook.site.model import Icp, Site
from tasks import files

Variant = Callable[..., Site]


@pytest.fixture(scope="session")
def site() -> Site:
    return read_site(files.site_path("example").read_bytes(), "example.yaml")


@pytest.fixture(scope="session")
def icp(site: Site) -> Icp:
    assert site.icp is not None
    return site.icp


@pytest.fixture(scope="session")
def variant(site: Site) -> Variant:
    """The example site with other values: `variant(icp__egress="proxy")`."""

    def made(**values: Any) -> Site:
        data = copy.deepcopy(to_document(site))
        for path, value in values.items():
            *steps, last = path.split("__")
            inner = data
            for step in steps:
                inner = inner[step]
            inner[last] = value
        return Site.model_validate(data)

    return made


@pytest.fixture(scope="session")
def proxied(variant: Variant) -> Site:
    return variant(icp__egress="proxy", icp__proxy={"address": "10.95.8.40", "port": 3128})


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    path = files.RUNBOOKS / "icp/sizes.yaml"
    return read_catalogue(read_document(path.read_bytes(), path.name))


@pytest.fixture(scope="session")
def nodes(icp: Icp, catalogue: Catalogue) -> tuple[Node, ...]:
    return nodes_of(icp, catalogue)


@pytest.fixture(scope="session")
def groups(nodes: tuple[Node, ...]) -> Groups:
    return groups_of(nodes)


@pytest.fixture(scope="session")
def proxy(proxied: Site, nodes: tuple[Node, ...]) -> Proxying:
    assert proxied.icp is not None
    found = proxying(proxied, proxied.icp, nodes, ca_domain(proxied.icp))
    assert found is not None
    return found
