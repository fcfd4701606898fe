"""What Hopbook asks of helm: its commands as calls, its JSON as values.

A release's values hold its secret, so nothing that helm says is logged, and what it says of an error is freed
of the secrets that it was given.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from adapters.helm.errors import SYSTEM, Asked, cut, last_words, redacted, shortened, trouble
from adapters.helm.exchange import CannotRun, Execute, Finished, TookTooLong
from hopbook.errors import Garbled, InvalidInput, Missing, Rejected
from hopbook.resources.helm import Status
from hopbook.secret import Secret

LEAST = (3, 13)
"""The oldest helm that can label a release (`--labels`), which is how ours are known."""

STAND_IN = Path(__file__).parent / "chart"
"""The chart that stands in for IBM's strongSwan chart."""

_LOCAL_SECONDS = 30.0  # for what needs no cluster
_READ_SECONDS = 60.0
_TIDYING_SECONDS = 30.0  # that helm has, behind its own time limit, to say what became of a change
_TIME = "2006-01-02T15:04:05Z07:00"  # RFC 3339, as Go says it
_STATES = ("--deployed", "--failed", "--pending", "--uninstalling")  # --all is gone in helm 4


@dataclass(frozen=True, slots=True)
class Chart:
    """Which chart, and where it is.

    Attributes:
        location: A repository (`https://…`), an archive's address (`https://….tgz`, `oci://…`), a folder or
            an archive; empty: the stand-in.
    """

    name: str
    version: str
    location: str = ""

    def arguments(self) -> tuple[str, ...]:
        """How helm is told."""
        place = self.location or str(STAND_IN)
        if re.match(r"https?://", place) and not place.endswith((".tgz", ".tar.gz")):
            return self.name, "--repo", place, "--version", self.version
        return place, "--version", self.version


@dataclass(frozen=True, slots=True)
class Listed:
    """A release as a list has it.

    Attributes:
        chart: Name and version, `strongswan-2.2.9`; see `named`.
    """

    release: str
    namespace: str
    revision: int
    updated: datetime
    status: Status
    chart: str

    @property
    def named(self) -> tuple[str, str]:
        """The chart's name and its version."""
        found = re.fullmatch(r"(.+)-(v?[0-9]+\.[0-9]+\.[0-9]+.*)", self.chart)
        return (found[1], found[2]) if found else (self.chart, "")


@dataclass(frozen=True, slots=True)
class TestRun:
    """A test of a release as it last ran.

    Attributes:
        phase: Kubernetes' word: `Succeeded`, `Failed`, `Running`; empty: it never ran.
        said: The end of what it printed, for one that did not succeed.
        started: When, in the cluster's words; it only tells one run from another.
    """

    __test__ = False  # for pytest: this is no class of tests

    name: str
    phase: str
    said: str = ""
    started: str = ""

    @property
    def passed(self) -> bool:
        """Whether it succeeded."""
        return self.phase == "Succeeded"


@dataclass(slots=True)
class HelmClient:
    """The helm of one cluster. Safe to share between threads.

    Args:
        execute: What runs helm.
        address: The cluster, for messages.
        timeout: Seconds that a change may take; helm ends it by itself then.
    """

    execute: Execute
    address: str = ""
    timeout: float = 300.0
    _checked: bool = field(default=False, init=False)

    @property
    def longest(self) -> float:
        """Seconds after which a change has certainly ended."""
        return self.timeout + _TIDYING_SECONDS

    def version(self) -> str:
        """The version of helm.

        Raises:
            InvalidInput: it is too old, or cannot be run.
        """
        finished = self._run(("version", "--template", "{{.Version}}"), Asked("version", changes=False))
        found = re.fullmatch(r"v([0-9]+)\.([0-9]+)\.[0-9]+\S*", finished.strip())
        if found is None or (int(found[1]), int(found[2])) < LEAST:
            least = ".".join(map(str, LEAST))
            said = (finished.strip().splitlines() or ["nothing"])[0][:80]
            raise InvalidInput(
                f"helm says that it is {said}; expected version {least} or later: "
                "`make helm` brings one, and it serves clusters of Helm 2's days, too"
            )
        return finished.strip()

    def releases(self, label: str = "") -> tuple[Listed, ...]:
        """Every release of the cluster that is there or on its way; with a label: those that carry it.

        Raises:
            Unreachable: the cluster did not answer.
            LoginRefused: it did not let us in.
            WrongCertificate: it is not the one that the kubeconfig trusts.
            Garbled: what helm said is no list.
        """
        selector = ("--selector", label) if label else ()
        arguments = ("list", "--all-namespaces", *_STATES, *selector, "--max", "0", "--time-format", _TIME)
        asked = Asked("list", changes=False, address=self.address)
        found = self._json((*arguments, "--output", "json"), asked)
        try:
            return tuple(_listed(item) for item in found or ())
        except (KeyError, TypeError, ValueError) as error:
            raise self._garbled(asked) from error

    def values(self, release: str, namespace: str) -> Mapping[str, Any]:
        """The values that a release was given, its secret among them.

        Raises:
            Missing: there is no such release.
        """
        asked = Asked(f"get values {release}", changes=False, address=self.address)
        found = self._json(("get", "values", release, "--namespace", namespace, "--output", "json"), asked)
        if found is not None and not isinstance(found, dict):
            raise self._garbled(asked)
        return found or {}

    def chart(self, chart: Chart) -> tuple[str, str]:
        """Name and version of the chart that is at a place.

        Raises:
            Rejected: there is none.
        """
        asked = Asked(f"show chart {chart.name}", changes=False)
        text = self._run(("show", "chart", *chart.arguments()), asked)
        try:
            found = yaml.safe_load(text)
            return str(found["name"]), str(found["version"])
        except (yaml.YAMLError, KeyError, TypeError) as error:
            raise self._garbled(asked) from error

    def template(
        self, release: str, chart: Chart, values: Mapping[str, Any], namespace: str = "default"
    ) -> tuple[Mapping[str, Any], ...]:
        """The objects of a release, tests included; no cluster is asked.

        Raises:
            Rejected: the chart does not take the values.
        """
        asked = Asked(f"template {release}", changes=False)
        arguments = ("template", release, *chart.arguments(), "--namespace", namespace, "--values", "-")
        text = self._run(arguments, asked, json.dumps(values), _LOCAL_SECONDS)
        return tuple(item for item in yaml.safe_load_all(text) if item)

    def upgrade(
        self,
        release: str,
        chart: Chart,
        values: Mapping[str, Any],
        namespace: str,
        *,
        labels: Mapping[str, str | None],
        secrets: Sequence[Secret] = (),
    ) -> None:
        """Install a release, or make it so, and wait until its objects are ready.

        Args:
            release: Its name.
            chart: Its chart.
            values: All values, secret ones included; they go by standard input.
            namespace: Where it is, or is to be.
            labels: What the release itself is to carry; None takes a label away.
            secrets: What helm's words are freed of.

        Raises:
            Rejected: nothing was changed; `code` says why where it is known.
            AnswerLost: it did not end well, or not in time: the cluster has to be read.
        """
        marks = ",".join(f"{name}={'null' if value is None else value}" for name, value in labels.items())
        arguments = ("upgrade", release, *chart.arguments(), "--install", "--namespace", namespace)
        how = ("--values", "-", "--reset-values", "--labels", marks, "--wait", "--timeout", self._limit)
        asked = Asked(f"upgrade {release}", changes=True, address=self.address)
        self._run((*arguments, *how, "--output", "json"), asked, json.dumps(values), self.longest, secrets)

    def uninstall(self, release: str, namespace: str) -> None:
        """Take a release away and wait until its objects are gone; one that is not there is no error.

        Raises:
            AnswerLost: it did not end well, or not in time: the cluster has to be read.
        """
        asked = Asked(f"uninstall {release}", changes=True, address=self.address)
        how = ("--wait", "--timeout", self._limit)
        try:
            self._run(("uninstall", release, "--namespace", namespace, *how), asked, timeout=self.longest)
        except Missing:
            return

    def tests(self, release: str, namespace: str) -> tuple[TestRun, ...]:
        """The tests of a release as they last ran, in their order.

        Raises:
            Missing: there is no such release.
        """
        asked = Asked(f"status {release}", changes=False, address=self.address)
        found = self._json(("status", release, "--namespace", namespace, "--output", "json"), asked)
        try:
            return tuple(_tests(found.get("hooks") or ()))
        except (AttributeError, KeyError, TypeError) as error:
            raise self._garbled(asked) from error

    def test(self, release: str, namespace: str, name: str, secrets: Sequence[Secret] = ()) -> TestRun:
        """Run one test of a release: helm itself would end with the first that fails.

        Raises:
            Missing: there is no such release, or no such test.
            AnswerLost: it is not known how it ended.
        """
        asked = Asked(f"test {name}", changes=True, address=self.address)
        before = self._test(release, namespace, name)
        arguments = ("test", release, "--namespace", namespace, "--filter", f"name={name}", "--logs")
        finished = self._finished((*arguments, "--timeout", self._limit), asked, "", self.longest)
        run = self._test(release, namespace, name)
        if finished.code < 0 or run.started == before.started:
            raise trouble(asked, finished, secrets)
        return run if run.passed else replace(run, said=_logs(finished, secrets))

    def _test(self, release: str, namespace: str, name: str) -> TestRun:
        for run in self.tests(release, namespace):
            if run.name == name:
                return run
        raise Missing(f"release {release} has no test {name}", system=SYSTEM, address=self.address)

    @property
    def _limit(self) -> str:
        return f"{int(self.timeout)}s"

    def _json(self, arguments: Sequence[str], asked: Asked) -> Any:
        if not self._checked:
            self.version()
            self._checked = True
        text = self._run(arguments, asked)
        try:
            return json.loads(text)
        except ValueError:  # the cause would show what it could not read
            raise self._garbled(asked) from None

    def _run(
        self,
        arguments: Sequence[str],
        asked: Asked,
        stdin: str = "",
        timeout: float = _READ_SECONDS,
        secrets: Sequence[Secret] = (),
    ) -> str:
        finished = self._finished(arguments, asked, stdin, timeout)
        if finished.code != 0:
            raise trouble(asked, finished, secrets)
        return finished.stdout

    def _finished(self, arguments: Sequence[str], asked: Asked, stdin: str, timeout: float) -> Finished:
        try:
            return self.execute(arguments, stdin, timeout)
        except TookTooLong as error:
            raise cut(asked, f"helm did not end within {timeout:.0f} s") from error
        except CannotRun as error:
            raise Rejected(str(error), system=SYSTEM, address=self.address) from error

    def _garbled(self, asked: Asked) -> Garbled:
        return Garbled(f"{asked.what}: what it said is not of helm", system=SYSTEM, address=self.address)


def _listed(item: Mapping[str, Any]) -> Listed:
    return Listed(
        release=str(item["name"]),
        namespace=str(item["namespace"]),
        revision=int(item["revision"]),
        updated=datetime.fromisoformat(item["updated"]),
        status=Status(item["status"]),
        chart=str(item["chart"]),
    )


def _tests(hooks: Sequence[Mapping[str, Any]]) -> Iterator[TestRun]:
    for hook in hooks:
        if {"test", "test-success"} & {str(event) for event in hook["events"]}:
            last = hook.get("last_run") or {}
            phase, started = str(last.get("phase") or ""), str(last.get("started_at") or "")
            yield TestRun(str(hook["name"]), phase, started=started)


def _logs(finished: Finished, secrets: Sequence[Secret]) -> str:
    """What the test printed, else helm's own words."""
    _, found, logs = finished.stdout.partition("POD LOGS:")
    _, _, printed = logs.partition("\n")
    text = " ".join(printed.split())
    return shortened(redacted(text, secrets)) if found and text else last_words(finished, secrets)
