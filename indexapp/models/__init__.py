"""What is published, by whom, and the log of its changes."""

from indexapp.models.changes import Change
from indexapp.models.indexes import GroupMember, Index
from indexapp.models.integrity import ScrubCount
from indexapp.models.projects import Blob, Description, File, Project, Release, RetiredFilename
from indexapp.models.quotas import Quota
from indexapp.models.roles import ReservedPrefix, Role
from indexapp.models.trash import Trashed, TrashedFile, TrashedRelease, TrashedRole

__all__ = [
    "Blob",
    "Change",
    "Description",
    "File",
    "GroupMember",
    "Index",
    "Project",
    "Quota",
    "Release",
    "ReservedPrefix",
    "RetiredFilename",
    "Role",
    "ScrubCount",
    "Trashed",
    "TrashedFile",
    "TrashedRelease",
    "TrashedRole",
]
