"""The helm binary as a process of its own.

It runs in a session of its own: a Ctrl-C meant for us, or our own end, does not cut an upgrade in two. What
it is told of the cluster comes from us alone, by a kubeconfig that only we can read and that goes with it.
"""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from adapters.helm.exchange import CannotRun, Finished, TookTooLong
from hopbook.errors import InvalidInput
from hopbook.secret import Secret

BROUGHT = Path(__file__).parents[2] / ".tools/helm"
"""The one that `make helm` brings."""

_GRACE = 5.0  # seconds to put a release's status right, after it was told to end
_OF_THE_CLUSTER = ("HELM_KUBE", "HELM_NAMESPACE", "HELM_DRIVER", "HELM_DEBUG", "KUBECONFIG", "KUBERNETES_")
_LARGEST = 16 * 1024 * 1024  # characters of an answer


def find(given: str = "") -> Path:
    """The binary: the given one, else that of PATH, else the one that the set-up brings.

    Raises:
        InvalidInput: there is none.
    """
    if given:
        path = shutil.which(given)
        if path is None:
            raise InvalidInput(
                f"helm: {given!r} is no program; expected the path of helm, version 3.13 or later"
            )
        return Path(path).absolute()
    if path := shutil.which("helm"):
        return Path(path).absolute()
    if os.access(BROUGHT, os.X_OK):
        return BROUGHT
    raise InvalidInput("helm: there is none on PATH; expected version 3.13 or later: `make helm` brings one")


class Binary:
    """One helm, for one cluster.

    Args:
        path: The program.
        kubeconfig: The text of the kubeconfig; None: nothing is asked of a cluster (`template`).
    """

    def __init__(self, path: Path, kubeconfig: Secret | None = None) -> None:
        self._path = path
        self._kubeconfig = kubeconfig

    def __call__(self, arguments: Sequence[str], stdin: str, timeout: float) -> Finished:
        """As `Execute` says."""
        with self._access() as access:
            return _run([str(self._path), *arguments, *access], stdin, timeout)

    @contextmanager
    def _access(self) -> Iterator[tuple[str, ...]]:
        """The kubeconfig as a file; an empty one keeps helm from the machine's own."""
        with TemporaryDirectory(prefix="hopbook-helm-") as folder:  # 0700
            path = Path(folder) / "kubeconfig"
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(file, "w") as stream:
                stream.write(self._kubeconfig.reveal() if self._kubeconfig else "")
            yield "--kubeconfig", str(path)


def _run(command: Sequence[str], stdin: str, timeout: float) -> Finished:
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env=_environment(),
            start_new_session=True,
        )
    except OSError as error:
        raise CannotRun(f"{command[0]} cannot be run ({error.strerror})") from error
    with process:
        try:
            stdout, stderr = process.communicate(stdin, timeout=timeout)
        except subprocess.TimeoutExpired as error:
            _end(process)
            raise TookTooLong from error
        except BaseException:
            _end(process)
            raise
    return Finished(process.returncode, stdout[:_LARGEST], stderr[:_LARGEST])


def _end(process: subprocess.Popen[str]) -> None:
    """First kindly: helm then writes down that the release failed."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            return
        try:
            process.communicate(timeout=_GRACE)
        except subprocess.TimeoutExpired:
            continue
        return


def _environment() -> dict[str, str]:
    """Ours, without what would point helm at another cluster or make it say more than it should."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_OF_THE_CLUSTER)}
