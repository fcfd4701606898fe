"""A simulated host's files: a flat table of paths."""

from dataclasses import dataclass
from pathlib import PurePosixPath


@dataclass(slots=True)
class Node:
    """What lies at a path; `content` is None for a directory."""

    content: bytes | None
    mode: int
    owner: str = "root"
    group: str = "root"
    size: int | None = None  # of a file that only counts as large; else its content's

    @property
    def length(self) -> int:
        """Its size in bytes."""
        return len(self.content or b"") if self.size is None else self.size


class Files:
    """Paths and what lies there. A path is absolute and in one spelling."""

    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {"/": Node(None, 0o755)}
        self.make("/tmp", 0o1777)  # noqa: S108 - a simulated one
        for path in ("/etc", "/root", "/home", "/var/lib", "/opt"):
            self.make(path)

    def get(self, path: str) -> Node | None:
        """What lies at a path."""
        return self.nodes.get(spelled(path))

    def read(self, path: str) -> bytes | None:
        """A file's content; None where there is no file."""
        node = self.get(path)
        return node.content if node else None

    def text(self, path: str) -> str:
        """A file's content as text; empty where there is no file."""
        return (self.read(path) or b"").decode(errors="replace")

    def write(
        self,
        path: str,
        content: bytes | str,
        mode: int = 0o644,
        owner: str = "root",
        group: str = "root",
        *,
        size: int | None = None,
    ) -> None:
        """Put a file in its place, with the directories above it."""
        path = spelled(path)
        self.make(str(PurePosixPath(path).parent))
        data = content.encode() if isinstance(content, str) else content
        self.nodes[path] = Node(data, mode, owner, group, size)

    def make(self, path: str, mode: int = 0o755, owner: str = "root", group: str = "root") -> None:
        """Make a directory and those above it, where they are missing."""
        path = spelled(path)
        if path not in self.nodes:
            self.make(str(PurePosixPath(path).parent))
            self.nodes[path] = Node(None, mode, owner, group)

    def within(self, path: str) -> list[str]:
        """The paths directly in a directory."""
        path = spelled(path)
        return [item for item in self.nodes if item != "/" and str(PurePosixPath(item).parent) == path]

    def remove(self, path: str) -> None:
        """Remove a path and all below it."""
        path = spelled(path)
        for item in [item for item in self.nodes if item == path or item.startswith(f"{path.rstrip('/')}/")]:
            if item != "/":
                del self.nodes[item]


def spelled(path: str) -> str:
    """A path in its one spelling."""
    parts: list[str] = []
    for part in PurePosixPath("/", path).parts[1:]:
        if part == "..":
            parts = parts[:-1]
        else:
            parts.append(part)
    return "/" + "/".join(parts)
