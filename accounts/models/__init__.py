"""People, teams, tokens, directories and the audit log."""

from accounts.models.alarms import Alarm
from accounts.models.audit import AuditCheckpoint, AuditEntry, AuditLink, AuditPending
from accounts.models.audit_sinks import AuditSink
from accounts.models.directories import Directory, DirectorySync, GroupMapping
from accounts.models.generations import Generation
from accounts.models.sign_ins import SignInMark
from accounts.models.tokens import Token
from accounts.models.users import Membership, Team, User

__all__ = [
    "Alarm",
    "AuditCheckpoint",
    "AuditEntry",
    "AuditLink",
    "AuditPending",
    "AuditSink",
    "Directory",
    "DirectorySync",
    "Generation",
    "GroupMapping",
    "Membership",
    "SignInMark",
    "Team",
    "Token",
    "User",
]
