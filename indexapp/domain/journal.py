"""The change log in the words of the journal that PyPI keeps, which mirrors and builders of wheels read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from indexapp.domain.change_kinds import ChangeKind


class JournalRow(NamedTuple):
    """One entry: ``at`` in seconds of the epoch; what concerns the whole project has no version."""

    name: str
    version: str | None
    at: int
    action: str
    serial: int


Worded = list[tuple[str | None, str]]
"""Version and action of each entry that a change amounts to."""


def in_words(kind: str, version: str, filename: str, detail: Mapping[str, Any]) -> Worded:
    """Return what a change of a project is in the journal; nothing for one that changes nothing for readers."""
    if (action := _OF_PROJECT.get(kind)) is not None:
        return [(None, action.format(status=detail.get("status") or "changed"))]
    rows: Worded = [(None, "create")] if detail.get("new_project") else []
    if detail.get("new_release"):
        rows.append((version, "new release"))
    tag = _python_tag(filename)
    rows.extend((version or None, action.format(filename=filename, tag=tag)) for action in _OF_RELEASE.get(kind, ()))
    return rows


def _python_tag(filename: str) -> str:
    """The wheel's tag for Pythons, as its name has it."""
    parts = filename.split("-")
    return parts[-3] if filename.endswith(".whl") and len(parts) > _LEAST_PARTS else "source"


_LEAST_PARTS = 4  # name, version, and the three tags
_OF_PROJECT = {
    ChangeKind.PROJECT_CREATED.value: "create",
    ChangeKind.PROJECT_RESTORED.value: "create",
    ChangeKind.PROJECT_STATUS.value: "project {status}",
    ChangeKind.PROJECT_MIRRORED.value: "update from upstream",
    ChangeKind.PROJECT_DELETED.value: "remove project",
    ChangeKind.INSTALLATION_RESTORED.value: "restored with the installation",
    ChangeKind.INSTALLATION_PROMOTED.value: "told anew by the site that took over",
}
_ADDED = "add {tag} file {filename}"
_REMOVED = "remove file {filename}"
_OF_RELEASE = {
    ChangeKind.RELEASE_CREATED.value: ("new release",),
    ChangeKind.RELEASE_RESTORED.value: ("new release",),
    ChangeKind.RELEASE_YANKED.value: ("yank release",),
    ChangeKind.RELEASE_UNYANKED.value: ("unyank release",),
    ChangeKind.RELEASE_DELETED.value: ("remove release",),
    ChangeKind.FILE_ADDED.value: (_ADDED,),
    ChangeKind.FILE_RESTORED.value: (_ADDED,),
    ChangeKind.FILE_REPLACED.value: (_REMOVED, _ADDED),
    ChangeKind.FILE_MIRRORED.value: ("fetch file {filename}",),
    ChangeKind.FILE_YANKED.value: ("yank file {filename}",),
    ChangeKind.FILE_UNYANKED.value: ("unyank file {filename}",),
    ChangeKind.FILE_DELETED.value: (_REMOVED,),
    ChangeKind.FILE_DAMAGED.value: ("hold back file {filename}",),
    ChangeKind.FILE_REPAIRED.value: ("repair file {filename}",),
}
