"""`hopbook simulate`: the simulated site on loopback."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from adapters.simulated.faults import Faults, parse_fault
from adapters.simulated.serve import VCENTER_USER, Ports, Served, serve
from adapters.simulated.site import USERNAME, SimulatedSite
from adapters.simulated.trust import LOOPBACK
from hopbook.errors import InvalidInput, Problem, Unreachable
from hopbook.secret import Secret
from hopbook.site.load import site_of
from hopbook.site.model import Site
from tasks import files
from tasks.verification import given

PASSWORD_VARIABLE = "HOPBOOK_SIMULATED_PASSWORD"  # noqa: S105 - the name of a variable
_CALL_SECONDS = 10.0
_TASK_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is to be served, and how.

    Attributes:
        faults: What goes wrong, as it was written.
        vcenter: The program that answers for vCenter; None: the built one, where it is there.
        out: A file for the overlay.
    """

    ports: Ports = field(default_factory=Ports)
    faults: Sequence[str] = ()
    vcenter: Path | None = None
    out: Path | None = None


def simulate(site: str, wish: Wish) -> int:
    """Serve until Ctrl-C or SIGTERM."""
    try:
        asked = Faults([parse_fault(text) for text in wish.faults])
    except ValueError as error:
        raise InvalidInput(f"--fault: {error}") from error
    password = Secret(os.environ.get(PASSWORD_VARIABLE, "simulated"))
    found = site_of(files.read_site_file(site))
    world = SimulatedSite(found, asked, given(found, icp=True), password=password)
    program = _program(found, wish.vcenter)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with tempfile.TemporaryDirectory(prefix="hopbook-simulate-") as folder:
        try:
            with serve(world, Path(folder), ports=wish.ports, vcenter=program) as served:
                _tell(overlay(served), wish.out)
                _serve_until(stop, served)
        except OSError as error:
            raise InvalidInput(f"cannot serve there: {error.strerror or error}") from error
    return 0


def _program(site: Site, wanted: Path | None) -> Path | None:
    """The program that answers for vCenter; None where there is none to be served, which is said."""
    if wanted is not None and not wanted.is_file():
        what = f"{wanted} is not there; expected the program that `make vcsim` builds"
        raise InvalidInput(Problem(what=what, where="--vcenter"))
    program = files.ROOT / ".tools" / "vcsim" if wanted is None else wanted
    why = ""
    if site.icp is None or site.icp.install is None:
        why = "the site has no icp.install, which says what is in it"
    elif not program.is_file():
        why = "its program is not built: `make vcsim` does that"
    if why:
        sys.stderr.write(f"no vCenter is served: {why}\n")
    if site.icp is not None and site.icp.published.ssh is None:
        sys.stderr.write("no host answers by SSH: the site has no icp.published.ssh, the way to them\n")
    return None if why else program


def _serve_until(stop: threading.Event, served: Served) -> None:
    """Wait for a signal.

    Raises:
        Unreachable: the vCenter ended before.
    """
    gone = threading.Event()
    if served.vcenter is not None:
        process = served.vcenter.process
        threading.Thread(target=_watch, args=(process, gone, stop), daemon=True).start()
    stop.wait()
    if served.vcenter is not None and gone.is_set():
        raise Unreachable("the program ended by itself", system="vCenter", address=served.vcenter.url)


def _watch(process: "subprocess.Popen[str]", gone: threading.Event, stop: threading.Event) -> None:
    process.wait()
    if not stop.is_set():
        gone.set()
        stop.set()


def _tell(text: str, out: Path | None) -> None:
    if out is not None:
        out.write_text(text)
    sys.stdout.write(text)
    sys.stdout.flush()
    sys.stderr.write(
        f"serving until Ctrl-C; the password is ${PASSWORD_VARIABLE}, or 'simulated' without it\n"
    )


def overlay(served: Served) -> str:
    """The endpoints of a served site, to lay over its file."""
    password = {"env": PASSWORD_VARIABLE}
    trusted = {"password": password, "ca_file": str(served.ca_file), "timeout": _CALL_SECONDS}
    nsx = {"url": served.nsx_url, "username": USERNAME, **trusted, "deploy_timeout": _CALL_SECONDS}
    endpoints: dict[str, Any] = {"nsx": nsx, "dns": {"server": LOOPBACK, "port": served.dns_port}}
    if served.vcenter is not None:
        patience = {"task_timeout": _TASK_SECONDS, "guest_timeout": _TASK_SECONDS}
        endpoints["vsphere"] = {"url": served.vcenter.url, "username": VCENTER_USER, **trusted, **patience}
    if served.ssh_port is not None:
        keys = {name: [key] for name, key in served.host_keys.items()}
        endpoints["ssh"] = {
            "user": "root",
            "password": dict(password),
            "host_keys": {"jump": keys[served.boot], **keys},
            "jump": {"host": LOOPBACK, "port": served.ssh_port},
        }
    if served.kubeconfigs:
        endpoints["kubernetes"] = {
            name: {"kubeconfig": {"file": str(file)}, "timeout": _CALL_SECONDS}
            for name, file in served.kubeconfigs.items()
        }
    return str(yaml.dump({"endpoints": endpoints}, Dumper=_Plain, sort_keys=False))


class _Plain(yaml.SafeDumper):
    """YAML without references, which nobody likes to read."""

    def ignore_aliases(self, _data: Any) -> bool:
        """Write everything where it belongs."""
        return True
