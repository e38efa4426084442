"""Which model travels how: with its project, as a table that is compared chunk by chunk, or not at all.

Every model of ours stands in exactly one of the three, and a test holds that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Model

from accounts import models as accounts
from indexapp import models as index


@dataclass(frozen=True)
class Part:
    """A table that hangs on a project; ``path`` leads from its rows to the project's key."""

    model: type[Model]
    path: str


OF_PROJECT = (
    Part(index.Project, "pk"),
    Part(index.Release, "project_id"),
    Part(index.Description, "release__project_id"),
    Part(index.File, "project_id"),
    Part(index.MirroredProject, "project_id"),
    Part(index.MirroredFile, "file__project_id"),
    Part(index.MirroredProvenance, "file__project_id"),
)
"""All of a project, sent when a change has touched it."""


@dataclass(frozen=True)
class Table:
    """A table that hangs on no project.

    ``here`` are columns that each site has its own of: when something was used last.  ``version`` are the columns that tell
    whether a row is another one, where reading all of them would take long.  One that is ``large`` may come in parts.  A
    ``counter`` moves with every upload, and is compared with every batch.
    """

    model: type[Model]
    here: tuple[str, ...] = ()
    version: tuple[str, ...] = ()
    is_large: bool = False
    is_counter: bool = False


TABLES = (
    Table(index.Epoch),
    Table(accounts.FormerDirectory),
    Table(accounts.Directory, here=("last_ok_at", "failing_since", "failure", "paused_at")),
    Table(accounts.Team),
    Table(accounts.TeamNesting),
    Table(accounts.User, here=("last_login", "directory_seen_at")),
    Table(accounts.Membership),
    Table(accounts.GroupMapping),
    Table(accounts.Token, here=("last_used_at", "last_address", "last_client")),
    Table(accounts.Authenticator),
    Table(accounts.RecoveryCode),
    Table(index.Index),
    Table(index.GroupMember),
    Table(index.Upstream, here=("failing_since", "failure")),
    Table(index.Merge),
    Table(index.ReservedPrefix),
    Table(index.Quota, here=("is_soft_told",), is_counter=True),
    Table(index.PolicyRule),
    Table(index.PolicyException),
    Table(index.PolicyHold),
    Table(index.Role),
    Table(index.RetiredFilename, is_large=True),
    Table(index.Advisory, version=("osv_id", "modified", "withdrawn_at"), is_large=True),
    Table(index.AdvisoryPackage, version=("advisory_id", "normalized_name"), is_large=True),
)
"""In an order in which nothing comes before what it refers to, but for rows of one table."""

_OWN_EVIDENCE = "each site's audit log tells what was done there"
_NOT_SHOWN = "work of the primary, of which nothing is served"
_SITES = "each installation has mirror sites of its own"
LOCAL: dict[type[Model], str] = {
    accounts.Alarm: "what a person has to look at here",
    accounts.AuditCheckpoint: _OWN_EVIDENCE,
    accounts.AuditEntry: _OWN_EVIDENCE,
    accounts.AuditLink: _OWN_EVIDENCE,
    accounts.AuditPending: _OWN_EVIDENCE,
    accounts.AuditSink: "where this site's audit log goes, and how far it has come",
    accounts.BrowserSession: "who is signed in here",
    accounts.DirectorySync: _NOT_SHOWN,
    accounts.SyncedMember: _NOT_SHOWN,
    accounts.Generation: "raised here when something has come",
    accounts.Node: "this site's machines",
    accounts.ReadOnlyPeriod: "whether this site was switched",
    accounts.SharedSecret: "what this site's machines have alike",
    accounts.SignInMark: "attempts here",
    accounts.VerifiedPassword: "a cache",
    index.AdvisoryImport: _NOT_SHOWN,
    index.Backup: "this site's backups",
    index.Blob: "where this site's storage keeps bytes, sealed with its own keys",
    index.Change: "the feed itself",
    index.Drill: "this site's drills",
    index.Fence: "whether this site may write",
    index.FetchLimit: "how fast and when this site fetches",
    index.Following: "whom this site follows",
    index.Holding: "which bytes this site holds",
    index.Leftover: "what this site had that its primary has not",
    index.MirrorPlan: _NOT_SHOWN,
    index.NotHeld: "which bytes this site does not hold",
    index.FileProof: _SITES,
    index.IndexSending: _SITES,
    index.MirrorSite: _SITES,
    index.PieceDigests: _SITES,
    index.PlannedName: _NOT_SHOWN,
    index.PrefetchItem: _NOT_SHOWN,
    index.PrefetchJob: _NOT_SHOWN,
    index.PrimaryCheckpoint: "what its primary signed: it travels with the news, and is kept beside this site's own",
    index.Replica: "who follows this site",
    index.Restoration: "this site's restores",
    index.ScrubCount: "what was read of this site's storage",
    index.Site: "who this site is",
    index.Takeover: "from whom this site took over",
    index.SiteIndex: _SITES,
    index.Trashed: "what was deleted is had back on the primary",
    index.TrashedFile: "as of what was deleted",
    index.TrashedRelease: "as of what was deleted",
    index.TrashedRole: "as of what was deleted",
    index.WantedBlob: "what this site still has to fetch",
}
"""Each with the reason."""


def label(model: type[Model]) -> str:
    """What a model is called on the way."""
    return model._meta.label_lower


PARTS: dict[str, Part] = {label(part.model): part for part in OF_PROJECT}
BY_LABEL: dict[str, Table] = {label(table.model): table for table in TABLES}


def replicated() -> list[Any]:
    """The models whose rows come from the primary with their keys."""
    return [index.Change, *(part.model for part in OF_PROJECT), *(table.model for table in TABLES)]
