"""What a job, a pull and a download are under the supervisor: ids, descriptions, what a failed one said."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import replace

from hopbook.hosts.facts import JobFact
from hopbook.resources.base import from_document, to_document
from hopbook.resources.host import Artifact, Image, Job, JobState

_LINES, _LONGEST = 3, 400  # of a failed job's output, in messages and observations


def image_job(image: str) -> str:
    """The id of the job that pulls or loads an image."""
    return f"image-{_short(image)}"


def fetch_job(path: str) -> str:
    """The id of the job that fetches a file."""
    return f"fetch-{_short(path)}"


def side_job(resource: Image | Artifact) -> str:
    """The id of the job that brings something."""
    return image_job(resource.image) if isinstance(resource, Image) else fetch_job(resource.path)


def undo_job(job: str) -> str:
    """The id of the job that takes one back."""
    return f"undo-{_short(job)}"


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def spec_of(job: Job) -> str:
    """A job as it was wanted, kept with it on the host; it holds references to secrets, no values."""
    return json.dumps(to_document(job), sort_keys=True)


def live_job(host: str, name: str, fact: JobFact, secrets: Iterable[str] = ()) -> Job | None:
    """A job as it is; None where what is kept with it is not ours."""
    try:
        wanted = from_document(json.loads(fact.spec))
    except (ValueError, KeyError, TypeError):
        return None
    if not isinstance(wanted, Job) or (wanted.host, wanted.job) != (host, name):
        return None
    state, status = JobState(fact.state), fact.status
    as_wanted = (state, status) in {(wanted.state, wanted.exit_status), (JobState.RUNNING, None)}
    said = "" if as_wanted else last_lines(fact.tail, secrets)
    return replace(wanted, state=state, exit_status=status, said=said)


def last_lines(output: str, secrets: Iterable[str] = ()) -> str:
    """The end of an output on one line, without secrets."""
    for secret in secrets:
        output = output.replace(secret, "…")
    lines = [line.strip() for line in output.replace("\r", "\n").split("\n") if line.strip()]
    return " | ".join(lines[-_LINES:])[-_LONGEST:]
