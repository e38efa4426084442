"""Which team a prefix is for, found by name, without telling which teams there are."""

from __future__ import annotations

from accounts.domain.actors import Actor
from accounts.domain.verbs import Verb
from accounts.models import Membership, Team
from accounts.permissions import managed_teams, require_administrator
from accounts.services import unseen_names
from indexapp import permissions
from indexapp.domain import names
from indexapp.models import Index
from indexapp.services import prefix_rules
from tpi_site.kit.errors import Invalid

_PLACES = (Membership.Place.MAINTAINER, Membership.Place.ADMIN)


def named(*, actor: Actor, team: str, prefix: str, index: Index | None) -> Team:
    """The team of exactly this name, for who may keep ``prefix`` for it on ``index``, or everywhere where that is None.

    Teams that the actor looks after are found at once, others by who administers the place.  The prefix is looked at before
    such a team, so that nothing but the team's name decides about the answer; a name that fails is written down and
    counted.  Who reads everything is told what there is not.
    """
    own = managed_teams(actor, *_PLACES).filter(name=team).first()
    if own is not None:
        return own
    if index is None:
        require_administrator(actor, "reserve a prefix everywhere")
    else:
        permissions.require(actor, Verb.ADMINISTER, index)
    names.require_valid_name(prefix)
    prefix_rules.require_free_here(actor, team, index, names.normalize_name(prefix))
    unseen_names.require_patience(actor)
    found = Team.objects.filter(name=team).first()
    if found is not None:
        return found
    if actor.reads_everything:
        raise Invalid(f"There is no team named '{team}'.", code="team-unknown")
    raise unseen_names.failed(
        actor,
        "prefix.reserve",
        "There is no team of exactly this name that you could keep a prefix for; ask how it is spelled.",
        code="holder-unknown",
        subject=index,
    )
