"""Who acts: the value that every service receives and every audit row is written from."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum

from accounts.domain.instance_roles import NO_ROLES, InstanceRole
from accounts.domain.networks import Network, contains
from accounts.domain.verbs import ALL_VERBS, NO_VERBS, Verb

_READERS = frozenset({InstanceRole.SECURITY_OFFICER, InstanceRole.AUDITOR})
_READ_ONLY = frozenset({Verb.READ})


class Method(Enum):
    """How the actor proved who they are."""

    NONE = "none"
    TOKEN = "token"  # noqa: S105  the name of a method, not a secret
    PASSWORD = "password"  # noqa: S105  as above
    SESSION = "session"
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True)
class TokenScope:
    """What a token narrows its owner's rights to; empty ``indexes`` or ``projects`` narrow nothing.

    ``indexes`` holds index names, ``projects`` normalised project names, ``networks`` those it may be used from.
    ``expires_at`` is when it stops by itself, as policy stands now.
    """

    key_id: str
    name: str
    verbs: frozenset[Verb]
    indexes: frozenset[str] = frozenset()
    projects: frozenset[str] = frozenset()
    expires_at: datetime | None = None
    networks: tuple[Network, ...] = ()

    def welcomes(self, address: str) -> bool:
        """Whether the token may be used from ``address``."""
        return not self.networks or contains(self.networks, address)

    def narrow(self, verbs: frozenset[Verb], index: str | None, project: str | None) -> frozenset[Verb]:
        """The part of ``verbs`` that the token lets through on ``project`` of ``index``.

        ``project=None`` asks about the index as a whole: a token bound to projects has nothing there but its reading
        of the list, which shows those projects alone.
        """
        if self.indexes and index not in self.indexes:
            return frozenset()
        if self.projects and project is not None and project not in self.projects:
            return frozenset()
        if self.projects and project is None:
            return verbs & self.verbs & {Verb.READ}
        return verbs & self.verbs

    @property
    def is_unbounded(self) -> bool:
        """Whether the token reaches beyond single indexes and projects, to people, teams and the instance."""
        return not self.indexes and not self.projects


@dataclass(frozen=True, slots=True)
class Actor:
    """A person, a program or nobody, at one moment, with what the audit row needs to know.

    ``user_id`` is None for nobody and for the product's own jobs.
    """

    user_id: int | None = None
    username: str = ""
    is_superuser: bool = False
    token: TokenScope | None = None
    method: Method = Method.NONE
    address: str = field(default="", compare=False)
    request_id: str = field(default="", compare=False)
    roles: frozenset[InstanceRole] = NO_ROLES

    @property
    def is_anonymous(self) -> bool:
        """Whether nobody is known to be acting."""
        return self.method is Method.NONE

    @property
    def changes_nothing(self) -> bool:
        """Whether the actor is an auditor, who reads and never writes, whatever else the account is granted."""
        return InstanceRole.AUDITOR in self.roles

    @property
    def may_administer_instance(self) -> bool:
        """Whether the actor may change people, teams and indexes everywhere."""
        return self.is_superuser and not self.changes_nothing and self._reaches_instance(Verb.ADMINISTER)

    @property
    def may_operate(self) -> bool:
        """Whether the actor may run the installation: jobs, directories, settings of indexes; no package content."""
        return self.may_administer_instance or self._plays(InstanceRole.OPERATOR, Verb.ADMINISTER)

    @property
    def sees_operation(self) -> bool:
        """Whether the actor may look at health, metrics and jobs; a token that only reads is enough for a part in it."""
        return self.may_operate or self.reads_everything or self._plays(InstanceRole.OPERATOR, Verb.READ)

    @property
    def may_secure(self) -> bool:
        """Whether the actor may hold projects back, revoke anybody's tokens, end sessions and disable accounts."""
        return self.may_administer_instance or self._plays(InstanceRole.SECURITY_OFFICER, Verb.ADMINISTER)

    @property
    def reads_everything(self) -> bool:
        """Whether the actor may read all accounts, teams, tokens' descriptions, roles, alarms and the audit log."""
        if self.may_administer_instance:
            return True
        return bool(self.roles & _READERS) and self._reaches_instance(Verb.READ)

    @property
    def verbs_everywhere(self) -> frozenset[Verb]:
        """What the account holds on every index without a grant; the token in use narrows it as it narrows grants."""
        if self.is_superuser and not self.changes_nothing:
            return ALL_VERBS
        return _READ_ONLY if self.is_superuser or self.roles & _READERS else NO_VERBS

    def _plays(self, role: InstanceRole, verb: Verb) -> bool:
        return role in self.roles and self._reaches_instance(verb) and (verb is Verb.READ or not self.changes_nothing)

    def _reaches_instance(self, verb: Verb) -> bool:
        """Whether the credential in use reaches beyond single indexes and projects with ``verb``."""
        return self.token is None or (self.token.is_unbounded and verb in self.token.verbs)

    def narrow(self, verbs: frozenset[Verb], index: str | None, project: str | None) -> frozenset[Verb]:
        """``verbs`` as far as the credential in use, and an auditor's part, let them through."""
        if self.changes_nothing:
            verbs &= _READ_ONLY
        return verbs if self.token is None else self.token.narrow(verbs, index, project)

    def within(self, scope: TokenScope | None) -> Actor:
        """The same actor with the bounds of another token, or none."""
        return replace(self, token=scope)

    def at(self, *, address: str, request_id: str) -> Actor:
        """The same actor in a certain request."""
        return replace(self, address=address, request_id=request_id)

    @property
    def display_name(self) -> str:
        """The name that people read in the audit log and in the change log."""
        return self.username or "anonymous"


ANONYMOUS = Actor()


def internal(name: str) -> Actor:
    """The product itself: a job, a command or the first start, named in the audit log as ``name``."""
    return Actor(username=name, is_superuser=True, method=Method.INTERNAL)


__all__ = ["ANONYMOUS", "Actor", "Method", "TokenScope", "internal"]
