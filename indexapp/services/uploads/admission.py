"""Whether an upload may go on: rights first, then what the index already holds."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from accounts.domain.actors import Actor
from accounts.domain.verbs import Verb
from accounts.permissions import SIGN_IN
from indexapp import permissions
from indexapp.models import Change, File, Index, Project, Release
from indexapp.services import projects, quotas
from indexapp.services.serving import gate, watermarks
from indexapp.services.serving.watermarks import Watermark
from indexapp.services.uploads.holdings import Holdings
from tpi_site.kit.errors import Forbidden, Invalid, TooLarge, Unauthenticated

RELAYS_KNOWN = timedelta(minutes=10)
"""For how long an upload that a replica relayed is known as such; clients that were not answered repeat within that."""


def require_may_try(actor: Actor, index: Index) -> None:
    """Refuse, before the body is read, an actor who may publish nothing at all here."""
    if actor.is_anonymous:
        raise Unauthenticated(SIGN_IN)
    open_to_members = index.project_creation == Index.ProjectCreation.MEMBERS and actor.user_id is not None
    may_create = open_to_members and (actor.token is None or Verb.UPLOAD in actor.token.verbs)
    may_try = may_create or Verb.UPLOAD in gate.verbs_on(actor, index, None, watermarks.read())
    if not may_try and not permissions.holds_somewhere(actor, Verb.UPLOAD, index):
        permissions.require(actor, Verb.UPLOAD, index)
    projects.require_hosted(index)


def require_may_upload(actor: Actor, index: Index, project: Project | None, name: str, watermark: Watermark) -> None:
    """The exact question once the name is known."""
    if project is None:
        projects.require_may_create(actor, index, name)
        return
    gate.require(actor, Verb.UPLOAD, index, project, watermark)
    if project.status in (Project.Status.ARCHIVED, Project.Status.QUARANTINED):
        raise Forbidden(
            f"The project '{project.name}' is {project.status} and takes no uploads; ask its admins to clear it.",
            code=f"project-{project.status}",
        )


def file_size_limit(index: Index) -> int:
    """The most bytes that one file may have, in this index."""
    limit = index.max_file_size
    return settings.TPI_MAX_FILE_SIZE if limit is None else min(limit, settings.TPI_MAX_FILE_SIZE)


def require_file_fits(index: Index, size: int) -> None:
    """Refuse a file that is larger than the index takes."""
    limit = file_size_limit(index)
    if size > limit:
        raise TooLarge(
            f"File too large. The limit of the index '{index.name}' is {limit} bytes; ask its admins to raise it.",
            code="file-too-large",
        )


def is_same_file(index: Index, held: Holdings, filename: str, sha256: str) -> bool:
    """Whether the project has exactly this file; refuses a name that stands for other bytes, now or ever before.

    A snapshot index lets a project's own files be replaced; nobody may take away what another project has under the
    same name.
    """
    if held.own_file is not None and held.own_file.sha256 == sha256:
        return True
    is_snapshot = index.profile == Index.Profile.SNAPSHOT
    if held.file is not None and not (is_snapshot and held.own_file):
        raise Invalid(
            f"File already exists ('{filename}', with blake2_256 hash '{held.file.blake2b_256}'); files never change, so "
            "build a new version.",
            code="file-exists",
        )
    if held.is_name_retired and not is_snapshot:
        raise Invalid(
            f"This filename was previously used by a file that has since been deleted ('{filename}'). Use a different "
            "version.",
            code="filename-retired",
        )
    return False


def require_not_repeated(index: Index, held: Holdings, filename: str, relay_key: str) -> None:
    """Refuse what a replica relays once more after it was taken and something else took its place: a late repetition."""
    if not relay_key or held.project is None or index.profile != Index.Profile.SNAPSHOT:
        return
    lately = timezone.now() - RELAYS_KNOWN
    taken = Change.objects.filter(index_name=index.name, project=held.project.normalized_name, filename=filename)
    if taken.filter(detail__relay=relay_key, at__gte=lately).exists():
        raise Invalid(
            f"This '{filename}' was taken a moment ago and has been replaced or deleted since; to publish it once more, upload "
            f"it to the primary, or wait {RELAYS_KNOWN.seconds // 60} minutes.",
            code="upload-repeated",
        )


def require_open(index: Index, held: Holdings) -> None:
    """Refuse new files to a release that is older than the index's closing window."""
    if held.release_id is None or index.closing_window_days is None:
        return
    opened = timezone.now() - timedelta(days=index.closing_window_days)
    if Release.objects.filter(pk=held.release_id, created_at__lt=opened).exists():
        raise Invalid(
            f"Uploading new files to releases older than {index.closing_window_days} days is not allowed in this "
            "index; publish a new version.",
            code="release-closed",
        )


def require_only_sdist(held: Holdings, kind: str, filename: str) -> None:
    """Refuse a second sdist of a release (a snapshot index may replace the first under its own name)."""
    if held.release_id is None or kind != "sdist":
        return
    if File.objects.filter(release_id=held.release_id, kind="sdist").exclude(filename=filename).exists():
        raise Invalid("Only one sdist may be uploaded per release.", code="sdist-exists")


def require_room(index: Index, held: Holdings, size: int) -> None:
    """Refuse what is more than the quotas, or the index for a single project, leave; a file that is replaced makes room."""
    replaced = held.own_file.size if held.own_file else 0
    team_id = held.project.team_id if held.project else None
    quotas.require_room(index_id=index.pk, team_id=team_id, rooms=held.rooms, size=size - replaced)
    if index.max_project_size is None:
        return
    if (held.project.total_size if held.project else 0) - replaced + size > index.max_project_size:
        raise TooLarge(
            f"Project size too large. The limit of the index '{index.name}' is {index.max_project_size} bytes for all "
            "files of a project; delete old releases or ask its admins to raise it.",
            code="project-too-large",
        )
