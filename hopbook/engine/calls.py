"""Calling a provider for the changes of one lane.

No system here can be told to forget a call, so one is made only soon after its intent, or after the outcome
of the call before it: who reads the journal later knows until when it can take effect.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from hopbook.engine.change import Change, Outcome, Result
from hopbook.engine.events import ChangeApplied, ChangeDoubted, ChangeRefused, Event
from hopbook.engine.ports import Clock, Provider, Recorder
from hopbook.errors import AnswerLost, Garbled, HopbookError, JournalTrouble

SEND_WITHIN = timedelta(seconds=10)


def outcomes_of(
    provider: Provider, batch: Sequence[Change], submitted: Recorder, intended: datetime, clock: Clock
) -> Iterator[Outcome]:
    """What a provider says; where it raises instead, what that means for each change of the batch.

    The provider is asked outcome by outcome and makes its next call only then. Before the first it certainly
    made none; behind that it may have made calls whose outcomes it was not asked for.
    """
    answers = provider.apply(batch, submitted)
    last, result = intended, Result.REFUSED
    reason = "not asked for in time: this process stood still"
    try:
        while clock.now() <= last + SEND_WITHIN:
            outcome = next(answers, None)
            if outcome is None:
                return
            last, result = clock.now(), Result.UNKNOWN
            yield outcome
    except JournalTrouble:
        raise  # that says nothing of the system
    except HopbookError as error:
        result = Result.UNKNOWN if isinstance(error, AnswerLost | Garbled) else Result.REFUSED
        reason = str(error)
    yield from (Outcome(key=change.key, result=result, reason=reason) for change in batch)


def event_of(change: str, outcome: Outcome) -> Event:
    """What to write of an outcome."""
    match outcome.result:
        case Result.APPLIED | Result.ADOPTED:
            return ChangeApplied(change=change)
        case Result.REFUSED:
            return ChangeRefused(change=change, reason=outcome.reason)
        case Result.UNKNOWN:
            return ChangeDoubted(change=change, reason=outcome.reason)
