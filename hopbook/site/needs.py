"""Which sections of a site file a runbook needs."""

from collections.abc import Iterable
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel

from hopbook.errors import InvalidInput, Problem
from hopbook.site.model import Site
from hopbook.site.words import near


def require(site: Site, sections: Iterable[str], runbook: str) -> None:
    """See that the site has the sections (`vcs`, `endpoints.nsx`) that a runbook needs.

    Raises:
        InvalidInput: Naming each that is missing and what to write, or that there is no such section.
    """
    problems = [problem for section in sections if (problem := _missing(site, section, runbook))]
    if problems:
        raise InvalidInput(*problems)


def _missing(site: Site, section: str, runbook: str) -> Problem | None:
    value: Any = site
    model: type[BaseModel] = Site
    many = False
    for key in section.split("."):
        if key not in model.model_fields:
            close = near(key, model.model_fields)
            return Problem(what=f"runbook {runbook} asks for `{section}`, which no site file has{close}")
        value = getattr(value, key, None)
        model, many = _model_of(model.model_fields[key].annotation)
    if value is None or value in ((), "", {}):
        what = f"runbook {runbook} needs `{section}`, and the site file does not have it"
        return Problem(what=f"{what}; {_add(section, model, many=many)}", where=f"{site.site} {section}")
    return None


def _model_of(annotation: Any) -> tuple[type[BaseModel], bool]:
    """The model inside `Model | None` or `tuple[Model, ...]` (else `BaseModel`), and whether it is a list."""
    many = get_origin(annotation) is tuple
    if many or get_origin(annotation) in {Union, UnionType}:
        inner = next(arg for arg in get_args(annotation) if arg not in {type(None), ...})
        return _model_of(inner)[0], many
    model = annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else BaseModel
    return model, False


def _add(section: str, model: type[BaseModel], *, many: bool) -> str:
    required = [name for name, info in model.model_fields.items() if info.is_required()]
    keys = f" with {', '.join(required)}" if required else ""
    about = (model.__doc__ or "").split("\n", 1)[0].rstrip(".") if model is not BaseModel else ""
    return (
        f"add `{section}`" + (", a list of items" if many else "") + keys + (f" – {about}" if about else "")
    )
