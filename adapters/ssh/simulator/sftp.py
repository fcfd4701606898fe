"""SFTP over a simulated host's files."""

import stat
from typing import TYPE_CHECKING, Any

import paramiko
from paramiko.sftp import SFTP_FAILURE, SFTP_NO_SUCH_FILE, SFTP_OK, SFTP_PERMISSION_DENIED

from adapters.ssh.simulator.files import Files, Node, spelled
from adapters.ssh.simulator.host import SimulatedHost

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

_EXCLUSIVE = 0x80  # os.O_EXCL on Linux, which is what paramiko makes of the protocol's flag


class _Handle(paramiko.SFTPHandle):
    """An open file; what is written to it is there at once."""

    def __init__(self, files: "SimulatedSftp", path: str, node: Node) -> None:
        super().__init__()
        self._files, self._path, self._node = files, path, node

    def read(self, offset: int, length: int) -> bytes | int:
        """A piece of it."""
        return (self._node.content or b"")[offset : offset + length]

    def write(self, offset: int, data: "Buffer") -> int:
        """Put a piece into it."""
        new = bytes(data)
        content = (self._node.content or b"").ljust(offset, b"\0")
        self._node.content = content[:offset] + new + content[offset + len(new) :]
        return SFTP_OK

    def stat(self) -> paramiko.SFTPAttributes | int:
        """Its attributes."""
        return self._files.stat(self._path)

    def chattr(self, attr: paramiko.SFTPAttributes) -> int:
        """Change them."""
        return self._files.chattr(self._path, attr)


class SimulatedSftp(paramiko.SFTPServerInterface):
    """The subsystem, for one user: root may everything, others write in their home and in `/tmp`."""

    def __init__(self, server: Any, *_: Any, **__: Any) -> None:
        super().__init__(server)
        self._host: SimulatedHost = server.host
        self._user: str = server.user
        self._lose = server.lose

    @property
    def _files(self) -> Files:
        return self._host.files

    def _may_write(self, path: str) -> bool:
        home = self._host.users[self._user].home
        return self._user == "root" or path.startswith(("/tmp/", f"{home}/"))  # noqa: S108 - a simulated one

    def open(self, path: str, flags: int, attr: paramiko.SFTPAttributes) -> paramiko.SFTPHandle | int:  # noqa: ARG002
        """Open or make a file."""
        path = spelled(path)
        node = self._files.get(path)
        if flags & 0x3:  # anything but reading
            if not self._may_write(path):
                return SFTP_PERMISSION_DENIED
            if node is not None and flags & _EXCLUSIVE:
                return SFTP_FAILURE
            if self._files.get(path.rpartition("/")[0] or "/") is None:
                return SFTP_NO_SUCH_FILE
            if self._host.room(path)[1] <= 0:
                return SFTP_FAILURE
            if node is None:
                self._files.write(path, b"", 0o644, self._user, self._user)
                node = self._files.get(path)
        if node is None or node.content is None:
            return SFTP_NO_SUCH_FILE
        return _Handle(self, path, node)

    def stat(self, path: str) -> paramiko.SFTPAttributes | int:
        """The attributes of what lies at a path."""
        node = self._files.get(path)
        if node is None:
            return SFTP_NO_SUCH_FILE
        attributes = paramiko.SFTPAttributes()
        kind = stat.S_IFDIR if node.content is None else stat.S_IFREG
        attributes.st_mode, attributes.st_size = kind | node.mode, node.length
        return attributes

    lstat = stat

    def chattr(self, path: str, attr: paramiko.SFTPAttributes) -> int:
        """Change mode or owner."""
        node = self._files.get(path)
        if node is None:
            return SFTP_NO_SUCH_FILE
        if not self._may_write(path):
            return SFTP_PERMISSION_DENIED
        if attr.st_mode is not None:
            node.mode = stat.S_IMODE(attr.st_mode)
        if attr.st_uid is not None:
            by_number = {user.uid: name for name, user in self._host.users.items()}
            node.owner = by_number.get(attr.st_uid, str(attr.st_uid))
            node.group = by_number.get(attr.st_gid or 0, str(attr.st_gid))
        return SFTP_OK

    def mkdir(self, path: str, attr: paramiko.SFTPAttributes) -> int:
        """Make a directory."""
        if not self._may_write(spelled(path)):
            return SFTP_PERMISSION_DENIED
        self._files.make(path, stat.S_IMODE(attr.st_mode or 0o755), self._user, self._user)
        return SFTP_OK

    def remove(self, path: str) -> int:
        """Remove a file."""
        if self._files.read(path) is None:
            return SFTP_NO_SUCH_FILE
        if not self._may_write(spelled(path)):
            return SFTP_PERMISSION_DENIED
        self._files.remove(path)
        return SFTP_OK

    def posix_rename(self, oldpath: str, newpath: str) -> int:
        """Rename a file over another one."""
        with self._host.lock:
            node = self._files.get(oldpath)
            if node is None:
                return SFTP_NO_SUCH_FILE
            target = self._files.get(newpath)
            if not self._may_write(spelled(newpath)) or (target is not None and target.content is None):
                return SFTP_PERMISSION_DENIED
            if self._lose(lambda: self._rename(oldpath, newpath, node)):
                return SFTP_FAILURE
            self._rename(oldpath, newpath, node)
        return SFTP_OK

    def _rename(self, old: str, new: str, node: Node) -> None:
        self._files.remove(old)
        self._files.nodes[spelled(new)] = node
