"""What people wrote down of ICP and who installs it has to know: sizes, and what goes wrong."""

from dataclasses import dataclass

from hopbook.icp.failures import Failures
from hopbook.icp.sizes import Catalogue


@dataclass(frozen=True, slots=True)
class Knowledge:
    """`runbooks/icp/`.

    Attributes:
        catalogue: Counts and sizes by profile.
        failures: What is known to go wrong in an installation.
    """

    catalogue: Catalogue
    failures: Failures
