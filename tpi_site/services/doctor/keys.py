"""The key ring, where it lies, and whether it opens what is sealed."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings

from accounts.services.keys import sealed_columns
from tpi_site.kit import key_ring as key_rings
from tpi_site.kit.key_ring import KeyRingBroken, KeySourceAway, WrapBroken, key_ring
from tpi_site.kit.keys.sources import in_full
from tpi_site.services.doctor.findings import Verdict, failing, good, warning
from tpi_site.services.doctor.places import storage_folder

_LOOKED_AT = 50
"""Sealed texts of each kind, the newest."""
_RESTORE = "Restore the key ring from its copy: without it neither files nor secrets open."


def ring() -> Verdict:
    """Whether the ring opens, and whether whoever gets the disk gets it too."""
    scheme, _, place = settings.TPI_KEYRING.partition(":")
    if scheme == "file" and not Path(place).is_file():
        return failing(f"There is no key ring at {place}.", _RESTORE)
    try:
        if not key_rings.is_there():
            return failing("There is no key ring where TPI_KEYRING says.", _RESTORE)
        found = key_ring()
    except KeySourceAway as away:
        return failing(
            in_full(away), "Bring back what wraps the keys of the ring (TPI_KEYRING names it), or its network."
        )
    except KeyRingBroken as broken:
        return failing(in_full(broken), _RESTORE)
    count = "1 key" if len(found.keys) == 1 else f"{len(found.keys)} keys"
    told = f"The key ring ({scheme}) opens: {count}, '{found.current}' is current."
    if scheme == "file" and (beside := _beside(Path(place))):
        return warning(
            f"{told} It lies {beside}.",
            "Who gets that disk or its backup gets the keys: keep the ring elsewhere (TPI_KEYRING), and a copy of it apart.",
        )
    return good(told)


def _beside(path: Path) -> str:
    """Where the ring should not be; empty where it is apart."""
    blobs = storage_folder()
    if blobs is not None and blobs.exists() and path.stat().st_dev == blobs.stat().st_dev:
        return "on the same file system as the files that it opens"
    if path.resolve().is_relative_to(settings.TPI_DATA_DIR.resolve()):
        return "in the data folder, beside the database's secrets"
    return ""


def sealed() -> Verdict:
    """Whether the newest sealed texts of each kind open."""
    if not key_rings.is_there():
        return failing("There is no key ring where TPI_KEYRING says.", _RESTORE)
    found, kinds, looked_at = key_ring(), [], 0
    for column in sealed_columns.columns():
        newest = column.rows().order_by("-pk").values_list(column.field, *column.bound_to)[:_LOOKED_AT]
        broken = 0
        for text, *bound_to in newest:
            looked_at += 1
            try:
                found.unwrap(text, column.purpose(*bound_to))
            except WrapBroken:
                broken += 1
        if broken:
            kinds.append(f"{broken} {column.words}")
    if kinds:
        return failing(f"These open with no key of the ring: {', '.join(kinds)}.", _RESTORE)
    return good(f"The newest {looked_at} sealed texts open.")
