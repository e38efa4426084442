"""The console's screens of indexes and what is in them."""

from indexapp.admin import (
    backups,
    changes,
    files,
    indexes,
    policies,
    policy_exceptions,
    policy_holds,
    prefixes,
    projects,
    quotas,
    releases,
    roles,
    trash,
)

__all__ = [
    "backups",
    "changes",
    "files",
    "indexes",
    "policies",
    "policy_exceptions",
    "policy_holds",
    "prefixes",
    "projects",
    "quotas",
    "releases",
    "roles",
    "trash",
]
