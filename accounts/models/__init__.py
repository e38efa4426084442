"""People, teams, tokens, directories and the audit log."""

from accounts.models.alarms import Alarm
from accounts.models.audit import AuditEntry
from accounts.models.directories import Directory, DirectorySync, GroupMapping, SyncedMember
from accounts.models.generations import Generation
from accounts.models.sign_ins import SignInMark, VerifiedPassword
from accounts.models.tokens import Token, TokenKind
from accounts.models.users import ADMINISTRATOR_BIT, Membership, Team, User

__all__ = [
    "ADMINISTRATOR_BIT",
    "Alarm",
    "AuditEntry",
    "Directory",
    "DirectorySync",
    "Generation",
    "GroupMapping",
    "Membership",
    "SignInMark",
    "SyncedMember",
    "Team",
    "Token",
    "TokenKind",
    "User",
    "VerifiedPassword",
]
