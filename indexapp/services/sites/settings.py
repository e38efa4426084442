"""Mirror sites: registered, changed, retired, taken out and put back; and what an index does with them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from ipaddress import ip_network
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.domain.actors import Actor
from accounts.models.users import SLUG
from accounts.permissions import require_administrator, require_operator
from accounts.services import alarms, audit, generations
from indexapp.clients.mirror_sites import SiteAddress
from indexapp.domain import balancing
from indexapp.models import FileProof, Index, IndexSending, MirrorSite, SiteIndex
from indexapp.services.sites import secrets, standing
from tpi_site.kit import sealing
from tpi_site.kit.errors import Conflict, Invalid, NotFound
from tpi_site.kit.outbound import OutboundFailed

_DEED = "say which mirror sites there are"
_OPERATE = "take mirror sites out and put them back"
_COLUMNS = (
    "base_url", "region", "networks", "weight", "capacity", "sending", "takes_private", "signing", "ca_certificates",
    "lag_hours",
)  # fmt: skip
EDITABLE = frozenset({*_COLUMNS, "signing_key", "indexes"})
"""``indexes`` are names; ``signing_key`` is in clear, None to keep the one there is."""
MOST = 200
"""Sites that may be registered."""
_MOST_NETWORKS = 200
_MOST_LAG = 24 * 366
_KEY = (16, 200)
_CHECKED = frozenset({"base_url", "ca_certificates", "signing", "signing_key", "indexes", "takes_private"})


def register(*, actor: Actor, name: str, **values: Any) -> MirrorSite:
    """A new site, on probation: it gets nobody before it has passed some checks."""
    require_administrator(actor, _DEED)
    _require_known(values)
    try:
        SLUG(name[:65])
    except ValidationError:
        raise _unnameable() from None
    if not name or len(name) > 64:  # noqa: PLR2004  as the column
        raise _unnameable()
    site = MirrorSite(name=name, created_by=actor.display_name, next_check_at=timezone.now())
    try:
        with transaction.atomic():
            if MirrorSite.objects.count() >= MOST:
                raise Conflict(f"There are {MOST} mirror sites already; retire one first.", code="sites-too-many")
            _set(site, values)
            site.save(force_insert=True)
            _set_indexes(site, values.get("indexes") or ())
            audit.record(actor=actor, action="mirror-site.register", subject=site, after=described(site))
            generations.bump_sites()
    except IntegrityError:
        raise Conflict(
            f"There is a mirror site named '{name}' already; take another name.", code="name-taken"
        ) from None
    return site


def change(*, actor: Actor, site: MirrorSite, **values: Any) -> MirrorSite:
    """Change some of :data:`EDITABLE`; where it is asked otherwise from now on, it is on probation again."""
    require_administrator(actor, _DEED)
    _require_known(values)
    with transaction.atomic():
        fresh = _locked(site)
        before = described(fresh)
        _set(fresh, values)
        if "indexes" in values:
            _set_indexes(fresh, values["indexes"])
        if values.keys() & _CHECKED:
            _begin_anew(fresh, keeps_out=True)
        fresh.save()
        audit.record(actor=actor, action="mirror-site.change", subject=fresh, before=before, after=described(fresh))
        generations.bump_sites()
    return fresh


def retire(*, actor: Actor, site: MirrorSite) -> None:
    """It is no mirror site any more."""
    require_administrator(actor, _DEED)
    with transaction.atomic():
        fresh = _locked(site)
        audit.record(actor=actor, action="mirror-site.retire", subject=fresh, before=described(fresh))
        fresh.delete()
        generations.bump_sites()
    _settle(site.name)


def take_out(*, actor: Actor, site: MirrorSite, reason: str = "") -> MirrorSite:
    """Nobody is given it from now on, until somebody puts it back."""
    require_operator(actor, _OPERATE)
    with transaction.atomic():
        fresh = _locked(site)
        if fresh.state in {MirrorSite.State.OUT, MirrorSite.State.WRONG}:
            raise Conflict(f"The mirror site '{site.name}' is out already.", code="site-out")
        fresh.state, fresh.state_at, fresh.reason = MirrorSite.State.OUT, timezone.now(), reason[:500]
        fresh.save(update_fields=["state", "state_at", "reason"])
        audit.record(actor=actor, action="mirror-site.take-out", subject=fresh, reason=fresh.reason)
        generations.bump_sites()
    _settle(site.name)
    return fresh


def put_back(*, actor: Actor, site: MirrorSite) -> MirrorSite:
    """Somebody has looked: it is on probation again, and what was known of its files is forgotten."""
    require_operator(actor, _OPERATE)
    with transaction.atomic():
        fresh = _locked(site)
        if fresh.state not in {MirrorSite.State.OUT, MirrorSite.State.WRONG}:
            raise Conflict(f"The mirror site '{site.name}' is not out.", code="site-in")
        before = fresh.state
        _begin_anew(fresh, keeps_out=False)
        fresh.save()
        audit.record(actor=actor, action="mirror-site.put-back", subject=fresh, was=before)
        generations.bump_sites()
    _settle(site.name)
    return fresh


def set_mode(*, actor: Actor, index: Index, mode: str) -> IndexSending:
    """What an index does with its mirror sites: ``off``, ``through`` or ``redirect``."""
    require_administrator(actor, _DEED)
    if mode not in IndexSending.Mode.values:
        raise Invalid("The mode is off, through or redirect.", code="mode-unknown")
    with transaction.atomic():
        row = IndexSending.objects.filter(index=index).first() or IndexSending(index=index)
        before, row.mode = row.mode, mode
        row.save()
        audit.record(actor=actor, action="index.sending", subject=index, before={"mode": before}, after={"mode": mode})
        generations.bump_sites()
    return row


def mode_of(index: Index) -> str:
    """The mode of an index; one query."""
    row = IndexSending.objects.filter(index=index).first()
    return row.mode if row is not None else IndexSending.Mode.OFF.value


def described(site: MirrorSite) -> dict[str, Any]:
    """What may be told of a site: all but its key."""
    shown = {name: getattr(site, name) for name in _COLUMNS}
    return {**shown, "signing_key": "kept" if site.signing_key else "", "indexes": index_names(site)}


def index_names(site: MirrorSite) -> list[str]:
    """The indexes whose files it has, by name."""
    rows = SiteIndex.objects.filter(site_id=site.pk).order_by("index__name")
    return list(rows.values_list("index__name", flat=True))


def _locked(site: MirrorSite) -> MirrorSite:
    fresh = MirrorSite.objects.select_for_update().filter(pk=site.pk).first()
    if fresh is None:
        raise NotFound("The mirror site was retired in the meantime.", code="site-unknown")
    return fresh


def _begin_anew(site: MirrorSite, *, keeps_out: bool) -> None:
    if not (keeps_out and site.state in {MirrorSite.State.OUT, MirrorSite.State.WRONG}):
        site.state, site.state_at, site.reason = MirrorSite.State.PROBATION, timezone.now(), ""
    site.passes, site.failures, site.share, site.next_check_at = 0, 0, balancing.BEGIN, timezone.now()
    FileProof.objects.filter(site=site).delete()


def _settle(name: str) -> None:
    for code in (standing.AWAY, standing.STALE, standing.WRONG_BYTES):
        alarms.settle(code, subject=name)


def _set(site: MirrorSite, values: Mapping[str, Any]) -> None:
    before = site.base_url
    for name in _COLUMNS:
        if name in values:
            setattr(site, name, values[name])
    key = values.get("signing_key")
    if site.signing == MirrorSite.Signing.NONE:
        site.signing_key = ""
    elif key:
        if not _KEY[0] <= len(key) <= _KEY[1] or not key.isascii() or not key.isprintable() or " " in key:
            raise Invalid(
                f"The key has {_KEY[0]} to {_KEY[1]} printable characters and no spaces.", code="site-key-invalid"
            )
        site.signing_key = sealing.seal(key, secrets.purpose(site.name, site.base_url))
    elif site.base_url != before or not site.signing_key:
        raise Invalid(
            "Give the key with which addresses are signed; for another address it is to be given again.",
            code="site-key-missing",
        )
    _require_sound(site)


def _require_sound(site: MirrorSite) -> None:
    _require_address(site)
    site.networks = _networks(site.networks)
    if not 0 < site.weight <= 1000 or not math.isfinite(site.weight):  # noqa: PLR2004  far more than anybody needs
        raise Invalid("The weight is a number above 0, up to 1000.", code="site-weight")
    if site.capacity is not None and not 0 < site.capacity < 2**62:
        raise Invalid(
            "The capacity is in bytes a second, above 0; leave it out where nobody knows.", code="site-capacity"
        )
    if not 0 <= site.lag_hours <= _MOST_LAG:
        raise Invalid(f"The tree may be 0 to {_MOST_LAG} hours old.", code="site-lag")
    if site.sending not in MirrorSite.Sending.values or site.signing not in MirrorSite.Signing.values:
        raise Invalid("A site is sent to through or redirect, and signs none, nginx or tpi.", code="site-words")
    if site.region and not all(word.isalnum() and word.isascii() for word in site.region.split("-")):
        raise Invalid("A region is words from the large to the small, with hyphens, as eu-de.", code="site-region")
    if site.takes_private and site.signing == MirrorSite.Signing.NONE:
        raise Invalid(
            "A site gets private files only by signed addresses; say how it checks them.", code="site-private-unsigned"
        )


def _require_address(site: MirrorSite) -> None:
    wrong = Invalid(
        "The address is an http or https URL without credentials, query, fragment and scope; {index} stands for the name of "
        "the index.",
        code="site-address",
    )
    try:
        parts = urlsplit(site.base_url)
        is_bare = not set(site.base_url) & set("?#@") and "%" not in parts.netloc  # also where nothing follows them
        SiteAddress(site.base_url, site.ca_certificates).way.check()
    except (ValueError, OutboundFailed):
        raise wrong from None
    is_one_line = site.base_url.isascii() and site.base_url.isprintable() and " " not in site.base_url
    if not is_bare or not is_one_line or len(site.base_url) > 500 or "{index}" in parts.netloc:  # noqa: PLR2004  as the column
        raise wrong


def _networks(given: Any) -> list[str]:
    if not isinstance(given, list) or len(given) > _MOST_NETWORKS:
        raise Invalid(f"Networks are a list of at most {_MOST_NETWORKS}.", code="site-networks")
    try:
        return sorted({str(ip_network(str(each).strip(), strict=False)) for each in given})
    except ValueError:
        raise Invalid("A network is written as 10.1.0.0/16 or 2001:db8::/32.", code="site-networks") from None


def _set_indexes(site: MirrorSite, names: Iterable[str]) -> None:
    wanted = {name: Index.objects.filter(name=name).first() for name in names}
    if unknown := sorted(name for name, index in wanted.items() if index is None):
        raise Invalid(f"There is no index named '{unknown[0][:64]}'.", code="index-unknown")
    if len(wanted) > 1 and "{index}" not in site.base_url:
        raise Invalid(
            "One tree has one index: write {index} into the address where its name stands there.", code="site-address"
        )
    site.site_indexes.exclude(index__name__in=wanted).delete()
    held = set(site.site_indexes.values_list("index__name", flat=True))
    SiteIndex.objects.bulk_create(
        SiteIndex(site=site, index=index) for name, index in wanted.items() if index is not None and name not in held
    )


def _require_known(values: Mapping[str, Any]) -> None:
    if unknown := values.keys() - EDITABLE:
        raise Invalid(f"A mirror site has no {', '.join(sorted(unknown))}.", code="field-fixed")


def _unnameable() -> Invalid:
    return Invalid("Name the site in at most 64 lower-case letters, digits and hyphens.", code="name-invalid")
