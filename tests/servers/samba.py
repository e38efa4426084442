"""A Samba Active Directory domain controller on a loopback address of its own, with the content of ``samba_accounts``.

It answers LDAP with StartTLS and LDAPS. Passwords are taken under TLS only, and nobody reads without having signed in.
"""

from __future__ import annotations

import shutil
import signal
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from ldap.ldapobject import LDAPObject

from tests.servers import samba_template
from tests.servers.caretaker import Caretaker
from tests.servers.certificates import Authority, ServerCertificate
from tests.servers.ports import ClaimedAddress
from tests.servers.samba_accounts import Accounts
from tests.servers.samba_process import PORTS, DomainController

_IDLE_SECONDS = 300
"""Samba closes a connection that nobody has used for a quarter of an hour."""


class Samba(Accounts):
    """A context manager; the server runs inside."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="tpi-samba-"))
        self._caretaker = Caretaker()
        self._caretaker.folder(self._folder)
        self._claim = ClaimedAddress(purpose="samba", first=samba_template.FIRST_ADDRESS, ports=PORTS)
        address = self._claim.address
        authority = Authority(self._folder)
        self.ca_file = authority.ca_file
        self.other_ca_file = Authority(self._folder, "Other CA").ca_file
        self._good = authority.issue("server", names=["dc1.tpi.example"], addresses=[address])
        self._expired = authority.issue("expired", addresses=[address], is_expired=True)
        self._certificate = self._good
        self._controller = DomainController(
            folder=self._folder, address=address, ca_file=self.ca_file, caretaker=self._caretaker
        )
        self._connection: LDAPObject | None = None
        self._used_at = 0.0
        self._log_begin = 0
        self._is_changed = False
        self.uri_ldap = f"ldap://{address}"
        self.uri_ldaps = f"ldaps://{address}"

    def __enter__(self) -> Self:
        try:
            samba_template.copy_into(self._folder)
            self._start(self._good)
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
            self._claim.release()
            shutil.rmtree(self._folder, ignore_errors=True)

    def reset(self) -> None:
        """Running, with the known content and a good certificate, and no sign-in counted."""
        if self._is_changed:
            self._end()
            shutil.rmtree(self._folder / "dc")
            samba_template.copy_into(self._folder)
            self._start(self._good)
            self._is_changed = False
        self._log_begin = self._controller.log.stat().st_size

    def stop(self) -> None:
        """Nobody listens any more; ``restart`` brings the server back."""
        self._is_changed = True
        self._end()

    def restart(self) -> None:
        """End it if it runs, and start it with what it holds."""
        self._end()
        self._start(self._certificate)

    def pause(self) -> None:
        """Connections are still taken by the kernel, and nothing answers until ``resume``."""
        self._is_changed = True
        self._controller.pause()

    def resume(self) -> None:
        """Answer again, first what was asked meanwhile."""
        self._controller.signal(signal.SIGCONT)

    def use_expired_certificate(self) -> None:
        """Restart with a certificate of the trusted authority that is out of date since yesterday."""
        self._is_changed = True
        self._end()
        self._start(self._expired)

    def binds(self, name: str) -> int:
        """How often anyone tried to sign in with a password as the account since the test began, with success or without.

        An account that exists is meant however it was named: by ``sAMAccountName``, principal name or DN.
        """
        return self._controller.accounts_tried(self._log_begin).count(name.lower())

    def _admin(self) -> LDAPObject:
        self._is_changed = True
        return self._reader()

    def _reader(self) -> LDAPObject:
        now = time.monotonic()
        if self._connection is None or now - self._used_at > _IDLE_SECONDS:
            self._connection = self._controller.signed_in()
        self._used_at = now
        return self._connection

    def _start(self, certificate: ServerCertificate) -> None:
        self._certificate = certificate
        self._controller.start(certificate, trusted=certificate is self._good)

    def _end(self) -> None:
        self._connection = None
        self._controller.stop()
