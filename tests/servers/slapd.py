"""OpenLDAP's slapd on loopback ports of its own, with the content of ``ldif``.

Passwords are taken under TLS only, nobody reads without having signed in, and an ordinary search is cut at 500 entries,
so that whoever wants all has to page (RFC 2696). The overlays memberof, refint and ppolicy are there.
"""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

import ldap
from ldap.ldapobject import LDAPObject

from tests.servers import ldif, processes
from tests.servers.caretaker import Caretaker
from tests.servers.certificates import Authority, ServerCertificate
from tests.servers.ldap_client import connect
from tests.servers.ports import LOOPBACK, free_port, wait_until
from tests.servers.slapd_entries import Entries

SIZE_LIMIT = 500
"""Entries that a search or a page gives at most."""

_START_SECONDS = 30
_SBIN = "/usr/sbin:/usr/bin:/sbin:/usr/local/sbin:/usr/local/libexec"
_ADMIN_DN = f"cn=admin,{ldif.BASE_DN}"
_ADMIN_PASSWORD = "the password of the directory's owner"
_CONFIGURATION = """
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload memberof
moduleload refint
moduleload ppolicy
pidfile {folder}/slapd.pid
TLSCACertificateFile {ca_file}
TLSCertificateFile {certificate.certificate}
TLSCertificateKeyFile {certificate.key}
TLSVerifyClient never
localssf 256
security simple_bind=128
threads 4

database mdb
maxsize 1073741824
suffix "{ldif.BASE_DN}"
rootdn "{admin_dn}"
rootpw "{admin_password}"
directory {folder}/database
dbnosync
index objectClass,uid,cn,mail,member,memberOf,entryUUID eq
limits users size.soft={size} size.hard={size} size.pr={size} size.prtotal=unlimited
access to attrs=userPassword by anonymous auth by self =xw by * none
access to * by users read by * none
overlay memberof
memberof-group-oc groupOfNames
memberof-member-ad member
memberof-memberof-ad memberOf
memberof-refint TRUE
overlay refint
refint_attributes member
refint_nothing "{ldif.NOBODY_DN}"
overlay ppolicy
ppolicy_default "{ldif.POLICY_DN}"
ppolicy_use_lockout
"""


class Slapd(Entries):
    """A context manager; the server runs inside."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="tpi-slapd-"))
        self._caretaker = Caretaker()
        self._caretaker.folder(self._folder)
        self._process: subprocess.Popen[bytes] | None = None
        self._log = self._folder / "log"
        self._log_begin = 0
        self._is_changed = False
        authority = Authority(self._folder)
        self.ca_file = authority.ca_file
        self.other_ca_file = Authority(self._folder, "Other CA").ca_file
        self._good = authority.issue("server", names=["localhost"], addresses=[LOOPBACK])
        self._expired = authority.issue("expired", addresses=[LOOPBACK], is_expired=True)
        self._misplaced = authority.issue("misplaced", names=["ldap.tpi.example"], addresses=["127.0.0.2"])
        ports = free_port(), free_port()
        self.uri_ldap = f"ldap://{LOOPBACK}:{ports[0]}"
        self.uri_ldaps = f"ldaps://{LOOPBACK}:{ports[1]}"
        self.uri_ldapi = f"ldapi://{quote(str(self._folder / 'socket'), safe='')}"

    def __enter__(self) -> Self:
        try:
            self._configure(self._good)
            self._fill(ldif.Crowd())
            self._start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Stop what runs and remove the folder."""
        try:
            self._end()
        finally:
            self._caretaker.dismiss()
            shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def pid(self) -> int:
        """The server's process id, while it runs."""
        return self._running().pid

    def reset(self) -> None:
        """Running, with the known content and a good certificate, and no sign-in counted."""
        if self._is_changed:
            self._end()
            self._configure(self._good)
            self._fill(ldif.Crowd())
            self._start()
            self._is_changed = False
        self._log_begin = self._log.stat().st_size

    def stop(self) -> None:
        """Nobody listens any more; ``restart`` brings the server back."""
        self._is_changed = True
        self._end()

    def restart(self) -> None:
        """End it if it runs, and start it with what it holds."""
        self._end()
        self._start()

    def pause(self) -> None:
        """Connections are still taken by the kernel, and nothing answers until ``resume``."""
        self._is_changed = True
        processes.pause(self._running().pid)

    def resume(self) -> None:
        """Answer again, first what was asked meanwhile."""
        processes.kill(self._running().pid, signal.SIGCONT)

    def use_expired_certificate(self) -> None:
        """Restart with a certificate of the trusted authority that is out of date since yesterday."""
        self._use(self._expired)

    def use_certificate_of_another_host(self) -> None:
        """Restart with a certificate of the trusted authority that names another host and address."""
        self._use(self._misplaced)

    def binds(self, dn: str) -> int:
        """How often anyone tried to sign in with a password as ``dn`` since the test began, with success or without."""
        with self._log.open("rb") as log:
            log.seek(self._log_begin)
            tried = re.findall(r'BIND dn="([^"]*)" method=128', log.read().decode("utf-8", "replace"))
        return [one.lower() for one in tried].count(dn.lower())

    def load(self, *, people: int, groups: int) -> ldif.Crowd:
        """Restart with the known content and a crowd besides; 50,000 people take some seconds."""
        crowd = ldif.Crowd(people, groups)
        self._is_changed = True
        self._end()
        self._fill(crowd)
        self._start()
        return crowd

    def _admin(self) -> LDAPObject:
        self._is_changed = True
        return self._signed_in()

    def _signed_in(self) -> LDAPObject:
        connection = connect(self.uri_ldapi)
        connection.simple_bind_s(_ADMIN_DN, _ADMIN_PASSWORD)
        return connection

    def _use(self, certificate: ServerCertificate) -> None:
        self._is_changed = True
        self._configure(certificate)
        self.restart()

    def _configure(self, certificate: ServerCertificate) -> None:
        text = _CONFIGURATION.format(
            folder=self._folder,
            ca_file=self.ca_file,
            certificate=certificate,
            ldif=ldif,
            admin_dn=_ADMIN_DN,
            admin_password=_ADMIN_PASSWORD,
            size=SIZE_LIMIT,
        )
        (self._folder / "slapd.conf").write_text(text)

    def _fill(self, crowd: ldif.Crowd) -> None:
        shutil.rmtree(self._folder / "database", ignore_errors=True)
        (self._folder / "database").mkdir()
        path = self._folder / "content.ldif"
        with path.open("w") as file:
            file.writelines(ldif.lines(crowd))
        command: list[str | Path] = [_program("slapadd"), "-q", "-f", self._folder / "slapd.conf", "-l", path]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    def _start(self) -> None:
        addresses = f"{self.uri_ldap}/ {self.uri_ldaps}/ {self.uri_ldapi}"
        # -d keeps it in the foreground; its log of operations goes to the standard error output
        command: list[str | Path] = [
            _program("slapd"),
            "-d",
            "stats",
            "-f",
            self._folder / "slapd.conf",
            "-h",
            addresses,
        ]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", start_new_session=True
            )
        self._caretaker.process(self._process.pid)
        wait_until(self._answers, _START_SECONDS, lambda: f"slapd does not answer:\n{self._tail()}")

    def _answers(self) -> bool:
        assert self._running().poll() is None, f"slapd ended:\n{self._tail()}"
        with suppress(ldap.SERVER_DOWN):
            self._signed_in()
            return True
        return False

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        # Its orderly end takes ten times as long, and a paused one would not hear of it. The kernel keeps what was written.
        processes.kill(process.pid, signal.SIGKILL)
        process.wait()
        self._caretaker.forget(process.pid)

    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "slapd is stopped"
        return self._process

    def _tail(self) -> str:
        return self._log.read_text(errors="replace")[-4000:]


def _program(name: str) -> str:
    found = shutil.which(name, path=_SBIN)
    assert found, f"{name} is missing; run 'make test', which installs it"
    return found
