"""The console's screens of people, teams, tokens, directories, alarms and the audit log."""

from accounts.admin import (
    alarms,
    audit,
    directories,
    directory_syncs,
    group_mappings,
    members,
    people,
    teams,
    tokens,
)

__all__ = [
    "alarms",
    "audit",
    "directories",
    "directory_syncs",
    "group_mappings",
    "members",
    "people",
    "teams",
    "tokens",
]
