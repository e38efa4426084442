from __future__ import annotations

from datetime import timedelta
from itertools import product

import pytest
from django.utils import timezone

from accounts.domain.actors import ANONYMOUS
from accounts.domain.instance_roles import InstanceRole
from accounts.domain.verbs import ALL_VERBS, Verb
from accounts.models import Directory, FormerDirectory, Token, User
from accounts.services import tokens
from indexapp import permissions
from indexapp.models import Index, Project
from indexapp.services import explanations
from indexapp.services.explanations import Explanation, Question
from tests.evidence import refused
from tests.factories.cast import Cast
from tests.factories.people import (
    SYSTEM,
    actor_of,
    join,
    make_directory,
    make_service_account,
    make_team,
    make_token,
    make_user,
)
from tests.factories.publishing import give, make_index, make_project
from tpi_site.kit.errors import Forbidden

pytestmark = [pytest.mark.database, pytest.mark.django_db]


def why(asker: User, verb: Verb, index: str = "main", **more: str) -> Explanation:
    return explanations.ask(
        actor_of(asker),
        **{"username": asker.username, "index": index, "verb": verb, **more},  # type: ignore[arg-type]
    )


def kinds(found: Explanation) -> list[str]:
    return [reason.kind for reason in found.reasons]


def test_a_role_is_told_with_the_way_to_it(cast: Cast) -> None:
    person, corp = make_user("ann"), make_directory("corp")
    lower = make_team("backend", person, parent=make_team("engineering", parent=cast.team))
    join(person, lower, role="admin", directory=corp)
    join(person, cast.team, role="maintainer")
    give(person, [Verb.UPLOAD], cast.index, make_project(cast.index, "acme"))
    found = why(person, Verb.UPLOAD, project="Acme")
    team_role, own = (row.pk for row in cast.index.roles.filter(team=cast.team) | cast.index.roles.filter(user=person))
    assert found.allowed
    begins = f"Role {team_role} gives the team 'tools' read, upload on the whole index 'main'; 'ann' is"
    assert [reason.sentence for reason in found.reasons] == [
        f"{begins} member of 'backend' below 'engineering' below 'tools'.",
        f"{begins} admin of 'backend' below 'engineering' below 'tools', by a group of the directory 'corp'.",
        f"{begins} in it as maintainer.",
        f"Role {own} gives 'ann' read, upload on the project 'acme'.",
    ]


@pytest.mark.parametrize(
    ("role", "verb", "allowed", "expected"),
    [
        ("administrator", Verb.DELETE, True, ["administrator"]),
        ("security_officer", Verb.READ, True, ["instance-role"]),
        ("security_officer", Verb.UPLOAD, False, ["no-grant"]),
        ("auditor", Verb.READ, True, ["instance-role"]),
        ("operator", Verb.READ, False, ["no-grant"]),
        ("reader", Verb.READ, True, ["role"]),
        ("reader", Verb.YANK, False, ["no-grant"]),
        ("outsider", Verb.READ, False, ["no-grant"]),
    ],
)
def test_where_a_right_comes_from(cast: Cast, role: str, verb: Verb, allowed: bool, expected: list[str]) -> None:
    found = why(cast.user(role), verb)
    assert (found.allowed, kinds(found)) == (allowed, expected)


def test_an_auditors_grants_are_told_and_taken_back(cast: Cast) -> None:
    give(cast.auditor, ALL_VERBS, cast.index)
    found = why(cast.auditor, Verb.UPLOAD)
    assert (found.allowed, kinds(found)) == (False, ["role", "auditor-reads"])


def test_an_open_index_and_a_disabled_account(cast: Cast) -> None:
    Index.objects.filter(pk=cast.index.pk).update(anonymous_read=True)
    assert kinds(why(cast.outsider, Verb.READ)) == ["anonymous-read"]
    User.objects.filter(pk=cast.outsider.pk).update(is_active=False)
    found = why(cast.administrator, Verb.READ, username="outsider")
    assert (found.allowed, kinds(found)) == (False, ["anonymous-read", "account-disabled"])


@pytest.mark.parametrize(
    ("scope", "allowed", "expected"),
    [
        ({"verbs": [Verb.UPLOAD]}, True, ["role"]),
        ({"verbs": [Verb.READ]}, False, ["role", "token-verb"]),
        ({"verbs": ALL_VERBS, "indexes": ["other"]}, False, ["role", "token-index"]),
        ({"verbs": ALL_VERBS, "projects": ["beta"]}, False, ["role", "token-project"]),
        ({"verbs": ALL_VERBS, "indexes": ["main"], "projects": ["acme"]}, True, ["role"]),
    ],
)
def test_what_a_token_takes(cast: Cast, scope: dict[str, object], allowed: bool, expected: list[str]) -> None:
    token, _ = make_token(cast.uploader, **scope)  # type: ignore[arg-type]
    found = why(cast.uploader, Verb.UPLOAD, project="acme", token=token.key_id)
    assert (found.allowed, kinds(found)) == (allowed, expected)


def test_a_token_that_has_ended_may_nothing(cast: Cast) -> None:
    token, _ = make_token(cast.uploader)
    tokens.revoke(actor=SYSTEM, token=token)
    found = why(cast.uploader, Verb.UPLOAD, token=token.key_id)
    assert (found.allowed, kinds(found)) == (False, ["role", "token-ended"])


def test_the_answer_is_that_of_the_permissions(cast: Cast) -> None:
    """Whoever asks whatever: the yes and no agree, and a yes has a reason while a no has none but what takes."""
    acme = make_project(cast.index, "acme")
    give(cast.outsider, [Verb.YANK], cast.index, acme)
    give(cast.auditor, ALL_VERBS, cast.index)
    some = [make_token(cast.uploader, [Verb.READ])[0], make_token(cast.uploader, ALL_VERBS, projects=["acme"])[0]]
    subjects: list[tuple[User, Token | None]] = [(user, None) for user in User.objects.all()]
    subjects += [(cast.uploader, token) for token in some]
    for user, token in subjects:
        for verb in Verb:
            for project in ("", "acme", "nothing"):
                question = Question(user, verb, "main", project, token)
                found = explanations.explain(question, cast.index)
                row = Project.objects.filter(normalized_name=project).first()
                held = permissions.verbs_on(question.actor, cast.index, row, name=project or None)
                assert found.allowed is (verb in held)
                assert found.allowed is all(reason.grants for reason in found.reasons), (user, verb, project, found)


def test_who_asks_about_whom(cast: Cast) -> None:
    make_index("other")
    for role in ("team_admin", "auditor", "security_officer", "administrator"):
        assert why(cast.user(role), Verb.READ, username="reader").allowed
    for role in ("reader", "member", "operator", "outsider"):
        with refused("right-missing"):
            why(cast.user(role), Verb.READ, username="team_admin")
    with refused("right-missing"):
        why(cast.maintainer, Verb.READ, username="reader")
    with refused("right-missing"):
        why(cast.team_admin, Verb.READ, "other", username="reader")
    with refused("unauthenticated"):
        explanations.ask(ANONYMOUS, username="reader", index="main", verb=Verb.READ)
    bound = cast.token_actor("reader", indexes=["main"])
    with refused("token-scope"):
        explanations.ask(bound, username="reader", index="main", verb=Verb.READ)


def test_who_looks_after_a_team_asks_about_its_people_and_programs(cast: Cast) -> None:
    program, lower = make_service_account(cast.team, "svc-build"), make_team("lower", parent=cast.team)
    below = make_user("below")
    join(below, lower)
    for role, username in product(("maintainer", "team_admin"), ("member", program.username, "below")):
        found = why(cast.user(role), Verb.UPLOAD, username=username)
        assert (found.allowed, kinds(found)) == (True, ["role-of-team"]), (role, username)
    give(program, [Verb.YANK], cast.index)
    assert kinds(why(cast.maintainer, Verb.YANK, username="svc-build")) == ["role"]


def test_they_ask_only_where_they_read_or_a_team_of_theirs_holds_something(cast: Cast) -> None:
    other, secret = make_index("other"), make_index("secret")
    lower = make_team("lower", make_user("below"), parent=cast.team)
    give(lower, [Verb.READ], other)
    assert why(cast.maintainer, Verb.READ, "other", username="below").allowed
    assert not why(cast.maintainer, Verb.READ, "other", username="member").allowed
    told = []
    give(cast.member, [Verb.READ], secret)
    for name in ("secret", "nowhere"):
        with pytest.raises(Forbidden) as caught:
            why(cast.maintainer, Verb.READ, name, username="member")
        told.append(str(caught.value).replace("nowhere", "secret"))
    assert told[0] == told[1]


def test_they_are_not_told_what_comes_from_elsewhere(cast: Cast) -> None:
    hidden = make_team("hidden", cast.member)
    give(hidden, [Verb.DELETE], cast.index)
    give(cast.member, [Verb.DELETE], cast.index)
    found = why(cast.maintainer, Verb.DELETE, username="member")
    assert (found.allowed, kinds(found)) == (True, ["unseen"])
    assert "hidden" not in found.reasons[0].sentence
    assert kinds(why(cast.team_admin, Verb.DELETE, username="member")) == ["role-of-team", "role"]


def test_who_administers_a_project_asks_about_anybody_there_and_nowhere_else(cast: Cast) -> None:
    acme = make_project(cast.index, "acme")
    make_project(cast.index, "beta")
    give(cast.outsider, [Verb.ADMINISTER], cast.index, acme)
    give(cast.member, [Verb.YANK], cast.index, acme)
    assert kinds(why(cast.outsider, Verb.YANK, username="member", project="acme")) == ["role"]
    assert kinds(why(cast.outsider, Verb.READ, username="reader", project="acme")) == ["unseen"]
    for project in ("beta", "nothing", ""):
        with refused("right-missing"):
            why(cast.outsider, Verb.READ, username="reader", project=project)


def test_a_token_is_named_by_its_key_id_or_its_name(cast: Cast) -> None:
    first, _ = make_token(cast.uploader, [Verb.READ], name="laptop")
    for wanted in (first.key_id, "laptop"):
        found = why(cast.uploader, Verb.UPLOAD, token=wanted)
        assert (found.allowed, kinds(found)) == (False, ["role", "token-verb"])
        assert found.answer == "No, 'uploader' may not upload to the index 'main' with the token 'laptop'."
    make_token(cast.uploader, ALL_VERBS, name="laptop")
    with refused("token-ambiguous"):
        why(cast.uploader, Verb.UPLOAD, token="laptop")
    tokens.revoke(actor=SYSTEM, token=first)
    assert why(cast.uploader, Verb.UPLOAD, token="laptop").allowed
    with refused("token-unknown"):
        why(cast.uploader, Verb.UPLOAD, token="none of mine")


def test_a_denial_does_not_tell_what_exists(cast: Cast) -> None:
    make_project(make_index("secret"), "acme")
    told = [
        [
            reason.sentence.replace("nowhere", "secret")
            for reason in why(cast.reader, Verb.READ, index, **project).reasons
        ]
        for index in ("secret", "nowhere")
        for project in ({"project": "acme"}, {"project": "acme"})
    ]
    assert told[0] == told[1] == told[2] == told[3]
    refusals = []
    for username, index in (("member", "secret"), ("nobody", "secret"), ("member", "nowhere")):
        with pytest.raises(Exception, match="only who administers it may") as caught:
            why(cast.reader, Verb.READ, index, username=username)
        refusals.append(str(caught.value).replace("nowhere", "secret"))
    assert len(set(refusals)) == 1
    with refused("index-unknown"):
        why(cast.auditor, Verb.READ, "nowhere")
    with refused("user-unknown"):
        why(cast.auditor, Verb.READ, username="nobody")


def test_another_persons_token_is_not_spoken_of(cast: Cast) -> None:
    foreign, _ = make_token(cast.member)
    with refused("token-unknown"):
        why(cast.reader, Verb.READ, token=foreign.key_id)


def test_billing_gives_nothing_here(cast: Cast) -> None:
    User.objects.filter(pk=cast.outsider.pk).update(instance_roles=InstanceRole.BILLING.bit)
    assert kinds(why(User.objects.get(pk=cast.outsider.pk), Verb.READ)) == ["no-grant"]


def test_whom_their_directory_vouches_for_no_more_may_nothing(cast: Cast) -> None:
    corp = make_directory("corp")
    User.objects.filter(pk=cast.reader.pk).update(directory=corp)
    reader = User.objects.get(pk=cast.reader.pk)
    assert why(reader, Verb.READ).allowed
    Directory.objects.update(failing_since=timezone.now() - timedelta(days=30))
    found = why(cast.administrator, Verb.READ, username="reader")
    assert (found.allowed, kinds(found)) == (False, ["role", "directory-lapsed"])
    assert found.answer.startswith("No, 'reader' may not")
    former = FormerDirectory.objects.create(name="corp", kind="ldap", base="dc=tpi,dc=example", is_proved=True)
    Directory.objects.update(enabled=False, removal=former)
    found = why(cast.administrator, Verb.READ, username="reader")
    assert (found.allowed, kinds(found)) == (False, ["role", "directory-removed"])
