"""Sites that follow one another, as rows."""

from __future__ import annotations

import uuid
from typing import Any

from indexapp.models import Following
from indexapp.services.replication import epochs
from indexapp.services.replication.following import purpose
from tpi_site.kit import sealing

PRIMARY = "https://primary.example/"


def make_following(url: str = PRIMARY, *, secret: str = "tpi_nothing", **values: Any) -> Following:
    """This site as a replica that has what the primary has."""
    sealed = sealing.seal(secret, purpose(url))
    epoch = epochs.current().uuid
    defaults = {"primary_site": uuid.uuid4(), "epoch": epoch, "cursor": epochs.newest_serial()}
    return Following.objects.create(primary_url=url, secret=sealed, **(defaults | values))
