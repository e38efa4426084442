"""Sending lines to a receiver: all of a batch, or a failure."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import socket
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from django.conf import settings

from accounts.domain import sealed_purposes
from accounts.domain.audit_formats import FORMATS
from accounts.domain.syslog import framed
from accounts.models import AuditSink
from tpi_site.kit import outbound, sealing
from tpi_site.kit.outbound import OutboundFailed

Entries = Sequence[Mapping[str, Any]]
SECRET_PREFIX = "whsec_"  # noqa: S105  what Standard Webhooks begin secrets with


def send(sink: AuditSink, entries: Entries) -> None:
    """Deliver ``entries`` in order; raises :class:`OutboundFailed`, after which some may have arrived all the same."""
    if not entries:
        return
    {"syslog-tls": _syslog, "http": _http, "file": _file}[sink.kind](sink, entries)


def _lines(sink: AuditSink, entries: Entries) -> list[str]:
    return [FORMATS[sink.format](entry) for entry in entries]


def _syslog(sink: AuditSink, entries: Entries) -> None:
    """RFC 5425 knows no receipt; that the receiver closes its side after all was read is the nearest to one."""
    host, _, port = sink.address.rpartition(":")
    host = host.strip("[]")
    here = socket.gethostname()
    messages = [
        framed(line, at=entry["at"], host=here, action=entry["action"], is_refusal=entry["outcome"] == "refused")
        for entry, line in zip(entries, _lines(sink, entries), strict=True)
    ]
    secured = outbound.secure(outbound.connect(host, int(port)), host, sink.ca_certificates)
    try:
        secured.sendall(b"".join(messages))
        _close(secured)
    except OSError as error:
        raise OutboundFailed(f"{host} broke the connection off: {error.strerror or error}.") from None
    finally:
        secured.close()


def _close(secured: Any) -> None:
    """Say good-bye and wait for the answer; a receiver that only hangs up has read what came before, too."""
    try:
        secured.unwrap()
    except (ConnectionError, TimeoutError):
        raise
    except OSError:
        return


def _http(sink: AuditSink, entries: Entries) -> None:
    """Standard Webhooks: the id is the same when the same entries are sent again, so that receivers can tell."""
    body = "".join(f"{line}\n" for line in _lines(sink, entries)).encode()
    message = f"audit-{sink.pk}-{entries[0]['position']}-{entries[-1]['position']}"
    moment = str(int(time.time()))
    headers = {
        "Content-Type": "application/jsonl",
        "User-Agent": "tpi-audit",
        "webhook-id": message,
        "webhook-timestamp": moment,
        "webhook-signature": f"v1,{signature(sealing.unseal(sink.secret, purpose(sink)), message, moment, body)}",
    }
    answer = outbound.post(sink.address, body, headers, ca_certificates=sink.ca_certificates)
    if not 200 <= answer.status < 300:  # noqa: PLR2004  the class of successes
        raise OutboundFailed(f"The receiver answered {answer.status}.")


def purpose(sink: AuditSink) -> str:
    """What the sink's secret is sealed for: it, and the address that it signs for."""
    return sealed_purposes.of_sink(sink.pk, sink.address)


def signature(secret: str, message: str, moment: str, body: bytes) -> str:
    """The base64 HMAC-SHA-256 of Standard Webhooks over id, time and body."""
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    return base64.b64encode(hmac.digest(key, f"{message}.{moment}.".encode() + body, hashlib.sha256)).decode()


def _file(sink: AuditSink, entries: Entries) -> None:
    folder = Path(settings.TPI_DATA_DIR) / "audit-streams"
    text = "".join(f"{line}\n" for line in _lines(sink, entries)).encode()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(folder / sink.address, "a+b", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            file.write(_mended(file) + text)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise OutboundFailed(f"The file {sink.address} cannot be written: {error.strerror}.") from None


def _mended(file: BinaryIO) -> bytes:
    """What ends a line that was broken off (power cut, full disk); it comes again whole, and must not be glued to it."""
    if not file.seek(0, os.SEEK_END):
        return b""
    file.seek(-1, os.SEEK_END)
    return b"" if file.read(1) == b"\n" else b"\n"
