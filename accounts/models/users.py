"""People and the teams they are in."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.auth.models import AbstractUser
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import QuerySet, Value
from django.db.models.functions import Lower

from accounts.domain.actors import Actor, Method, TokenScope
from accounts.domain.instance_roles import roles_from_mask

SLUG = RegexValidator(
    r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?\Z",
    "Use lower-case letters, digits and hyphens, beginning and ending with a letter or digit.",
    code="name-invalid",
)


ADMINISTRATOR_BIT = 1 << 14
"""In :attr:`User.directory_roles`: that a directory's group made the account an administrator of the instance."""


class User(AbstractUser):
    """A person, or a program with an account of its own.

    ``is_superuser`` makes an administrator of the instance, ``instance_roles`` is the mask of
    :mod:`accounts.domain.instance_roles`; what others may do comes from roles and teams, so Django's own groups and
    per-model permissions stay unused.  A service account belongs to a team and signs in with tokens alone.  Who comes
    from a directory is known there by ``directory_key`` (entryUUID or objectGUID), which outlives a change of name;
    ``directory_roles`` is the part of ``instance_roles`` (and :data:`ADMINISTRATOR_BIT`) that a group there gave.  Whose
    directory was removed has the ``former_directory`` in its place, and the key.
    """

    class Kind(models.TextChoices):
        """Who is behind the account."""

        PERSON = "person", "Person"
        SERVICE = "service", "Service account"

    class Ended(models.TextChoices):
        """Who disabled the account; what a directory ended it may begin again."""

        NOT = "", "Not disabled"
        ADMINISTRATOR = "administrator", "An administrator"
        DIRECTORY = "directory", "The directory"

    kind = models.CharField(max_length=8, choices=Kind.choices, default=Kind.PERSON)
    service_team = models.ForeignKey(
        "accounts.Team", models.PROTECT, related_name="service_accounts", null=True, blank=True
    )
    instance_roles = models.PositiveSmallIntegerField(default=0)
    is_break_glass = models.BooleanField(default=False)
    ended_by = models.CharField(max_length=13, choices=Ended.choices, default=Ended.NOT, blank=True)
    directory = models.ForeignKey("accounts.Directory", models.SET_NULL, related_name="people", null=True, blank=True)
    directory_key = models.CharField(max_length=64, blank=True)
    directory_dn = models.CharField(max_length=500, blank=True)
    directory_seen_at = models.DateTimeField(null=True, blank=True)
    directory_roles = models.PositiveSmallIntegerField(default=0)
    former_directory = models.ForeignKey(
        "accounts.FormerDirectory", models.SET_NULL, related_name="accounts", null=True, blank=True
    )

    class Meta(AbstractUser.Meta):
        """User names that differ only by case would be one person in a directory."""

        swappable = "AUTH_USER_MODEL"
        constraints: ClassVar = [
            models.UniqueConstraint(Lower("username"), name="user_name_unique_without_case"),
            models.CheckConstraint(
                condition=models.Q(kind="person", service_team__isnull=True)
                | models.Q(kind="service", service_team__isnull=False),
                name="user_service_account_has_a_team",
            ),
            models.UniqueConstraint(
                fields=["directory", "directory_key"],
                condition=models.Q(directory__isnull=False),
                name="user_once_per_directory_entry",
            ),
            models.CheckConstraint(
                condition=models.Q(directory__isnull=True) | models.Q(former_directory__isnull=True),
                name="user_directory_is_one",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["directory_key"],
                condition=models.Q(former_directory__isnull=False),
                name="user_left_by_directory",
            ),
        ]

    @property
    def has_password_here(self) -> bool:
        """Whether the account is a person's whose password this site keeps, so that no directory is asked for them.

        What a removed directory left behind is nobody's until that directory comes back, or a password is set here.
        """
        is_left = self.former_directory_id is not None and not self.has_usable_password()
        return self.kind == User.Kind.PERSON and self.directory_id is None and not is_left

    @classmethod
    def named(cls, name: str) -> QuerySet[User]:
        """The account of that name in whatever case, found through the index that keeps names unique so."""
        return User.objects.alias(lower_name=Lower("username")).filter(lower_name=Lower(Value(name)))

    def actor(self, method: Method, token: TokenScope | None = None) -> Actor:
        """The account as services know it, after it has proved who it is by ``method``."""
        roles = roles_from_mask(self.instance_roles)
        return Actor(self.pk, self.username, self.is_superuser, token, method, roles=roles)


class Team(models.Model):
    """A group of people who hold roles together.

    Who is in a team is in the teams above it too and holds their roles; ``parent`` is the next above, and
    :class:`accounts.models.nesting.TeamNesting` has all of them, so that one query finds what a person holds.
    """

    name = models.CharField(max_length=64, unique=True, validators=[SLUG])
    title = models.CharField(max_length=200, blank=True)
    description = models.TextField(blank=True)
    parent = models.ForeignKey("self", models.PROTECT, related_name="children", null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    members = models.ManyToManyField(User, through="Membership", related_name="teams")

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """A person's place in a team; a team's admin may invite and remove.

    One that comes from a directory's group names the directory and is changed there; it stands beside one that was
    given here, and the higher place holds.
    """

    class Place(models.TextChoices):
        """From the least to the most."""

        MEMBER = "member", "Member"
        MAINTAINER = "maintainer", "Maintainer"
        ADMIN = "admin", "Admin"

    team = models.ForeignKey(Team, models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=16, choices=Place.choices, default=Place.MEMBER)
    directory = models.ForeignKey(
        "accounts.Directory", models.CASCADE, related_name="memberships", null=True, blank=True
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["team__name", "user__username"]
        indexes: ClassVar = [models.Index(fields=["user", "team"], name="membership_of_user")]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["team", "user"], condition=models.Q(directory__isnull=True), name="membership_once"
            ),
            models.UniqueConstraint(
                fields=["team", "user", "directory"],
                condition=models.Q(directory__isnull=False),
                name="membership_once_per_directory",
            ),
            models.CheckConstraint(
                condition=models.Q(role__in=["member", "maintainer", "admin"]), name="membership_role"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} in {self.team} ({self.role})"
