"""What can happen to what is published."""

from __future__ import annotations

from enum import Enum


class ChangeKind(Enum):
    """The kinds of rows in the change log; values are stored and shown, so they never change."""

    INDEX_CREATED = "index-created"
    INDEX_CHANGED = "index-changed"
    INDEX_DELETED = "index-deleted"
    PROJECT_CREATED = "project-created"
    PROJECT_STATUS = "project-status"
    PROJECT_DELETED = "project-deleted"
    RELEASE_CREATED = "release-created"
    RELEASE_YANKED = "release-yanked"
    RELEASE_UNYANKED = "release-unyanked"
    RELEASE_DELETED = "release-deleted"
    FILE_ADDED = "file-added"
    FILE_REPLACED = "file-replaced"
    FILE_YANKED = "file-yanked"
    FILE_UNYANKED = "file-unyanked"
    FILE_DELETED = "file-deleted"
    FILE_DAMAGED = "file-damaged"
    FILE_REPAIRED = "file-repaired"
    PROJECT_RESTORED = "project-restored"
    RELEASE_RESTORED = "release-restored"
    FILE_RESTORED = "file-restored"
    TRASH_PURGED = "trash-purged"
    INSTALLATION_RESTORED = "installation-restored"
    INSTALLATION_PROMOTED = "installation-promoted"
    PROJECT_MIRRORED = "project-mirrored"
    FILE_MIRRORED = "file-mirrored"
    POLICY_CHANGED = "policy-changed"


OF_A_RELEASE = frozenset(kind.value for kind in ChangeKind if kind.value.startswith(("release-", "file-")))
"""Values of the kinds that concern one release, which the change names by its version, and nothing else of a project."""
