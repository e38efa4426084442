"""People, teams, tokens and the audit log."""

from accounts.models.audit import AuditEntry
from accounts.models.generations import Generation
from accounts.models.tokens import Token
from accounts.models.users import Membership, Team, User

__all__ = ["AuditEntry", "Generation", "Membership", "Team", "Token", "User"]
