"""Whatever lies on a host is made so, read back equal and taken away again."""

from collections.abc import Callable
from dataclasses import replace
from io import BytesIO

import pytest

from adapters.ssh import scripts
from adapters.ssh.errors import Busy, CommandFailed
from hopbook.engine.change import Result
from hopbook.engine.plan import field_changes, resolve
from hopbook.errors import Missing, Rejected
from hopbook.hosts import checks
from hopbook.resources.base import Later, Resource, SecretRef
from hopbook.resources.host import (
    Artifact,
    AuthorizedKey,
    Block,
    Check,
    Directory,
    File,
    Image,
    KeyPair,
    Line,
    Package,
    SecretFile,
    Service,
    Slot,
    Sysctl,
)
from tests.contract.ssh_lab import HOMES, HOST, SECOND, SECRET, Lab, change_to, create, delete, sha256, update

NASTY = "a b'c\"d$(touch pwned)`id`;&|<>*?[x]\\n{}~#!%\té…"
TREACHEROUS = f"{NASTY}\n{NASTY}\n\n"
FILE = File(host=HOST, path="/opt/icp/config.yaml", content="version: 3.1.0\n", mode=0o640)
SLOT = Slot("admin", SecretRef("lab", "admin"))
SECRET_FILE = SecretFile(
    host=HOST, path="/opt/icp/secret.yaml", template="password: {{admin}}\n", slots=(SLOT,)
)
BLOCK = Block(host=HOST, path="/etc/hosts", label="icp", lines=("192.168.20.11 master-1",))
LOOPBACK = Line(host=HOST, path="/etc/hosts", word="127.0.1.1", text=None)
MAPS = Sysctl(host=HOST, parameter="vm.max_map_count", value="262144", minimum=True)
PORTS = Sysctl(host=HOST, parameter="net.ipv4.ip_local_port_range", value="10240 60999")
LVM = Package(host=HOST, package="lvm2")
DOCKER = Service(host=HOST, service="docker", running=False, enabled=False)
UFW = Service(host=HOST, service="ufw", running=True, enabled=True)
PAIR = KeyPair(host=HOST, path="/opt/icp/ssh_key", bits=2048)
AUTHORIZED = AuthorizedKey(host=HOST, user="root", label="icp-boot", public_key="ssh-rsa AAAAB3Nza")
IMAGE = Image(host=HOST, image="ibmcom/icp-inception:3.1.0")
FOLDER = Directory(host=HOST, path="/opt/icp/cluster", mode=0o750, owner="ops", group="ops")
COMING: tuple[Resource, ...] = (FILE, SECRET_FILE, BLOCK, PAIR, FOLDER)
SETTINGS: tuple[Resource, ...] = (LOOPBACK, MAPS, PORTS, LVM, UFW, AUTHORIZED, IMAGE)


class Things:
    """The promises about things."""

    @pytest.mark.parametrize("wanted", COMING, ids=lambda item: item.kind)
    def test_it_comes_and_goes(self, lab: Lab, wanted: Resource) -> None:
        assert lab.live(wanted) is None
        lab.done(create(wanted))
        live = lab.live(wanted)
        assert live is not None
        assert field_changes(live, wanted) == ()
        lab.done(delete(live))
        assert lab.live(wanted) is None

    @pytest.mark.parametrize("wanted", SETTINGS, ids=lambda item: str(item.key))
    def test_a_setting_is_set_and_put_back(self, lab: Lab, wanted: Resource) -> None:
        before = lab.live(wanted)
        assert before is not None
        assert field_changes(before, wanted)
        lab.make(wanted)
        after = lab.live(wanted)
        assert after is not None
        assert field_changes(after, wanted) == ()
        lab.done(update(after, before))
        assert lab.live(wanted) == before

    def test_everything_at_once_is_as_good(self, lab: Lab) -> None:
        lab.make(*COMING, *SETTINGS)
        seen = lab.see(*(item.key for item in (*COMING, *SETTINGS)))
        assert [change_to(item, seen) for item in (*COMING, *SETTINGS)] == [None] * len(COMING + SETTINGS)

    def test_hosts_are_read_side_by_side(self, lab: Lab) -> None:
        other = replace(LOOPBACK, host=SECOND)
        lab.make(LOOPBACK)
        seen = lab.see(LOOPBACK.key, other.key)
        assert seen.items[LOOPBACK.key].resource == LOOPBACK
        assert seen.items[other.key].resource == replace(other, text=f"127.0.1.1 {SECOND}")

    # -- files --------------------------------------------------------------------------------------

    def test_a_file_has_the_mode_and_owner_that_were_asked_for(self, lab: Lab) -> None:
        lab.done(create(replace(FILE, mode=0o604, owner="ops", group="ops")))
        assert lab.box.possession(FILE.path) == (0o604, "ops", "ops")
        live = lab.live(FILE)
        assert live == replace(FILE, mode=0o604, owner="ops", group="ops")
        lab.done(update(live, FILE))
        assert lab.box.possession(FILE.path) == (0o640, "root", "root")

    def test_a_file_is_replaced_as_a_whole_and_nothing_is_left_over(self, lab: Lab) -> None:
        lab.done(create(FILE))
        lab.done(update(FILE, replace(FILE, content="new\n")))
        assert lab.box.read(FILE.path) == "new\n"
        assert lab.box.names("/opt/icp") == ["config.yaml"]

    def test_what_is_refused_leaves_the_old_file_and_nothing_else(self, lab: Lab) -> None:
        lab.done(create(FILE))
        (outcome,) = lab.apply(update(FILE, replace(FILE, content="new\n", owner="nobody-here")))
        assert outcome.result is Result.REFUSED
        assert "nobody-here" in outcome.reason
        assert lab.box.read(FILE.path) == FILE.content
        assert lab.box.names("/opt/icp") == ["config.yaml"]

    def test_a_directory_is_not_taken_for_a_file(self, lab: Lab) -> None:
        lab.done(create(FOLDER))
        (outcome,) = lab.apply(create(File(host=HOST, path=FOLDER.path, content="x")))
        assert outcome.result is Result.REFUSED
        assert lab.live(FOLDER) == FOLDER
        assert lab.box.names("/opt/icp") == ["cluster"]

    def test_no_text_is_anything_but_text(self, lab: Lab) -> None:
        nasty = File(host=HOST, path=f"/opt/icp/{NASTY}", content=TREACHEROUS)
        lab.make(nasty, Block(host=HOST, path=nasty.path, label="b", lines=(NASTY,)))
        assert lab.box.names("/opt/icp") == [NASTY]
        assert set(lab.box.names("/opt")) - {"hopbook"} == {"icp"}
        content = f"{TREACHEROUS}# hopbook: begin b\n{NASTY}\n# hopbook: end b\n"
        assert lab.box.read(nasty.path) == content
        assert lab.live(nasty) == replace(nasty, content=content)
        lab.done(delete(nasty))
        assert lab.box.names("/opt/icp") == []

    def test_a_file_that_is_no_text_is_seen_and_not_overwritten_by_what_nobody_read(self, lab: Lab) -> None:
        lab.done(create(FILE))
        (outcome,) = lab.apply(update(FILE, replace(FILE, content=None)))
        assert outcome.result is Result.REFUSED
        assert "it cannot be put back" in outcome.reason
        assert lab.box.read(FILE.path) == FILE.content

    def test_secrets_are_in_the_file_and_nowhere_else(self, lab: Lab) -> None:
        lab.done(create(SECRET_FILE))
        assert lab.box.read(SECRET_FILE.path) == f"password: {SECRET}\n"
        assert lab.box.possession(SECRET_FILE.path) == (0o600, "root", "root")
        seen = lab.see(SECRET_FILE.key)
        assert seen.items[SECRET_FILE.key].resource == SECRET_FILE
        assert SECRET not in repr(seen)
        notes = lab.box.names(f"{lab.base}/files")
        assert len(notes) == 1
        assert SECRET not in (lab.box.read(f"{lab.base}/files/{notes[0]}") or "")

    def test_another_secret_is_a_difference(self, lab: Lab) -> None:
        lab.done(create(SECRET_FILE))
        lab.secrets.values["admin"] = "a-new-one"
        live = lab.live(SECRET_FILE)
        assert live == replace(SECRET_FILE, template=None, slots=())
        lab.done(update(live, SECRET_FILE))
        assert lab.box.read(SECRET_FILE.path) == "password: a-new-one\n"
        assert lab.live(SECRET_FILE) == SECRET_FILE

    def test_what_somebody_else_wrote_is_not_told(self, lab: Lab) -> None:
        lab.done(create(SECRET_FILE))
        lab.box.write(SECRET_FILE.path, "password: of somebody else\n")
        seen = lab.see(SECRET_FILE.key)
        assert seen.items[SECRET_FILE.key].resource == replace(SECRET_FILE, template=None, slots=())
        assert "somebody" not in repr(seen)

    def test_a_directory_that_is_not_empty_stays(self, lab: Lab) -> None:
        lab.make(FOLDER, File(host=HOST, path=f"{FOLDER.path}/hosts", content="x"))
        (outcome,) = lab.apply(delete(FOLDER))
        assert outcome.result is Result.REFUSED
        assert "not empty" in outcome.reason.lower()
        lab.done(delete(replace(FOLDER, emptied=True)))
        assert lab.box.names("/opt/icp") == []

    def test_a_directory_can_be_kept_safe(self, lab: Lab) -> None:
        lab.make(FOLDER, File(host=HOST, path=f"{FOLDER.path}/hosts", content="[master]\n"))
        assert lab.provider.packed(HOST, FOLDER.path)[:2] == b"\x1f\x8b"
        with pytest.raises(CommandFailed, match="there is no directory /opt/none"):
            lab.provider.packed(HOST, "/opt/none")

    # -- edits --------------------------------------------------------------------------------------

    def test_an_edit_leaves_the_rest_and_the_mode(self, lab: Lab) -> None:
        lab.done(create(replace(FILE, content="a\n127.0.1.1 x\nb", mode=0o604, owner="ops", group="ops")))
        line = Line(host=HOST, path=FILE.path, word="127.0.1.1", text=None)
        lab.make(line, replace(BLOCK, path=FILE.path))
        assert lab.box.read(FILE.path) == "a\nb\n" + "\n".join(
            [BLOCK.marks[0], *BLOCK.lines, BLOCK.marks[1], ""]
        )
        assert lab.box.possession(FILE.path) == (0o604, "ops", "ops")
        assert lab.box.names("/opt/icp") == ["config.yaml"]

    def test_a_file_that_changed_meanwhile_is_not_overwritten(self, lab: Lab) -> None:
        lab.done(create(FILE))
        client = lab.fleet.client(HOST)
        for digest in (sha256(b"what was read before"), "-"):
            with pytest.raises(Busy, match=r"was changed while it was edited"):
                client.run(scripts.EDIT, lab.base, FILE.path, digest, "0644", "root:root", "eA==")
        assert lab.box.read(FILE.path) == FILE.content

    def test_the_first_authorized_key_of_a_user(self, lab: Lab) -> None:
        lab.done(delete(File(host=HOST, path=f"{HOMES}/asks/.ssh/authorized_keys", content="")))
        lab.make(replace(AUTHORIZED, user="asks"))
        assert lab.box.read(f"{HOMES}/asks/.ssh/authorized_keys") == "ssh-rsa AAAAB3Nza icp-boot\n"
        assert lab.box.possession(f"{HOMES}/asks/.ssh/authorized_keys") == (0o600, "asks", "asks")

    def test_a_user_that_is_not_there_gets_no_key(self, lab: Lab) -> None:
        key = replace(AUTHORIZED, user="nobody-here")
        assert lab.live(key) == replace(key, public_key=None)
        (outcome,) = lab.apply(update(replace(key, public_key=None), key))
        assert outcome.result is Result.REFUSED
        assert "there is no user nobody-here" in outcome.reason

    def test_a_key_that_is_made_can_be_authorized(self, lab: Lab) -> None:
        lab.done(create(PAIR))
        wanted = replace(AUTHORIZED, public_key=Later(PAIR.key, "public_key"))
        known = resolve(wanted, lab.see(PAIR.key))
        assert isinstance(known, AuthorizedKey)
        assert isinstance(known.public_key, str)
        assert known.public_key.startswith("ssh-rsa AAAA")
        lab.make(known)
        assert lab.live(known) == known
        assert lab.box.possession(PAIR.path) == (0o400, "root", "root")
        assert lab.box.read(f"{PAIR.path}.pub") == f"{known.public_key} hopbook@{HOST}\n"

    # -- settings -----------------------------------------------------------------------------------

    def test_a_parameter_holds_now_and_after_a_restart(self, lab: Lab) -> None:
        lab.make(MAPS, PORTS)
        assert lab.box.parameter("vm.max_map_count") == "262144"
        assert lab.box.read("/etc/sysctl.conf") == (
            "# Kernel parameters\nvm.max_map_count = 262144\nnet.ipv4.ip_local_port_range = 10240 60999\n"
        )

    def test_more_than_the_minimum_is_as_good(self, lab: Lab) -> None:
        lab.make(replace(MAPS, value="524288"))
        assert lab.live(MAPS) == MAPS

    def test_a_parameter_that_the_kernel_has_not_is_refused(self, lab: Lab) -> None:
        none = Sysctl(host=HOST, parameter="vm.none", value="1")
        before = lab.live(none)
        assert before == replace(none, value="", persisted="")
        (outcome,) = lab.apply(update(before, none))
        assert outcome.result is Result.REFUSED
        assert "cannot stat /proc/sys/vm" in outcome.reason

    def test_services_are_set_as_far_as_they_differ(self, lab: Lab) -> None:
        lab.make(replace(DOCKER, enabled=True))
        assert lab.box.unit("docker") == (False, True)
        lab.make(DOCKER)
        assert lab.box.unit("docker") == (False, False)
        gone = Service(host=HOST, service="firewalld", running=False, enabled=False)
        assert lab.live(gone) == gone

    def test_a_service_that_is_not_there_cannot_run(self, lab: Lab) -> None:
        wanted = Service(host=HOST, service="none", running=True, enabled=True)
        (outcome,) = lab.apply(update(replace(wanted, running=False, enabled=False), wanted))
        assert outcome.result is Result.REFUSED
        assert "none" in outcome.reason

    def test_a_certain_version_is_installed_or_refused(self, lab: Lab) -> None:
        certain = replace(LVM, release="1.0-1ubuntu1")
        lab.make(certain)
        assert lab.box.package("lvm2") == "1.0-1ubuntu1"
        assert lab.live(certain) == certain
        other = replace(LVM, package="socat", release="9.9")
        (outcome,) = lab.apply(update(replace(other, installed=False, release=""), other))
        assert outcome.result is Result.REFUSED
        assert lab.box.package("socat") == ""

    def test_one_unknown_package_is_told_from_the_others(self, lab: Lab) -> None:
        wanted = [replace(LVM, package=name) for name in ("lvm2", "no-such", "socat")]
        changes = [update(replace(item, installed=False, release=""), item) for item in wanted]
        outcomes = lab.apply(*changes)
        assert [item.result for item in outcomes] == [Result.APPLIED, Result.REFUSED, Result.REFUSED]
        assert "Unable to locate package no-such" in outcomes[1].reason
        assert "not attempted" in outcomes[2].reason
        assert lab.box.package("lvm2")
        assert not lab.box.package("socat")

    def test_after_a_failure_nothing_more_is_tried(self, lab: Lab) -> None:
        wrong = replace(FILE, owner="nobody-here")
        outcomes = lab.apply(create(wrong), create(FOLDER))
        assert [item.result for item in outcomes] == [Result.REFUSED, Result.REFUSED]
        assert outcomes[1].reason == f"not attempted: {wrong.name} before it failed"
        assert lab.live(FOLDER) is None

    # -- images and artifacts -----------------------------------------------------------------------

    def test_an_image_is_pulled_and_its_handle_recorded_first(self, lab: Lab) -> None:
        handles: list[str] = []
        change = update(replace(IMAGE, loaded=False), IMAGE)
        (outcome,) = lab.apply(change, submitted=lambda item: handles.append(item.handle))
        assert outcome.result is Result.APPLIED
        assert lab.box.images() == {IMAGE.image}
        assert [handle.partition("/")[0] for handle in handles] == [f"job:{HOST}"]

    def test_a_pull_that_gets_nowhere_says_so_and_can_be_tried_again(self, lab: Lab) -> None:
        lab.box.cut_off()
        for _ in range(2):
            (outcome,) = lab.apply(update(replace(IMAGE, loaded=False), IMAGE))
            assert outcome.result is Result.REFUSED
            assert "Error response from daemon" in outcome.reason
            assert "no route" in outcome.reason
        assert lab.box.images() == set()

    def test_an_image_is_loaded_from_an_archive(self, lab: Lab) -> None:
        lab.box.archive("/opt/images.tar", IMAGE.image)
        lab.make(replace(IMAGE, tarball="/opt/images.tar"))
        assert lab.box.images() == {IMAGE.image}

    @pytest.mark.parametrize("whole", [False, None])
    def test_a_damaged_or_missing_archive_is_told(self, lab: Lab, whole: bool | None) -> None:
        if whole is False:
            lab.box.archive("/opt/images.tar", IMAGE.image, whole=False)
        loaded = replace(IMAGE, tarball="/opt/images.tar")
        (outcome,) = lab.apply(update(replace(loaded, loaded=False), loaded))
        assert outcome.result is Result.REFUSED
        assert (
            "/opt/images.tar cannot be unpacked: it is damaged or not complete; get it again"
            in outcome.reason
        )

    def test_a_large_file_is_fetched_by_the_host(self, lab: Lab) -> None:
        content = b"installer" * 1000
        url = "https://download.example/icp.tgz"
        lab.box.offer(url, content)
        wanted = Artifact(host=HOST, path="/opt/icp.tgz", source=url, sha256=sha256(content), mode=0o600)
        assert lab.live(wanted) is None
        lab.done(create(wanted))
        assert lab.live(wanted) == replace(wanted, source="", mode=0o644)
        assert lab.box.possession(wanted.path)[0] == 0o600
        lab.done(delete(wanted))
        assert lab.live(wanted) is None

    @pytest.mark.parametrize("there", [True, False])
    def test_the_wrong_file_is_not_put_in_its_place(self, lab: Lab, there: bool) -> None:
        url = "https://download.example/icp.tgz"
        if there:
            lab.box.offer(url, b"truncated")
        wanted = Artifact(host=HOST, path="/opt/icp.tgz", source=url, sha256=sha256(b"whole"))
        (outcome,) = lab.apply(create(wanted))
        assert outcome.result is Result.REFUSED
        assert ("expected" if there else "404") in outcome.reason
        assert lab.live(wanted) is None

    def test_a_large_file_is_sent_from_here(self, lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> None:
        content = bytes(range(256)) * 5000
        source = tmp_path_factory.mktemp("here") / "icp.tgz"
        source.write_bytes(content)
        wanted = Artifact(host=HOST, path="/opt/a/icp.tgz", source=f"file://{source}", sha256=sha256(content))
        lab.done(create(wanted))
        assert lab.live(wanted) == replace(wanted, source="")
        source.write_bytes(content[:-1])
        (outcome,) = lab.apply(update(replace(wanted, sha256=sha256(b"")), wanted))
        assert outcome.result is Result.REFUSED
        assert "it is damaged or not complete" in outcome.reason
        source.unlink()
        (outcome,) = lab.apply(update(replace(wanted, sha256=sha256(b"")), wanted))
        assert "it cannot be read (No such file or directory)" in outcome.reason

    def test_a_file_that_is_changed_is_summed_again(self, lab: Lab) -> None:
        wanted = Artifact(host=HOST, path="/opt/x", source="", sha256=sha256(b"one"))
        for text in ("one", "two", "three"):
            lab.box.write("/opt/x", text)
            assert lab.live(wanted) == replace(wanted, sha256=sha256(text.encode()))

    # -- checks -------------------------------------------------------------------------------------

    @pytest.mark.parametrize(
        ("requirement", "finding"),
        [
            (checks.os_release(("ubuntu", "16.04")), ""),
            (checks.os_release(("rhel", "7")), "it runs ubuntu 16.04; use a template with rhel 7"),
            (checks.docker("18.03.1"), ""),
            (checks.docker("17.03"), "it runs Docker 18.03.1-ce; remove it and install Docker 17.03"),
            (checks.absent("/etc/hosts"), "/etc/hosts is still there; an earlier installation"),
            (checks.absent("/etc/cfc"), ""),
            (checks.administrator(), ""),
            (checks.no_firewall(), ""),
            (checks.memory(1024 * 1024), "GB of memory; give it 1048576 GB"),
            (checks.cpus(1), ""),
            (checks.disk("/var/lib/docker/not/yet", 10**9), "enlarge that disk to 1000000000 GB"),
            (checks.disk("/opt", 1), ""),
        ],
    )
    def test_a_check_finds_what_is_so(self, lab: Lab, requirement: str, finding: str) -> None:
        check = Check(host=HOST, requirement=requirement)
        live = lab.live(check)
        assert isinstance(live, Check)
        assert finding in live.finding
        assert bool(live.finding) is bool(finding)
        traits = lab.provider.kinds[Check.kind]
        assert traits.protected(lab.see(check.key).items[check.key]) == live.finding

    def test_a_check_cannot_be_made_so(self, lab: Lab) -> None:
        check = Check(host=HOST, requirement=checks.absent("/etc/hosts"))
        (outcome,) = lab.apply(create(check))
        assert outcome.result is Result.REFUSED
        assert "/etc/hosts is still there" in outcome.reason
        lab.done(create(Check(host=HOST, requirement=checks.absent("/etc/cfc"))))

    def test_its_own_name_leads_to_it_once_hosts_says_so(self, lab: Lab) -> None:
        lab.make(LOOPBACK, BLOCK)
        assert lab.box.read("/etc/hosts") == (
            f"127.0.0.1 localhost\n{BLOCK.marks[0]}\n192.168.20.11 master-1\n{BLOCK.marks[1]}\n"
        )

    # -- the client beneath -------------------------------------------------------------------------

    def test_an_upload_is_whole_and_leaves_nothing_else(self, lab: Lab) -> None:
        client = lab.fleet.client(HOST)
        content = bytes(range(256)) * 1000
        client.upload("/opt/deep/er/file", BytesIO(content), mode=0o640, uid=0, gid=0)
        assert lab.box.names("/opt/deep/er") == ["file"]
        assert lab.live(
            Artifact(host=HOST, path="/opt/deep/er/file", source="", sha256="0" * 64)
        ) == Artifact(host=HOST, path="/opt/deep/er/file", source="", sha256=sha256(content))
        client.upload("/opt/deep/er/file", BytesIO(b"new"), mode=0o600, uid=0, gid=0)
        assert lab.box.read("/opt/deep/er/file") == "new"
        assert lab.box.possession("/opt/deep/er/file") == (0o600, "root", "root")

    def test_output_is_heard_as_it_comes(self, lab: Lab) -> None:
        heard: list[bytes] = []
        told = lab.fleet.client(HOST).run(scripts.IDS, lab.base, "ops", "ops", output=heard.append)
        assert b"".join(heard) == told
        assert len(told.split()) == 2

    @pytest.mark.parametrize(
        ("ask", "error", "told"),
        [
            (lambda lab: lab.provider.job_output(HOST, "none"), Missing, "job none: there is none"),
            (
                lambda lab: lab.fleet.client(HOST).run(scripts.IDS, lab.base, "nobody-here", "root"),
                Rejected,
                "there is no user nobody-here",
            ),
        ],
    )
    def test_a_refusal_is_in_the_hosts_own_words(
        self, lab: Lab, ask: Callable[[Lab], object], error: type[Exception], told: str
    ) -> None:
        with pytest.raises(error, match=told):
            ask(lab)
