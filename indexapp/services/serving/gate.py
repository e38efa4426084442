"""Whether a reader may see something, remembered per access generation."""

from __future__ import annotations

from threading import Lock
from typing import NoReturn

from accounts.authentication import authenticate, remembered
from accounts.domain.actors import ANONYMOUS, Actor, Method
from accounts.domain.verbs import Verb
from indexapp import permissions
from indexapp.models import Index, Project
from indexapp.services.serving.index_map import ServedIndex
from indexapp.services.serving.watermarks import Watermark
from tpi_site.kit.errors import Forbidden, Unauthenticated

_MOST = 50_000
_Key = tuple[int | None, str, int, int | None, str]
_may_read: dict[_Key, bool] = {}
_lock = Lock()
_generation = -1


def actor_for(authorization: str, watermark: Watermark) -> Actor:
    """The actor of the credentials; from memory while nothing about access has changed, else by one query."""
    if not authorization:
        return ANONYMOUS
    actor = remembered(authorization, watermark.access)
    return actor if actor is not None else authenticate(authorization, watermark.access)


def _memory(watermark: Watermark) -> dict[_Key, bool]:
    global _generation, _may_read  # noqa: PLW0603  replaced as a whole when access changes
    with _lock:
        if _generation != watermark.access or len(_may_read) > _MOST:
            _may_read = {}
            _generation = watermark.access
        return _may_read


def may_read(actor: Actor, index: ServedIndex, project: tuple[int, str] | None, watermark: Watermark) -> bool:
    """Whether ``actor`` may read the index, or the project ``(id, normalised name)`` of it."""
    if not _password_is_welcome(actor, index):
        return False
    memory = _memory(watermark)
    token = actor.token.key_id if actor.token else ""
    key = (actor.user_id, token, index.pk, project[0] if project else None, project[1] if project else "")
    known = memory.get(key)
    if known is None:
        known = memory[key] = _look_up(actor, index, project)
    return known


def _look_up(actor: Actor, index: ServedIndex, project: tuple[int, str] | None) -> bool:
    row = Index(pk=index.pk, name=index.name, anonymous_read=index.anonymous_read)
    target = Project(pk=project[0], normalized_name=project[1]) if project else None
    return Verb.READ in permissions.verbs_on(actor, row, target)


def reads_everything(actor: Actor, index: ServedIndex, watermark: Watermark) -> bool:
    """Whether there is nothing in ``index`` (all members of a group) that ``actor`` may not see.

    Only such a reader is told that a name does not exist; a token bound to projects is told for none but those.
    """
    if actor.token is not None and actor.token.projects:
        return False
    return all(may_read(actor, member, None, watermark) for member in index.members)


def _password_is_welcome(actor: Actor, index: ServedIndex) -> bool:
    return actor.method is not Method.PASSWORD or index.allow_passwords


def refuse(actor: Actor, index_name: str) -> NoReturn:
    """Say no in the same words whether or not the thing exists."""
    if actor.is_anonymous:
        raise Unauthenticated(permissions.SIGN_IN)
    if actor.method is Method.PASSWORD:
        raise Forbidden(
            f"The user '{actor.username}' isn't allowed to read this from the index '{index_name}', or the index takes "
            "API tokens only; ask a team admin for the right or use a token.",
            code="right-missing",
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
