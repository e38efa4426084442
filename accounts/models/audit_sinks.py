"""Where the audit log is streamed to."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from accounts.models.users import SLUG


class AuditSink(models.Model):
    """A receiver of audit entries and how far it has got: ``cursor`` is the last position of the chain that it has.

    ``secret`` is sealed (:mod:`tpi_site.kit.sealing`).  ``leased_until`` keeps two jobs from delivering at once.
    """

    class Kind(models.TextChoices):
        """How entries travel."""

        SYSLOG = "syslog-tls", "Syslog over TLS"
        HTTP = "http", "HTTP, signed"
        FILE = "file", "File in the data folder"

    class Format(models.TextChoices):
        """What a line looks like."""

        JSON = "json", "JSON"
        CEF = "cef", "CEF"
        OCSF = "ocsf", "OCSF"

    name = models.CharField(max_length=64, unique=True, validators=[SLUG])
    kind = models.CharField(max_length=12, choices=Kind.choices)
    address = models.CharField(max_length=500)
    format = models.CharField(max_length=8, choices=Format.choices, default=Format.JSON)
    action_prefixes = models.JSONField(default=list, blank=True)
    ca_certificates = models.TextField(blank=True)
    secret = models.TextField(blank=True, editable=False)
    enabled = models.BooleanField(default=True)
    cursor = models.BigIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    last_ok_at = models.DateTimeField(null=True, blank=True, editable=False)
    failing_since = models.DateTimeField(null=True, blank=True, editable=False)
    failures = models.PositiveIntegerField(default=0, editable=False)
    failure = models.CharField(max_length=500, blank=True, editable=False)
    next_try_at = models.DateTimeField(null=True, blank=True, editable=False)
    leased_until = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name
