"""Directory servers (LDAP and Active Directory), what their groups mean here, and the runs that compare the two."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from accounts.models.users import SLUG


class Directory(models.Model):
    """A directory that people sign in through; several hosts of it are tried in order.

    ``bind_password`` is sealed (:mod:`tpi_site.kit.sealing`).  Filters are RFC 4515; ``%(user)s`` stands for the escaped
    user name.  One that has a ``removal`` is being removed: nobody comes through it, and nobody of it is believed any more.
    """

    class Kind(models.TextChoices):
        """What the attributes and the nesting rule are taken from."""

        LDAP = "ldap", "LDAP (OpenLDAP, 389, and others)"
        ACTIVE_DIRECTORY = "active-directory", "Active Directory"

    class Security(models.TextChoices):
        """How the connection is encrypted; there is no way without."""

        LDAPS = "ldaps", "LDAPS"
        START_TLS = "starttls", "StartTLS"

    class Bind(models.TextChoices):
        """Whose credentials find a person's entry."""

        ACCOUNT = "account", "A bind account searches for the person"
        DIRECT = "direct", "The person's own name and password"

    class Nesting(models.TextChoices):
        """How a group within a group is found."""

        CHAIN = "chain", "Active Directory's matching rule in chain"
        WALK = "walk", "Group by group (memberOf or member)"
        NONE = "none", "Direct members only"

    class Origin(models.TextChoices):
        """Where the row is changed."""

        CONSOLE = "console", "Console"
        ENVIRONMENT = "environment", "Environment"
        RELEASED = "released", "Console, formerly the environment"

    name = models.CharField(max_length=64, unique=True, validators=[SLUG])
    title = models.CharField(max_length=200, blank=True)
    kind = models.CharField(max_length=20, choices=Kind.choices, default=Kind.LDAP)
    origin = models.CharField(max_length=12, choices=Origin.choices, default=Origin.CONSOLE, editable=False)
    place = models.PositiveSmallIntegerField(default=0)
    enabled = models.BooleanField(default=True)
    hosts = models.CharField(max_length=500)
    security = models.CharField(max_length=10, choices=Security.choices, default=Security.LDAPS)
    ca_certificates = models.TextField(blank=True)
    verify_certificate = models.BooleanField(default=True)
    timeout = models.PositiveSmallIntegerField(default=5)
    bind = models.CharField(max_length=10, choices=Bind.choices, default=Bind.ACCOUNT)
    bind_dn = models.CharField(max_length=500, blank=True)
    bind_password = models.TextField(blank=True, editable=False)
    user_template = models.CharField(max_length=500, blank=True)
    user_base = models.CharField(max_length=500)
    user_filter = models.CharField(max_length=1000, blank=True)
    name_attribute = models.CharField(max_length=64, blank=True)
    group_base = models.CharField(max_length=500, blank=True)
    group_filter = models.CharField(max_length=1000, blank=True)
    nesting = models.CharField(max_length=8, choices=Nesting.choices, default=Nesting.WALK)
    only_mapped = models.BooleanField(default=False)
    page_size = models.PositiveSmallIntegerField(default=500)
    removal_limit = models.PositiveSmallIntegerField(default=20)
    created_at = models.DateTimeField(auto_now_add=True)
    last_ok_at = models.DateTimeField(null=True, blank=True, editable=False)
    failing_since = models.DateTimeField(null=True, blank=True, editable=False)
    failure = models.CharField(max_length=500, blank=True, editable=False)
    paused_at = models.DateTimeField(null=True, blank=True, editable=False)
    removal = models.OneToOneField(
        "accounts.FormerDirectory", models.PROTECT, related_name="directory", null=True, blank=True, editable=False
    )

    class Meta:
        ordering: ClassVar = ["place", "name"]
        verbose_name_plural = "directories"
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(removal_limit__gte=1, removal_limit__lte=100), name="directory_removal_limit"
            ),
            models.CheckConstraint(condition=models.Q(timeout__gte=1), name="directory_timeout"),
            models.CheckConstraint(condition=models.Q(page_size__gte=1), name="directory_page_size"),
            models.CheckConstraint(
                condition=models.Q(removal__isnull=True) | models.Q(enabled=False, bind_password=""),
                name="directory_removed_is_off",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class GroupMapping(models.Model):
    """What the members of a directory's group are here: in a team at a place, or in a part for the instance."""

    directory = models.ForeignKey(Directory, models.CASCADE, related_name="mappings")
    group_dn = models.CharField(max_length=500)
    team = models.ForeignKey("accounts.Team", models.CASCADE, related_name="mappings", null=True, blank=True)
    role = models.CharField(max_length=16, blank=True)
    instance_role = models.CharField(max_length=20, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["directory__name", "group_dn"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(team__isnull=True, role="") & ~models.Q(instance_role="")
                | models.Q(team__isnull=False, role__in=["member", "maintainer", "admin"], instance_role=""),
                name="mapping_has_one_aim",
            ),
            models.UniqueConstraint(
                fields=["directory", "group_dn", "team"],
                condition=models.Q(team__isnull=False),
                name="mapping_once_per_team",
            ),
            models.UniqueConstraint(
                fields=["directory", "group_dn", "instance_role"],
                condition=models.Q(team__isnull=True),
                name="mapping_once_per_instance_role",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.group_dn} -> {self.team or self.instance_role}"


class DirectorySync(models.Model):
    """One comparison of a directory with the accounts here, and how far it came."""

    class State(models.TextChoices):
        """Where it stands."""

        RUNNING = "running", "Running"
        DONE = "done", "Done"
        PAUSED = "paused", "Paused: too many removals"
        FAILED = "failed", "Failed"

    directory = models.ForeignKey(Directory, models.CASCADE, related_name="syncs")
    state = models.CharField(max_length=8, choices=State.choices, default=State.RUNNING)
    dry_run = models.BooleanField(default=False)
    started_at = models.DateTimeField(auto_now_add=True)
    moved_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    found = models.PositiveIntegerField(default=0)
    added = models.PositiveIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)
    removed = models.PositiveIntegerField(default=0)
    memberships_added = models.PositiveIntegerField(default=0)
    memberships_removed = models.PositiveIntegerField(default=0)
    sentence = models.CharField(max_length=500, blank=True)
    differences = models.JSONField(default=list, blank=True)
    cursor = models.JSONField(default=dict, blank=True, editable=False)

    class Meta:
        ordering: ClassVar = ["-id"]

    def __str__(self) -> str:
        return f"{self.directory} {self.started_at:%Y-%m-%d %H:%M}"


class SyncedMember(models.Model):
    """What a sync has read: that somebody is directly in a group, or, without a group, that they are there at all.

    ``entry`` is the SHA-256 of the person's normalised name in the directory, or of their lasting key where there is no
    group, which begins with ``key:`` where the groups too are found by it; ``group`` is the group's number in the sync,
    which knows what each of them gives.  Kept while the sync runs, so
    that no list of members has to be in memory.
    """

    sync = models.ForeignKey(DirectorySync, models.CASCADE, related_name="members")
    entry = models.CharField(max_length=64)
    group = models.PositiveIntegerField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["sync", "entry", "group"],
                condition=models.Q(group__isnull=False),
                name="synced_member_once",
            ),
            models.UniqueConstraint(
                fields=["sync", "entry"], condition=models.Q(group__isnull=True), name="synced_person_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.sync_id} {self.entry[:8]}"
