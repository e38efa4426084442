"""Core metadata text, shared by the builders of wheels and sdists, and the result that both return."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Built(NamedTuple):
    """A built artefact: the file name that goes with it, and its bytes."""

    filename: str
    content: bytes


def core_metadata(
    name: str,
    version: str,
    *,
    metadata_version: str = "2.4",
    headers: Iterable[tuple[str, str]] = (),
    description: str = "",
) -> bytes:
    """Return a METADATA or PKG-INFO file; ``headers`` come after Name and Version, in their order."""
    lines = [("Metadata-Version", metadata_version), ("Name", name), ("Version", version), *headers]
    text = "".join(f"{key}: {value}\n" for key, value in lines)
    return (text + (f"\n{description}" if description else "")).encode()
