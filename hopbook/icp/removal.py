"""What has to be so before and after an ICP cluster is taken away.

IBM's removal deletes the machines that were made first and the network under them: machines that somebody put
on that network later lose their connection (IBM Cloud for VMware Solutions, ICP hosted). So nothing is taken
away while one of those is there, and it is called by its name.
"""

from collections.abc import Iterable

from hopbook.icp.commands import RESIDUE


def foreign(attached: Iterable[str], ours: Iterable[str]) -> tuple[str, ...]:
    """The names of VMs on the overlay that are not ours, each once, in order."""
    return tuple(sorted(set(attached) - set(ours)))


def blocked(attached: Iterable[str], ours: Iterable[str], network: str) -> str:
    """Why the overlay must stay, naming who is on it; empty where it may go."""
    others = foreign(attached, ours)
    if not others:
        return ""
    verb = "is" if len(others) == 1 else "are"
    return (
        f"{', '.join(others)} {verb} on {network} and not ours: without the network "
        f"{'it loses its' if len(others) == 1 else 'they lose their'} connection; move "
        f"{'it' if len(others) == 1 else 'them'} to another one first"
    )


def residue(present: Iterable[str]) -> str:
    """What an uninstallation left on a node, of the paths that are there; empty for none."""
    left = [path for path in RESIDUE if path in set(present)]
    return f"{', '.join(left)} left behind; run the uninstaller again, then remove them" if left else ""
