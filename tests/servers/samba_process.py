"""The process of a Samba domain controller that serves LDAP and nothing else, on a loopback address of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import ldap
from ldap.ldapobject import LDAPObject

from tests.servers import processes
from tests.servers.caretaker import Caretaker
from tests.servers.certificates import ServerCertificate
from tests.servers.ldap_client import connect
from tests.servers.ports import wait_until

REALM = "TPI.EXAMPLE"
DOMAIN = "TPI"
ADMINISTRATOR = f"Administrator@{REALM.lower()}"
ADMINISTRATOR_PASSWORD = "Passw0rd!of-the-Administrator"
PORTS = (389, 636, 3268, 3269)
"""Samba's LDAP has no setting for them, so it takes root and an address where they are free."""

_START_SECONDS = 60
_SBIN = "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin"
_CONFIGURATION = """
[global]
interfaces = {address}/8
bind interfaces only = yes
disable netbios = yes
netbios name = DC1
workgroup = {domain}
realm = {realm}
server role = active directory domain controller
server services = ldap
tls enabled = yes
tls keyfile = {certificate.key}
tls certfile = {certificate.certificate}
tls cafile = {ca_file}
logging = file
log file = {folder}/log
max log size = 0
log level = 1 auth_json_audit:3
{places}
"""


def places(folder: Path) -> str:
    """Settings that keep all that Samba writes below ``folder``; what the domain is made of is in ``folder/dc``."""
    return f"""
private dir = {folder}/dc/private
state directory = {folder}/dc/state
cache directory = {folder}/dc/cache
lock directory = {folder}/dc
binddns dir = {folder}/dc/bind-dns
pid directory = {folder}
ncalrpc dir = {folder}/ncalrpc
winbindd socket directory = {folder}/winbindd
ntp signd socket directory = {folder}/ntp
usershare path =
load printers = no
idmap_ldb:use rfc2307 = yes
"""


def program(name: str) -> str:
    """Where Samba's program is."""
    assert os.geteuid() == 0, "Samba's domain controller runs as root only; run the tests as root"
    found = shutil.which(name, path=_SBIN)
    assert found, f"{name} is missing; run 'make test', which installs it"
    return found


def environment() -> dict[str, str]:
    """Nothing of the machine's own."""
    return {"PATH": _SBIN, "LC_ALL": "C.UTF-8", "TZ": "UTC"}


class DomainController:
    """Serves what ``folder/dc`` holds."""

    def __init__(self, *, folder: Path, address: str, ca_file: Path, caretaker: Caretaker) -> None:
        self.folder = folder
        self.ca_file = ca_file
        self.address = address
        self.uri = f"ldaps://{address}"
        self.log = folder / "log"
        self._caretaker = caretaker
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, certificate: ServerCertificate, *, trusted: bool = True) -> None:
        """Start and wait until the Administrator can sign in, or where the certificate is not good, until it listens."""
        path = self.folder / "smb.conf"
        settings = {"address": self.address, "certificate": certificate, "ca_file": self.ca_file, "folder": self.folder}
        path.write_text(_CONFIGURATION.format(**settings, domain=DOMAIN, realm=REALM, places=places(self.folder)))
        command = [program("samba"), "-F", "--no-process-group", "-M", "single", "-s", str(path)]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env=environment(),
                start_new_session=True,
            )
        self._caretaker.process(self._process.pid)
        wait_until(lambda: self._answers(trusted=trusted), _START_SECONDS, lambda: f"Samba is silent:\n{self._tail()}")

    def stop(self) -> None:
        """End it, also while it is paused."""
        process, self._process = self._process, None
        if process is None:
            return
        for number in (signal.SIGTERM, signal.SIGCONT):  # a paused one has to go on to hear of its end
            processes.kill(process.pid, number)
        process.wait()
        self._caretaker.forget(process.pid)

    def signal(self, number: int) -> None:
        """Send a signal to the running process."""
        assert self._process is not None, "Samba is stopped"
        processes.kill(self._process.pid, number)

    def pause(self) -> None:
        """Stop the running process where it is; SIGCONT lets it go on."""
        assert self._process is not None, "Samba is stopped"
        processes.pause(self._process.pid)

    def signed_in(self) -> LDAPObject:
        """A connection of the Administrator."""
        connection = connect(self.uri, ca_file=self.ca_file)
        connection.simple_bind_s(ADMINISTRATOR, ADMINISTRATOR_PASSWORD)
        return connection

    def accounts_tried(self, begin: int) -> list[str]:
        """Whom each password was given for, from that place of the log on: the account's name, else what was sent."""
        with self.log.open("rb") as log:
            log.seek(begin)
            lines = [line.strip() for line in log if line.lstrip().startswith(b'{"timestamp"')]
        events = [json.loads(line).get("Authentication", {}) for line in lines]
        simple = [event for event in events if event.get("authDescription", "").startswith("simple bind")]
        return [(event["mappedAccount"] or event["clientAccount"]).lower() for event in simple]

    def _answers(self, *, trusted: bool) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"Samba ended:\n{self._tail()}"
        with suppress(ldap.SERVER_DOWN):
            if trusted:
                self.signed_in()
            else:
                connect(f"ldap://{self.address}").simple_bind_s()
            return True
        return False

    def _tail(self) -> str:
        return self.log.read_text(errors="replace")[-4000:]
