"""The console's screens of people, teams, tokens, sessions and the audit log."""

from accounts.admin import audit, members, people, service_accounts, sessions, teams, tokens

__all__ = ["audit", "members", "people", "service_accounts", "sessions", "teams", "tokens"]
