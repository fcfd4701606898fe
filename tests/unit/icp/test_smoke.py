import json
from typing import Any

import pytest

from hopbook.icp import smoke
from hopbook.icp.checks import Requirement, Word, parse
from hopbook.icp.commands import boot_of
from hopbook.icp.config import wanted
from hopbook.icp.inventory import Groups
from hopbook.icp.sizes import Node, installation, members
from hopbook.site.model import Icp


def listing(nodes: tuple[Node, ...], **status: str) -> str:
    items = [
        {
            "status": {
                "addresses": [{"type": "InternalIP", "address": str(node.address)}],
                "conditions": [{"type": "Ready", "status": status.get(node.name.replace("-", "_"), "True")}],
            }
        }
        for node in nodes
    ]
    return json.dumps({"items": items})


def test_all_ready(nodes: tuple[Node, ...]) -> None:
    assert smoke.nodes(listing(members(nodes)), members(nodes)) == ""
    assert smoke.node_addresses(listing(members(nodes))) == {str(node.address) for node in members(nodes)}


def test_missing_and_unready_nodes_are_named(nodes: tuple[Node, ...]) -> None:
    wanted_nodes = members(nodes)
    told = smoke.nodes(listing(wanted_nodes[1:], icp_proxy_2="Unknown"), wanted_nodes)
    assert told.startswith("icp-master-1 not in the cluster; icp-proxy-2 not ready")


@pytest.mark.parametrize("answer", ["", "no", "[]", "{}", '{"items": 1}', '{"items": null}'])
def test_what_cannot_be_read_is_no_pass(answer: str, nodes: tuple[Node, ...], icp: Icp) -> None:
    assert smoke.nodes(answer, nodes)
    assert smoke.info(answer, icp, {})
    assert smoke.node_addresses(answer) == frozenset()


@pytest.mark.parametrize("answer", ['{"items": [1, {}, {"status": {"addresses": [3], "conditions": [4]}}]}'])
def test_odd_items_are_no_nodes(answer: str, nodes: tuple[Node, ...]) -> None:
    assert "icp-master-1" in smoke.nodes(answer, nodes)


def test_clients_are_told_what_is_published(icp: Icp, groups: Groups) -> None:
    keys: dict[str, Any] = wanted(icp, None, groups)
    good = {
        "cluster_address": "10.95.40.71",
        "proxy_address": "10.95.40.72",
        "cluster_router_https_port": "8443",
    }
    assert smoke.info(json.dumps({"data": good}), icp, keys) == ""
    inner = {**good, "cluster_address": "192.168.20.10"}
    told = smoke.info(json.dumps({"data": inner}), icp, keys)
    assert told == "clients are sent elsewhere: cluster_address is '192.168.20.10', expected 10.95.40.71"


@pytest.mark.parametrize(
    ("code", "problem", "told"), [("200", "", ""), ("302", "", ""), ("503", "", "status 503")]
)
def test_the_console(code: str, problem: str, told: str) -> None:
    assert told in smoke.console(code, problem)
    assert bool(smoke.console(code, problem)) is bool(told)


def test_a_console_that_cannot_be_reached_says_why() -> None:
    assert "certificate has expired" in smoke.console("000", "curl: (60) SSL: certificate\n has expired")


def test_the_console_is_asked_by_its_own_name(icp: Icp) -> None:
    argv = smoke.get_console(icp, boot_of(installation(icp)))
    assert "icp.example.com:8443:192.168.20.10" in argv
    assert "--cacert" in argv
    assert not {"-k", "--insecure"} & set(argv)


@pytest.mark.parametrize("text", ["capacity", "fresh 192.168.20.11", "gone 192.168.20.53", "nodes-ready"])
def test_a_requirement_is_read_back(text: str) -> None:
    assert str(parse(text)) == text


@pytest.mark.parametrize("text", ["", "fresh", "capacity 10.0.0.1", "fresh x", "quux"])
def test_no_such_requirement(text: str) -> None:
    with pytest.raises(ValueError, match=r"requirement|valid|permitted|octets"):
        parse(text)


def test_a_word_alone() -> None:
    assert str(Requirement(Word.CLEAR)) == "overlay-clear"
