"""What is published, by whom, and the log of its changes."""

from indexapp.models.backups import Backup, Drill, Restoration
from indexapp.models.changes import Change
from indexapp.models.holding import FetchLimit, Holding, NotHeld
from indexapp.models.indexes import GroupMember, Index
from indexapp.models.integrity import ScrubCount
from indexapp.models.mirror_sites import FileProof, IndexSending, MirrorSite, PieceDigests, SiteIndex
from indexapp.models.mirrors import Merge, MirroredFile, MirroredProject, MirroredProvenance, Upstream
from indexapp.models.policies import PolicyException, PolicyHold, PolicyRule
from indexapp.models.prefetches import MirrorPlan, PlannedName, PrefetchItem, PrefetchJob
from indexapp.models.projects import Blob, Description, File, Project, Release, RetiredFilename
from indexapp.models.promotion import Fence, Leftover, Takeover
from indexapp.models.quotas import Quota
from indexapp.models.replication import Epoch, Following, PrimaryCheckpoint, Replica, Site, WantedBlob
from indexapp.models.roles import ReservedPrefix, Role
from indexapp.models.trash import Trashed, TrashedFile, TrashedRelease, TrashedRole
from indexapp.models.vulnerabilities import Advisory, AdvisoryImport, AdvisoryPackage

__all__ = [
    "Advisory",
    "AdvisoryImport",
    "AdvisoryPackage",
    "Backup",
    "Blob",
    "Change",
    "Description",
    "Drill",
    "Epoch",
    "Fence",
    "FetchLimit",
    "File",
    "FileProof",
    "Following",
    "GroupMember",
    "Holding",
    "Index",
    "IndexSending",
    "Leftover",
    "Merge",
    "MirrorPlan",
    "MirrorSite",
    "MirroredFile",
    "MirroredProject",
    "MirroredProvenance",
    "NotHeld",
    "PieceDigests",
    "PlannedName",
    "PolicyException",
    "PolicyHold",
    "PolicyRule",
    "PrefetchItem",
    "PrefetchJob",
    "PrimaryCheckpoint",
    "Project",
    "Quota",
    "Release",
    "Replica",
    "ReservedPrefix",
    "Restoration",
    "RetiredFilename",
    "Role",
    "ScrubCount",
    "Site",
    "SiteIndex",
    "Takeover",
    "Trashed",
    "TrashedFile",
    "TrashedRelease",
    "TrashedRole",
    "Upstream",
    "WantedBlob",
]
