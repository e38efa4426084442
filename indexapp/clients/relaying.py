"""Handing an upload on to the primary with its sender's own credentials, and reading what the primary says of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import quote

from indexapp.clients.files import plain
from indexapp.clients.primary import PrimaryFailed, require_confidential, seconds
from tpi_site.kit import outbound
from tpi_site.kit.outbound import Limits, OutboundFailed, Response, Target, Way

RELAY, KEY, SITE, SERIAL = "X-TPI-Relay", "Idempotency-Key", "X-TPI-Site", "X-TPI-Serial"
"""Headers: through which sites it came, the last one last, and the same for the same file; who answers, and up to which
serial who relays has to be to have it."""
LIMITS = Limits(most=1024 * 1024, head=3600.0, step=60.0, idle=20.0, total=20.0)
TAKEN = 200
_INSECURE = ("relay-insecure", "credentials of people are")
_TOO_MANY = 429
_NUMBER = re.compile(r"[0-9]{1,18}\Z")


@dataclass(frozen=True)
class Upload:
    """What is handed on; ``pieces`` are ``length`` bytes of a form of ``content_type``."""

    index: str
    content_type: str
    length: int
    pieces: Iterable[bytes] = field(repr=False)


@dataclass(frozen=True)
class Told:
    """The primary's answer.

    ``status`` is 200 for what was taken, with ``serial`` and ``warnings``; else ``code`` and ``sentence`` say why not.
    """

    status: int
    code: str = ""
    sentence: str = ""
    retry_after: int = 0
    serial: int = 0
    site: str = ""
    warnings: tuple[str, ...] = ()


def hand_on(url: str, ca_certificates: str, upload: Upload, headers: Mapping[str, str]) -> Told:
    """Let the site at ``url`` take the upload or refuse it; ``headers`` have the sender's Authorization.

    Raises PrimaryFailed for what is no answer of a TPI.  It is not known then whether the upload was taken.
    """
    try:
        require_confidential(url, *_INSECURE)
        address = f"{url.rstrip('/')}/{quote(upload.index, safe='')}/legacy/"
        said = {
            **headers,
            "Content-Type": upload.content_type,
            "Content-Length": str(upload.length),
            "Accept": "application/problem+json",
        }
        way = Way(url, ca_certificates=ca_certificates)
        with outbound.send(address, upload.pieces, said, way=way, limits=LIMITS) as answer:
            body = b"".join(answer.body)
            return _taken(answer, body) if answer.status == TAKEN else _refused(answer, body)
    except OutboundFailed as error:
        raise PrimaryFailed(str(error), error.code.value) from None


def _taken(answer: Response, body: bytes) -> Told:
    serial, site = answer.headers.get(SERIAL) or "", answer.headers.get(SITE) or ""
    if not _NUMBER.match(serial) or not site:
        raise PrimaryFailed(
            f"{Target.of(answer.url).host} answers 200, but not as a primary does.", "bad-answer", TAKEN
        )
    lines = body.decode("utf-8", "replace").splitlines()
    return Told(TAKEN, serial=int(serial), site=site, warnings=tuple(plain(line) for line in lines[:100]))


def _refused(answer: Response, body: bytes) -> Told:
    after = seconds(answer.headers.get("Retry-After"))
    with suppress(ValueError, KeyError, TypeError, RecursionError):
        problem = json.loads(body)
        if problem["status"] == answer.status:
            code, sentence = plain(str(problem["code"]), 40), plain(str(problem["detail"]))
            return Told(answer.status, code, sentence, after)
    host = Target.of(answer.url).host
    if answer.status == _TOO_MANY:  # of a proxy before it: it stands, and is to be asked later
        return Told(_TOO_MANY, "primary-busy", f"{host} takes no more requests for now; send it again later.", after)
    raise PrimaryFailed(
        f"{host} answers {answer.status}, and not as a primary does.", "bad-answer", answer.status, after
    )
