"""Jobs of the index, run by the job cluster; each may run twice, and each finds its work by looking."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from accounts.domain.actors import internal
from indexapp.services import disk_room, garbage, resealing
from indexapp.services.backups import watching
from indexapp.services.integrity import checking, scrub
from indexapp.services.mirrors import copying, eviction, forgetting
from indexapp.services.prefetch import running
from indexapp.services.replication import lateness
from indexapp.services.sites import checking as site_checking
from indexapp.services.trash import purging
from indexapp.services.vulnerabilities import fetching
from tpi_site.kit.read_only import housekeeping, pauses

_SEAL_SECONDS = 30.0
"""Other jobs wait no longer than that, and for the content that is begun last."""


@housekeeping
def sweep_blobs() -> int:
    """Remove stored bytes that nothing refers to and that nobody put lately; returns how many."""
    return garbage.collect(older_than=timezone.now() - timedelta(hours=settings.TPI_ORPHAN_GRACE_HOURS))


@housekeeping
def seal_plain_blobs() -> int:
    """Seal contents that lie plain, for half a minute; returns how many."""
    if not settings.TPI_ENCRYPT or not resealing.plain().exists():
        return 0
    return resealing.seal_plain(actor=internal("encryption"), seconds=_SEAL_SECONDS).done


def back_up() -> str:
    """Start the scheduled backup; returns its command."""
    return " ".join(watching.start_backup())


def drill() -> str:
    """Start the scheduled drill; returns its command, or nothing while there is no backup."""
    return " ".join(watching.start_drill())


def watch_backups() -> None:
    """Start backups and drills again that died, and ring for them and for what is late."""
    watching.look()


def watch_replication() -> int:
    """Ring for a replica that lags, lacks contents or is out of contact, and end what is over; returns how much is late."""
    return lateness.look()


def examine_blob(sha256: str) -> str:
    """Look closely at a content of which a reader saw something wrong; returns what is wrong with it."""
    fault = checking.check_one(actor=internal("fsck"), sha256=sha256)
    return str(fault or "")


def watch_disks() -> bool:
    """Ring or end the alarm of a disk that is nearly full, on the machine that runs the job."""
    return disk_room.watch()


@housekeeping
def scrub_blobs() -> str:
    """Read a part of what is stored and compare it; returns a sentence on what was found."""
    return scrub.run(actor=internal("scrub")).sentence


@pauses
def make_room_in_mirrors() -> int:
    """Give up files of mirrors that were used longest ago, where a mirror has more than its room; returns how many."""
    return eviction.run(actor=internal("mirror"))


@pauses
def forget_missing_names() -> int:
    """Drop what is known of names that no upstream has and nobody asked for lately; returns how many."""
    return forgetting.run()


@pauses
def purge_trash() -> int:
    """Remove for good what was deleted longer ago than the trash keeps it; returns how many deletions."""
    return purging.purge_due(actor=internal("trash"))


@pauses
def run_prefetch(job_id: int) -> str:
    """Work on a prefetch for a while; returns how it stands then."""
    return running.run(job_id) or "Somebody else works on it, or it has ended."


@pauses
def resume_prefetches() -> int:
    """Go on with the prefetches that nobody works on; returns how many."""
    return running.resume()


@pauses
def copy_mirror(plan_id: int) -> str:
    """Copy a mirror's upstream for a while, as its plan says; returns how it stands then."""
    return copying.run(plan_id) or "Somebody else works on it, or it is switched off."


@pauses
def copy_mirrors() -> int:
    """The same for every mirror that has a plan; returns how many were worked on."""
    return copying.run_all()


@pauses
def check_mirror_sites() -> int:
    """Check the mirror sites that are due, and look there for what readers wanted; returns how many were checked."""
    return len(site_checking.run())


@pauses
def fetch_vulnerabilities() -> str:
    """Start fetching the archive of ``TPI_OSV_URL``; returns the command, or nothing while an import is under way."""
    return " ".join(fetching.start())
