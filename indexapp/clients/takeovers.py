"""Telling an old primary that this site took over, and asking a replica whether it did."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from indexapp.clients.files import plain
from indexapp.clients.primary import INSECURE, SITE, PrimaryFailed, require_confidential, seconds
from tpi_site.kit import outbound
from tpi_site.kit.outbound import Limits, OutboundFailed, Target, Way

_SMALL = 64 * 1024
_LIMITS = Limits(most=_SMALL, head=5.0, idle=5.0, total=10.0)
_OK = 200


def tell(
    url: str, secret: str, site: str, said: Mapping[str, Any], *, ca_certificates: str = "", path: str = "fence"
) -> dict[str, Any]:
    """Tell the site at ``url``, with the replica's secret, and return its answer; raises PrimaryFailed."""
    try:
        require_confidential(url, *INSECURE)
    except OutboundFailed as error:
        raise PrimaryFailed(str(error), error.code.value) from None
    way = Way(url, username="replica", password=secret, ca_certificates=ca_certificates)
    return _posted(url, path, said, {SITE: site}, way)


def ask(url: str, said: Mapping[str, Any], *, ca_certificates: str = "") -> dict[str, Any]:
    """The answer of the replica at ``url`` to whether it took over; raises PrimaryFailed."""
    return _posted(url, "promotion", said, {}, Way(url, ca_certificates=ca_certificates))


def _posted(url: str, path: str, said: Mapping[str, Any], headers: dict[str, str], way: Way) -> dict[str, Any]:
    address = f"{url.rstrip('/')}/api/v1/replication/{path}/"
    told = {**headers, "Content-Type": "application/json"}
    try:
        with outbound.send(address, json.dumps(dict(said)).encode(), told, way=way, limits=_LIMITS) as answer:
            body = b"".join(answer.body)[:_SMALL]
            status, host = answer.status, Target.of(answer.url).host
            retry_after = seconds(answer.headers.get("Retry-After"))
    except OutboundFailed as error:
        raise PrimaryFailed(str(error), error.code.value) from None
    found: Any = None
    with suppress(ValueError, RecursionError):
        found = json.loads(body)
    if status == _OK and isinstance(found, dict):
        return found
    code, sentence = "bad-answer", f"{host} answers {status}."
    with suppress(TypeError, KeyError):
        code, sentence = plain(str(found["code"]), 40), plain(str(found["detail"]), 300)
    raise PrimaryFailed(sentence, code, status, retry_after)
