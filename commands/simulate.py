"""`hopbook simulate`: the simulated site on loopback."""

import os
import signal
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path

import yaml

from adapters.simulated.faults import Faults, parse_fault
from adapters.simulated.serve import LOOPBACK, Served, serve
from adapters.simulated.site import USERNAME, SimulatedSite
from hopbook.errors import InvalidInput
from hopbook.secret import Secret
from hopbook.site.load import site_of
from tasks import files
from tasks.verification import written_by_hand

PASSWORD_VARIABLE = "HOPBOOK_SIMULATED_PASSWORD"  # noqa: S105 - the name of a variable
_CALL_SECONDS = 10.0


def simulate(site: str, nsx_port: int, dns_port: int, faults: Sequence[str], out: Path | None) -> int:
    """Serve until Ctrl-C or SIGTERM."""
    try:
        asked = Faults([parse_fault(text) for text in faults])
    except ValueError as error:
        raise InvalidInput(f"--fault: {error}") from error
    password = Secret(os.environ.get(PASSWORD_VARIABLE, "simulated"))
    found = site_of(files.read_site_file(site))
    world = SimulatedSite(found, asked, password=password)
    world.written = written_by_hand(found)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with tempfile.TemporaryDirectory(prefix="hopbook-simulate-") as folder:
        try:
            with serve(world, Path(folder), nsx_port=nsx_port, dns_port=dns_port) as served:
                _tell(overlay(served), out)
                stop.wait()
        except OSError as error:
            raise InvalidInput(f"cannot serve there: {error.strerror or error}") from error
    return 0


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
    nsx = {
        "url": served.nsx_url,
        "username": USERNAME,
        "password": {"env": PASSWORD_VARIABLE},
        "ca_file": str(served.ca_file),
        "timeout": _CALL_SECONDS,
        "deploy_timeout": _CALL_SECONDS,
    }
    dns = {"server": LOOPBACK, "port": served.dns_port}
    return str(yaml.safe_dump({"endpoints": {"nsx": nsx, "dns": dns}}, sort_keys=False))
