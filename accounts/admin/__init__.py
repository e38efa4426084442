"""The console's screens of people, teams, tokens, sessions and the audit log."""

from accounts.admin import audit, audit_sinks, members, people, service_accounts, sessions, teams, tokens

__all__ = ["audit", "audit_sinks", "members", "people", "service_accounts", "sessions", "teams", "tokens"]
