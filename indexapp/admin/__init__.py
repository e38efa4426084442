"""The console's screens of indexes and what is in them."""

from indexapp.admin import (
    backups,
    changes,
    files,
    indexes,
    mirror_plans,
    prefetches,
    prefixes,
    projects,
    quotas,
    releases,
    roles,
    trash,
    vulnerabilities,
)

__all__ = [
    "backups",
    "changes",
    "files",
    "indexes",
    "mirror_plans",
    "prefetches",
    "prefixes",
    "projects",
    "quotas",
    "releases",
    "roles",
    "trash",
    "vulnerabilities",
]
