"""People and the teams they are in."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.auth.models import AbstractUser
from django.core.validators import RegexValidator
from django.db import models
from django.db.models.functions import Lower

SLUG = RegexValidator(
    r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?\Z",
    "Use lower-case letters, digits and hyphens, beginning and ending with a letter or digit.",
    code="name-invalid",
)


class User(AbstractUser):
    """A person, or a program with an account of its own.

    ``is_superuser`` makes an administrator of the instance; what others may do comes from roles and teams, so Django's
    own groups and per-model permissions stay unused.
    """

    class Meta(AbstractUser.Meta):
        """User names that differ only by case would be one person in a directory."""

        swappable = "AUTH_USER_MODEL"
        constraints: ClassVar = [models.UniqueConstraint(Lower("username"), name="user_name_unique_without_case")]


class Team(models.Model):
    """A group of people who hold roles together."""

    name = models.CharField(max_length=64, unique=True, validators=[SLUG])
    title = models.CharField(max_length=200, blank=True)
    description = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    members = models.ManyToManyField(User, through="Membership", related_name="teams")

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """A person's place in a team; a team's admin may invite and remove."""

    class Place(models.TextChoices):
        """From the least to the most."""

        MEMBER = "member", "Member"
        MAINTAINER = "maintainer", "Maintainer"
        ADMIN = "admin", "Admin"

    team = models.ForeignKey(Team, models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=16, choices=Place.choices, default=Place.MEMBER)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["team__name", "user__username"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["team", "user"], name="membership_once"),
            models.CheckConstraint(
                condition=models.Q(role__in=["member", "maintainer", "admin"]), name="membership_role"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} in {self.team} ({self.role})"
