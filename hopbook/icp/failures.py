"""What a failed installation means and what to do; data, so that an operator adds to it after an incident."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field

from hopbook.icp.output import Ending, Report
from hopbook.site.document import Document
from hopbook.site.model import Name, Part
from hopbook.site.validate import validated


class Retry(StrEnum):
    """What is right after a failure."""

    AGAIN = "again"  # the installer once more, as it is
    MEND = "mend"  # what the failure names first, then the installer
    CLEAN = "clean"  # the uninstaller first


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        message = f"it is no regular expression: {error}"
        raise ValueError(message) from error
    return text


class Failure(Part):
    """A failure that is known."""

    id: Name
    pattern: Annotated[str, AfterValidator(_pattern), Field(min_length=3)]
    means: str
    do: str
    retry: Retry
    source: str


class Failures(Part):
    """`runbooks/icp/failures.yaml`."""

    failures: tuple[Failure, ...] = Field(min_length=1)

    def explain(self, *texts: str) -> Failure | None:
        """The first known failure that one of the texts shows."""
        for each in self.failures:
            if any(re.search(each.pattern, text, re.IGNORECASE) for text in texts):
                return each
        return None


def read_failures(document: Document) -> Failures:
    """The known failures of a document.

    Raises:
        InvalidInput: with every problem of it.
    """
    return validated(document, Failures)


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """A run of the installer that did not succeed, in words.

    Attributes:
        text: What happened, where, what it means and what to do.
        retry: What is right next.
        known: The id of the known failure; empty for one that is not known.
    """

    text: str
    retry: Retry
    known: str = ""


def explain(report: Report, exit_status: int | None, failures: Failures) -> Explained | None:
    """Why a run did not succeed and how to go on; None for one that did."""
    ending = report.ended(exit_status)
    decisive = report.decisive
    if ending is Ending.SUCCEEDED:
        return None
    if ending is Ending.KILLED:
        at = f" at {report.progress}" if report.progress.play else ""
        text = f"the installer was killed{at}: what it began may be half done; uninstall, then install"
        return Explained(text=text, retry=Retry.CLEAN)
    if ending is not Ending.FAILED:
        text = (
            "the installer ended without an error, but its output has no recap of every host; see its log "
            "under cluster/logs, and run it again"
        )
        return Explained(text=text, retry=Retry.AGAIN)
    what = _what(report, exit_status)
    known = failures.explain(decisive.task, decisive.said) if decisive else None
    if known is None and (hosts := report.unreachable):
        known = failures.explain("UNREACHABLE!")
        what = what if decisive else f"{', '.join(hosts)} could not be reached"
    if known is None:
        text = (
            f"{what}; not a failure that is known: see the log under cluster/logs, mend it and run it again"
        )
        return Explained(text=text, retry=Retry.MEND)
    return Explained(text=f"{what}: {known.means}; {known.do}", retry=known.retry, known=known.id)


def _what(report: Report, exit_status: int | None) -> str:
    decisive = report.decisive
    if decisive is None:
        unclean = [host for host, each in report.recap.items() if not each.clean]
        at = f" on {', '.join(unclean)}" if unclean else ""
        return f"the installer ended with status {exit_status}{at}"
    said = f" ({decisive.said})" if decisive.said else ""
    return f"task [{decisive.task}] failed on {decisive.host}{said}"
