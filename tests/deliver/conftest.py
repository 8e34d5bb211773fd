"""A partner with its own gpg, our keys outside the home, and a real SFTP server."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncssh
import pytest
from deliver.partner_place import Gpg, settled_home
from sftp_server import SftpServer

from settlement import openpgp_out
from settlement.store import Home


@pytest.fixture(scope="session")
def _made_keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Our signing key and our SSH key, made once."""
    folder = tmp_path_factory.mktemp("keys")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(folder))
        assert openpgp_out.draw_signing_key("s1", "Settlement <settlement@example.org>") is not None
    key = asyncssh.generate_private_key("ssh-ed25519")
    key.write_private_key(str(folder / "settlement" / "ssh_key_d1"))
    return folder


@pytest.fixture
def our_keys(_made_keys: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of our keys, found by the user's configuration."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(_made_keys))
    return _made_keys / "settlement"


@pytest.fixture(scope="session")
def partner_gpg() -> Iterator[Gpg]:
    """The gpg of two partners, ``a@example.org`` and ``b@example.org``."""
    if shutil.which("gpg") is None:
        pytest.skip("there is no gpg on this machine: what partners read is not tried")
    # A socket's path may not be long.
    folder = Path(tempfile.mkdtemp(prefix="g-", dir="/tmp"))
    # The agent would measure for seconds how often a passphrase is to be hashed.
    (folder / "gpg-agent.conf").write_text("s2k-count 65536\n")
    gpg = Gpg(folder=folder)
    for who in ("a@example.org", "b@example.org"):
        gpg.ok("--quick-gen-key", who, "rsa2048", "sign,encrypt", "never")
    yield gpg
    gpg.close()
    # Its agent takes its sockets away at the same time.
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def gpg(partner_gpg: Gpg, our_keys: Path) -> Gpg:
    """The partners' gpg, which knows our certificate."""
    partner_gpg.ok("--import", content=openpgp_out.public_certificate("s1")[0].encode())
    return partner_gpg


@pytest.fixture
def home(own_home: Callable[[str, Callable[[Path], object]], Home], our_keys: Path) -> Home:
    """A home with a settled night, its books on each database."""
    return own_home("delivering", settled_home)


@pytest.fixture
def server(tmp_path: Path, our_keys: Path) -> Iterator[SftpServer]:
    (tmp_path / "served").mkdir()
    server = SftpServer(tmp_path / "served", asyncssh.read_private_key(str(our_keys / "ssh_key_d1")))
    yield server
    server.close()
