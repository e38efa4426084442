"""A connection to whichever of several servers is the primary, and to no other for longer than a request."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from django.db.backends.postgresql import base

from tpi_site.kit.postgresql import timelines

_last_good = ""
"""The server that this process was connected to last, which is asked first: one that is away may cost seconds."""


class DatabaseWrapper(base.DatabaseWrapper):
    """As Django's; ``HOST`` and ``PORT`` are lists with commas, and a server that takes no writes is none."""

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Connect to the first server that takes writes and has not been taken over from."""
        global _last_good  # noqa: PLW0603  one value per process, which saves time only
        faults = []
        for server in sorted(_servers(conn_params), key=lambda one: _name(one) != _last_good):
            try:
                connection = self._connection_to(conn_params | server)
            except self.Database.OperationalError as error:
                faults.append(f"{_name(server)}: {' '.join(str(error).split())}")
            else:
                _last_good = _name(server)
                return connection
        raise self.Database.OperationalError("No server takes writes now. " + "; ".join(faults))

    def _connection_to(self, conn_params: dict[str, Any]) -> Any:
        connection = super().get_new_connection(conn_params | {"autocommit": True})
        with ExitStack() as stack:
            stack.callback(connection.close)
            if timelines.is_behind(connection):
                raise self.Database.OperationalError(
                    "another has taken over from this one, so nothing is written to it"
                )
            stack.pop_all()
        return connection

    def is_usable(self) -> bool:
        """Whether the connection lives and its server still takes writes; asked when a request begins, or has failed."""
        if self.connection is None:
            return False
        try:
            (is_read_only,) = self.connection.execute("SHOW transaction_read_only").fetchone()
        except self.Database.Error:
            return False
        return bool(is_read_only == "off")


def _servers(conn_params: dict[str, Any]) -> list[dict[str, str]]:
    hosts, ports = conn_params["host"].split(","), str(conn_params.get("port") or "").split(",")
    ports = ports * len(hosts) if len(ports) == 1 else ports
    return [{"host": host, "port": port} for host, port in zip(hosts, ports, strict=True)]


def _name(server: dict[str, str]) -> str:
    return f"{server['host']}:{server['port']}"
