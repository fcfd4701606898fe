"""What ICP is known to fail at by itself, as its installer says it (`runbooks/icp/failures.yaml`)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Trouble:
    """A failure that is asked for.

    Attributes:
        id: As `runbooks/icp/failures.yaml` calls it.
        task: In which task it shows.
        said: What the host says.
    """

    id: str
    task: str
    said: str


TROUBLES = {
    each.id: each
    for each in (
        Trouble(
            "calico-mtu", "network : Calico Validation - Finding MTU for the detected Interface(s)", "no"
        ),
        Trouble("management-ingress", "addon : Waiting for management-ingress to start", "timed out"),
        Trouble("auth-pdp", "addon : Waiting for auth-pdp to start", "timed out"),
        Trouble("calico-mesh", "network : Waiting for configure-calico-mesh job to complete", "timed out"),
        Trouble("chart-upload", "addon : Uploading helm charts", "upload of helm charts failed"),
        Trouble("docker-login", "docker : docker login", "proxyconnect tcp: dial tcp: i/o timeout"),
        Trouble("disk-full", "docker : Loading images", "write /var/lib/docker: No space left on device"),
    )
}
