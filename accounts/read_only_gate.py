"""Requests that would change something are refused in read-only mode before anything of them is read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse

from tpi_site.kit import edge, read_only
from tpi_site.kit.read_only import ReadOnly

_READS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_GO_ON = frozenset(
    {
        "account:confirm",
        "account:sign-in",
        "account:sign-in-code",
        "account:sign-out",
        "account:theme",
        "admin:accounts_readonlyperiod_add",
        "admin:accounts_readonlyperiod_do",
        "admin:indexapp_replica_add",
        "admin:indexapp_replica_do",
        "admin:indexapp_replica_hold",
        "admin:indexapp_replica_join",
        "admin:indexapp_replica_leave",
        "admin:indexapp_replica_limit",
        "admin:indexapp_replica_pause",
        "admin:indexapp_replica_promote",
        "admin:indexapp_replica_resume",
        "admin:login",
        "admin:logout",
        "api:doctor",
        "api:read-only",
        "api:replication-holding",
        "api:replication-holding-preview",
        "api:replication-join",
        "api:replication-leave",
        "api:replication-limits",
        "api:replication-pause",
        "api:replication-promote",
        "api:replication-replica",
        "api:replication-replica-appoint",
        "api:replication-replica-dismiss",
        "api:replication-replica-revoke",
        "api:replication-replicas",
        "api:replication-resume",
        "doctor",
        "index:default-rpc",
        "index:default-rpc2",
        "replication:fence",
        "replication:promotion",
        "replication:rows",
        "index:osv-query",
        "index:osv-query-batch",
        "index:rpc",
        "index:rpc2",
        "support-bundle",
    }
)
"""Signing in and out, which reading needs, the switch itself, what operators look at when something is wrong, questions that
are too long for an address, of replicas too, and whom a site follows and is followed by."""

_RELAYED = frozenset({"index:default-upload", "index:upload"})
"""What a replica asks its primary to do."""


class ReadOnlyMiddleware:
    """Let pass what reads, and the few addresses that go on."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass the request on; the view that it is for is known a little later."""
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], arguments: Any, names: Any
    ) -> HttpResponse | None:
        """Refuse what is no reading."""
        name = request.resolver_match.view_name if request.resolver_match else ""
        if request.method in _READS or name in _GO_ON or (name in _RELAYED and read_only.relays()):
            return None
        reason = read_only.why()
        return None if reason is None else edge.to_response(request, ReadOnly(reason))
