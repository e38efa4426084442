"""Sites that follow one another, as rows."""

from __future__ import annotations

import uuid
from typing import Any

from indexapp.models import Following, Replica
from indexapp.services.replication import credentials, epochs
from indexapp.services.replication.following import purpose
from tests.factories.people import SYSTEM
from tpi_site.kit import sealing

PRIMARY = "https://primary.example/"


def make_following(url: str = PRIMARY, *, secret: str = "tpi_nothing", **values: Any) -> Following:
    """This site as a replica that has what the primary has."""
    sealed = sealing.seal(secret, purpose(url))
    epoch = epochs.current().uuid
    defaults = {"primary_site": uuid.uuid4(), "epoch": epoch, "cursor": epochs.newest_serial()}
    return Following.objects.create(primary_url=url, secret=sealed, **(defaults | values))


def make_replica(name: str = "far", **values: Any) -> Replica:
    """A site that may follow this one, and what it has told."""
    row, _ = credentials.invite(actor=SYSTEM, name=name)
    if values:
        Replica.objects.filter(pk=row.pk).update(**values)
    row.refresh_from_db()
    return row
