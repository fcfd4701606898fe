"""Single annotations of services that somebody else made: a chart's, that has no value for them."""

from collections.abc import Iterable, Iterator

from adapters.kubernetes import api
from adapters.kubernetes.client import Object
from adapters.kubernetes.provider.found import Found
from hopbook.engine.change import Observed
from hopbook.resources.base import Key
from hopbook.resources.kubernetes import Annotation

_SERVICE = "service"


def observed(found: Found, keys: Iterable[Key]) -> Iterator[Observed]:
    """Those that are asked for and there."""
    services = {
        (item["metadata"]["namespace"], item["metadata"]["name"]): item for item in found.of(api.SERVICE)
    }
    for key in sorted(keys):
        cluster, kind, namespace, name, annotation = key.name.split("/", 4)
        item = services.get((namespace, name)) if kind == _SERVICE else None
        value = (item["metadata"].get("annotations") or {}).get(annotation) if item is not None else None
        if cluster == found.cluster and value is not None:
            place = f"{kind}/{namespace}/{name}"
            yield Observed(
                resource=Annotation(cluster=cluster, object=place, annotation=annotation, value=value)
            )


def place_of(annotation: Annotation) -> tuple[str, str]:
    """Namespace and name of the service.

    Raises:
        ValueError: it is of something else.
    """
    kind, namespace, name = annotation.object.split("/", 2)
    if kind != _SERVICE:
        raise ValueError(f"{annotation.object}: only services are annotated")
    return namespace, name


def patch(live: Object, annotation: str, value: str | None) -> Object:
    """What sets one annotation of an object as it was read, or takes it away."""
    about = live["metadata"]
    return {
        "metadata": {
            "name": about["name"],
            "namespace": about["namespace"],
            "resourceVersion": about["resourceVersion"],
            "annotations": {annotation: value},
        }
    }
