"""Where the blobs are, as far as that is a folder."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from django.conf import settings


def storage_folder() -> Path | None:
    """The folder that ``TPI_STORAGE_URL`` names; None where the files are kept elsewhere."""
    parts = urlsplit(settings.TPI_STORAGE_URL)
    return Path(unquote(parts.path)) if parts.scheme == "file" else None
