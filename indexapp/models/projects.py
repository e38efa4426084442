"""Projects, their releases and the files of a release."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Coalesce
from django.utils import timezone

from accounts.models import Team
from indexapp.models.indexes import Index
from indexapp.models.querysets import FileQuerySet, ProjectQuerySet, ReleaseQuerySet
from indexapp.storage import StoredBlob


class Project(models.Model):
    """A name in an index, with what is published under it.

    ``normalized_name`` follows PEP 503; ``confusable_key`` folds what a person may mistake for another name.
    ``last_serial`` is the serial of the last change that concerned the project; its pages depend on nothing else.
    ``team`` is for whose quota its files count; it gives nobody a right.
    """

    class Status(models.TextChoices):
        """PEP 792 status markers."""

        ACTIVE = "active", "Active"
        ARCHIVED = "archived", "Archived"
        DEPRECATED = "deprecated", "Deprecated"
        QUARANTINED = "quarantined", "Quarantined"

    index = models.ForeignKey(Index, models.PROTECT, related_name="projects")
    name = models.CharField(max_length=128)
    normalized_name = models.CharField(max_length=128)
    confusable_key = models.CharField(max_length=128)
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.ACTIVE)
    status_reason = models.TextField(blank=True)
    summary = models.TextField(blank=True)
    total_size = models.BigIntegerField(default=0)
    last_serial = models.BigIntegerField(default=0)
    team = models.ForeignKey(Team, models.SET_NULL, related_name="projects", null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ProjectQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["normalized_name"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["index", "normalized_name"], name="project_once_per_index"),
            models.CheckConstraint(
                condition=models.Q(status__in=["active", "archived", "deprecated", "quarantined"]),
                name="project_status_known",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["index", "confusable_key"], name="project_confusable"),
            models.Index(fields=["normalized_name"], name="project_by_name"),
            models.Index(fields=["-last_serial"], name="project_recently_changed"),
        ]

    def __str__(self) -> str:
        return self.name


class Release(models.Model):
    """A version of a project.

    ``sort_key`` orders by PEP 440 as plain text; ``metadata`` is the core metadata without the description, taken from
    the artefact that ``metadata_source`` names (a wheel's stands above an sdist's).
    """

    project = models.ForeignKey(Project, models.CASCADE, related_name="releases")
    version = models.CharField(max_length=128)
    canonical_version = models.CharField(max_length=128)
    sort_key = models.CharField(max_length=300)
    is_prerelease = models.BooleanField(default=False)
    is_yanked = models.BooleanField(default=False)
    yank_reason = models.TextField(blank=True)
    summary = models.TextField(blank=True)
    requires_python = models.TextField(blank=True)
    metadata = models.JSONField(default=dict)
    metadata_source = models.CharField(max_length=16, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = ReleaseQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-sort_key"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["project", "canonical_version"], name="release_once_per_project"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["project", "sort_key"], name="release_order"),
            models.Index(fields=["-created_at"], name="release_recent"),
        ]

    def __str__(self) -> str:
        return f"{self.project.name} {self.version}"


class Description(models.Model):
    """The long description of a release, apart from its row because lists never need it."""

    release = models.OneToOneField(Release, models.CASCADE, related_name="description", primary_key=True)
    content_type = models.CharField(max_length=200, blank=True)
    raw = models.TextField()

    def __str__(self) -> str:
        return f"description of {self.release_id}"


class Blob(models.Model):
    """Bytes in the storage, once per content, whatever number of files they are of.

    ``sealed_key`` is the object's key, wrapped with a key of the key ring; empty where the bytes lie plain.
    ``damaged_at`` is since when the bytes are known not to be those that were put, and ``damage`` says what is wrong: they
    are not served.  ``unreferenced_since`` is when garbage collection first found no file of it, and ``verified_at`` when all
    its bytes were last read and found right; they count as right from ``created_at`` on, as they were hashed on their way in.
    """

    sha256 = models.CharField(max_length=64, unique=True)
    size = models.BigIntegerField()
    object_name = models.CharField(max_length=200)
    sealed_key = models.CharField(max_length=200, blank=True, db_default="")
    damaged_at = models.DateTimeField(null=True, blank=True)
    damage = models.CharField(max_length=200, blank=True, db_default="")
    unreferenced_since = models.DateTimeField(null=True, blank=True)
    verified_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["id"]
        indexes: ClassVar = [
            models.Index(fields=["object_name"], name="blob_by_object"),
            models.Index(fields=["id"], name="blob_plain", condition=models.Q(sealed_key="")),
            models.Index(fields=["id"], name="blob_damaged", condition=models.Q(damaged_at__isnull=False)),
            models.Index(
                Coalesce("verified_at", "created_at"),
                "id",
                name="blob_by_verification",
                condition=models.Q(damaged_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return self.sha256

    @property
    def place(self) -> StoredBlob:
        """Where the storage keeps the bytes, and what opens them."""
        return StoredBlob(self.object_name, self.size, self.sealed_key)


class File(models.Model):
    """A distribution file of a release, immutable but for its yank mark.

    ``index`` and ``project`` repeat what ``release`` says, because page and download look files up by them.

    A file of a mirror has no ``blob`` until somebody asks for it, a ``size`` of 0 where the upstream tells none, and
    ``is_unhashed`` as long as nobody knows its digest: ``sha256`` is then what stands in its address and nothing else.
    ``is_hidden`` takes it off every page and list.
    """

    index = models.ForeignKey(Index, models.PROTECT, related_name="files")
    project = models.ForeignKey(Project, models.CASCADE, related_name="files")
    release = models.ForeignKey(Release, models.CASCADE, related_name="files")
    filename = models.CharField(max_length=255)
    kind = models.CharField(max_length=16)
    python_tag = models.CharField(max_length=100, blank=True)
    size = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)
    blake2b_256 = models.CharField(max_length=64)
    md5 = models.CharField(max_length=32)
    requires_python = models.TextField(blank=True)
    metadata_sha256 = models.CharField(max_length=64, blank=True)
    is_yanked = models.BooleanField(default=False)
    yank_reason = models.TextField(blank=True)
    comment = models.TextField(blank=True)
    attestations = models.JSONField(default=list, blank=True)
    uploaded_at = models.DateTimeField()
    uploaded_by = models.CharField(max_length=150)
    blob = models.ForeignKey(Blob, models.PROTECT, related_name="files", null=True, blank=True)
    metadata_blob = models.ForeignKey(Blob, models.PROTECT, related_name="metadata_of", null=True, blank=True)
    is_unhashed = models.BooleanField(default=False, db_default=False)
    is_hidden = models.BooleanField(default=False, db_default=False)
    has_provenance = models.BooleanField(default=False, db_default=False)

    objects = FileQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["filename"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["index", "filename"], name="filename_once_per_index"),
            models.CheckConstraint(condition=models.Q(kind__in=["bdist_wheel", "sdist"]), name="file_kind_known"),
        ]
        indexes: ClassVar = [models.Index(fields=["-uploaded_at"], name="file_recent")]

    def __str__(self) -> str:
        return self.filename


class RetiredFilename(models.Model):
    """A file name that was used once in an index and stays refused after the file's deletion."""

    index = models.ForeignKey(Index, models.CASCADE, related_name="retired_filenames")
    filename = models.CharField(max_length=255)
    retired_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["index", "filename"], name="retired_filename_once"),
        ]

    def __str__(self) -> str:
        return self.filename
