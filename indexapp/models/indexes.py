"""Indexes and how they are composed."""

from __future__ import annotations

from typing import ClassVar

from django.core.validators import RegexValidator
from django.db import models

from accounts.models.users import SLUG
from indexapp.models.querysets import IndexQuerySet

RESERVED_INDEX_NAMES = frozenset(
    {
        "account",
        "admin",
        "api",
        "files",
        "help",
        "hooks",
        "integrity",
        "legacy",
        "livez",
        "metrics",
        "osv",
        "packages",
        "project",
        "pypi",
        "readyz",
        "rss",
        "search",
        "simple",
        "static",
    }
)
"""First path segments that the site uses itself."""

SHARED_SEGMENTS = frozenset({"osv"})
"""Those that came later and have no address that an index has too: an index of such a name from before is served on."""

SITE_SEGMENTS = RESERVED_INDEX_NAMES - SHARED_SEGMENTS
"""First path segments that never name an index in an address."""


NOT_RESERVED = RegexValidator(
    rf"^(?!(?:{'|'.join(sorted(RESERVED_INDEX_NAMES))})\Z)",
    "'%(value)s' is an address of the site itself; choose another name.",
    code="name-reserved",
)
"""Refuses a name that the site's own addresses use; of Django's making, so that a migration can write it down."""


class Index(models.Model):
    """A place that packages are published to or installed from.

    A hosted index holds its own files; a mirror fetches from an upstream; a group resolves its ordered members.
    """

    class Kind(models.TextChoices):
        """Where an index's projects come from."""

        HOSTED = "hosted", "Hosted"
        MIRROR = "mirror", "Mirror"
        GROUP = "group", "Group"

    class Profile(models.TextChoices):
        """Which upload rules hold; see :mod:`indexapp.domain.profiles`."""

        ENTERPRISE = "enterprise", "Enterprise"
        PYPI_STRICT = "pypi-strict", "PyPI strict"
        SNAPSHOT = "snapshot", "Snapshot (may overwrite)"

    class ProjectCreation(models.TextChoices):
        """Who may publish a name that the index does not know yet."""

        ADMINISTRATORS = "administrators", "Who administers the index"
        UPLOADERS = "uploaders", "Who may upload to the index"
        MEMBERS = "members", "Anyone who is signed in"

    name = models.CharField(max_length=64, unique=True, validators=[SLUG, NOT_RESERVED])
    title = models.CharField(max_length=200, blank=True)
    kind = models.CharField(max_length=8, choices=Kind.choices, default=Kind.HOSTED)
    is_default = models.BooleanField(default=False)
    anonymous_read = models.BooleanField(default=False)
    allow_passwords = models.BooleanField(default=True)
    project_creation = models.CharField(
        max_length=16, choices=ProjectCreation.choices, default=ProjectCreation.UPLOADERS
    )
    profile = models.CharField(max_length=16, choices=Profile.choices, default=Profile.ENTERPRISE)
    max_file_size = models.BigIntegerField(null=True, blank=True)
    max_project_size = models.BigIntegerField(null=True, blank=True)
    closing_window_days = models.PositiveIntegerField(null=True, blank=True)
    allowed_platforms = models.JSONField(default=list, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = IndexQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["name"]
        verbose_name_plural = "indexes"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["is_default"], condition=models.Q(is_default=True), name="one_default_index"
            ),
            models.CheckConstraint(condition=models.Q(kind__in=["hosted", "mirror", "group"]), name="index_kind_known"),
            models.CheckConstraint(
                condition=models.Q(profile__in=["enterprise", "pypi-strict", "snapshot"]), name="index_profile_known"
            ),
            models.CheckConstraint(
                condition=models.Q(max_file_size__isnull=True) | models.Q(max_file_size__gt=0),
                name="index_max_file_size_positive",
            ),
            models.CheckConstraint(
                condition=models.Q(max_project_size__isnull=True) | models.Q(max_project_size__gt=0),
                name="index_max_project_size_positive",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class GroupMember(models.Model):
    """A member of a group index; a lower position is asked first."""

    group = models.ForeignKey(Index, models.CASCADE, related_name="group_members")
    member = models.ForeignKey(Index, models.PROTECT, related_name="member_of")
    position = models.PositiveIntegerField()

    class Meta:
        ordering: ClassVar = ["position"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["group", "member"], name="group_member_once"),
            models.UniqueConstraint(fields=["group", "position"], name="group_position_once"),
            models.CheckConstraint(condition=~models.Q(group=models.F("member")), name="group_not_its_own_member"),
        ]

    def __str__(self) -> str:
        return f"{self.group}: {self.position}. {self.member}"
