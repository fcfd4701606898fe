"""Real hosts: OpenSSH servers on this machine, each in a mount namespace where it can do no harm.

What our scripts would change lies in directories of the test's own, mounted over the real ones for that
server alone; programs that would change the machine itself (packages, services, kernel, Docker) are stubs
that keep their state in files. The shell, the tools and the server are the machine's.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from adapters.ssh.client import dial
from adapters.ssh.simulator import LOOPBACK, archive, private_key
from tests.contract.ssh_lab import HOST, LOGIN_KEY, PASSWORD, SECOND, Lab, logins_of, public, sha256, until

SSHD, SFTP_SERVER = Path("/usr/sbin/sshd"), Path("/usr/lib/openssh/sftp-server")
NEEDED = (SSHD, SFTP_SERVER, Path("/usr/bin/sudo"), Path("/usr/bin/unshare"))
_MOUNTED = ("etc", "root", "home", "opt", "run")
_BASE = "/opt/hopbook"
_FROM_ETC = (
    "alternatives",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "nsswitch.conf",
    "pam.d",
    "security",
    "login.defs",
)
_USERS = {"ops": 2001, "asks": 2002}
_HOST_KEYS = {name: private_key() for name in (HOST, SECOND)}

_STUBS = {
    "sysctl": """
case $1 in
    -n) cat "$STATE/sysctl/$2" 2>/dev/null ;;
    *)
        name=${3%%=*}
        [ -f "$STATE/sysctl/$name" ] || { echo "sysctl: cannot stat /proc/sys/$name" >&2; exit 255; }
        while [ -f "$STATE/hold" ]; do sleep 0.02; done
        printf '%s\\n' "${3#*=}" >"$STATE/sysctl/$name"
        ;;
esac
""",
    "systemctl": """
verb=$1
shift
if [ "$1" = -- ]; then shift; fi
unit=$STATE/units/${1%.service}
case $verb in
    is-active) cat "$unit.active" 2>/dev/null || { echo inactive; exit 3; } ;;
    is-enabled) cat "$unit.enabled" ;;
    *) [ -f "$unit.active" ] || { echo "Unit $1 does not exist." >&2; exit 5; } ;;
esac
case $verb in
    start) echo active >"$unit.active" ;;
    stop) echo inactive >"$unit.active" ;;
    enable) echo enabled >"$unit.enabled" ;;
    disable) echo disabled >"$unit.enabled" ;;
esac
""",
    "dpkg-query": """
[ -f "$STATE/packages/$4" ] || exit 1
printf 'installed %s' "$(cat "$STATE/packages/$4")"
""",
    "apt-get": """
[ ! -f "$STATE/cut-off" ] || { echo "Err:1 Cannot initiate the connection" >&2; exit 100; }
while [ "$1" != -- ]; do verb=$1; shift; done
shift
for name in "$@"; do
    if [ "$verb" = remove ]; then rm -f "$STATE/packages/$name"; continue; fi
    [ -f "$STATE/offers/${name%%=*}" ] || { echo "E: Unable to locate package $name" >&2; exit 100; }
    case $name in
        *=*)
            [ "$(cat "$STATE/offers/${name%%=*}")" = "${name#*=}" ] || { echo "E: not found"; exit 100; }
            ;;
    esac
done
if [ "$verb" = install ]; then
    for name in "$@"; do cp "$STATE/offers/${name%%=*}" "$STATE/packages/${name%%=*}"; done
fi
""",
    "docker": """
case $1 in
    info) echo "18.03.1-ce overlay2" ;;
    image) grep -qxF -- "$3" "$STATE/images" ;;
    rmi) grep -vxF -- "$2" "$STATE/images" >"$STATE/images.new"; mv "$STATE/images.new" "$STATE/images" ;;
    load) while read -r name; do echo "$name" >>"$STATE/images"; echo "Loaded image: $name"; done ;;
    pull)
        [ ! -f "$STATE/cut-off" ] || { echo "Error response from daemon: no route" >&2; exit 1; }
        echo "$2" >>"$STATE/images"
        ;;
esac
""",
    "curl": """
while [ "$#" -gt 2 ]; do
    if [ "$1" = --output ]; then output=$2; fi
    shift
done
found=$STATE/downloads/$(printf %s "$2" | sha256sum | cut -d ' ' -f 1)
[ -f "$found" ] || { echo "curl: (22) The requested URL returned error: 404" >&2; exit 22; }
cat "$found" >"$output"
""",
    "timedatectl": "echo 'System clock synchronized: yes'\n",
    "ufw": "echo 'Status: inactive'\n",
}


@dataclass
class RealHost:
    """One server and the directories that it works on."""

    name: str
    root: Path
    address: str
    port: int
    server: subprocess.Popen[bytes]

    def _at(self, path: str) -> Path:
        return self.root / path.removeprefix("/")

    @property
    def _state(self) -> Path:
        return self.root / "state"

    def read(self, path: str) -> str | None:
        place = self._at(path)
        return place.read_text() if place.exists() else None

    def write(self, path: str, text: str) -> None:
        self._at(path).parent.mkdir(parents=True, exist_ok=True)
        self._at(path).write_text(text)

    def names(self, path: str) -> list[str]:
        place = self._at(path)
        return sorted(item.name for item in place.iterdir()) if place.exists() else []

    def possession(self, path: str) -> tuple[int, str, str]:
        found = self._at(path).stat()
        return found.st_mode & 0o7777, _named(found.st_uid), _named(found.st_gid)

    def parameter(self, name: str) -> str:
        return (self._state / "sysctl" / name).read_text().strip()

    def unit(self, name: str) -> tuple[bool, bool]:
        units = self._state / "units"
        active, enabled = ((units / f"{name}.{item}").read_text().strip() for item in ("active", "enabled"))
        return active == "active", enabled == "enabled"

    def package(self, name: str) -> str:
        place = self._state / "packages" / name
        return place.read_text().strip() if place.exists() else ""

    def images(self) -> set[str]:
        return set((self._state / "images").read_text().split())

    def archive(self, path: str, image: str, *, whole: bool = True) -> bytes:
        content = archive(image)[: None if whole else 600]
        self._at(path).write_bytes(content)
        return content

    def offer(self, url: str, content: bytes) -> None:
        (self._state / "downloads" / sha256(url.encode())).write_bytes(content)

    def cut_off(self) -> None:
        (self._state / "cut-off").touch()

    def hold(self) -> None:
        """Let `sysctl` take until `release`."""
        (self._state / "hold").touch()

    def release(self) -> None:
        (self._state / "hold").unlink()

    def kill_jobs(self) -> None:
        for group in self._groups():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)
        until(lambda: not any(_alive(group) for group in self._groups()))

    def _groups(self) -> list[int]:
        """The process groups of the jobs, which are their supervisors'."""
        files = self._at(_BASE).glob("jobs/*/pid")
        return [int(file.read_text().split()[0]) for file in files]

    def reset(self) -> None:
        """As it was when it was new."""
        self.kill_jobs()
        for folder in (*_MOUNTED, "state", "stubs"):
            _empty(self.root / folder, _FROM_ETC if folder == "etc" else ())
        _furnish(self.name, self.root)

    def end(self) -> None:
        self.kill_jobs()
        self.server.terminate()
        self.server.wait(10)


def _named(number: int) -> str:
    """A user's name, which is the name of their group, too."""
    return {0: "root", **{uid: name for name, uid in _USERS.items()}}[number]


def _alive(group: int) -> bool:
    """Whether anything of a process group runs; whoever should bury a dead one may be slow."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _parent, found, *_ = stat.read_text().rpartition(")")[2].split()
            if int(found) == group and state != "Z":
                return True
    return False


def _empty(folder: Path, but: Collection[str] = ()) -> None:
    """Remove what lies in a directory, and leave the directory: it is mounted."""
    for item in folder.iterdir():
        if item.name in but:
            continue
        if item.is_dir() and not item.is_symlink():
            shutil.rmtree(item)
        else:
            item.unlink()


def start(name: str, root: Path, address: str) -> RealHost:
    """Bring one host up."""
    _furnish(name, root)
    with socket.create_server((address, 0)) as free:
        port = free.getsockname()[1]
    (root / "host_key").write_text(_HOST_KEYS[name])
    (root / "host_key").chmod(0o600)
    config = root / "sshd_config"
    config.write_text(
        f"""ListenAddress {address}:{port}
HostKey {root}/host_key
PidFile none
AuthorizedKeysFile .ssh/authorized_keys
StrictModes no
UsePAM no
PermitRootLogin yes
PasswordAuthentication yes
AllowTcpForwarding yes
MaxStartups 100
SetEnv PATH={root}/stubs:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin STATE={root}/state
Subsystem sftp {SFTP_SERVER}
"""
    )
    mounts = "".join(f"mount --bind {root}/{path} /{path}\n" for path in _MOUNTED)
    script = f"set -e\n{mounts}hostname {name}\nexec {SSHD} -D -e -f {config}\n"
    with (root / "sshd.log").open("wb") as log:
        server = subprocess.Popen(
            ["/usr/bin/unshare", "--mount", "--uts", "/bin/sh", "-c", script],
            stdin=subprocess.DEVNULL,
            stderr=log,
        )
    host = RealHost(name, root, address, port, server)
    until(lambda: _answers(address, port))
    return host


def _answers(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), 1).close()
    except OSError:
        return False
    return True


def _furnish(name: str, root: Path) -> None:
    for path in (*_MOUNTED, "run/sshd", "state", "stubs", "root/.ssh"):
        (root / path).mkdir(parents=True, exist_ok=True)
    for folder in ("sysctl", "units", "packages", "offers", "downloads"):
        (root / "state" / folder).mkdir()
    _etc(name, root / "etc")
    for home in ("root", "home/ops", "home/asks"):
        (root / home / ".ssh").mkdir(parents=True, exist_ok=True)
        (root / home / ".ssh" / "authorized_keys").write_text(f"{public(LOGIN_KEY)}\n")
        (root / home / ".ssh" / "authorized_keys").chmod(0o600)
    for user, number in _USERS.items():
        for path in (f"home/{user}", f"home/{user}/.ssh", f"home/{user}/.ssh/authorized_keys"):
            os.chown(root / path, number, number)
    for stub, text in _STUBS.items():
        (root / "stubs" / stub).write_text(f"#!/bin/sh\n{text}")
        (root / "stubs" / stub).chmod(0o755)
    state = root / "state"
    (state / "images").touch()
    (state / "sysctl" / "vm.max_map_count").write_text("65530\n")
    (state / "sysctl" / "net.ipv4.ip_local_port_range").write_text("32768\t60999\n")
    for unit, active in (("ssh", "active"), ("docker", "active"), ("ufw", "inactive")):
        (state / "units" / f"{unit}.active").write_text(f"{active}\n")
        enabled = "enabled" if active == "active" else "disabled"
        (state / "units" / f"{unit}.enabled").write_text(f"{enabled}\n")
    (state / "packages" / "openssh-server").write_text("1:7.2p2-4ubuntu2.4\n")
    for package in ("lvm2", "socat"):
        (state / "offers" / package).write_text("1.0-1ubuntu1\n")


@cache
def _hashed(password: str) -> str:
    command = ["/usr/bin/openssl", "passwd", "-6", "-stdin"]
    return subprocess.run(command, input=password, check=True, capture_output=True, text=True).stdout.strip()


def _etc(name: str, etc: Path) -> None:
    for item in _FROM_ETC:
        source = Path("/etc") / item
        if (etc / item).exists():
            continue  # nothing changes it
        if source.is_dir():
            shutil.copytree(source, etc / item, symlinks=True)
        elif source.exists():
            shutil.copy2(source, etc / item)
    hashed = _hashed(PASSWORD)
    for item in ("passwd", "group"):
        shutil.copy2(Path("/etc") / item, etc / item)
    with (etc / "passwd").open("a") as passwd, (etc / "group").open("a") as group:
        for user, number in _USERS.items():
            passwd.write(f"{user}:x:{number}:{number}::/home/{user}:/bin/sh\n")
            group.write(f"{user}:x:{number}:\n")
    (etc / "shadow").write_text(
        "".join(f"{user}:{hashed}:18000:0:99999:7:::\n" for user in ("root", "ops", "asks"))
    )
    (etc / "shadow").chmod(0o600)
    (etc / "sudoers").write_text(
        'Defaults !secure_path\nDefaults env_keep += "PATH STATE"\n'
        "root ALL=(ALL) ALL\nops ALL=(ALL) NOPASSWD: ALL\nasks ALL=(ALL) ALL\n"
    )
    (etc / "sudoers").chmod(0o440)
    (etc / "hosts").write_text(f"127.0.0.1 localhost\n127.0.1.1 {name}\n")
    (etc / "sysctl.conf").write_text("# Kernel parameters\n")
    (etc / "os-release").write_text('ID=ubuntu\nVERSION_ID="16.04"\n')


def hosts_in(folder: Path) -> Iterator[Mapping[str, RealHost]]:
    """Two real hosts that serve one test after another."""
    hosts: dict[str, RealHost] = {}
    try:
        for name in (HOST, SECOND):
            (folder / name).mkdir()
            hosts[name] = start(name, folder / name, LOOPBACK)
        yield hosts
    finally:
        for host in hosts.values():
            host.end()


def real(hosts: Mapping[str, RealHost]) -> Iterator[Lab]:
    """The real hosts, as new."""
    for host in hosts.values():
        host.reset()
    places = {name: (host.address, host.port) for name, host in hosts.items()}
    known = "".join(
        f"[{host.address}]:{host.port} {' '.join(public(_HOST_KEYS[name]).split()[:2])}\n"
        for name, host in hosts.items()
    )
    lab = Lab(dict(hosts), logins_of(places), known, dial, _BASE)
    yield lab
    lab.close()
