"""What is published, by whom, and the log of its changes."""

from indexapp.models.backups import Backup, Drill, Restoration
from indexapp.models.changes import Change
from indexapp.models.indexes import GroupMember, Index
from indexapp.models.integrity import ScrubCount
from indexapp.models.policies import PolicyException, PolicyHold, PolicyRule
from indexapp.models.projects import Blob, Description, File, Project, Release, RetiredFilename
from indexapp.models.quotas import Quota
from indexapp.models.roles import ReservedPrefix, Role
from indexapp.models.trash import Trashed, TrashedFile, TrashedRelease, TrashedRole

__all__ = [
    "Backup",
    "Blob",
    "Change",
    "Description",
    "Drill",
    "File",
    "GroupMember",
    "Index",
    "PolicyException",
    "PolicyHold",
    "PolicyRule",
    "Project",
    "Quota",
    "Release",
    "ReservedPrefix",
    "Restoration",
    "RetiredFilename",
    "Role",
    "ScrubCount",
    "Trashed",
    "TrashedFile",
    "TrashedRelease",
    "TrashedRole",
]
