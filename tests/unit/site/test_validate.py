"""Models unlike a site's: unions, aliases, fixed tuples. Runbook and traffic files have such."""

from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field

from hopbook.errors import InvalidInput
from hopbook.site.document import read_document
from hopbook.site.validate import validated


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", alias_generator=lambda name: name.rstrip("_").replace("_", "-"))


class UpTo(_Strict):
    up_to: str
    because: str


class File(_Strict):
    from_: str = ""
    expect: Literal["full", "never"] | UpTo = "full"
    size: int | str = 0
    pair: tuple[str, int] = ("", 0)
    steps: tuple[Annotated[UpTo, Field(description="how far")], ...] = ()


def found(text: str) -> list[str]:
    with pytest.raises(InvalidInput) as caught:
        validated(read_document(text, "f.yaml"), File)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("form: a", "f.yaml:1 form: unknown key 'form' – did you mean `from`?"),
        (
            "expect: fulll",
            (
                "f.yaml:1 expect: found 'fulll'; expected full, never or a mapping with up-to, because"
                " – did you mean `full`?"
            ),
        ),
        ("expect:\n  up-to: a", "f.yaml:1 expect.because: `because` is missing"),
        (
            "expect:\n  up-to: a\n  because: b\n  up_too: c",
            "f.yaml:4 expect.up_too: unknown key 'up_too' – did you mean `up-to`?",
        ),
        (
            "steps:\n  - up-to: 3\n    because: a",
            "f.yaml:2 steps[0].up-to: found 3; expected text; write it in quotes",
        ),
        ("pair: [a, b]", "f.yaml:1 pair[1]: found 'b'; expected a number"),
        ("pair: [a, true]", "f.yaml:1 pair[1]: found true; expected a number"),
    ],
)
def test_problems(text: str, expected: str) -> None:
    assert found(text) == [expected]


def test_a_value_of_no_type_of_a_union() -> None:
    [problem] = found("size: [1]")
    assert problem.startswith("f.yaml:1 size: found a list; expected")


def test_what_is_right() -> None:
    file = validated(
        read_document("from: a\nexpect: {up-to: b, because: c}\nsize: x\npair: [a, 1]", "f"), File
    )
    assert file.expect == UpTo.model_validate({"up-to": "b", "because": "c"})
