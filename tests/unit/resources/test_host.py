"""What a host's resources are called, which spellings mean the same, and what no resource may be."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hopbook.engine.plan import field_changes
from hopbook.resources.base import Key, Later, Resource, SecretRef, from_document, to_document
from hopbook.resources.host import (
    Artifact,
    AuthorizedKey,
    Block,
    Check,
    Directory,
    File,
    Image,
    Job,
    JobState,
    KeyPair,
    Line,
    Package,
    SecretFile,
    Service,
    Slot,
    Sysctl,
    Variable,
    host_of,
    thing_of,
)

H = "master-1"
SECRET = SecretRef("env", "ADMIN_PASSWORD")
PAIR = KeyPair(host="boot", path="/opt/icp/cluster/ssh_key")
EVERY: tuple[tuple[Resource, str, str], ...] = (
    (File(host=H, path="/etc/hosts", content="127.0.0.1 localhost\n"), "etc/hosts", "/etc/hosts"),
    (
        SecretFile(host=H, path="/opt/c.yaml", template="p: {{admin}}", slots=(Slot("admin", SECRET),)),
        "opt/c.yaml",
        "/opt/c.yaml",
    ),
    (Directory(host=H, path="/opt/icp"), "opt/icp", "/opt/icp"),
    (
        Block(host=H, path="/etc/hosts", label="icp", lines=("10.0.0.1 a",)),
        "etc/hosts#icp",
        "/etc/hosts#icp",
    ),
    (
        Line(host=H, path="/etc/hosts", word="127.0.1.1", text=None),
        "etc/hosts#127.0.1.1",
        "/etc/hosts#127.0.1.1",
    ),
    (PAIR, "opt/icp/cluster/ssh_key", "/opt/icp/cluster/ssh_key"),
    (
        Artifact(host=H, path="/opt/i.tgz", source="https://x/i.tgz", sha256="A" * 64),
        "opt/i.tgz",
        "/opt/i.tgz",
    ),
    (Package(host=H, package="docker-ce", release="18.03.1~ce-0~ubuntu"), "docker-ce", "docker-ce"),
    (
        Sysctl(host=H, parameter="vm.max_map_count", value="262144", minimum=True),
        "vm.max_map_count>=262144",
        "vm.max_map_count>=262144",
    ),
    (Service(host=H, service="ufw", running=False, enabled=False), "ufw", "ufw"),
    (
        AuthorizedKey(host=H, user="root", label="boot", public_key=Later(PAIR.key, "public_key")),
        "root/boot",
        "root/boot",
    ),
    (
        Image(host=H, image="ibmcom/icp-inception:3.1.0"),
        "ibmcom/icp-inception:3.1.0",
        "ibmcom/icp-inception:3.1.0",
    ),
    (
        Job(host=H, job="install", command=("docker", "run"), environment=(Variable("P", SECRET),)),
        "install",
        "install",
    ),
    (
        Check(host=H, requirement="disk /var/lib/docker  100"),
        "disk /var/lib/docker 100",
        "disk /var/lib/docker 100",
    ),
)


@pytest.mark.parametrize(("resource", "name", "thing"), EVERY, ids=lambda value: getattr(value, "kind", ""))
def test_the_key_alone_says_host_and_thing(resource: Resource, name: str, thing: str) -> None:
    assert resource.name == f"{getattr(resource, 'host', '')}/{name}"
    assert Key.parse(str(resource.key)) == resource.key
    assert (host_of(resource.key), thing_of(resource.key)) == (getattr(resource, "host", ""), thing)


@pytest.mark.parametrize("resource", [item[0] for item in EVERY], ids=lambda value: value.kind)
def test_a_document_reads_back_equal(resource: Resource) -> None:
    assert from_document(to_document(resource)) == resource


def test_a_step_can_refer_to_a_key_that_is_not_made_yet() -> None:
    authorized = AuthorizedKey(host=H, user="root", label="boot", public_key=Later(PAIR.key, "public_key"))
    assert list(authorized.refs()) == [PAIR.key]


def test_any_version_is_no_difference_and_a_certain_one_is() -> None:
    live = Package(host=H, package="lvm2", release="2.02")
    assert field_changes(live, Package(host=H, package="lvm2")) == ()
    wanted = Package(host=H, package="lvm2", release="2.03")
    assert [(item.before, item.after) for item in field_changes(live, wanted)] == [("2.02", "2.03")]
    absent = replace(live, installed=False, release="")
    assert [item.field for item in field_changes(absent, Package(host=H, package="lvm2"))] == ["installed"]


def test_what_undo_may_delete_and_where_it_comes_from_is_no_difference() -> None:
    job = Job(host=H, job="install", command=("a",))
    assert field_changes(job, replace(job, takes_back=("b",), repeatable=False)) == ()
    assert [
        item.field for item in field_changes(replace(job, state=JobState.KILLED, exit_status=None), job)
    ] == [
        "state",
        "exit_status",
    ]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (File(host=H, path="/etc//./hosts", content=""), File(host=H, path="/etc/hosts", content="")),
        (File(host=H, path="//etc/hosts/", content=""), File(host=H, path="/etc/hosts", content="")),
        (
            Sysctl(host=H, parameter="net.ipv4.ip_local_port_range", value="10240\t60999"),
            Sysctl(
                host=H,
                parameter="net.ipv4.ip_local_port_range",
                value=" 10240 60999 ",
                persisted="10240  60999",
            ),
        ),
        (
            AuthorizedKey(host=H, user="root", label="boot", public_key="ssh-rsa AAAA root@boot"),
            AuthorizedKey(host=H, user="root", label="boot", public_key="ssh-rsa  AAAA"),
        ),
    ],
)
def test_spelling_means_nothing(typed: Resource, meant: Resource) -> None:
    assert typed == meant
    assert typed.key == meant.key


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: File(host="a b", path="/x", content=""), r"host 'a b': expected letters"),
        (lambda: File(host="-oProxyCommand=x", path="/x", content=""), "expected letters"),
        (lambda: File(host=H, path="x", content=""), r"path 'x': expected an absolute one"),
        (lambda: File(host=H, path="/a/../b", content=""), r"without \.\."),
        (lambda: File(host=H, path="/a\0b", content=""), "expected an absolute one"),
        (lambda: File(host=H, path="/x", content="", mode=0o10000), "expected 0 to 7777"),
        (lambda: File(host=H, path="/x", content="", owner="-R"), r"'-R' is no user or group"),
        (
            lambda: SecretFile(host=H, path="/x", template="", slots=(Slot("a", SECRET),)),
            r"no place \{\{a\}\}",
        ),
        (lambda: Block(host=H, path="/x", label="a", lines=("# hopbook: end a",)), "cannot be a line"),
        (lambda: Line(host=H, path="/x", word="127.0.1.1", text="10.0.0.1 a"), "does not begin with"),
        (lambda: Package(host=H, package="--force-yes"), "is no package's name"),
        (lambda: Sysctl(host=H, parameter="-p", value="1"), "no parameter"),
        (lambda: Service(host=H, service="a b", running=True, enabled=True), "is no service's name"),
        (lambda: Artifact(host=H, path="/x", source="ftp://x", sha256="0" * 64), "expected https"),
        (lambda: Artifact(host=H, path="/x", source="https://x", sha256="0"), "is no SHA-256"),
        (lambda: Image(host=H, image="ibmcom/icp-inception"), "expected an image with its tag"),
        (lambda: Job(host=H, job="../x", command=("a",)), "expected lower case"),
        (lambda: Job(host=H, job="x", command=()), "it has no command"),
        (lambda: Job(host=H, job="x", command=("a",), environment=(Variable("A-B", "c"),)), "no variable"),
        (lambda: Check(host=H, requirement=" "), "a check needs a requirement"),
    ],
)
def test_what_makes_no_sense_is_said_when_it_is_made(make: Callable[[], Resource], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        make()


names = st.from_regex(r"\A[a-z0-9][a-z0-9.-]{0,8}[a-z0-9]\Z")
parts_of_a_path = st.text("ab.#:= '\\é", min_size=1, max_size=6).filter(lambda part: part not in {".", ".."})


@settings(max_examples=60)
@given(host=names, parts=st.lists(parts_of_a_path, min_size=1, max_size=4))
def test_every_path_is_found_again_in_its_key(host: str, parts: list[str]) -> None:
    path = "/" + "/".join(parts)
    key = Key.parse(str(File(host=host, path=path, content="").key))
    assert (host_of(key), thing_of(key)) == (host, path)
