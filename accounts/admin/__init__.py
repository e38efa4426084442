"""The console's screens of people, teams, tokens, sessions, directories, alarms and the audit log."""

from accounts.admin import (
    alarms,
    audit,
    audit_sinks,
    directories,
    directory_syncs,
    encryption,
    group_mappings,
    members,
    nodes,
    people,
    read_only,
    service_accounts,
    sessions,
    teams,
    tokens,
)

__all__ = [
    "alarms",
    "audit",
    "audit_sinks",
    "directories",
    "directory_syncs",
    "encryption",
    "group_mappings",
    "members",
    "nodes",
    "people",
    "read_only",
    "service_accounts",
    "sessions",
    "teams",
    "tokens",
]
