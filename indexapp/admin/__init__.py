"""The console's screens of indexes and what is in them."""

from indexapp.admin import (
    backups,
    changes,
    files,
    indexes,
    merges,
    mirror_plans,
    prefetches,
    prefixes,
    projects,
    quotas,
    releases,
    roles,
    trash,
    upstreams,
    vulnerabilities,
)

__all__ = [
    "backups",
    "changes",
    "files",
    "indexes",
    "merges",
    "mirror_plans",
    "prefetches",
    "prefixes",
    "projects",
    "quotas",
    "releases",
    "roles",
    "trash",
    "upstreams",
    "vulnerabilities",
]
