"""Hosts as another vCenter than the one in memory has its machines."""

from dataclasses import replace

from adapters.simulated.machines import Body, Machines
from adapters.simulated.site import SimulatedSite
from adapters.simulated.vcenter import options_of
from hopbook.secret import Secret
from hopbook.site.load import read_site
from hopbook.site.model import Site
from tasks import files

EXAMPLE = read_site(files.site_path("example").read_bytes(), "example.yaml")
BODY = Body(
    id="vm-7",
    name="icp-master-1",
    hostname="icp-master-1",
    address="192.168.20.11",
    cpus=4,
    memory_mb=65536,
    disks=(200,),
)


def machines(site: Site = EXAMPLE) -> Machines:
    return SimulatedSite(site, password=Secret("chosen")).machines


def test_a_machine_that_is_on_is_a_host_with_the_key_and_password_that_were_known_before() -> None:
    site = machines()
    known = site.keys["icp-master-1"]
    site.become([BODY])
    host = site.hosts.hosts["icp-master-1"]
    assert host.up
    assert (host.address, host.cpus, host.memory) == ("192.168.20.11", 4, 64 * 2**20)
    assert (host.key, host.password) == (known, "chosen")
    assert "chosen" not in repr(host)


def test_a_machine_that_is_off_comes_back_as_it_was() -> None:
    site = machines()
    site.become([BODY])
    site.hosts.hosts["icp-master-1"].files.write("/etc/motd", "ours")
    ups = []
    for bodies in ([], [BODY]):
        site.become(bodies)
        ups.append(site.hosts.hosts["icp-master-1"].up)
    assert ups == [False, True]
    assert site.hosts.hosts["icp-master-1"].files.text("/etc/motd") == "ours"


def test_a_machine_that_was_made_anew_is_another_host_with_the_same_key() -> None:
    site = machines()
    site.become([BODY])
    old = site.hosts.hosts["icp-master-1"]
    site.become([replace(BODY, id="vm-8")])
    new = site.hosts.hosts["icp-master-1"]
    assert new is not old
    assert (new.up, old.up) == (True, False)
    assert new.key == old.key


def test_the_served_vcenter_is_called_as_the_site_calls_it() -> None:
    assert EXAMPLE.icp is not None
    assert EXAMPLE.icp.install is not None
    install = EXAMPLE.icp.install.model_copy(update={"folder": "a/b/c", "resource_pool": "x/y"})
    icp = EXAMPLE.icp.model_copy(update={"install": install})
    options = options_of(EXAMPLE.model_copy(update={"icp": icp}))
    assert options["folders"] == "a,a/b"
    assert options["pools"] == "x,x/y"
    assert options["hosts"] == "esx-1,esx-2,esx-3"
    assert options_of(EXAMPLE.model_copy(update={"icp": None})) == {}
