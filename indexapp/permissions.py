"""Who may do what on an index or a project; everything not granted here is denied."""

from __future__ import annotations

from typing import TypeVar

from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.domain.actors import Actor, Method
from accounts.domain.verbs import ALL_VERBS, NO_VERBS, Verb, from_mask
from accounts.models.placing import teams_of
from accounts.permissions import SIGN_IN, teams_visible_to
from indexapp.models import (
    Change,
    Index,
    PolicyException,
    PolicyHold,
    PolicyRule,
    Project,
    ReservedPrefix,
    Role,
    held_verbs,
)
from indexapp.models.querysets import roles_of
from tpi_site.kit.errors import Forbidden, Unauthenticated

_IN_WORDS = {
    Verb.READ: "read",
    Verb.UPLOAD: "upload to",
    Verb.YANK: "yank in",
    Verb.DELETE: "delete in",
    Verb.PROMOTE: "promote from",
    Verb.ADMINISTER: "administer",
}


def in_words(verb: Verb) -> str:
    """The verb as it stands before an index or a project."""
    return _IN_WORDS[verb]


def verbs_on(actor: Actor, index: Index, project: Project | None = None, *, name: str | None = None) -> frozenset[Verb]:
    """The verbs that ``actor`` may use on ``project`` of ``index``, or on the index as a whole.

    ``name`` is the normalised name of a project that does not exist yet.  One query, none for administrators.
    """
    held = actor.verbs_everywhere
    if held != ALL_VERBS:
        held |= _from_roles(actor, index, project)
    if index.anonymous_read:
        held |= {Verb.READ}
    return actor.narrow(held, index.name, project.normalized_name if project else name)


def _from_roles(actor: Actor, index: Index, project: Project | None) -> frozenset[Verb]:
    if actor.user_id is None or index.pk is None:  # an index that is not there is refused like one that is
        return NO_VERBS
    return from_mask(held_verbs.mask(actor.user_id, index.pk, project.pk if project else None))


def require(actor: Actor, verb: Verb, index: Index, project: Project | None = None, *, name: str | None = None) -> None:
    """Refuse unless ``actor`` holds ``verb``; the sentence says the same whether or not the thing exists."""
    if verb in verbs_on(actor, index, project, name=name):
        return
    if actor.is_anonymous:
        raise Unauthenticated(SIGN_IN)
    if bound := bound_elsewhere(actor, index.name):
        raise Forbidden(bound, code="right-missing")
    target = f"the project '{project.normalized_name if project else name}' of " if project or name else ""
    raise Forbidden(
        f"The user '{actor.display_name}' isn't allowed to {_IN_WORDS[verb]} {target}the index '{index.name}'"
        f"{_with_this_token(actor)}; ask a team admin for the right.",
        code="right-missing",
    )


def bound_elsewhere(actor: Actor, index_name: str) -> str:
    """The sentence for a token that was made for other indexes, which is all that its holder has to know; else empty."""
    scope = actor.token
    if scope is None or not scope.indexes or index_name in scope.indexes:
        return ""
    names = ", ".join(f"'{name}'" for name in sorted(scope.indexes)[:5])
    noun = "the index" if len(scope.indexes) == 1 else "the indexes"
    return f"The token '{scope.name}' is bound to {noun} {names}; make one that is good for '{index_name}' too."


def _with_this_token(actor: Actor) -> str:
    return f" with the token '{actor.token.name}'" if actor.token else ""


def holds_somewhere(actor: Actor, verb: Verb, index: Index) -> bool:
    """Whether ``actor`` holds ``verb`` on the index or on any project of it; the cheap question before a body is read."""
    if actor.token is not None and (
        verb not in actor.token.verbs or (actor.token.indexes and index.name not in actor.token.indexes)
    ):
        return False
    if verb in actor.verbs_everywhere or (verb is Verb.READ and index.anonymous_read):
        return True
    if actor.changes_nothing and verb is not Verb.READ:
        return False
    return Role.objects.held_by(actor, index_id=index.pk).annotate_verb(verb).exists()


def roles_visible_to(actor: Actor) -> QuerySet[Role]:
    """All roles where the actor administers, and elsewhere the actor's own and those of their teams."""
    rows = Role.objects.all()
    if actor.reads_everything:
        return rows
    administered = Q(index__in=Index.objects.permitting(actor, Verb.ADMINISTER)) | Q(
        project__in=Project.objects.permitting(actor, Verb.ADMINISTER)
    )
    seen = Q(project=None, index__in=Index.objects.visible_to(actor)) | Q(project__in=Project.objects.visible_to(actor))
    if actor.user_id is None:
        return rows.none()
    own = Q(user=actor.user_id) | Q(team__in=teams_of(actor.user_id))
    return rows.filter(pk__in=rows.filter(administered | (seen & own)).values("pk"))


def prefixes_visible_to(actor: Actor) -> QuerySet[ReservedPrefix]:
    """All reserved prefixes for administrators; for others those of their teams and of indexes that they administer."""
    rows = ReservedPrefix.objects.all()
    if actor.reads_everything:
        return rows
    administered = Index.objects.permitting(actor, Verb.ADMINISTER)
    return rows.filter(Q(team__in=teams_visible_to(actor)) | Q(index__in=administered))


def policy_rules_visible_to(actor: Actor) -> QuerySet[PolicyRule]:
    """All rules for who reads everything; for others those of indexes that they administer, and those of all indexes."""
    return _of_policy(actor, PolicyRule.objects.all(), of_all=True)


def policy_exceptions_visible_to(actor: Actor) -> QuerySet[PolicyException]:
    """As the rules."""
    return _of_policy(actor, PolicyException.objects.all(), of_all=True)


def policy_holds_visible_to(actor: Actor) -> QuerySet[PolicyHold]:
    """What is held back on the indexes that the actor administers; everywhere for who reads everything."""
    return _of_policy(actor, PolicyHold.objects.all(), of_all=False)


_Ruled = TypeVar("_Ruled", PolicyRule, PolicyException, PolicyHold)


def _of_policy(actor: Actor, rows: QuerySet[_Ruled], *, of_all: bool) -> QuerySet[_Ruled]:
    if actor.reads_everything:
        return rows
    administered = Index.objects.permitting(actor, Verb.ADMINISTER)
    own = rows.filter(index__in=administered)
    if not of_all:
        return own
    return rows.filter(Q(pk__in=own.order_by().values("pk")) | Q(index=None) & Exists(administered))


def changes_visible_to(actor: Actor) -> QuerySet[Change]:
    """The changes of indexes that the actor reads as a whole, and of projects that they may read.

    Who reads a single project sees its changes since it was made, not those of an earlier one of the same name; what was
    deleted is for readers of the whole index.
    """
    rows = Change.objects.all()
    project = Project.objects.visible_to(actor).filter(
        index_id=OuterRef("index_id"), normalized_name=OuterRef("project"), created_at__lte=OuterRef("at")
    )
    whole = Q(index_id__in=read_as_a_whole(actor).values("pk"))
    scope = actor.token
    if scope is not None and scope.projects:
        whole &= Q(project__in=scope.projects)
    return rows.filter(whole | Exists(project))


def read_as_a_whole(actor: Actor) -> QuerySet[Index]:
    """The indexes of which the actor's person may read every project."""
    rows = Index.objects.visible_to(actor)
    if actor.method is Method.PASSWORD:
        rows = rows.filter(allow_passwords=True)
    if Verb.READ in actor.verbs_everywhere:
        return rows
    everywhere = roles_of(actor, Verb.READ).filter(project=None)
    return rows.filter(Q(anonymous_read=True) | Q(pk__in=everywhere.values("index")))
