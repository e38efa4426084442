from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import DatabaseError, connection
from django.utils import timezone

from accounts.domain.actors import Method, internal
from accounts.domain.instance_roles import InstanceRole, roles_to_mask
from accounts.domain.token_format import parse_token
from accounts.domain.verbs import ALL_VERBS, Verb, from_mask
from accounts.models import Membership, Token, User
from accounts.services import token_use, tokens
from tests import evidence
from tests.evidence import refused
from tests.factories.cast import Cast
from tests.factories.people import SYSTEM, make_service_account, make_token, make_user
from tests.factories.requests import seen_from

pytestmark = [pytest.mark.database, pytest.mark.django_db]

R, U, Y = Verb.READ, Verb.UPLOAD, Verb.YANK
TOMORROW = timedelta(days=1)


def test_the_row_has_the_scope_and_not_the_secret(cast: Cast) -> None:
    expires = timezone.now() + TOMORROW
    row, text = tokens.issue(
        actor=cast.actor("uploader"),
        owner=cast.uploader,
        name="  ci ",
        verbs=[U, R],
        indexes=["main", "dev"],
        projects=["beta", "acme"],
        expires_at=expires,
    )
    row.refresh_from_db()
    parts = parse_token(text)
    assert parts is not None
    assert (row.name, from_mask(row.verbs), row.expires_at) == ("ci", {R, U}, expires)
    assert (row.indexes, row.projects) == (["dev", "main"], ["acme", "beta"])
    stored = str(Token.objects.filter(pk=row.pk).values().get())
    assert parts.secret not in stored
    assert parts.key_id in stored


def test_the_audit_entry_tells_the_scope_and_not_the_secret(cast: Cast) -> None:
    found = evidence.collecting()
    row, text = tokens.issue(actor=cast.actor("uploader"), owner=cast.uploader, name="ci", verbs=[R], indexes=["main"])
    assert row.expires_at is not None
    [entry] = found.audit
    assert entry.detail == {
        "owner": "uploader",
        "kind": "personal",
        "verbs": ["read"],
        "indexes": ["main"],
        "projects": [],
        "networks": [],
        "expires_at": row.expires_at.isoformat(),
        "parent": None,
    }
    assert text[16:] not in str(vars(entry))


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"name": "  "}, "token-name"),
        ({"name": "n" * 101}, "token-name"),
        ({"name": "nul\x00"}, "token-name"),
        ({"name": "two\nlines"}, "token-name"),
        ({"verbs": []}, "token-verbs"),
        ({"indexes": [f"index-{number}" for number in range(501)]}, "token-scope"),
        ({"projects": [f"project-{number}" for number in range(501)]}, "token-scope"),
        ({"indexes": [""]}, "token-scope"),
        ({"projects": ["nul\x00"]}, "token-scope"),
        ({"projects": ["p" * 200]}, "token-scope"),
        ({"expires_at": timezone.now() - timedelta(seconds=1)}, "token-expiry"),
    ],
)
def test_what_no_token_may_have(cast: Cast, values: dict[str, Any], code: str) -> None:
    actor, owner = cast.actor("reader"), cast.reader
    with refused(code):
        tokens.issue(actor=actor, owner=owner, **({"name": "ci", "verbs": [R]} | values))


def test_a_disabled_account_gets_none(cast: Cast) -> None:
    owner = make_user("gone", is_active=False)
    with refused("account-disabled"):
        tokens.issue(actor=SYSTEM, owner=owner, name="ci", verbs=[R])


NARROW: list[tuple[dict[str, Any], dict[str, Any], bool]] = [
    ({"verbs": [R, U]}, {"verbs": [R]}, True),
    ({"verbs": [R, U]}, {"verbs": [R, U]}, True),
    ({"verbs": [R, U]}, {"verbs": [R, U, Y]}, False),
    ({"verbs": [R], "indexes": ["a", "b"]}, {"verbs": [R], "indexes": ["a"]}, True),
    ({"verbs": [R], "indexes": ["a"]}, {"verbs": [R], "indexes": ["a", "b"]}, False),
    ({"verbs": [R], "indexes": ["a"]}, {"verbs": [R]}, False),
    ({"verbs": [R]}, {"verbs": [R], "indexes": ["a"]}, True),
    ({"verbs": [R], "projects": ["a", "b"]}, {"verbs": [R], "projects": ["b"]}, True),
    ({"verbs": [R], "projects": ["a"]}, {"verbs": [R]}, False),
    ({"verbs": [R], "projects": ["a"]}, {"verbs": [R], "projects": ["b"]}, False),
    ({"verbs": [R]}, {"verbs": [R], "expires_at": timezone.now() + TOMORROW}, True),
    ({"verbs": [R], "expires_at": timezone.now() + TOMORROW}, {"verbs": [R]}, True),
    ({"verbs": [R], "networks": ["192.0.2.0/24"]}, {"verbs": [R], "networks": ["192.0.2.8/29"]}, True),
    ({"verbs": [R], "networks": ["192.0.2.0/24"]}, {"verbs": [R], "networks": ["192.0.0.0/16"]}, False),
    ({"verbs": [R], "networks": ["192.0.2.0/24"]}, {"verbs": [R], "networks": ["2001:db8::/32"]}, False),
    ({"verbs": [R]}, {"verbs": [R], "networks": ["2001:db8::/32"]}, True),
    (
        {"verbs": [R], "expires_at": timezone.now() + TOMORROW},
        {"verbs": [R], "expires_at": timezone.now() + 2 * TOMORROW},
        False,
    ),
    (
        {"verbs": [R], "expires_at": timezone.now() + 2 * TOMORROW},
        {"verbs": [R], "expires_at": timezone.now() + TOMORROW},
        True,
    ),
]


@pytest.mark.parametrize(("held", "wanted", "may"), NARROW)
@pytest.mark.parametrize("role", ["uploader", "administrator"])
def test_a_token_makes_only_narrower_ones(
    cast: Cast, role: str, held: dict[str, Any], wanted: dict[str, Any], may: bool
) -> None:
    owner = cast.user(role)
    with seen_from("192.0.2.9"):
        actor = tokens.recognise(make_token(owner, **held)[1])
    assert actor is not None
    if may:
        tokens.issue(actor=actor, owner=owner, name="child", **wanted)
        return
    with refused("token-wider"):
        tokens.issue(actor=actor, owner=owner, name="child", **wanted)


def test_only_an_unbounded_administrators_token_makes_tokens_for_service_accounts(cast: Cast) -> None:
    bounded = cast.token_actor("administrator", ALL_VERBS, indexes=["main"])
    owner = make_service_account(cast.team)
    with refused("token-owner"):
        tokens.issue(actor=bounded, owner=owner, name="ci", verbs=[R], indexes=["main"])
    row, _ = tokens.issue(actor=cast.token_actor("administrator"), owner=owner, name="ci", verbs=[R])
    assert (row.user, row.kind) == (owner, "service")


@pytest.mark.parametrize("role", ["administrator", "team_admin"])
def test_nobody_makes_a_token_in_the_name_of_another_person(cast: Cast, role: str) -> None:
    actor, owner = cast.actor(role), cast.reader
    with refused("token-owner"):
        tokens.issue(actor=actor, owner=owner, name="ci", verbs=[R])
    assert tokens.issue(actor=internal("manage.py"), owner=owner, name="ci", verbs=[R])[0].user == owner


def test_an_auditors_token_reads_and_nothing_else(cast: Cast) -> None:
    User.objects.filter(pk=cast.reader.pk).update(instance_roles=roles_to_mask([InstanceRole.AUDITOR]))
    cast.reader.refresh_from_db()
    actor = cast.actor("reader")
    for verbs in ([R, U], [U], list(ALL_VERBS)):
        with refused("token-auditor"):
            tokens.issue(actor=actor, owner=cast.reader, name="ci", verbs=verbs)
    assert tokens.issue(actor=actor, owner=cast.reader, name="ci", verbs=[R])[0].pk


def test_a_token_is_recognised_as_its_owner_within_its_scope(cast: Cast) -> None:
    expires = timezone.now() + TOMORROW
    row, text = make_token(cast.uploader, [R], indexes=["main"], projects=["acme"], expires_at=expires, name="ci")
    actor = tokens.recognise(text)
    assert actor is not None
    assert (actor.user_id, actor.username, actor.method) == (cast.uploader.pk, "uploader", Method.TOKEN)
    assert actor.token is not None
    assert (actor.token.key_id, actor.token.name, actor.token.verbs) == (row.key_id, "ci", {R})
    assert (actor.token.indexes, actor.token.projects, actor.token.expires_at) == ({"main"}, {"acme"}, expires)


def test_recognising_costs_one_query_once_its_use_is_noted(cast: Cast, django_assert_num_queries: Any) -> None:
    text = cast.token("reader")
    tokens.recognise(text)
    with django_assert_num_queries(1):
        assert tokens.recognise(text) is not None


def test_use_is_noted_once_in_ten_minutes(cast: Cast) -> None:
    row, text = make_token(cast.reader)
    tokens.recognise(text)
    token_use.write()
    row.refresh_from_db()
    first = row.last_used_at
    assert first is not None
    tokens.recognise(text)
    token_use.write()
    row.refresh_from_db()
    assert row.last_used_at == first
    Token.objects.update(last_used_at=first - timedelta(minutes=11))
    tokens.recognise(text)
    token_use.write()
    row.refresh_from_db()
    assert row.last_used_at >= first


def test_a_full_disk_does_not_stop_tokens_from_being_recognised(cast: Cast) -> None:
    text = cast.token("reader")

    def refuse(execute: Any, sql: str, *rest: Any) -> Any:
        if sql.startswith("UPDATE"):
            raise DatabaseError("disk full")
        return execute(sql, *rest)

    with connection.execute_wrapper(refuse):
        assert tokens.recognise(text) is not None


@pytest.mark.parametrize("spoil", ["expired", "revoked", "disabled", "deleted", "digest", "pepper"])
def test_a_token_that_is_no_longer_good_is_nobody(cast: Cast, spoil: str, settings: Any) -> None:
    row, text = make_token(cast.reader)
    assert tokens.recognise(text) is not None
    match spoil:
        case "expired":
            Token.objects.filter(pk=row.pk).update(expires_at=timezone.now())
        case "revoked":
            Token.objects.filter(pk=row.pk).update(revoked_at=timezone.now())
        case "disabled":
            User.objects.filter(pk=cast.reader.pk).update(is_active=False)
        case "deleted":
            row.delete()
        case "digest":
            Token.objects.filter(pk=row.pk).update(digest="0" * 64)
        case "pepper":
            settings.TPI_TOKEN_PEPPER = f"{settings.TPI_TOKEN_PEPPER}x"
    assert tokens.recognise(text) is None


def test_the_secret_of_another_token_does_not_fit(cast: Cast) -> None:
    first, text = make_token(cast.reader)
    second, _ = make_token(cast.administrator)
    Token.objects.filter(pk=first.pk).delete()
    Token.objects.filter(pk=second.pk).update(key_id=first.key_id)
    assert settings.TPI_TOKEN_PEPPER
    assert tokens.recognise(text) is None


def test_revoking_twice_is_one_act(cast: Cast) -> None:
    row, _ = make_token(cast.reader)
    found = evidence.collecting()
    tokens.revoke(actor=cast.actor("reader"), token=row)
    tokens.revoke(actor=cast.actor("reader"), token=row)
    assert found.actions == ["token.revoke"]


def test_a_bound_token_revokes_only_itself(cast: Cast) -> None:
    row, text = make_token(cast.reader, indexes=["main"])
    other, _ = make_token(cast.reader)
    actor = tokens.recognise(text)
    assert actor is not None
    with refused("token-scope"):
        tokens.revoke(actor=actor, token=other)
    tokens.revoke(actor=actor, token=row)
    assert tokens.recognise(text) is None


def test_another_persons_token_is_as_good_as_unknown(cast: Cast) -> None:
    row, _ = make_token(cast.reader)
    for role in ("outsider", "team_admin", "anonymous"):
        actor = cast.actor(role)
        with refused("not-found"):
            tokens.revoke(actor=actor, token=row)


def test_an_unbounded_token_revokes_others_only_with_the_right_to_administer(cast: Cast) -> None:
    other, _ = tokens.issue(actor=cast.actor("uploader"), owner=cast.uploader, name="other", verbs=[Verb.UPLOAD])
    reader = cast.token_actor("uploader", [Verb.READ])
    with refused("token-scope"):
        tokens.revoke(actor=reader, token=other)
    tokens.revoke(actor=cast.token_actor("uploader", ALL_VERBS), token=other)
    other.refresh_from_db()
    assert other.revoked_at is not None


def test_a_security_officer_ends_anybodys_token_but_not_with_one_that_only_reads(cast: Cast) -> None:
    row, _ = make_token(cast.reader)
    User.objects.filter(pk=cast.outsider.pk).update(instance_roles=roles_to_mask([InstanceRole.SECURITY_OFFICER]))
    cast.outsider.refresh_from_db()
    by_token = cast.token_actor("outsider", [Verb.READ])
    with refused("not-found"):
        tokens.revoke(actor=by_token, token=row)
    tokens.revoke(actor=cast.actor("outsider"), token=row)
    row.refresh_from_db()
    assert row.revoked_at is not None


@pytest.mark.parametrize(("place", "may"), [("admin", True), ("maintainer", True), ("member", False)])
def test_who_looks_after_a_service_account_issues_and_ends_its_tokens(cast: Cast, place: str, may: bool) -> None:
    robot = make_service_account(cast.team)
    row, _ = make_token(robot)
    Membership.objects.filter(team=cast.team, user=cast.member).update(role=place)
    actor = cast.actor("member")
    if may:
        assert tokens.issue(actor=actor, owner=robot, name="ci", verbs=[R])[0].user == robot
        tokens.revoke(actor=actor, token=row)
        return
    with refused("token-owner"):
        tokens.issue(actor=actor, owner=robot, name="ci", verbs=[R])
    with refused("not-found"):
        tokens.revoke(actor=actor, token=row)


def test_a_managers_token_needs_the_right_to_administer_for_service_accounts(cast: Cast) -> None:
    robot = make_service_account(cast.team)
    weak = cast.token_actor("team_admin", [R, U])
    with refused("token-owner"):
        tokens.issue(actor=weak, owner=robot, name="ci", verbs=[R])
    strong = cast.token_actor("team_admin", ALL_VERBS)
    child, _ = tokens.issue(actor=strong, owner=robot, name="ci", verbs=[R])
    assert strong.token is not None
    assert child.parent is not None
    assert child.parent.key_id == strong.token.key_id


def test_a_service_account_makes_narrower_tokens_of_its_own(cast: Cast) -> None:
    robot = make_service_account(cast.team)
    actor = tokens.recognise(make_token(robot, [R, U], indexes=["main"])[1])
    assert actor is not None
    child, _ = tokens.issue(actor=actor, owner=robot, name="step", verbs=[R], indexes=["main"])
    assert (child.user, child.kind) == (robot, "service")
    with refused("token-wider"):
        tokens.issue(actor=actor, owner=robot, name="step", verbs=[R])
