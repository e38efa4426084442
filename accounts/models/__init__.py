"""People, teams, tokens, directories and the audit log."""

from accounts.models.alarms import Alarm
from accounts.models.audit import AuditCheckpoint, AuditEntry, AuditLink, AuditPending
from accounts.models.audit_sinks import AuditSink
from accounts.models.browser_sessions import BrowserSession
from accounts.models.directories import Directory, DirectorySync, GroupMapping, SyncedMember
from accounts.models.factors import Authenticator, RecoveryCode
from accounts.models.former_directories import FormerDirectory
from accounts.models.generations import Generation
from accounts.models.key_events import KeyEvent
from accounts.models.nesting import TeamNesting
from accounts.models.nodes import Node, SharedSecret
from accounts.models.read_only import ReadOnlyPeriod
from accounts.models.service_accounts import ServiceAccount
from accounts.models.sign_ins import SignInMark, VerifiedPassword
from accounts.models.tokens import Token, TokenKind
from accounts.models.users import ADMINISTRATOR_BIT, Membership, Team, User

__all__ = [
    "ADMINISTRATOR_BIT",
    "Alarm",
    "AuditCheckpoint",
    "AuditEntry",
    "AuditLink",
    "AuditPending",
    "AuditSink",
    "Authenticator",
    "BrowserSession",
    "Directory",
    "DirectorySync",
    "FormerDirectory",
    "Generation",
    "GroupMapping",
    "KeyEvent",
    "Membership",
    "Node",
    "ReadOnlyPeriod",
    "RecoveryCode",
    "ServiceAccount",
    "SharedSecret",
    "SignInMark",
    "SyncedMember",
    "Team",
    "TeamNesting",
    "Token",
    "TokenKind",
    "User",
    "VerifiedPassword",
]
