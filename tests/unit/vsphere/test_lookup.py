"""Names as vCenter and NSX write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.vsphere.inventory import ClusterFound, Inventory, NetworkFound
from adapters.vsphere.lookup import Lookup, network_ref
from adapters.vsphere.markers import Markers
from adapters.vsphere.parsing import quoted, unquoted
from hopbook.errors import Rejected
from hopbook.resources.base import Key
from tests.contract.vsphere_lab import NODES


@pytest.mark.parametrize(
    ("name", "ref"),
    [
        ("vxw-dvs-26-virtualwire-3-sid-5003-icp-nodes", NODES),
        ("vxw-dvs-26-virtualwire-3-sid-5003-a-sid-1-b", Key("nsxv.logical-switch", "a-sid-1-b")),
        ("vxw-vmknicPg-dvs-26-0-1-2-3", "vxw-vmknicPg-dvs-26-0-1-2-3"),
        ("SDDC-DPortGroup-Mgmt", "SDDC-DPortGroup-Mgmt"),
        ("icp-nodes", "icp-nodes"),
    ],
)
def test_a_port_group_of_nsx_is_its_logical_switch(name: str, ref: Key | str) -> None:
    assert network_ref(name) == ref


@given(name=st.text(st.sampled_from("a/%\\25fc"), max_size=12))
def test_a_name_survives_vcenter_s_quoting(name: str) -> None:
    assert unquoted(quoted(name)) == name
    assert not {"/", "\\"} & set(quoted(name))


def test_of_a_switch_s_port_groups_the_cluster_s_own_is_taken() -> None:
    groups = tuple(
        NetworkFound(
            id=f"dvportgroup-{dvs}", name=f"vxw-dvs-{dvs}-virtualwire-3-sid-5003-icp-nodes", datacenter="d"
        )
        for dvs in (1, 2)
    )
    cluster = ClusterFound(id="c", name="one", datacenter="d", datastores=(), networks=("dvportgroup-2",))
    lookup = Lookup(Inventory(networks=groups, clusters=(cluster,)), Markers("lab"), "here")

    assert lookup.network("d", NODES, cluster="one").id == "dvportgroup-2"
    with pytest.raises(Rejected, match="several networks are named nsxv"):
        lookup.network("d", NODES, cluster="another")
