"""Who asks and what they may do, remembered per access generation."""

from __future__ import annotations

from dataclasses import replace
from threading import Lock
from typing import NoReturn

from accounts.authentication import authenticate, remembered
from accounts.domain.actors import ANONYMOUS, Actor, Method
from accounts.domain.instance_roles import InstanceRole
from accounts.domain.verbs import Verb
from accounts.permissions import SIGN_IN
from indexapp import permissions
from indexapp.models import Index, Project
from indexapp.services.serving import index_map
from indexapp.services.serving.index_map import ServedIndex
from indexapp.services.serving.watermarks import Watermark
from tpi_site.kit.errors import Forbidden, Unauthenticated

_MOST = 50_000
_Key = tuple[int | None, bool, frozenset[InstanceRole], int, int | None, str | None]
_rights: dict[_Key, frozenset[Verb]] = {}
_lock = Lock()
_generation = -1


def actor_for(authorization: str, watermark: Watermark) -> Actor:
    """The actor of the credentials; from memory while nothing about access has changed, else by one query."""
    if not authorization:
        return ANONYMOUS
    actor = remembered(authorization, watermark.access)
    return actor if actor is not None else authenticate(authorization, watermark.access)


def through(actor: Actor, index: ServedIndex) -> Actor:
    """The actor as they read through ``index``: a token bound to a group reaches what the group resolves to, through it.

    What its owner may not read in a member stays closed, and so do the members' own addresses.
    """
    scope = actor.token
    if scope is None or not index.is_group or index.name not in scope.indexes:
        return actor
    return actor.within(replace(scope, indexes=scope.indexes.union(member.name for member in index.members)))


def _memory(watermark: Watermark) -> dict[_Key, frozenset[Verb]]:
    global _generation, _rights  # noqa: PLW0603  replaced as a whole when access changes
    with _lock:
        if _generation != watermark.access or len(_rights) > _MOST:
            _rights = {}
            _generation = watermark.access
        return _rights


def verbs_on(
    actor: Actor, index: Index, project: Project | None, watermark: Watermark, *, name: str | None = None
) -> frozenset[Verb]:
    """As :func:`indexapp.permissions.verbs_on`; one query for each person and generation, none after it.

    What is remembered is the person's; the token in use narrows it, so that the first use of another one asks nothing.
    """
    memory = _memory(watermark)
    pk, name = (project.pk, project.normalized_name) if project else (None, name)
    key = (actor.user_id, actor.is_superuser, actor.roles, index.pk, pk, name)
    known = memory.get(key)
    if known is None:
        # The caller's row may be older than the watermark, as that of a long upload is, and must not be remembered for it.
        row = index_map.read(watermark).rows.get(index.pk, index)
        known = memory[key] = permissions.verbs_on(actor.within(None), row, project, name=name)
    return known if actor.token is None else actor.token.narrow(known, index.name, name)


def require(actor: Actor, verb: Verb, index: Index, project: Project | None, watermark: Watermark) -> None:
    """As :func:`indexapp.permissions.require`, which refuses in its own words."""
    if verb not in verbs_on(actor, index, project, watermark):
        permissions.require(actor, verb, index, project)


def may_read(actor: Actor, index: ServedIndex, project: tuple[int, str] | None, watermark: Watermark) -> bool:
    """Whether ``actor`` may read the index, or the project ``(id, normalised name)`` of it."""
    if not password_is_welcome(actor, index):
        return False
    pk, name = project or (None, None)
    known = _memory(watermark).get((actor.user_id, actor.is_superuser, actor.roles, index.pk, pk, name))
    if known is None:
        row = Index(pk=index.pk, name=index.name, anonymous_read=index.anonymous_read)
        target = Project(pk=project[0], normalized_name=project[1]) if project else None
        return Verb.READ in verbs_on(actor, row, target, watermark)
    return Verb.READ in known and (actor.token is None or Verb.READ in actor.token.narrow(known, index.name, name))


def reads_everything(actor: Actor, index: ServedIndex, watermark: Watermark) -> bool:
    """Whether there is nothing in ``index`` (all members of a group) that ``actor`` may not see.

    Only such a reader is told that a name does not exist; a token bound to projects is told for none but those.
    """
    if actor.token is not None and actor.token.projects:
        return False
    if not index.members:
        return actor.may_administer_instance
    return all(may_read(actor, member, None, watermark) for member in index.members)


def password_is_welcome(actor: Actor, index: ServedIndex) -> bool:
    """Whether the index takes the kind of credential that the actor came with."""
    return actor.method is not Method.PASSWORD or index.allow_passwords


def refuse(actor: Actor, index_name: str) -> NoReturn:
    """Say no in the same words whether or not the thing exists."""
    if actor.is_anonymous:
        raise Unauthenticated(SIGN_IN)
    if actor.method is Method.PASSWORD:
        raise Forbidden(
            f"The user '{actor.username}' isn't allowed to read this from the index '{index_name}', or the index takes "
            "API tokens only; ask a team admin for the right or use a token.",
            code="right-missing",
        )
    if bound := permissions.bound_elsewhere(actor, index_name):
        raise Forbidden(bound, code="right-missing")
    if actor.token is not None and Verb.READ not in actor.token.verbs:
        raise Forbidden(
            f"The token '{actor.token.name}' is not for reading; make one with the verb 'read'.", code="right-missing"
        )
    with_token = f" with the token '{actor.token.name}'" if actor.token else ""
    raise Forbidden(
        f"The user '{actor.display_name}' isn't allowed to read this from the index '{index_name}'{with_token}; ask a "
        "team admin for the right.",
        code="right-missing",
    )


def forget_all() -> None:
    """Empty this process's memory of rights."""
    global _generation  # noqa: PLW0603  as above
    with _lock:
        _generation = -1
