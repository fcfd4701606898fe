"""What is run, word for word, and in which order workers come and go."""

from collections.abc import Callable
from ipaddress import IPv4Address
from typing import Any

import pytest

from hopbook.icp import commands, removal, workers
from hopbook.icp.commands import boot_of
from hopbook.icp.sizes import Catalogue, Node, installation, nodes_of, staying
from hopbook.site.model import Icp, IcpInstall, Site

ARCHIVE = {"location": "https://files.example.com/icp.tar.gz", "sha256": "0" * 64}


@pytest.fixture
def install(icp: Icp) -> IcpInstall:
    return installation(icp)


@pytest.fixture
def enterprise(variant: Callable[..., Site]) -> IcpInstall:
    site = variant(icp__install__edition="ee", icp__install__archive=ARCHIVE)
    assert site.icp is not None
    return installation(site.icp)


def test_the_documents_commands(enterprise: IcpInstall) -> None:
    boot = boot_of(enterprise)
    image = "ibmcom/icp-inception-amd64:3.1.0-ee"
    cluster = "/opt/ibm-cloud-private-3.1.0/cluster:/installer/cluster"
    assert " ".join(commands.skeleton(boot)) == (
        f"docker run -v /opt/ibm-cloud-private-3.1.0:/data -e LICENSE=accept {image} cp -r cluster /data"
    )
    assert " ".join(commands.install(boot)) == (
        f"docker run --net=host -t -e LICENSE=accept -v {cluster} {image} install -v"
    )
    assert " ".join(commands.uninstall(boot)) == (
        f"docker run --net=host --rm -t -e LICENSE=accept -v {cluster} {image} uninstall -v"
    )
    assert " ".join(
        commands.add_workers(boot, [IPv4Address("192.168.20.54"), IPv4Address("192.168.20.55")])
    ) == (
        f"docker run --net=host -t -e LICENSE=accept -v {cluster} {image} "
        "worker -l 192.168.20.54,192.168.20.55 -v"
    )
    assert commands.copy_kubectl(boot)[-3:] == ("cp", "/usr/local/bin/kubectl", "/data")


def test_the_editions_have_images_of_their_own(install: IcpInstall, enterprise: IcpInstall) -> None:
    assert commands.inception(install) == "ibmcom/icp-inception:3.1.0"
    assert commands.inception(enterprise) == "ibmcom/icp-inception-amd64:3.1.0-ee"


def test_the_installer_is_told_how_much_to_say_and_do(variant: Callable[..., Site]) -> None:
    site = variant(icp__install__settings__verbosity=3, icp__install__settings__forks=5)
    assert site.icp is not None
    assert commands.install(boot_of(installation(site.icp)))[-4:] == ("install", "-vvv", "-f", "5")


def test_workers_do_not_change_who_is_what(groups: dict[str, tuple[IPv4Address, ...]]) -> None:
    before = commands.roles(groups)
    assert commands.roles({**groups, "worker": (IPv4Address("192.168.20.99"),)}) == before
    assert commands.roles({**groups, "master": groups["master"][::-1]}) == before
    assert commands.roles({**groups, "va": groups["va"][:1]}) != before


@pytest.mark.parametrize(("key", "moves"), [("network_cidr", True), ("wait_for_timeout", False)])
def test_only_what_makes_the_cluster_is_its_shape(key: str, moves: bool) -> None:
    keys: dict[str, Any] = {"network_cidr": "172.24.0.0/16", "wait_for_timeout": 600}
    assert (commands.shape(keys) != commands.shape({**keys, key: "other"})) is moves


def test_a_worker_leaves_in_order(variant: Callable[..., Site], catalogue: Catalogue) -> None:
    site = variant(
        icp__install__retire=["192.168.20.52"],
        icp__nodes__worker=[f"192.168.20.{last}" for last in (51, 52, 53, 54)],
    )
    assert site.icp is not None
    nodes = nodes_of(site.icp, catalogue)
    members = frozenset(IPv4Address(f"192.168.20.{last}") for last in (51, 52, 53))
    found = workers.change(nodes, members)
    assert [node.name for node in found.join] == ["icp-worker-4"]
    assert [node.name for node in found.leave] == ["icp-worker-2"]
    assert "icp-worker-2" not in {node.name for node in staying(nodes)}
    install = installation(site.icp)
    addresses = tuple(node.address for node in found.leave)
    going = workers.leaving(site.icp, boot_of(install), addresses)
    assert [each.id for each in going] == ["drain", "forget", "remove"]
    assert going[0].argv[:2] == ("kubectl", "--server=https://192.168.20.10:8001")
    assert going[0].argv[5:7] == ("drain", "192.168.20.52")
    assert "--insecure-skip-tls-verify" not in going[0].argv
    assert going[2].argv[-4:] == ("uninstall", "-l", "192.168.20.52", "-v")
    (coming,) = workers.joining(boot_of(install), tuple(node.address for node in found.join))
    assert coming.argv[-4:] == ("worker", "-l", "192.168.20.54", "-v")
    assert coming.long


def test_nothing_changes_where_all_are_members(nodes: tuple[Node, ...]) -> None:
    members = frozenset(node.address for node in nodes if node.role == "worker")
    assert workers.change(nodes, members) == workers.Change((), ())


def test_a_foreign_machine_on_the_overlay_is_called_by_its_name() -> None:
    ours = ["icp-master-1", "icp-worker-1"]
    assert removal.blocked([*ours], ours, "icp-nodes") == ""
    one = removal.blocked([*ours, "jenkins"], ours, "icp-nodes")
    assert one.startswith("jenkins is on icp-nodes and not ours: without the network it loses its")
    two = removal.blocked(["jenkins", "build", *ours, "build"], ours, "icp-nodes")
    assert two.startswith("build, jenkins are on icp-nodes")


def test_residue_is_named() -> None:
    assert removal.residue([]) == ""
    told = removal.residue(["/var/lib/etcd", "/var/lib/docker", "/etc/cfc"])
    assert told.startswith("/etc/cfc, /var/lib/etcd left behind")
