"""Who decides about the policy: security officers everywhere, and who administers an index about its own rules.

An index's own rules come before those of all indexes, so one that allows would undo a rule of the company: only a security
officer sets such.  What narrows is the index's own affair.
"""

from __future__ import annotations

from accounts.domain.actors import Actor
from accounts.domain.verbs import Verb
from accounts.permissions import SIGN_IN
from indexapp import permissions
from indexapp.models import Index
from tpi_site.kit.errors import Forbidden, Unauthenticated


def require_officer(actor: Actor, deed: str) -> None:
    """Refuse who keeps no guard over the installation; ``deed`` completes 'Only a security officer ... may'."""
    if actor.is_anonymous:
        raise Unauthenticated(SIGN_IN)
    if not actor.may_secure:
        raise Forbidden(
            f"Only a security officer or an administrator of the instance may {deed}.", code="security-officer-needed"
        )


def may_decide(actor: Actor, index: Index | None) -> bool:
    """Whether the actor decides about the rules of the index, or of all where that is None."""
    return actor.may_secure or (index is not None and Verb.ADMINISTER in permissions.verbs_on(actor, index))


def require_decides(actor: Actor, index: Index | None, deed: str) -> None:
    """Refuse all but those of :func:`may_decide`."""
    if may_decide(actor, index):
        return
    if index is not None:
        permissions.require(actor, Verb.ADMINISTER, index)
    require_officer(actor, deed)
