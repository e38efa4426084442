"""Upload profiles: how strict an index is about what it takes.

The values are stored in the database and shown in the console, so they do not change.
"""

from __future__ import annotations

from enum import Enum


class UploadProfile(Enum):
    """How an index judges an uploaded file."""

    ENTERPRISE = "enterprise"
    """Takes what companies really have: historical file names, old metadata, local versions, direct references."""

    PYPI_STRICT = "pypi-strict"
    """Refuses what PyPI refuses, so that what is accepted here could be published there."""

    SNAPSHOT = "snapshot"
    """As ``ENTERPRISE`` where names and metadata are concerned; the index may also replace files of a release."""

    @property
    def is_strict(self) -> bool:
        """Whether PyPI's own rules hold."""
        return self is UploadProfile.PYPI_STRICT
