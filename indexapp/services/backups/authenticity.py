"""Which of the manifests at a place are believed.

Who may write to the place may put anything there.  A manifest counts where its code is right under a key of the ring that is
nobody else's, or where it is to the byte the one that this installation has recorded; all others are told of, never
counted and never built upon.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from django.db import DatabaseError, connection
from django.utils import timezone

from indexapp.domain.backup_manifest import Manifest, is_authentic
from indexapp.models import Backup
from indexapp.services.backups.places import Place
from indexapp.services.backups.secrets_needed import absent_ring
from tpi_site.kit.errors import Refusal
from tpi_site.kit.key_ring import KeyRing, key_ring

Recorded = Callable[[str], str]
"""The SHA-256 of the manifest of this name, as the installation has recorded it, or nothing."""
_SKEW = timedelta(hours=1)
"""How far the clocks of the machines that make backups may be apart."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What lies at a place: manifests that are believed, the oldest first, others with why not, and what is no manifest.

    ``early`` are believed but for their time, which lies ahead: they are kept, and neither the newest nor counted.
    """

    proved: list[Manifest]
    early: list[Manifest]
    doubted: list[tuple[Manifest, str]]
    broken: list[str]

    def of(self, installation: str) -> list[Manifest]:
        """Those that this installation has made."""
        return [each for each in self.proved if each.installation == installation]

    @property
    def believed(self) -> list[Manifest]:
        """All whose contents are to be kept."""
        return [*self.proved, *self.early]

    @property
    def sentences(self) -> list[str]:
        """What is wrong there, one line each."""
        return [*(f"{each.name}: {why}" for each, why in self.doubted), *self.broken]


def survey(place: Place, recorded: Recorded) -> Survey:
    """Judge all manifests there; raises KeyRingBroken and KeySourceAway."""
    found, broken = place.all()
    ring = None if absent_ring() is not None else key_ring()
    latest = timezone.now() + _SKEW
    judged = [(each, doubt(each, ring, recorded(each.name))) for each in found]
    believed = [each for each, why in judged if not why]
    return Survey(
        [each for each in believed if each.made_at <= latest],
        [each for each in believed if each.made_at > latest],
        [(each, why) for each, why in judged if why],
        broken,
    )


def doubt(manifest: Manifest, ring: KeyRing | None, digest: str) -> str:
    """Why it is not believed, without its end; nothing where it is.  ``digest`` is what its SHA-256 must be, if known."""
    if digest:
        return "" if manifest.sha256 == digest else "it is not the one that was recorded: it was changed, or forged"
    if ring is None:
        return "it cannot be proved, because there is no key ring here"
    key = ring.keys.get(manifest.mac_key)
    if key is None:
        return f"it is not ours, or older than the key ring: its key '{manifest.mac_key[:40]}' is not in it"
    if not is_authentic(manifest, key):
        return "its code is not right: it was changed, or forged"
    if manifest.mac_key in ring.given_up:
        return f"it is signed with the key '{manifest.mac_key}', which was given up because others know it"
    return ""


def chosen(place: Place, name: str, recorded: Recorded) -> tuple[Manifest, list[str]]:
    """The backup of this name, or the newest that is believed, and what was passed over for it.

    Where none is believed it is the newest, for the checks to tell of.
    """
    if not name and (found := survey(place, recorded)).proved:
        return found.proved[-1], found.sentences
    return place.chosen(name), []


def recorded(name: str) -> str:
    """See :data:`Recorded`."""
    return Backup.objects.filter(name=name).values_list("manifest_sha256", flat=True).first() or ""


def recorded_if_any(name: str) -> str:
    """The same where there may be no database yet, which is not made by asking."""
    if connection.vendor == "sqlite" and not Path(str(connection.settings_dict["NAME"])).exists():
        return ""
    try:
        return recorded(name)
    except DatabaseError:
        return ""


def unrecorded(name: str) -> str:
    """Nothing: there is no record, or none that may be asked."""
    del name
    return ""


def survey_or_all(place: Place, recorded: Recorded) -> Survey:
    """The same where the keys may not be had, for who only wants to see what is there."""
    try:
        return survey(place, recorded)
    except Refusal as refusal:
        found, broken = place.all()
        why = f"it cannot be proved: {refusal.detail.rstrip('.')}"
        return Survey([], [], [(each, why) for each in found], broken)
