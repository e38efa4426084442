"""People, teams, tokens, directories and the audit log."""

from accounts.models.alarms import Alarm
from accounts.models.audit import AuditEntry
from accounts.models.directories import Directory, DirectorySync, GroupMapping
from accounts.models.generations import Generation
from accounts.models.nesting import TeamNesting
from accounts.models.service_accounts import ServiceAccount
from accounts.models.sign_ins import SignInMark
from accounts.models.tokens import Token
from accounts.models.users import Membership, Team, User

__all__ = [
    "Alarm",
    "AuditEntry",
    "Directory",
    "DirectorySync",
    "Generation",
    "GroupMapping",
    "Membership",
    "ServiceAccount",
    "SignInMark",
    "Team",
    "TeamNesting",
    "Token",
    "User",
]
