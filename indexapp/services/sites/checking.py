"""Sites are checked by content: files that they should have are fetched, whole and bounded, and held against their digests.

What readers wanted of a site, and nobody had looked at there, is looked at likewise; only what was is asked of it for readers.
"""

from __future__ import annotations

import hashlib
import logging
import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from accounts.services import generations
from indexapp.clients import mirror_sites as client
from indexapp.clients.mirror_sites import STRETCH, SiteAddress, SiteLacks, SiteLate, SiteTrouble, SiteWrong
from indexapp.models import FileProof, MirrorSite, PieceDigests
from indexapp.services.serving import files, index_map, watermarks
from indexapp.services.sites import secrets, specimens, standing
from indexapp.services.sites.specimens import Specimen
from tpi_site.kit import locking
from tpi_site.kit.errors import Refusal, Unavailable

log = logging.getLogger(__name__)
PROVED_FOR: Final = timedelta(hours=24)
"""For how long it counts that a site was found to have a content."""
MOST_BYTES: Final = 256 * 1024 * 1024
"""Of one content; larger ones are given from here."""
_PATIENCE: Final = 10.0
_LONGEST: Final = 60.0
"""Seconds for one content: the other sites wait meanwhile."""
_LOCK = "mirror sites"
_WISHES, _WISHED_BYTES, _WISHED_SECONDS = 200, 512 * 1024 * 1024, 30.0
_OLD = timedelta(days=2)
_BATCH = 1000


@dataclass
class Report:
    """What a check of a site came to: how many files were right, and what was not."""

    right: int = 0
    wishes: int = 0
    wrong: str = ""
    lacking: str = ""
    away: str = ""
    seconds: list[float] = field(default_factory=list)
    is_slow: bool = False


def run(*, now: bool = False, only: MirrorSite | None = None) -> dict[str, Report]:
    """Check the sites that are due (``now``: all that a person has not to look at first), and look at what readers wanted."""
    reports: dict[str, Report] = {}
    if not MirrorSite.objects.exists():
        return reports
    with locking.alone(_LOCK):
        rows = MirrorSite.objects.exclude(state__in=[MirrorSite.State.WRONG, MirrorSite.State.OUT])
        rows = rows.order_by("failures", "next_check_at", "pk")  # one that hangs keeps none waiting that answered last
        for site in rows.filter(pk=only.pk) if only is not None else rows:
            try:
                _look_at(site, reports, is_due=now or site.next_check_at <= timezone.now())
            except MirrorSite.DoesNotExist:  # it was retired meanwhile
                continue
            except Refusal as error:  # its key does not open; the sites after it are looked at all the same
                log.warning("The mirror site %s cannot be looked at: %s", site.name, error.detail)
        _sweep()
    return reports


def _look_at(site: MirrorSite, reports: dict[str, Report], *, is_due: bool) -> None:
    report = Report()
    if is_due:
        report = _check(site)
        reports[site.name] = report
    site.refresh_from_db()
    if site.state in standing.IN_USE:
        report.wishes = _grant(site)


def prove(address: SiteAddress, specimen: Specimen) -> bytes:
    """Fetch it and hold it against its digest; the digests of its stretches, where it has several.  Raises as the client."""
    whole, digests, taken, until = hashlib.sha256(), [], 0, time.monotonic() + _LONGEST
    url = address.url(specimen.index.name, specimen.path)
    for stretch in client.stretches(address, url, specimen.size, patience=_PATIENCE):
        taken += len(stretch)
        whole.update(stretch)
        digests.append(hashlib.sha256(stretch).digest())
        if time.monotonic() > until and taken < specimen.size:
            raise SiteLate(f"in {_LONGEST:.0f} seconds it gave {taken} of {specimen.size} bytes")
    if whole.hexdigest() != specimen.sha256:
        raise SiteWrong(f"of {specimen.told} its bytes have the SHA-256 {whole.hexdigest()}")
    return b"".join(digests) if specimen.size > STRETCH else b""


def _check(site: MirrorSite) -> Report:
    report = Report()
    try:
        address = secrets.address_of(site)
    except Unavailable as error:
        standing.trouble(site, error.detail)
        report.away = error.detail
        return report
    for specimen in specimens.of(site):
        if not _look(site, address, specimen, report):
            break
    if report.right:
        generations.bump_sites()
    _conclude(site, report)
    return report


def _look(site: MirrorSite, address: SiteAddress, specimen: Specimen, report: Report) -> bool:
    """Whether to go on with the next one."""
    began = time.monotonic()
    try:
        digests = prove(address, specimen)
    except SiteLate as error:
        if specimen.is_due:
            report.away = str(error)
        return not specimen.is_due
    except SiteLacks as error:
        if specimen.is_due:
            report.lacking = f"it lacks {specimen.told}, which it should have by now ({error})"
        return not specimen.is_due
    except SiteTrouble as error:
        report.away = str(error)
        return False
    except SiteWrong as error:
        report.wrong = str(error)
        return False
    seconds = time.monotonic() - began
    if not _keep(site, specimen, digests):
        return False
    report.right += 1
    report.seconds.append(seconds)
    report.is_slow = report.is_slow or is_slow(specimen.size, seconds)
    return True


def is_slow(size: int, seconds: float) -> bool:
    """Whether a file of so many bytes took too long for somebody who waits for it."""
    return seconds > 1.5 + size / (256 * 1024)


def _as_asked(site: MirrorSite) -> QuerySet[MirrorSite]:
    """The site's row, while it is asked where and as it was when the look at it began."""
    return MirrorSite.objects.filter(
        pk=site.pk,
        base_url=site.base_url,
        ca_certificates=site.ca_certificates,
        signing=site.signing,
        signing_key=site.signing_key,
    )


def _conclude(site: MirrorSite, report: Report) -> None:
    if not _as_asked(site).exists():  # it was changed or retired meanwhile: this says nothing of it
        return
    if report.wrong or report.away:
        note_faults(site.pk, failed=int(not report.wrong), wrong=int(bool(report.wrong)))
    if report.wrong:
        standing.wrong(site, report.wrong)
    elif report.away:
        standing.trouble(site, report.away)
    elif report.lacking:
        standing.stale(site, report.lacking)
    elif report.right:
        milliseconds = int(sorted(report.seconds)[len(report.seconds) // 2] * 1000)
        standing.passed(site, is_slow=report.is_slow, milliseconds=milliseconds)
    else:
        standing.unproved(site)


def _keep(site: MirrorSite, specimen: Specimen, digests: bytes) -> bool:
    """Note that the site has it; False where the site is another one by now."""
    with transaction.atomic():
        if _as_asked(site).select_for_update().first() is None:
            return False
        FileProof.objects.update_or_create(
            site=site,
            sha256=specimen.sha256,
            defaults={
                "index_id": specimen.index.pk,
                "path": specimen.path,
                "proved_at": timezone.now(),
                "wanted_at": None,
                "missing_at": None,
            },
        )
        if digests:
            PieceDigests.objects.update_or_create(sha256=specimen.sha256, defaults={"digests": digests})
    return True


def _grant(site: MirrorSite) -> int:
    """Look at what readers wanted of the site, in bounds of number, bytes and time; how many it has."""
    address, granted, taken, until = secrets.address_of(site), 0, 0, time.monotonic() + _WISHED_SECONDS
    looked = 0
    for wish in FileProof.objects.filter(site=site, wanted_at__isnull=False).order_by("wanted_at")[:_WISHES]:
        specimen = _wished(site, wish)
        if specimen is None:
            wish.delete()
            continue
        taken += specimen.size
        if time.monotonic() > until or taken > _WISHED_BYTES:
            break
        report = Report()
        _look(site, address, specimen, report)
        if report.wrong or report.away:
            _conclude(site, report)
            break
        if not report.right:
            FileProof.objects.filter(pk=wish.pk).update(missing_at=timezone.now(), wanted_at=None, proved_at=None)
        granted += report.right
        looked += 1
    if looked:
        generations.bump_sites()
    return granted


def _wished(site: MirrorSite, wish: FileProof) -> Specimen | None:
    watermark = watermarks.read()
    index = index_map.read(watermark).by_pk.get(wish.index_id)
    served = files.find(index, wish.path, watermark) if index is not None else None
    if index is None or served is None or served.sha256 != wish.sha256:
        return None
    if not specimens.may_have(site, served) or served.size > MOST_BYTES:
        return None
    is_public = served.member.anonymous_read
    return Specimen(index, wish.path, served.sha256, served.size, is_due=False, is_public=is_public)


def _sweep() -> None:
    """Forget what was proved long ago and nobody asked for since."""
    old = timezone.now() - _OLD
    FileProof.objects.filter(
        pk__in=list(
            FileProof.objects.filter(wanted_at=None, proved_at__lt=old).values_list("pk", flat=True)[:_BATCH],
        )
    ).delete()
    FileProof.objects.filter(wanted_at=None, missing_at__lt=old).delete()
    needed = FileProof.objects.values("sha256")
    PieceDigests.objects.exclude(sha256__in=needed).delete()


def note_given(site_pk: int, size: int, requests: int = 1) -> None:
    """So many bytes more were asked of the site for readers."""
    MirrorSite.objects.filter(pk=site_pk).update(
        given_bytes=F("given_bytes") + size,
        sent_bytes=F("sent_bytes") + size,
        sent_requests=F("sent_requests") + requests,
    )


def note_faults(site_pk: int, *, failed: int = 0, wrong: int = 0) -> None:
    """So many answers more were none, or had other bytes."""
    MirrorSite.objects.filter(pk=site_pk).update(
        failed_answers=F("failed_answers") + failed, wrong_answers=F("wrong_answers") + wrong
    )
