"""The console's screens of people, teams, tokens and the audit log."""

from accounts.admin import audit, audit_sinks, members, people, teams, tokens

__all__ = ["audit", "audit_sinks", "members", "people", "teams", "tokens"]
