from collections.abc import Callable
from typing import Any

import pytest

from hopbook.errors import InvalidInput
from hopbook.icp.sizes import Catalogue, Node, boot_node, members, node_name, nodes_of, read_catalogue
from hopbook.network import naming
from hopbook.site.document import read_document
from hopbook.site.load import read_site
from hopbook.site.model import Site
from tasks import files


def test_the_machines_of_the_architecture(nodes: tuple[Node, ...]) -> None:
    counts = {role: sum(node.role == role for node in nodes) for role in {node.role for node in nodes}}
    assert counts == {"boot": 1, "master": 3, "proxy": 3, "management": 3, "va": 3, "worker": 3}
    assert len({node.address for node in nodes}) == len({node.name for node in nodes}) == len(nodes)
    master = next(node for node in nodes if node.name == "icp-master-2")
    assert (str(master.address), master.size.cpus, master.size.memory) == ("192.168.20.12", 4, 64)
    assert boot_node(nodes).name == "icp-boot-1"
    assert len(members(nodes)) == len(nodes) - 1


def test_a_master_boots_where_there_is_no_boot_node(
    variant: Callable[..., Site], catalogue: Catalogue
) -> None:
    site: Site = variant(icp__nodes__boot=[])
    assert site.icp is not None
    found = nodes_of(site.icp, catalogue)
    assert boot_node(found).name == "icp-master-1"
    assert members(found) == found


def test_names_are_those_of_the_network_model() -> None:
    assert node_name("va", 3) == naming.icp_node("va", 3)


def test_a_site_sets_a_size(variant: Callable[..., Site], catalogue: Catalogue) -> None:
    site: Site = variant(icp__install__sizes__worker={"cpus": 16, "memory": 32, "disks": [100, 50]})
    assert site.icp is not None
    workers = [node for node in nodes_of(site.icp, catalogue) if node.role == "worker"]
    assert {(node.size.cpus, node.size.disks) for node in workers} == {(16, (100, 50))}


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"icp__install__profile": "hha"}, "did you mean `ha`"),
        ({"icp__install__profile": "enormous"}, "expected ha, production"),
        ({"icp__install__profile": "small"}, "found 3 master nodes; profile small has 1"),
        ({"icp__nodes__va": ["192.168.20.41"]}, "found 1 va node; profile ha has 3"),
        ({"icp__install": None}, "icp.install"),
    ],
)
def test_what_does_not_fit_is_named(
    values: dict[str, Any], told: str, variant: Callable[..., Site], catalogue: Catalogue
) -> None:
    site: Site = variant(**values)
    assert site.icp is not None
    with pytest.raises(InvalidInput) as caught:
        nodes_of(site.icp, catalogue)
    assert told in str(caught.value)


def test_an_unknown_role_is_named_with_its_line() -> None:
    text = files.site_path("example").read_text()
    text = text.replace(
        "    datastore: vsanDatastore\n",
        "    datastore: x\n    sizes: {wrker: {cpus: 4, memory: 8, disks: [100]}}\n",
    )
    with pytest.raises(InvalidInput, match=r"site\.yaml:\d+ .*wrker.*did you mean `worker`"):
        read_site(text, "site.yaml")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("proxy: {count: [3], cpus: 2", "proxie: {count: [3], cpus: 2", "unknown key 'proxie'"),
        ("cpus: 2, memory: 8", "cpus: none, memory: 8", "cpus"),
        ("disks: [180, 100]", "disks: []", "disks"),
    ],
)
def test_the_catalogue_is_held_to_its_form(old: str, new: str, told: str) -> None:
    text = (files.RUNBOOKS / "icp/sizes.yaml").read_text()
    assert old in text
    with pytest.raises(InvalidInput, match=r"sizes\.yaml:\d+") as caught:
        read_catalogue(read_document(text.replace(old, new, 1), "sizes.yaml"))
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("install", "told"),
    [
        ("edition: ee", "edition ee needs `archive`"),
        (
            "edition: ce\n    archive: {location: file:///opt/x.tar.gz, sha256: " + "0" * 64 + "}",
            "belongs to edition ee",
        ),
        ("edition: ee\n    archive: {location: opt/x.tar.gz, sha256: " + "0" * 64 + "}", "archive.location"),
        ("edition: ee\n    archive: {location: file:///opt/x.tar.gz, sha256: abc}", "archive.sha256"),
    ],
)
def test_images_come_from_one_place(install: str, told: str) -> None:
    text = files.site_path("example").read_text()
    changed = text.replace("edition: ce ", install + " ")
    with pytest.raises(InvalidInput) as caught:
        read_site(changed, "site.yaml")
    assert told in str(caught.value)
