"""Mirror sites as rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from indexapp.models import Index, MirrorSite
from indexapp.services.sites import settings
from tests.factories.people import SYSTEM

KEY = "0123456789abcdef-of-a-site"


def make_site(
    name: str = "far", url: str = "http://mirror.example/", *, indexes: Sequence[Index] = (), **values: Any
) -> MirrorSite:
    """A site on probation, which has these indexes."""
    names = [index.name for index in indexes]
    return settings.register(actor=SYSTEM, name=name, base_url=url, indexes=names, **values)


def in_use(site: MirrorSite) -> MirrorSite:
    """The same, as if it had passed its probation."""
    MirrorSite.objects.filter(pk=site.pk).update(state=MirrorSite.State.HEALTHY)
    site.refresh_from_db()
    return site
