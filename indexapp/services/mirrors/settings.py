"""The settings of a mirror's upstream: made with the index, changed, and tried out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from accounts.domain.actors import Actor
from accounts.domain.verbs import Verb
from accounts.services import audit, generations
from indexapp import permissions
from indexapp.clients.upstream import Trial, test
from indexapp.domain import upstream_settings
from indexapp.domain.change_kinds import ChangeKind
from indexapp.models import Index, MirroredProject, Project, Upstream
from indexapp.services import changes
from indexapp.services.mirrors import addresses, secrets
from tpi_site.kit import sealing
from tpi_site.kit.errors import Conflict, Forbidden, Invalid, InvalidFields, NotFound, Unavailable

POLICIES = ("on_removal", "on_yank", "on_quarantine")
WHERE = ("url", "username", "ca_certificates", "client_certificate", "proxy_url")
"""Where the mirror connects to and as whom, which is for administrators of the instance, as the secrets are."""
TERMS = ("page_seconds", "missing_seconds", *POLICIES, "is_offline", "is_frozen", "room", "keep_hours")
EDITABLE = frozenset({*WHERE, *TERMS, *secrets.NAMES})
_GUARDED = EDITABLE - frozenset(TERMS)
_AGAIN = "Enter it again: it would be sent to another server than the one that it was given for."


def make(index: Index, values: Mapping[str, Any]) -> Upstream:
    """The row of a new mirror, for who makes the index; call it in that transaction."""
    upstream = Upstream(index=index)
    upstream.save(force_insert=True)
    _set(upstream, values, dict.fromkeys(secrets.NAMES, ""))
    upstream.save()
    return upstream


def change(*, actor: Actor, index: Index, force: bool = False, **values: Any) -> Upstream:
    """Change some of :data:`EDITABLE`; a secret that is not given stays, an empty one goes.

    Another ``url`` for a mirror that holds projects needs ``force``: its names would stand for what somebody else publishes.
    """
    _require_may_change(actor, index, values)
    require_mirror(index)
    with transaction.atomic():
        upstream = Upstream.objects.select_for_update().filter(index=index).first()
        if upstream is None:
            raise NotFound("The index was deleted in the meantime.")
        upstream.index = index
        before = described(upstream)
        _require_meant(upstream, values, is_meant=force)
        _set(upstream, values, _kept(upstream, values))
        if values.keys() & {*WHERE, *secrets.NAMES}:
            upstream.failing_since, upstream.failure = None, ""
        upstream.save()
        _ask_anew(upstream, before)
        audit.record(actor=actor, action="upstream.change", subject=index, before=before, after=described(upstream))
        generations.bump_access()
        changes.record(actor=actor, kind=ChangeKind.INDEX_CHANGED, index=index, fields=sorted(values))
    return upstream


def try_out(*, actor: Actor, index: Index) -> Trial:
    """Ask the upstream for its list of projects and tell what came of it; it keeps nothing."""
    require_may_test(actor, index)
    require_mirror(index)
    if index.upstream.is_offline:
        raise Conflict(f"The mirror '{index.name}' is offline; its upstream is not contacted.", code="mirror-offline")
    with transaction.atomic():
        audit.record(actor=actor, action="upstream.test", subject=index, upstream=addresses.in_words(index.upstream))
    return test(addresses.of(index))


def require_may_test(actor: Actor, index: Index) -> None:
    """Refuse who neither runs the installation nor administers the index."""
    if not actor.may_operate:
        permissions.require(actor, Verb.ADMINISTER, index)


def require_mirror(index: Index) -> None:
    """Refuse what only a mirror has to an index that is none."""
    if index.kind != Index.Kind.MIRROR or not hasattr(index, "upstream"):
        raise Invalid(f"'{index.name}' is a {index.kind} index and has no upstream.", code="index-not-mirror")


def described(upstream: Upstream) -> dict[str, Any]:
    """What may be told of the settings: all but the secrets, of which it is told whether they are the same."""
    shown = {name: getattr(upstream, name) for name in (*WHERE, *TERMS)}
    for name in sorted(secrets.NAMES):
        shown[name] = _digested(upstream, name)
    return shown


def _digested(upstream: Upstream, name: str) -> str:
    """What may be told of a secret; one that does not open must not keep anybody from entering another."""
    text = getattr(upstream, name)
    try:
        return audit.digested(sealing.unseal(text, secrets.purpose(upstream, name))) if text else ""
    except Unavailable as error:
        if error.code != sealing.SECRET_SEALED:
            raise
        return "does not open"


def _require_may_change(actor: Actor, index: Index, values: Mapping[str, Any]) -> None:
    if unknown := values.keys() - EDITABLE:
        raise Invalid(f"An upstream has no {', '.join(sorted(unknown))}.", code="field-fixed")
    require_may_test(actor, index)
    if values.keys() & _GUARDED and not actor.may_administer_instance:
        raise Forbidden(
            "Only an administrator of the instance may say where a mirror fetches from, and as whom.",
            code="administrator-needed",
        )


def _require_meant(upstream: Upstream, values: Mapping[str, Any], *, is_meant: bool) -> None:
    if values.get("url", upstream.url) == upstream.url or is_meant:
        return
    if Project.objects.filter(index_id=upstream.index_id).exists():
        raise Conflict(
            "The mirror holds projects of the present upstream, and under the same names another one may have other bytes; "
            "make a new mirror, or confirm with 'force' that the new address is the same repository.",
            code="upstream-holds-projects",
        )


def _kept(upstream: Upstream, values: Mapping[str, Any]) -> dict[str, str]:
    """The secrets that stay, in clear, since what they are bound to may change."""
    wrong = {}
    kept = {}
    for name in secrets.NAMES - values.keys():
        place = "proxy_url" if name == "proxy_password" else "url"
        before = getattr(upstream, place)
        if getattr(upstream, name) and upstream_settings.leads_elsewhere(before, values.get(place, before)):
            wrong[name] = _AGAIN
        else:
            kept[name] = sealing.unseal(getattr(upstream, name), secrets.purpose(upstream, name))
    if wrong:
        raise InvalidFields(wrong, code="secret-again")
    return kept


def _set(upstream: Upstream, values: Mapping[str, Any], kept: Mapping[str, str]) -> None:
    if unknown := values.keys() - EDITABLE:
        raise Invalid(f"An upstream has no {', '.join(sorted(unknown))}.", code="field-fixed")
    for name, value in values.items():
        if name not in secrets.NAMES:
            setattr(upstream, name, value)
    plain = {name: values.get(name, kept.get(name, "")) for name in secrets.NAMES}
    wrong = upstream_settings.faults({name: getattr(upstream, name) for name in (*WHERE, *TERMS)} | plain)
    for name in POLICIES:
        if getattr(upstream, name) not in Upstream.Follow.values:
            wrong[name] = "Use 'hide' or 'keep'."
    if wrong:
        raise InvalidFields(wrong, code="upstream-invalid")
    for name, secret in plain.items():
        setattr(upstream, name, sealing.seal(secret, secrets.purpose(upstream, name)))


def _ask_anew(upstream: Upstream, before: Mapping[str, Any]) -> None:
    """Let every page be read again where the answer to the same page would now be another."""
    if any(before[name] != getattr(upstream, name) for name in ("url", *POLICIES)):
        MirroredProject.objects.filter(index_id=upstream.index_id).update(etag="", last_modified="", fresh_until=None)
