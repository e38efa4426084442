"""Receivers of the audit log: made, changed, deleted and tried out."""

from __future__ import annotations

import base64
import re
import secrets
from typing import Any
from urllib.parse import urlsplit

from django.db import transaction
from django.utils import timezone

from accounts import permissions
from accounts.domain.actors import Actor
from accounts.models import AuditEntry, AuditSink
from accounts.models.users import SLUG
from accounts.services import audit, audit_chain, audit_senders
from accounts.services.audit_entries import plain
from accounts.services.audit_senders import SECRET_PREFIX, purpose
from tpi_site.kit import sealing
from tpi_site.kit.errors import Conflict, Invalid, NotFound, Unavailable
from tpi_site.kit.outbound import OutboundFailed

_DEED = "change where the audit log is streamed to"
_FILE = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,99}\Z")
_PREFIX = re.compile(r"[a-z][a-z.-]{0,63}\Z")
_MOST_PREFIXES = 50
_CHANGEABLE = ("address", "format", "action_prefixes", "ca_certificates", "enabled")


def create(
    *,
    actor: Actor,
    name: str,
    kind: str,
    address: str,
    format: str = "json",  # noqa: A002  the field's name
    action_prefixes: list[str] | None = None,
    ca_certificates: str = "",
    secret: str = "",
    enabled: bool = True,
    from_the_beginning: bool = False,
) -> AuditSink:
    """A new receiver, which gets what is recorded from now on, or the whole log."""
    permissions.require_administrator(actor, _DEED)
    sink = AuditSink(
        name=name,
        kind=kind,
        address=address,
        format=format,
        action_prefixes=action_prefixes or [],
        ca_certificates=ca_certificates,
        enabled=enabled,
    )
    plain_secret = _checked(kind, secret)
    SLUG(name)
    _require_sound(sink)
    with transaction.atomic():
        if AuditSink.objects.filter(name=name).exists():
            raise Conflict(f"There is a sink '{name}' already; choose another name.", code="sink-exists")
        if not from_the_beginning:
            sink.cursor = _newest()
        sink.save(force_insert=True)
        sink.secret = sealing.seal(plain_secret, purpose(sink))
        sink.save(update_fields=["secret"])
        audit.record(actor=actor, action="audit-sink.create", subject=sink, after=_described(sink))
    return sink


def change(*, actor: Actor, sink: AuditSink, secret: str | None = None, **given: Any) -> None:
    """Change address, format, filter, certificates, secret or whether it is on; it goes on where it stands."""
    permissions.require_administrator(actor, _DEED)
    unknown = set(given) - set(_CHANGEABLE)
    if unknown:
        raise Invalid(f"'{min(unknown)}' of a sink cannot be changed.", code="field-fixed")
    with transaction.atomic():
        fresh = AuditSink.objects.select_for_update().filter(pk=sink.pk).first()
        if fresh is None:
            raise NotFound("The sink was deleted in the meantime.")
        before = _described(fresh)
        is_moved = given.get("address", fresh.address) != fresh.address
        kept = sealing.unseal(fresh.secret, purpose(fresh)) if is_moved and not secret else ""
        for name, value in given.items():
            setattr(fresh, name, value)
        if secret or kept:
            fresh.secret = sealing.seal(_checked(fresh.kind, secret or kept), purpose(fresh))
        fresh.next_try_at = None
        _require_sound(fresh)
        fresh.save(update_fields=[*_CHANGEABLE, "secret", "next_try_at"])
        audit.record(actor=actor, action="audit-sink.change", subject=fresh, before=before, after=_described(fresh))


def delete(*, actor: Actor, sink: AuditSink) -> None:
    """Stop streaming there."""
    permissions.require_administrator(actor, _DEED)
    with transaction.atomic():
        audit.record(actor=actor, action="audit-sink.delete", subject=sink, before=_described(sink))
        AuditSink.objects.filter(pk=sink.pk).delete()


def test(*, actor: Actor, sink: AuditSink) -> None:
    """Send one line that says that this is a test; refuses with what went wrong."""
    permissions.require_administrator(actor, _DEED)
    with transaction.atomic():
        audit.record(actor=actor, action="audit-sink.test", subject=sink)
    try:
        audit_senders.send(sink, [_specimen(actor)])
    except OutboundFailed as failure:
        raise Unavailable(str(failure), code="sink-failed") from None


def secret_of(*, actor: Actor, sink: AuditSink) -> str:
    """The secret by which the receiver verifies signatures; showing it is recorded."""
    permissions.require_administrator(actor, _DEED)
    with transaction.atomic():
        audit.record(actor=actor, action="audit-sink.show-secret", subject=sink)
    return sealing.unseal(sink.secret, purpose(sink))


def _specimen(actor: Actor) -> dict[str, Any]:
    entry = AuditEntry(at=timezone.now(), actor_name=actor.display_name, method=actor.method.value)
    entry.action, entry.object_type, entry.object_name = (
        "audit-sink.test",
        "auditsink",
        "a test, not an entry of the log",
    )
    return plain(entry, None)


def _newest() -> int:
    audit_chain.link_all()
    return audit_chain.head()[0]


def _described(sink: AuditSink) -> dict[str, Any]:
    values = {name: getattr(sink, name) for name in ("kind", *_CHANGEABLE)}
    values["secret"] = _digested(sink) if sink.secret else ""
    return values


def _digested(sink: AuditSink) -> str:
    """What may be told of the secret; one that does not open must not keep anybody from entering another."""
    try:
        return audit.digested(sealing.unseal(sink.secret, purpose(sink)))
    except Unavailable as error:
        if error.code != sealing.SECRET_SEALED:
            raise
        return "does not open"


def new_secret() -> str:
    """A secret as Standard Webhooks writes them, from 32 random bytes."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def _checked(kind: str, secret: str) -> str:
    """The secret of a new sink, or a new one; only those that are sent over HTTP have one."""
    if kind != AuditSink.Kind.HTTP:
        return ""
    text = secret or new_secret()
    try:
        raw = base64.b64decode(text.removeprefix(SECRET_PREFIX), validate=True)
    except ValueError:
        raw = b""
    if not text.startswith(SECRET_PREFIX) or not 24 <= len(raw) <= 64:  # noqa: PLR2004  what Standard Webhooks demands
        raise Invalid("A secret is 'whsec_' and base64 of 24 to 64 random bytes; leave it empty for a new one.")
    return text


def _require_sound(sink: AuditSink) -> None:
    if sink.kind not in AuditSink.Kind.values or sink.format not in AuditSink.Format.values:
        raise Invalid("The kind is syslog-tls, http or file, the format json, cef or ocsf.", code="sink-invalid")
    sentence = {"syslog-tls": _wrong_host, "http": _wrong_url, "file": _wrong_file}[sink.kind](sink.address)
    if sentence:
        raise Invalid(sentence, code="sink-address-invalid")
    prefixes = sink.action_prefixes
    if not isinstance(prefixes, list) or len(prefixes) > _MOST_PREFIXES:
        raise Invalid(f"The filter is a list of at most {_MOST_PREFIXES} beginnings of actions.", code="sink-invalid")
    if not all(isinstance(prefix, str) and _PREFIX.match(prefix) for prefix in prefixes):
        raise Invalid("Each line of the filter is the beginning of an action, such as 'token.'.", code="sink-invalid")


def _wrong_host(address: str) -> str:
    host, _, port = address.rpartition(":")
    right = bool(host) and port.isascii() and port.isdecimal() and 0 < int(port) < 65536  # noqa: PLR2004  ports
    return (
        "" if right and address.isprintable() and " " not in address else "The address is host:port, usually port 6514."
    )


def _wrong_url(address: str) -> str:
    try:
        parts = urlsplit(address)
        right = parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.username and parts.port != 0
    except ValueError:
        right = False
    is_one_line = address.isprintable() and address.isascii() and " " not in address
    return "" if right and is_one_line else "The address is an https:// (or http://) URL without credentials."


def _wrong_file(address: str) -> str:
    return "" if _FILE.match(address) else "The address is a file name: letters, digits, dots, hyphens, underscores."
