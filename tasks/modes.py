"""The modes of a runbook."""

from enum import StrEnum


class Mode(StrEnum):
    """What a run of a runbook does."""

    PLAN = "plan"  # what would change, against the live systems; writes nothing
    DRY_RUN = "dry-run"  # the whole runbook on a simulated site, then its traffic
    APPLY = "apply"  # for real
    DRIFT = "drift"  # what differs from declared, and who did it; changes nothing
    TRACE = "trace"  # the traffic as the live systems carry it now; writes nothing

    @property
    def changes(self) -> bool:
        """Whether steps are carried out, on real or simulated systems; needs the site's lease."""
        return self in {Mode.DRY_RUN, Mode.APPLY}

    @property
    def recorded(self) -> bool:
        """Whether the run is one of the journal's."""
        return self.changes or self is Mode.DRIFT
