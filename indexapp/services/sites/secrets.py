"""The keys with which addresses at mirror sites are signed."""

from __future__ import annotations

from accounts.services.keys.sealed_columns import SealedColumn
from indexapp.clients.mirror_sites import SiteAddress
from indexapp.models import MirrorSite
from tpi_site.kit import sealing


def purpose(name: str, base_url: str) -> str:
    """What a site's key is sealed for: another address needs the key again."""
    return f"mirror-site:{name}:{base_url}"


SEALED = SealedColumn("keys of mirror sites", MirrorSite, "signing_key", ("name", "base_url"), purpose)
"""For rotations, backups and the counts of the console."""


def address_of(site: MirrorSite) -> SiteAddress:
    """Where the site is, with its key opened; refuses one that does not open."""
    key = sealing.unseal(site.signing_key, purpose(site.name, site.base_url))
    return SiteAddress(site.base_url, site.ca_certificates, site.signing, key)
