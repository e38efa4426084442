"""Mirror sites: who serves files for this installation without being trusted, and what each was found to have."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from accounts.models.users import SLUG
from indexapp.models.indexes import Index


class MirrorSite(models.Model):
    """A site that serves files only; ``base_url`` has ``{index}`` in it where the site serves several indexes.

    ``capacity`` is in bytes a second, ``lag_hours`` how old its tree may be, ``share`` which part of its digests it is given
    (see :mod:`indexapp.domain.balancing`).  ``given_bytes`` were asked of it since ``given_since``.
    The last four count since it was registered: readers' requests and the bytes that it gave them, and answers to readers and
    checks that failed, or had other bytes.
    """

    class Sending(models.TextChoices):
        """How its bytes come to clients."""

        THROUGH = "through", "Through the index, which checks every piece"
        REDIRECT = "redirect", "Clients are sent there"

    class Signing(models.TextChoices):
        """What addresses carry that are good for some minutes only."""

        NONE = "none", "Nothing"
        NGINX = "nginx", "nginx secure_link"
        TPI = "tpi", "HMAC-SHA256, as another TPI checks it"

    class State(models.TextChoices):
        """What is known of it; only the healthy and the slow get clients."""

        PROBATION = "probation", "On probation"
        HEALTHY = "healthy", "Healthy"
        SLOW = "slow", "Slow"
        UNREACHABLE = "unreachable", "Unreachable"
        STALE = "stale", "Stale"
        WRONG = "wrong", "Served wrong bytes"
        OUT = "out", "Taken out"

    name = models.CharField(max_length=64, unique=True, validators=[SLUG])
    base_url = models.CharField(max_length=500)
    region = models.CharField(max_length=64, blank=True)
    networks = models.JSONField(default=list, blank=True)
    weight = models.FloatField(default=1.0)
    capacity = models.BigIntegerField(null=True, blank=True)
    sending = models.CharField(max_length=8, choices=Sending.choices, default=Sending.THROUGH)
    takes_private = models.BooleanField(default=False)
    signing = models.CharField(max_length=5, choices=Signing.choices, default=Signing.NONE)
    signing_key = models.TextField(blank=True, editable=False)
    ca_certificates = models.TextField(blank=True)
    lag_hours = models.PositiveIntegerField(default=24)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.CharField(max_length=150)
    state = models.CharField(max_length=11, choices=State.choices, default=State.PROBATION)
    state_at = models.DateTimeField(auto_now_add=True)
    reason = models.CharField(max_length=500, blank=True)
    checked_at = models.DateTimeField(null=True, blank=True)
    next_check_at = models.DateTimeField()
    failures = models.PositiveIntegerField(default=0)
    passes = models.PositiveIntegerField(default=0)
    share = models.FloatField(default=0.125)
    milliseconds = models.PositiveIntegerField(null=True, blank=True)
    given_bytes = models.BigIntegerField(default=0)
    given_since = models.DateTimeField(auto_now_add=True)
    sent_requests = models.BigIntegerField(default=0)
    sent_bytes = models.BigIntegerField(default=0)
    failed_answers = models.BigIntegerField(default=0)
    wrong_answers = models.BigIntegerField(default=0)

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(weight__gt=0), name="mirror_site_weight_positive"),
            models.CheckConstraint(
                condition=models.Q(capacity__isnull=True) | models.Q(capacity__gt=0),
                name="mirror_site_capacity_positive",
            ),
            models.CheckConstraint(
                condition=models.Q(sending__in=["through", "redirect"]), name="mirror_site_sending_known"
            ),
            models.CheckConstraint(
                condition=models.Q(signing="none", signing_key="")
                | (models.Q(signing__in=["nginx", "tpi"]) & ~models.Q(signing_key="")),
                name="mirror_site_signs_with_a_key",
            ),
            models.CheckConstraint(
                condition=models.Q(takes_private=False) | ~models.Q(signing="none"),
                name="mirror_site_private_is_signed",
            ),
            models.CheckConstraint(
                condition=models.Q(
                    state__in=["probation", "healthy", "slow", "unreachable", "stale", "wrong", "out"],
                ),
                name="mirror_site_state_known",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class SiteIndex(models.Model):
    """An index whose files a site has."""

    site = models.ForeignKey(MirrorSite, models.CASCADE, related_name="site_indexes")
    index = models.ForeignKey(Index, models.CASCADE, related_name="mirror_sites")

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["site", "index"], name="site_index_once")]

    def __str__(self) -> str:
        return f"{self.site}: {self.index}"


class IndexSending(models.Model):
    """Whether readers of an index are given bytes of mirror sites; an index without a row has it off."""

    class Mode(models.TextChoices):
        """What may happen at most; a site's own ``sending`` may be less."""

        OFF = "off", "Off"
        THROUGH = "through", "Through the index"
        REDIRECT = "redirect", "Clients are sent there"

    index = models.OneToOneField(Index, models.CASCADE, primary_key=True, related_name="sending")
    mode = models.CharField(max_length=8, choices=Mode.choices, default=Mode.OFF)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(mode__in=["off", "through", "redirect"]), name="index_sending_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.index}: {self.mode}"


class FileProof(models.Model):
    """Whether a site has the content of a digest: wanted to be looked at, proved, or missing there."""

    site = models.ForeignKey(MirrorSite, models.CASCADE, related_name="proofs")
    sha256 = models.CharField(max_length=64)
    index = models.ForeignKey(Index, models.CASCADE, related_name="+")
    path = models.CharField(max_length=400)
    wanted_at = models.DateTimeField(null=True, blank=True)
    proved_at = models.DateTimeField(null=True, blank=True)
    missing_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["site", "sha256"], name="file_proof_once")]
        indexes: ClassVar = [
            models.Index(fields=["sha256"], name="file_proof_of_content"),
            models.Index(fields=["site", "wanted_at"], name="file_proof_wanted"),
            models.Index(fields=["proved_at"], name="file_proof_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.site}: {self.sha256}"


class PieceDigests(models.Model):
    """SHA-256 of each stretch of a larger content, one behind the other, so that bytes can be believed as they come."""

    sha256 = models.CharField(max_length=64, unique=True)
    digests = models.BinaryField()

    class Meta:
        verbose_name_plural = "piece digests"

    def __str__(self) -> str:
        return self.sha256
