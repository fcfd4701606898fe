"""Jobs: changes that outlive their request.

A job goes on while a client reads, not while time passes, so that a rehearsal never sleeps: after so many
reads of the manager it ends. While it is under way its edge takes no other change.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from adapters.nsxv.simulator.exchange import Incoming


class JobStatus(StrEnum):
    """How far a job is. A job by its id ends as SUCCESS and in a list as COMPLETED; see `health`."""

    RUNNING = "RUNNING"
    SUCCESS = "SUCCESS"
    FAILED = "FAILED"


@dataclass(slots=True, kw_only=True)
class Job:
    """One change.

    Attributes:
        edge: The edge that it changes; empty while that one is still to be created.
        pending: The request to carry out when it is due; None if that has happened already.
        reads_left: How many more reads of the manager see it under way.
        of_edges: Whether it is an edge's; other changes have no job that a client could see.
    """

    id: str
    edge: str
    message: str
    submitted: float
    status: JobStatus = JobStatus.RUNNING
    uri: str = ""
    pending: Incoming | None = None
    reads_left: int = 0
    of_edges: bool = True


@dataclass(slots=True)
class JobBook:
    """Every job there was, the newest last."""

    jobs: dict[str, Job] = field(default_factory=dict)
    _under_way: list[Job] = field(default_factory=list)

    def open(self, job: Job) -> None:
        """Note a job; one that is RUNNING ends after its reads."""
        self.jobs[job.id] = job
        if job.status is JobStatus.RUNNING:
            self._under_way.append(job)

    def next_id(self) -> str:
        """An id that no job has."""
        return f"jobdata-{len(self.jobs) + 1}"

    def holds(self, edge: str) -> bool:
        """Whether a job of that edge is under way."""
        return any(job.edge == edge for job in self._under_way)

    def visible(self, edge: str = "", *, active: bool = False) -> Iterator[Job]:
        """The jobs that a client can see: all or one edge's, all or those under way."""
        for job in self.jobs.values():
            running = job.status is JobStatus.RUNNING
            if job.of_edges and edge in {"", job.edge} and (running or not active):
                yield job

    def count_read(self) -> list[Job]:
        """A read happened: the jobs that are due now. They no longer hold their edge."""
        for job in self._under_way:
            job.reads_left -= 1
        due = [job for job in self._under_way if job.reads_left <= 0]
        self._under_way = [job for job in self._under_way if job.reads_left > 0]
        return due
