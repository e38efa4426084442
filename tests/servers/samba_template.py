"""The Samba domain is made once in a test run, which takes some ten seconds; each server then starts from a copy."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
from pathlib import Path

from ldap.ldapobject import LDAPObject

from tests.plugins import run_folder
from tests.servers.caretaker import Caretaker
from tests.servers.certificates import Authority
from tests.servers.ports import ClaimedAddress
from tests.servers.samba_accounts import Accounts
from tests.servers.samba_process import (
    ADMINISTRATOR_PASSWORD,
    DOMAIN,
    PORTS,
    REALM,
    DomainController,
    environment,
    places,
    program,
)

FIRST_ADDRESS = 30
_SOCKETS = shutil.ignore_patterns("ldapi", "ldap_priv", "*.tmp")


def copy_into(folder: Path) -> None:
    """Put the domain with its known content at ``folder/dc``."""
    shutil.copytree(_template(), folder / "dc", ignore=_SOCKETS)


def _template() -> Path:
    """The parallel processes of a run wait for the one that makes it."""
    home = run_folder.current()
    made = home / "samba-template"
    with (home / "samba-template.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            making = home / "samba-making"
            shutil.rmtree(making, ignore_errors=True)
            making.mkdir()
            _provision(making)
            _fill(making)
            (making / "dc").rename(made)
            shutil.rmtree(making)
    return made


def _provision(folder: Path) -> None:
    base = folder / "base.conf"
    base.write_text(f"[global]\nlog file = {folder}/log\n{places(folder)}")
    command = [program("samba-tool"), "domain", "provision", f"--realm={REALM}", f"--domain={DOMAIN}"]
    command += ["--server-role=dc", "--dns-backend=NONE", "--use-rfc2307", "--host-name=dc1", "--host-ip=127.0.0.1"]
    command += [f"--adminpass={ADMINISTRATOR_PASSWORD}", f"--targetdir={folder}/dc", f"--configfile={base}"]
    command += ["--option=vfs objects="]
    variables = environment() | {"SMB_CONF_PATH": str(base)}
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=variables, cwd="/")
    assert done.returncode == 0, f"Samba's domain could not be made:\n{done.stdout[-2000:]}{done.stderr[-4000:]}"


def _fill(folder: Path) -> None:
    claim = ClaimedAddress(purpose="samba", first=FIRST_ADDRESS, ports=PORTS)
    caretaker = Caretaker()
    authority = Authority(folder)
    controller = DomainController(folder=folder, address=claim.address, ca_file=authority.ca_file, caretaker=caretaker)
    try:
        controller.start(authority.issue("server", addresses=[claim.address]))
        _Beginning(controller.signed_in()).fill()
        controller.stop()
    finally:
        caretaker.dismiss()
        claim.release()


class _Beginning(Accounts):
    def __init__(self, connection: LDAPObject) -> None:
        self._connection = connection

    def _admin(self) -> LDAPObject:
        return self._connection

    def _reader(self) -> LDAPObject:
        return self._connection
