"""Small pieces of objects, as the API has them."""

from ipaddress import AddressValueError, IPv4Address, IPv4Interface, NetmaskValueError

from adapters.kubernetes.client import Object


def name_of(document: Object) -> tuple[str, str]:
    """Namespace and name; the default namespace comes first."""
    about = document["metadata"]
    namespace = about.get("namespace", "")
    return ("" if namespace == "default" else namespace, about["name"])


def handle_of(document: Object) -> str:
    """`namespace.name`, or the name of what has no namespace."""
    about = document["metadata"]
    return ".".join(part for part in (about.get("namespace", ""), about["name"]) if part)


def label(document: Object, name: str) -> str:
    """A label; empty where there is none."""
    return str((document["metadata"].get("labels") or {}).get(name, ""))


def annotation(document: Object, name: str) -> str:
    """An annotation; empty where there is none."""
    return str((document["metadata"].get("annotations") or {}).get(name, ""))


def address(text: object) -> IPv4Address | None:
    """An IPv4 address; None for anything else: a cluster may have IPv6, too."""
    try:
        return IPv4Address(str(text))
    except AddressValueError:
        return None


def interface(text: str) -> IPv4Interface | None:
    """An IPv4 address with a prefix length; None for anything else."""
    try:
        return IPv4Interface(text)
    except (AddressValueError, NetmaskValueError):
        return None


def running(pod: Object) -> bool:
    """Whether a pod has an address and is not going."""
    return pod.get("status", {}).get("phase") == "Running" and "deletionTimestamp" not in pod["metadata"]


def ready(pod: Object) -> bool:
    """Whether a pod runs and says that it is ready."""
    conditions = pod.get("status", {}).get("conditions") or []
    return running(pod) and any(
        condition.get("type") == "Ready" and condition.get("status") == "True" for condition in conditions
    )
