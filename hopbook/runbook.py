"""A runbook's data: title, citation, parameters, needs and the traffic that it ends by verifying.

Its order is a flow. What tells two uses of one runbook on one site apart are its parameters.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Literal

from pydantic import Field

from hopbook.errors import InvalidInput, Problem
from hopbook.site.document import read_document
from hopbook.site.model import Name, Part, Site
from hopbook.site.validate import validated
from hopbook.site.words import near, shown

_NAMES: Mapping[str, Callable[[Site], tuple[str, ...]]] = {
    "iks": lambda site: tuple(cluster.name for cluster in site.iks),
}


class Parameter(Part):
    """What a person says when starting the runbook (`--set cluster=iks-a`)."""

    description: str
    of: Literal["iks"] | None = Field(
        default=None, description="the site's section with its values; the only one there is the default"
    )
    default: Name | None = Field(default=None, description="the value where nobody says one")


class Runbook(Part):
    """One file of `runbooks/`."""

    runbook: Name
    title: str
    description: str
    of: Name | None = Field(
        default=None, description="the runbook whose objects it works on, as if it were one of its runs"
    )
    cites: tuple[str, ...] = Field(min_length=1, description="statements of the source document: S3")
    needs: tuple[str, ...] = Field(default=(), description="sections that the site file has to have")
    after: tuple[Name, ...] = Field(default=(), description="runbooks that it stands on, for a rehearsal")
    parameters: dict[Name, Parameter] = Field(default={}, description="what tells its uses on a site apart")
    patience: float = Field(
        default=0, ge=0, description="days that an answer from outside may take; 0: nobody counts them"
    )
    verify: tuple[Name, ...] = Field(default=(), description="traffics of runbooks/traffic, in order")


def read_runbook(text: bytes | str, name: str) -> Runbook:
    """Read a runbook file.

    Raises:
        InvalidInput: with every problem of the file.
    """
    return validated(read_document(text, name), Runbook)


def settings(texts: Iterable[str]) -> dict[str, str]:
    """What `--set KEY=VALUE` says, by key.

    Raises:
        InvalidInput: a text is not of that form, or a key is said twice.
    """
    found: dict[str, str] = {}
    for text in texts:
        key, equals, value = (part.strip() for part in text.partition("="))
        if not (key and equals and value):
            raise InvalidInput(f"--set {text}: expected KEY=VALUE, as cluster=iks-a")
        if key in found:
            raise InvalidInput(f"--set {text}: {key} is set twice, to {found[key]} and to {value}")
        found[key] = value
    return found


def known_parameters(book: Runbook, names: Iterable[str]) -> None:
    """See that the runbook has these parameters.

    Raises:
        InvalidInput: naming each that it does not have, and those that it has.
    """
    problems = [
        f"runbook {book.runbook} has no parameter {shown(name)}{near(name, book.parameters)}; "
        f"it has {', '.join(book.parameters) or 'none'}"
        for name in names
        if name not in book.parameters
    ]
    if problems:
        raise InvalidInput(*problems)


def parameters_of(book: Runbook, given: Mapping[str, str], site: Site) -> dict[str, str]:
    """The value of every parameter on a site; an empty one counts as not given.

    Raises:
        InvalidInput: one that the runbook does not have, one that is missing, or a value that the site does
            not have.
    """
    known_parameters(book, given)
    found = {name: given.get(name) or _default(item, site) for name, item in book.parameters.items()}
    problems = list(_problems(book, found, site))
    if problems:
        raise InvalidInput(*problems)
    return found


def _default(parameter: Parameter, site: Site) -> str:
    names = _NAMES[parameter.of](site) if parameter.of else ()
    return parameter.default or (names[0] if len(names) == 1 else "")


def _problems(book: Runbook, found: Mapping[str, str], site: Site) -> Iterator[Problem]:
    for name, value in found.items():
        parameter = book.parameters[name]
        names = _NAMES[parameter.of](site) if parameter.of else None
        have = f"; site {site.site} has {', '.join(names) or 'none'}" if names is not None else ""
        what = f"runbook {book.runbook} needs its parameter {name} ({parameter.description})"
        if not value:
            yield Problem(what=f"{what}{have}; say which: --set {name}=NAME")
        elif names is not None and value not in names:
            yield Problem(what=f"{name}={value}: there is no such item in `{parameter.of}`{have}")
