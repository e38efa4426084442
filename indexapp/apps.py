"""The index app."""

from __future__ import annotations

from django.apps import AppConfig


class IndexConfig(AppConfig):
    """What is published."""

    name = "indexapp"
    verbose_name = "Indexes"

    def ready(self) -> None:
        """Declare the app's jobs, tell what accounts hold here, and fill the console's registries."""
        from accounts.services import left_behind, scope_indexes
        from accounts.services.keys import contents, sealed_columns
        from indexapp.admin import cards as our_cards
        from indexapp.admin import replication, rows
        from indexapp.domain import segments
        from indexapp.services import blobs, downloads, resealing
        from indexapp.services import left_behind as our_left_behind
        from indexapp.services.mirrors import secrets, uses
        from indexapp.services.pages import access
        from indexapp.services.policies import holds
        from indexapp.storage import BlobDamaged, KeyMissing, StorageUnavailable, refusals
        from tpi_site.kit import companions, edge, schedules
        from tpi_site.kit.admin import cards, entrance

        scope_indexes.register(access.scope_indexes)
        left_behind.register(our_left_behind.roles)
        for column in (blobs.SEALED, *secrets.SEALED):
            sealed_columns.register(column)
        contents.register(resealing.RESEALING)
        contents.tell("content", segments.ALGORITHM)
        schedules.declare("sweep blobs", "indexapp.tasks.sweep_blobs", every_minutes=24 * 60)
        schedules.declare("seal what lies plain", "indexapp.tasks.seal_plain_blobs", every_minutes=5)
        schedules.declare("watch disks", "indexapp.tasks.watch_disks", every_minutes=5)
        schedules.declare("scrub blobs", "indexapp.tasks.scrub_blobs", every_minutes=5)
        schedules.declare("make room in mirrors", "indexapp.tasks.make_room_in_mirrors", every_minutes=15)
        schedules.declare("forget missing names", "indexapp.tasks.forget_missing_names", every_minutes=60)
        uses.on_note(companions.declare("uses of mirrors", uses.write, pause=5.0, idle=60.0))
        schedules.declare("purge trash", "indexapp.tasks.purge_trash", every_minutes=60)
        schedules.declare("resume prefetches", "indexapp.tasks.resume_prefetches", every_minutes=1)
        schedules.declare("copy mirrors", "indexapp.tasks.copy_mirrors", every_minutes=5)
        _declare_figures()
        _declare_mirrors()
        _declare_replication()
        _declare_mirror_sites()
        _declare_backups()
        _declare_vulnerability_data()
        edge.translate(StorageUnavailable, refusals.away)
        edge.translate(KeyMissing, refusals.key_missing)  # before what it is a kind of
        edge.translate(BlobDamaged, refusals.damaged)
        holds.on_note(companions.declare("policy holds", holds.write, pause=1.0))
        downloads.on_note(companions.declare("download log", downloads.write, pause=1.0, idle=30.0))
        entrance.register("indexapp", rows.looks_after_something)
        cards.register("looked after", 10, our_cards.looked_after)
        cards.register("recent releases", 20, our_cards.recent_releases)
        cards.register("integrity", 55, our_cards.integrity)
        cards.register("replication", 45, replication.card)


def _declare_figures() -> None:
    from indexapp.services import disk_room
    from indexapp.services.integrity import verification
    from tpi_site.kit import gauges

    free = "Bytes free for files and for the data folder, on the machine that is asked."
    gauges.declare("tpi_disk_free_bytes", free, disk_room.figures, labels=["place"])
    age = "Seconds since the stored content that was verified longest ago was read, or put."
    gauges.declare("tpi_oldest_verification_seconds", age, verification.oldest_figure)
    gauges.declare("tpi_blobs_damaged", "Stored contents that are held back as damaged.", verification.damaged_figure)
    gauges.declare(
        "tpi_scrubbed_bytes", "Bytes that the scrub has read and compared, in all.", verification.bytes_figure
    )


def _declare_mirrors() -> None:
    """The figures of mirrors."""
    from indexapp.services.mirrors import standing
    from tpi_site.kit import gauges

    gauges.declare(
        "tpi_upstream_failing", "Whether the upstream gives no answer (1).", standing.failing_figures, labels=["mirror"]
    )
    pages = "Pages that could not be asked for the last time; what is known of them is served."
    gauges.declare("tpi_upstream_pages_failing", pages, standing.page_figures, labels=["mirror"])
    conflicts = "Files that have other bytes upstream now, as long as nobody has decided."
    gauges.declare("tpi_upstream_conflicts", conflicts, standing.conflict_figures, labels=["mirror"])


def _declare_replication() -> None:
    """That a replica takes no changes, what seals its credential, and its figures and alarms."""
    from accounts.services.keys import sealed_columns
    from indexapp.services.replication import fences, figures, following, standing, takeovers
    from tpi_site.kit import read_only, schedules

    read_only.register_primary(standing.primary)
    read_only.register_fence(fences.ask, fences.ask_now)
    sealed_columns.register(following.SEALED)
    sealed_columns.register(takeovers.SEALED)
    figures.declare()
    schedules.declare("watch replication", "indexapp.tasks.watch_replication", every_minutes=1)


def _declare_mirror_sites() -> None:
    """They are checked by the clock; what readers' requests tell of them is written by each process."""
    from accounts.services.keys import sealed_columns
    from indexapp.services.sites import figures, notes, secrets
    from tpi_site.kit import companions, schedules

    sealed_columns.register(secrets.SEALED)
    notes.on_note(companions.declare("mirror sites", notes.write, pause=1.0))
    figures.declare()
    schedules.declare("check mirror sites", "indexapp.tasks.check_mirror_sites", every_minutes=1)


def _declare_backups() -> None:
    """Backups and drills by the clock, where a place for them is set, and their figures."""
    from django.conf import settings

    from indexapp.services.backups import watching
    from tpi_site.kit import gauges, schedules

    gauges.declare("tpi_backup_age_seconds", "Seconds since the last good one.", watching.ages, labels=["of"])
    gauges.declare("tpi_backup_good", "Whether the last one was good (1) or not (0).", watching.outcomes, labels=["of"])
    if not settings.TPI_BACKUP_URL:
        return
    schedules.declare("back up", "indexapp.tasks.back_up", every_minutes=settings.TPI_BACKUP_HOURS * 60)
    schedules.declare("watch backups", "indexapp.tasks.watch_backups", every_minutes=15)
    if settings.TPI_DRILL_DAYS:
        schedules.declare("drill", "indexapp.tasks.drill", every_minutes=settings.TPI_DRILL_DAYS * 24 * 60)


def _declare_vulnerability_data() -> None:
    """Fetched by the clock, where it is set from where."""
    from django.conf import settings

    from tpi_site.kit import schedules

    if settings.TPI_OSV_URL:
        function = "indexapp.tasks.fetch_vulnerabilities"
        schedules.declare("fetch vulnerabilities", function, every_minutes=settings.TPI_OSV_HOURS * 60)
