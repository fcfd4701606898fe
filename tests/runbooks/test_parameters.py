"""What a runbook's file says of its parameters is what its flow takes."""

import inspect

import pytest

from flows.catalogue import flow_of
from tasks import files


@pytest.mark.parametrize("name", files.runbooks())
def test_a_flow_takes_the_parameters_of_its_runbook(name: str) -> None:
    book, _ = files.runbook(name)
    taken = set(inspect.signature(flow_of(name)).parameters)

    assert taken == {"site", "mode", "adopt", *book.parameters}
