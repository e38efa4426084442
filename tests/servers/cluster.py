"""Two nodes behind HAProxy, on one PostgreSQL, one Redis and one folder for the files, each with a data folder of its own.

With a standby, PostgreSQL is two servers that the nodes are both told of.  With ``disk_megabytes`` each node's data folder is
a small disk of its own.
"""

from __future__ import annotations

import base64
import json
import secrets
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.servers.haproxy import HAProxy
from tests.servers.postgres import Postgres
from tests.servers.redis import Redis
from tests.servers.small_disk import small_disk
from tests.servers.tpi import TpiServer


def shared_secrets() -> dict[str, str]:
    """What all nodes of an installation are given alike."""
    key = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    ring = {"current": "a", "keys": {"a": base64.b64encode(secrets.token_bytes(32)).decode()}}
    return {
        "TPI_SECRET_KEY": secrets.token_urlsafe(48),
        "TPI_TOKEN_PEPPER": secrets.token_urlsafe(48),
        "TPI_KEYRING": "env:CLUSTER_KEYRING",
        "CLUSTER_KEYRING": json.dumps(ring),
        "TPI_AUDIT_KEY": key.decode(),
        "TPI_ADMIN_PASSWORD": "a long enough password",
    }


class Cluster:
    """A context manager; ``settings`` are further variables of both nodes.

    ``from_nothing`` lets the nodes' first start migrate an empty database.
    """

    def __init__(
        self,
        *,
        settings: Mapping[str, str] | None = None,
        standby: bool = False,
        disk_megabytes: int = 0,
        from_nothing: bool = False,
    ) -> None:
        self._settings = dict(settings or {})
        self._disk_megabytes = disk_megabytes
        self._has_standby = standby
        self._from_nothing = from_nothing
        self._stack = ExitStack()
        self.nodes: list[TpiServer] = []
        self.first_logs: list[str] = []

    def __enter__(self) -> Self:
        with self._stack as stack:
            self.database = stack.enter_context(Postgres(migrated=not self._from_nothing))
            database_url = self.database.url
            if self._has_standby:
                self.standby = stack.enter_context(Postgres(of=self.database))
                self.database.commit_on_standby()
                database_url = self.database.url_with(self.standby)
            self.redis = stack.enter_context(Redis())
            self.folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tpi-shared-")))
            settings = shared_secrets() | {
                "TPI_DATABASE_URL": database_url,
                "TPI_CACHE_URL": self.redis.url,
                "TPI_STORAGE_URL": f"file://{self.folder / 'files'}",
                "TPI_TRUSTED_PROXIES": "127.0.0.0/8",
                "TPI_WORKERS": "1",
            }
            self.nodes = [
                TpiServer(settings=settings | self._settings, from_nothing=self._from_nothing) for _ in range(2)
            ]
            for node in self.nodes:
                if self._disk_megabytes:
                    stack.callback(shutil.rmtree, node.folder, ignore_errors=True)
                    stack.enter_context(small_disk(node.data, self._disk_megabytes))
                stack.callback(node.close)
            self.proxy = HAProxy([node.port for node in self.nodes])
            for node in self.nodes:  # both at once, on a database without content
                node.start_without_waiting()
            for node in self.nodes:
                node.wait_until_alive()
            self.first_logs = [node.log for node in self.nodes]
            stack.enter_context(self.proxy)
            self.proxy.wait_until(node0="UP", node1="UP")
            self._stack = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()

    @property
    def url(self) -> str:
        """Where clients come."""
        return self.proxy.url

    def fail_over(self) -> None:
        """Promote the standby, which is ``database`` from now on; the old primary is ``standby``."""
        self.standby.promote()
        self.database, self.standby = self.standby, self.database

    def rejoin(self) -> None:
        """Make the old primary a standby of the new one, with nothing of what it held."""
        self.standby.follow(self.database)
        self.database.commit_on_standby()

    def ask(self, statement: str) -> list[str]:
        """What the database says."""
        return self.database.ask(statement, "tpi")
