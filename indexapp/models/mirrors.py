"""Mirrors: where their packages come from, and what is known of each name there."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from indexapp.models.indexes import Index
from indexapp.models.projects import File, Project

PAGE_SECONDS = 600
"""For how long a page counts as fresh; what PyPI's own CDN keeps one for."""
MISSING_SECONDS = 300
KEEP_HOURS = 24


class Upstream(models.Model):
    """Where a mirror index fetches from and how it treats what it finds there.

    ``url`` is the root of a Simple repository; empty means PyPI.  A page is fresh for ``page_seconds``, and that there is no
    such project for ``missing_seconds``.  An offline mirror never contacts its upstream; a frozen one takes nothing new from
    its pages, and still fetches files that are listed already.  ``password``, ``client_key`` and ``proxy_password`` are sealed
    (:mod:`tpi_site.kit.sealing`).  Of the bytes that were fetched at most ``room`` stay, None for no limit, but what was used
    within ``keep_hours`` always does.  ``failing_since`` is since when no question to the upstream was answered, and
    ``failure`` why.
    """

    class Follow(models.TextChoices):
        """What to do when an upstream takes something back."""

        HIDE = "hide", "Follow the upstream"
        KEEP = "keep", "Keep it as it was, and tell of it"

    index = models.OneToOneField(Index, models.CASCADE, related_name="upstream", primary_key=True)
    url = models.CharField(max_length=500, blank=True)
    page_seconds = models.PositiveIntegerField(default=PAGE_SECONDS)
    missing_seconds = models.PositiveIntegerField(default=MISSING_SECONDS)
    on_removal = models.CharField(max_length=4, choices=Follow.choices, default=Follow.KEEP)
    on_yank = models.CharField(max_length=4, choices=Follow.choices, default=Follow.HIDE)
    on_quarantine = models.CharField(max_length=4, choices=Follow.choices, default=Follow.HIDE)
    is_offline = models.BooleanField(default=False)
    is_frozen = models.BooleanField(default=False)
    room = models.PositiveBigIntegerField(null=True, blank=True)
    keep_hours = models.PositiveIntegerField(default=KEEP_HOURS)
    username = models.CharField(max_length=200, blank=True)
    password = models.TextField(blank=True, editable=False)
    ca_certificates = models.TextField(blank=True)
    client_certificate = models.TextField(blank=True)
    client_key = models.TextField(blank=True, editable=False)
    proxy_url = models.CharField(max_length=500, blank=True)
    proxy_password = models.TextField(blank=True, editable=False)
    failing_since = models.DateTimeField(null=True, blank=True, editable=False)
    failure = models.CharField(max_length=300, blank=True, editable=False)

    class Meta:
        ordering: ClassVar = ["index_id"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(
                    on_removal__in=["hide", "keep"], on_yank__in=["hide", "keep"], on_quarantine__in=["hide", "keep"]
                ),
                name="upstream_follow_known",
            ),
        ]

    def __str__(self) -> str:
        return f"upstream of {self.index.name}"


class MirroredProject(models.Model):
    """What a mirror knows of one name upstream; ``project`` is None while there is nothing of that name.

    ``etag`` and ``last_modified`` are the validators of the page that was read last, and ``fresh_until`` is when it wants to
    be asked for again.  ``asked_until`` is set while somebody asks: nobody else does before then.  ``failure`` says why the
    last question got no answer.  ``is_gone`` when the upstream had the project once and does not any more.  While
    ``is_held`` the project is quarantined by somebody here, whatever the upstream says of it.
    """

    index = models.ForeignKey(Index, models.CASCADE, related_name="mirrored_projects")
    normalized_name = models.CharField(max_length=128)
    project = models.OneToOneField(Project, models.SET_NULL, related_name="mirrored", null=True, blank=True)
    etag = models.CharField(max_length=500, blank=True)
    last_modified = models.CharField(max_length=100, blank=True)
    upstream_serial = models.BigIntegerField(null=True, blank=True)
    checked_at = models.DateTimeField(null=True, blank=True)
    fresh_until = models.DateTimeField(null=True, blank=True)
    asked_until = models.DateTimeField(null=True, blank=True)
    failed_at = models.DateTimeField(null=True, blank=True)
    failure = models.CharField(max_length=300, blank=True)
    is_gone = models.BooleanField(default=False)
    is_held = models.BooleanField(default=False, db_default=False)

    class Meta:
        ordering: ClassVar = ["normalized_name"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["index", "normalized_name"], name="mirrored_project_once"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["index"], name="mirrored_project_failing", condition=~models.Q(failure="")),
            models.Index(fields=["index"], name="mirrored_project_gone", condition=models.Q(is_gone=True)),
        ]

    def __str__(self) -> str:
        return self.normalized_name


class MirroredFile(models.Model):
    """What the upstream says of a file of a mirror.

    ``digests`` are those that it gives, by algorithm in lower case; ``metadata_digests`` those of the metadata beside the
    file, None where it serves none and ``{}`` where it serves some without saying.  ``address_digest`` stands in the file's
    address as long as its SHA-256 is not known.  ``removed_at`` is since when the upstream lists it no more, and
    ``conflict`` says what it has under this name now instead of the bytes that it had.  ``fetching_by`` is the node that
    fetches it until ``fetching_until``, and ``metadata_at`` when its metadata was last looked for.
    """

    file = models.OneToOneField(File, models.CASCADE, related_name="mirrored", primary_key=True)
    url = models.TextField()
    digests = models.JSONField(default=dict)
    metadata_digests = models.JSONField(null=True, blank=True)
    provenance_url = models.TextField(blank=True)
    address_digest = models.CharField(max_length=64, blank=True)
    removed_at = models.DateTimeField(null=True, blank=True)
    conflict = models.CharField(max_length=300, blank=True)
    conflict_at = models.DateTimeField(null=True, blank=True)
    fetched_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    is_pinned = models.BooleanField(default=False)
    fetching_until = models.DateTimeField(null=True, blank=True)
    fetching_by = models.CharField(max_length=120, blank=True, db_default="")
    metadata_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["address_digest"], name="mirrored_by_address", condition=~models.Q(address_digest="")),
            models.Index(fields=["last_used_at"], name="mirrored_by_use", condition=models.Q(fetched_at__isnull=False)),
            models.Index(
                fields=["conflict_at"], name="mirrored_conflicts", condition=models.Q(conflict_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return self.file.filename


class MirroredProvenance(models.Model):
    """The provenance object that the upstream serves of a file, as it came; apart from its row because pages never need it."""

    file = models.OneToOneField(File, models.CASCADE, related_name="provenance", primary_key=True)
    text = models.TextField()
    fetched_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"provenance of file {self.file_id}"


class Merge(models.Model):
    """Somebody's word that a group serves the upstream's files of a name of ours beside our own; over when revoked."""

    group = models.ForeignKey(Index, models.CASCADE, related_name="merges")
    normalized_name = models.CharField(max_length=128)
    reason = models.TextField()
    created_by = models.CharField(max_length=150)
    created_at = models.DateTimeField(auto_now_add=True)
    revoked_by = models.CharField(max_length=150, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["group", "normalized_name"], condition=models.Q(revoked_at=None), name="merge_once"
            ),
        ]

    def __str__(self) -> str:
        return self.normalized_name
