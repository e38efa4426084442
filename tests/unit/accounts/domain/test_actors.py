from __future__ import annotations

import pytest

from accounts.domain.actors import ANONYMOUS, Actor, Method, TokenScope, internal
from accounts.domain.instance_roles import parse_roles
from accounts.domain.verbs import ALL_VERBS, NO_VERBS, Verb

R, U = Verb.READ, Verb.UPLOAD


def scope(verbs: frozenset[Verb] = ALL_VERBS, indexes: str = "", projects: str = "") -> TokenScope:
    return TokenScope("k" * 12, "ci", verbs, frozenset(indexes.split()), frozenset(projects.split()))


def administrator(token: TokenScope | None) -> Actor:
    return Actor(1, "root", is_superuser=True, token=token, method=Method.TOKEN if token else Method.SESSION)


@pytest.mark.parametrize(
    ("token", "index", "project", "left"),
    [
        (scope(), "main", "acme", ALL_VERBS),
        (scope(), "main", None, ALL_VERBS),
        (scope(), None, None, ALL_VERBS),
        (scope(frozenset({R, U})), "main", "acme", {R, U}),
        (scope(indexes="main dev"), "main", "acme", ALL_VERBS),
        (scope(indexes="main dev"), "main", None, ALL_VERBS),
        (scope(indexes="main dev"), "stage", "acme", NO_VERBS),
        (scope(indexes="main"), None, None, NO_VERBS),
        (scope(projects="acme"), "main", "acme", ALL_VERBS),
        (scope(projects="acme"), "main", "other", NO_VERBS),
        (scope(projects="acme"), "main", None, {R}),
        (scope(frozenset({U}), projects="acme"), "main", None, NO_VERBS),
        (scope(frozenset({U}), indexes="main", projects="acme"), "main", "acme", {U}),
        (scope(indexes="main", projects="acme"), "dev", "acme", NO_VERBS),
    ],
)
def test_a_token_lets_through_its_part_of_its_owners_rights(
    token: TokenScope, index: str | None, project: str | None, left: frozenset[Verb]
) -> None:
    assert administrator(token).narrow(ALL_VERBS, index, project) == left


def test_a_token_adds_nothing_to_what_its_owner_holds() -> None:
    assert administrator(scope()).narrow(frozenset({R}), "main", "acme") == {R}


def test_without_a_token_nothing_is_narrowed() -> None:
    assert administrator(None).narrow(ALL_VERBS, "main", None) == ALL_VERBS


@pytest.mark.parametrize(
    ("token", "may"),
    [
        (None, True),
        (scope(), True),
        (scope(ALL_VERBS - {Verb.ADMINISTER}), False),
        (scope(indexes="main"), False),
        (scope(projects="acme"), False),
    ],
)
def test_an_administrators_token_reaches_the_instance_only_when_unbounded(token: TokenScope | None, may: bool) -> None:
    assert administrator(token).may_administer_instance is may


def test_nobody_else_administers_the_instance() -> None:
    assert not Actor(2, "uma", method=Method.SESSION).may_administer_instance
    assert not ANONYMOUS.may_administer_instance


def test_the_products_own_jobs_are_named_and_not_anonymous() -> None:
    job = internal("retention")
    assert job.may_administer_instance
    assert not job.is_anonymous
    assert (job.user_id, job.display_name) == (None, "retention")


def test_nobody_is_called_anonymous() -> None:
    assert ANONYMOUS.is_anonymous
    assert ANONYMOUS.display_name == "anonymous"


def test_address_and_request_do_not_make_another_actor() -> None:
    assert ANONYMOUS.at(address="192.0.2.1", request_id="a") == ANONYMOUS


UNBOUNDED = TokenScope("k" * 12, "t", ALL_VERBS)
READING = TokenScope("k" * 12, "t", frozenset({Verb.READ}))
BOUND = TokenScope("k" * 12, "t", ALL_VERBS, frozenset({"main"}))
POWERS = (
    "may_administer_instance",
    "may_operate",
    "sees_operation",
    "may_secure",
    "reads_everything",
    "changes_nothing",
)


@pytest.mark.parametrize(
    ("words", "is_superuser", "token", "powers"),
    [
        ("", False, None, ""),
        ("billing", False, None, ""),
        ("operator", False, None, "may_operate sees_operation"),
        ("operator", False, UNBOUNDED, "may_operate sees_operation"),
        ("operator", False, READING, "sees_operation"),
        ("operator", False, BOUND, ""),
        ("security-officer", False, None, "may_secure reads_everything sees_operation"),
        ("security-officer", False, READING, "reads_everything sees_operation"),
        ("security-officer", False, BOUND, ""),
        ("auditor", False, None, "reads_everything sees_operation changes_nothing"),
        ("auditor", False, READING, "reads_everything sees_operation changes_nothing"),
        ("auditor", False, BOUND, "changes_nothing"),
        ("auditor operator security-officer", False, None, "reads_everything sees_operation changes_nothing"),
        ("", True, None, "may_administer_instance may_operate sees_operation may_secure reads_everything"),
        ("", True, UNBOUNDED, "may_administer_instance may_operate sees_operation may_secure reads_everything"),
        ("", True, READING, ""),
        ("", True, BOUND, ""),
        ("auditor", True, None, "reads_everything sees_operation changes_nothing"),
    ],
)
def test_what_a_part_for_the_instance_gives(
    words: str, is_superuser: bool, token: TokenScope | None, powers: str
) -> None:
    method = Method.SESSION if token is None else Method.TOKEN
    actor = Actor(1, "ann", is_superuser, token, method, roles=parse_roles(words.split()))
    assert {power for power in POWERS if getattr(actor, power)} == set(powers.split())


def test_an_auditor_is_narrowed_before_the_token_is_looked_at() -> None:
    actor = Actor(1, "ann", roles=parse_roles(["auditor"]))
    assert actor.narrow(ALL_VERBS, "main", None) == {Verb.READ}
    assert actor.within(UNBOUNDED).narrow(ALL_VERBS, "main", None) == {Verb.READ}
    assert actor.within(BOUND).narrow(ALL_VERBS, "other", None) == frozenset()
