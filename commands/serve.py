"""`hopbook serve`: Prefect's server with its UI, and every runbook as a deployment.

The server is a process of its own that ends with this one. Flow runs are subprocesses that Prefect's runner
starts; they find the journal by `HOPBOOK_HOME`, made absolute here.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from commands.output import console
from hopbook.errors import Unreachable
from tasks import files

LOOPBACK = "127.0.0.1"
_START = 60.0  # seconds that Prefect's server may take
_STOP = 10.0


def serve(port: int) -> int:
    """Serve until Ctrl-C."""
    home = files.home()
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    url = f"http://{LOOPBACK}:{port}"
    os.environ |= {
        "HOPBOOK_HOME": str(home),
        "PREFECT_HOME": str(home / "prefect"),
        "PREFECT_API_URL": f"{url}/api",
        "PREFECT_UI_API_URL": f"{url}/api",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }
    os.chdir(files.ROOT)  # flows are found by their path in the house
    with _server(port):
        console().print(f"Prefect's UI with every runbook: {url}/deployments (Ctrl-C ends it)", style="bold")
        deployments = [_deployment(name) for name in files.runbooks()]
        import prefect

        prefect.serve(*deployments, pause_on_shutdown=False, print_starting_message=False)
    return 0


def _deployment(name: str) -> Any:
    import prefect  # noqa: F401 - it has to be there before a flow is loaded

    from flows.catalogue import flow_of

    book, _ = files.runbook(name)
    flow: Any = flow_of(name)
    return flow.to_deployment(
        name=name,
        description=f"{book.title}\n\n{book.description}",
        tags=["hopbook", *book.cites],
        version=files.digest_of_runbook(name),
    )


@contextmanager
def _server(port: int) -> Iterator[None]:
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", LOOPBACK, "--port", str(port)]
    log = files.home() / "prefect-server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        _wait(process, port, str(log))
        yield
    finally:
        process.terminate()
        try:
            process.wait(_STOP)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(process: "subprocess.Popen[bytes]", port: int, log: str) -> None:
    """Until the server says that it is well."""
    from prefect.client.orchestration import get_client

    deadline = time.monotonic() + _START
    with get_client(sync_client=True) as client:
        while client.api_healthcheck() is not None:
            if process.poll() is not None or time.monotonic() > deadline:
                raise Unreachable(
                    "it did not start",
                    system="Prefect's server",
                    address=f"{LOOPBACK}:{port}",
                    hint=f"see {log}",
                )
            time.sleep(0.2)
