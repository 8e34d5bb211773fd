"""A real SFTP server on loopback that serves one folder to one key, and fails as it is told."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field
from pathlib import Path

import asyncssh


@dataclass(kw_only=True)
class Faults:
    """What goes wrong on the server: by operation, how many times still, and what then happens."""

    drop: dict[str, int] = field(default_factory=dict)
    refuse: dict[str, Exception] = field(default_factory=dict)
    drop_after: dict[str, int] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    without_sync: bool = False


class _Files(asyncssh.SFTPServer):
    """Serves one folder, and fails as it is told."""

    def __init__(self, channel: asyncssh.SSHServerChannel, folder: Path, faults: Faults) -> None:
        super().__init__(channel, chroot=bytes(folder))
        self._faults = faults
        self._connection = channel.get_connection()

    def _before(self, name: str) -> None:
        self._faults.log.append(name)
        if self._faults.drop.get(name, 0):
            self._faults.drop[name] -= 1
            self._connection.abort()
            raise asyncssh.SFTPConnectionLost("gone")
        if name in self._faults.refuse:
            raise self._faults.refuse[name]

    def _after(self, name: str) -> None:
        if self._faults.drop_after.get(name, 0):
            self._faults.drop_after[name] -= 1
            self._connection.abort()

    def open(self, path, pflags, attrs):
        self._before("open_to_write" if pflags & asyncssh.FXF_WRITE else "open_to_read")
        return super().open(path, pflags, attrs)

    def write(self, file_obj, offset, data):
        if "write" in self._faults.drop or "write" in self._faults.refuse:
            super().write(file_obj, offset, data[: len(data) // 2])
        self._before("write")
        return super().write(file_obj, offset, data)

    def fsync(self, file_obj):
        self._before("fsync")
        if self._faults.without_sync:
            raise asyncssh.SFTPOpUnsupported("no")
        return super().fsync(file_obj)

    def close(self, file_obj):
        self._before("close")
        return super().close(file_obj)

    def stat(self, path):
        self._before("stat")
        return super().stat(path)

    def rename(self, oldpath, newpath):
        self._before("rename")
        super().rename(oldpath, newpath)
        self._after("rename")


class SftpServer:
    """A real SFTP server on loopback, in a thread of its own, that serves one folder to one key."""

    def __init__(self, folder: Path, client_key: asyncssh.SSHKey) -> None:
        self.folder = folder
        self.faults = Faults()
        self.key = asyncssh.generate_private_key("ssh-ed25519")
        self._client = asyncssh.import_authorized_keys(client_key.export_public_key().decode())
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        self.port = 0
        self.start()

    def start(self, key: asyncssh.SSHKey | None = None) -> None:
        """Listen, on the same port as before, with this host key."""

        async def listening() -> asyncssh.SSHAcceptor:
            return await asyncssh.listen(
                "127.0.0.1",
                self.port,
                server_host_keys=[key or self.key],
                authorized_client_keys=self._client,
                sftp_factory=lambda channel: _Files(channel, self.folder, self.faults),
            )

        self._server = self._run(listening())
        self.port = self._server.get_port()

    def stop(self) -> None:
        async def closed() -> None:
            self._server.close()
            await self._server.wait_closed()

        self._run(closed())

    def _run(self, work):
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def close(self) -> None:
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)

    def declared(self) -> str:
        """The server as a declaration has it."""
        (self.folder / "in").mkdir(parents=True, exist_ok=True)
        pinned = self.key.export_public_key().decode().split()
        return (
            f'[delivery.sftp]\nhost = "127.0.0.1"\nport = {self.port}\nuser = "settlement"\nfolder = "/in"\n'
            f'host_key = "{pinned[0]} {pinned[1]}"\nkey = "d1"\n'
        )
