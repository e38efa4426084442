"""Why somebody may, or may not, do a thing here: each reason as a sentence, in the order in which rights are looked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.db.models import Q

from accounts.domain.actors import Actor, Method
from accounts.domain.verbs import Verb, from_mask
from accounts.models import Token, User
from accounts.permissions import SIGN_IN, tokens_visible_to
from accounts.services import token_recognition
from accounts.services.directories import standing
from indexapp import permissions
from indexapp.domain.names import normalize_name
from indexapp.models import Index, Project, Role
from indexapp.services import team_paths
from indexapp.services.explanation_rights import WHOLE, Sight, sight_of
from tpi_site.kit.errors import Invalid, NotFound, Unauthenticated

_MOST = 100


@dataclass(frozen=True)
class Reason:
    """One step of the answer; ``kind`` is stable, ``grants`` says whether it gives or takes."""

    kind: str
    sentence: str
    grants: bool


@dataclass(frozen=True)
class Explanation:
    """What :func:`indexapp.permissions.verbs_on` answers, and why."""

    allowed: bool
    reasons: tuple[Reason, ...]
    answer: str


@dataclass(frozen=True)
class Question:
    """Whether ``user``, with ``token`` where one is named, may use ``verb`` on the index, or on ``project`` of it.

    ``project`` is normalised, or empty for the index as a whole.
    """

    user: User
    verb: Verb
    index: str
    project: str = ""
    token: Token | None = None

    @property
    def place(self) -> str:
        """Where, in words."""
        return (
            f"the project '{self.project}' of the index '{self.index}'" if self.project else f"the index '{self.index}'"
        )

    @property
    def deed(self) -> str:
        """The verb with the place, after 'may'."""
        return f"{permissions.in_words(self.verb)} {self.place}"

    def answer(self, *, allowed: bool) -> str:
        """Yes or no, with the question said again."""
        with_it = f" with the token '{self.token.name}'" if self.token else ""
        begins = f"Yes, '{self.user.username}' may" if allowed else f"No, '{self.user.username}' may not"
        return f"{begins} {self.deed}{with_it}."

    @property
    def actor(self) -> Actor:
        """The person as they would act."""
        if self.token is None:
            return self.user.actor(Method.SESSION)
        return self.user.actor(Method.TOKEN, token_recognition.scope_of(self.token))


def ask(asker: Actor, *, username: str, index: str, verb: Verb, project: str = "", token: str = "") -> Explanation:
    """Explain, to ``asker``, what the user may do, with the ``token`` of this key id or name where one is told.

    :func:`.explanation_rights.sight_of` says who may ask.  Who may not see the index or the account is told nothing of
    whether it exists.
    """
    if asker.is_anonymous:
        raise Unauthenticated(SIGN_IN)
    row, name = Index.objects.filter(name=index).first(), normalize_name(project) if project else ""
    found = Project.objects.filter(index=row, normalized_name=name).first() if row and name else None
    sight = sight_of(asker, username=username, index=row or Index(pk=0, name=index), project=found)
    user = User.objects.filter(username=username).first()
    if user is None:
        raise NotFound(f"There is no account named '{username}'.", code="user-unknown")
    if row is None and asker.reads_everything:
        raise NotFound(f"There is no index named '{index}'.", code="index-unknown")
    return explain(Question(user, verb, index, name, _token(asker, user, token)), row, sight)


def _token(asker: Actor, user: User, wanted: str) -> Token | None:
    """The token by its key id or by its name; of several that bear the name the one that works."""
    if not wanted:
        return None
    own = tokens_visible_to(asker).filter(user=user)
    found = list(own.filter(key_id=wanted)) or list(own.filter(name=wanted).order_by("-pk")[:_MOST])
    found = [token for token in found if token.is_usable] or found[:1]
    if not found:
        raise NotFound(f"'{user.username}' has no such token that you may see.", code="token-unknown")
    if len(found) > 1:
        raise Invalid("Several tokens bear that name; give the key id of the one you mean.", code="token-ambiguous")
    return found[0]


def explain(question: Question, index: Index | None, sight: Sight = WHOLE) -> Explanation:
    """The reasons; a denial is told in the same words whether or not ``index``, or the project in it, is there."""
    place = index or Index(pk=0, name=question.index)
    project = Project.objects.filter(index=place, normalized_name=question.project).first() if index else None
    gives = list(_gives(question, index, project, sight))
    takes = list(_takes(question)) if gives else []
    if not gives:
        sentence = f"Nothing gives '{question.user.username}' the right to {question.deed}."
        takes.append(Reason("no-grant", sentence, grants=False))
    takes.extend(_shuts_out(question.user))
    held = permissions.verbs_on(question.actor, place, project, name=question.project or None)
    allowed = question.verb in held and standing.stands(question.user) and _is_live(question.token)
    return Explanation(allowed, (*gives, *takes), question.answer(allowed=allowed))


def _shuts_out(user: User) -> Iterator[Reason]:
    """What keeps the account from being used at all."""
    if not user.is_active:
        yield Reason("account-disabled", f"The account '{user.username}' is disabled.", grants=False)
    directory = user.directory
    if directory is None:
        return
    if directory.removal_id is not None:
        sentence = f"The directory '{directory.name}', which '{user.username}' comes from, is being removed."
        yield Reason("directory-removed", sentence, grants=False)
    elif standing.has_lapsed(directory):
        sentence = f"The directory '{directory.name}', which vouches for '{user.username}', has been away for too long."
        yield Reason("directory-lapsed", sentence, grants=False)


def _gives(question: Question, index: Index | None, project: Project | None, sight: Sight) -> Iterator[Reason]:
    user, verb = question.user, question.verb
    if user.is_superuser:
        yield Reason("administrator", f"'{user.username}' is an administrator of the instance.", grants=True)
    for role in sorted(question.actor.roles, key=lambda role: role.value) if verb is Verb.READ else ():
        if role.value in ("auditor", "security-officer"):
            sentence = f"'{user.username}' is {role.value.replace('-', ' ')} of the instance, who reads everything."
            yield Reason("instance-role", sentence, grants=True)
    if index is None:
        return
    yield from _roles(question, index, project, sight)
    if index.anonymous_read and verb is Verb.READ:
        yield Reason("anonymous-read", f"Everybody may read the index '{index.name}'.", grants=True)


def _roles(question: Question, index: Index, project: Project | None, sight: Sight) -> Iterator[Reason]:
    held = Role.objects.held_by(question.actor, index_id=index.pk).annotate_verb(question.verb)
    rows = held.filter(Q(project=None) | Q(project=project)).select_related("team", "through", "project").order_by("pk")
    if any(not sight.reaches(role) for role in rows):
        sentence = f"Something that you may not see gives '{question.user.username}' the right to {question.deed}."
        yield Reason("unseen", sentence, grants=True)
    for role in filter(sight.reaches, rows):
        where = f"the project '{role.project.name}'" if role.project else f"the whole index '{index.name}'"
        words = ", ".join(sorted(verb.value for verb in from_mask(role.verbs)))
        if role.team is None:
            while_in = f", while in the team '{role.through.name}' by whose right they made it" if role.through else ""
            sentence = f"Role {role.pk} gives '{question.user.username}' {words} on {where}{while_in}."
            yield Reason("role", sentence, grants=True)
            continue
        for path in team_paths.between(question.user, role.team):
            sentence = f"Role {role.pk} gives the team '{role.team.name}' {words} on {where}; {path}."
            yield Reason("role-of-team", sentence, grants=True)


def _takes(question: Question) -> Iterator[Reason]:
    """What narrows a right that something gives."""
    actor, token = question.actor, question.token
    if actor.changes_nothing and question.verb is not Verb.READ:
        sentence = f"'{question.user.username}' is an auditor, who changes nothing, whatever else is granted."
        yield Reason("auditor-reads", sentence, grants=False)
    if token is None:
        return
    if not _is_live(token):
        yield Reason("token-ended", f"The token '{token.name}' is revoked or has expired.", grants=False)
    if question.verb not in from_mask(token.verbs):
        yield Reason("token-verb", f"The token '{token.name}' is not for the verb {question.verb.value}.", grants=False)
    if token.networks:
        sentence = f"The token '{token.name}' works from {', '.join(token.networks)} alone."
        yield Reason("token-network", sentence, grants=False)
    if token.indexes and question.index not in token.indexes:
        yield Reason("token-index", f"The token '{token.name}' is bound to other indexes.", grants=False)
    if (
        token.projects
        and question.project not in token.projects
        and not (question.verb is Verb.READ and not question.project)
    ):
        yield Reason("token-project", f"The token '{token.name}' is bound to other projects.", grants=False)


def _is_live(token: Token | None) -> bool:
    if token is None:
        return True
    return token.is_usable
