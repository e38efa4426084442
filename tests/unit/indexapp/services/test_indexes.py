from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from accounts.domain.verbs import ALL_VERBS, Verb
from accounts.models import Node
from indexapp.models import Index, PolicyHold, PolicyRule, RetiredFilename
from indexapp.services import indexes, projects, roles
from indexapp.services.mirrors import merges
from indexapp.services.policies import holds, rules
from tests import evidence
from tests.evidence import refused
from tests.factories.cast import Cast
from tests.factories.publishing import give, make_group, make_index, make_mirror, make_project, published
from tpi_site.kit.errors import Refusal

pytestmark = [pytest.mark.database, pytest.mark.django_db]


def test_a_name_is_enough_for_a_private_hosted_index(cast: Cast) -> None:
    index = indexes.create(actor=cast.actor("administrator"), name="new")
    index.refresh_from_db()
    assert (index.kind, index.anonymous_read, index.is_default) == ("hosted", False, False)
    assert (index.profile, index.project_creation, index.allow_passwords) == ("enterprise", "uploaders", True)


def test_the_operator_may_make_new_indexes_open(cast: Cast, settings: Any) -> None:
    settings.TPI_ANONYMOUS_READ = True
    actor = cast.actor("administrator")
    assert indexes.create(actor=actor, name="open").anonymous_read
    assert not indexes.create(actor=actor, name="shut", anonymous_read=False).anonymous_read


def test_a_new_default_takes_the_place_of_the_old_one(cast: Cast) -> None:
    index = indexes.create(actor=cast.actor("administrator"), name="new", is_default=True)
    assert list(Index.objects.filter(is_default=True)) == [index]


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"name": "main"}, "index-exists"),
        ({"name": ""}, "index-invalid"),
        ({"name": "Upper"}, "index-invalid"),
        ({"name": "under_score"}, "index-invalid"),
        ({"name": "new\n"}, "index-invalid"),
        ({"name": "x" * 65}, "index-invalid"),
        ({"name": "simple"}, "index-invalid"),
        ({"name": "api"}, "index-invalid"),
        ({"name": "osv"}, "index-invalid"),
        ({"name": "new", "kind": "cupboard"}, "index-invalid"),
        ({"name": "new", "profile": "lax"}, "index-invalid"),
        ({"name": "new", "project_creation": "everybody"}, "index-invalid"),
        ({"name": "new", "title": "t" * 201}, "index-invalid"),
        ({"name": "new", "max_file_size": 0}, "index-invalid"),
        ({"name": "new", "max_file_size": -5}, "index-invalid"),
        ({"name": "new", "max_file_size": 2**63}, "index-invalid"),
        ({"name": "new", "max_project_size": 0}, "index-invalid"),
        ({"name": "new", "closing_window_days": -1}, "index-invalid"),
        ({"name": "new", "closing_window_days": 2_000_000_000}, "index-invalid"),
        ({"name": "new", "allowed_platforms": "any"}, "index-invalid"),
        ({"name": "new", "allowed_platforms": [""]}, "index-invalid"),
        ({"name": "new", "allowed_platforms": [1]}, "index-invalid"),
        ({"name": "new", "allowed_platforms": ["any"] * 201}, "index-invalid"),
        ({"name": "new", "created_at": None}, "field-fixed"),
        ({"name": "new", "members": ["main"]}, "index-not-group"),
        ({"name": "new", "kind": "group", "members": ["nowhere"]}, "index-unknown"),
        ({"name": "new", "kind": "group", "members": ["main", "main"]}, "group-member-twice"),
    ],
)
def test_what_no_index_may_have(cast: Cast, values: dict[str, Any], code: str) -> None:
    actor = cast.actor("administrator")
    with refused(code):
        indexes.create(actor=actor, **values)


def test_changing_writes_before_and_after(cast: Cast) -> None:
    found = evidence.collecting()
    indexes.change(actor=cast.actor("team_admin"), index=cast.index, title="Main", max_file_size=10)
    assert found.audit[0].detail == {
        "before": {"title": "", "max_file_size": None},
        "after": {"title": "Main", "max_file_size": 10},
    }
    assert found.changes[0].detail == {"fields": ["max_file_size", "title"]}


@pytest.mark.parametrize("values", [{"name": "other"}, {"kind": "group"}, {"is_default": True}, {"id": 5}])
def test_what_an_index_is_does_not_change(cast: Cast, values: dict[str, Any]) -> None:
    actor = cast.actor("administrator")
    with refused("field-fixed"):
        indexes.change(actor=actor, index=cast.index, **values)


def test_only_administrators_of_the_instance_open_an_index_to_everybody(cast: Cast) -> None:
    for actor in (cast.actor("team_admin"), cast.token_actor("administrator", ALL_VERBS, indexes=["main"])):
        with refused("opening-an-index"):
            indexes.change(actor=actor, index=cast.index, anonymous_read=True)
        cast.index.refresh_from_db()
    indexes.change(actor=cast.actor("administrator"), index=cast.index, anonymous_read=True)
    indexes.change(actor=cast.actor("team_admin"), index=cast.index, anonymous_read=False)
    cast.index.refresh_from_db()
    assert not cast.index.anonymous_read


def test_a_group_keeps_the_order_of_its_members(cast: Cast) -> None:
    make_index("b"), make_index("a")
    group = indexes.create(actor=cast.actor("administrator"), name="all", kind="group", members=["b", "main", "a"])
    assert indexes.member_names(group) == ["b", "main", "a"]
    indexes.change(actor=cast.actor("administrator"), index=group, members=["a", "b"])
    assert indexes.member_names(group) == ["a", "b"]
    indexes.change(actor=cast.actor("administrator"), index=group, members=[])
    assert indexes.member_names(group) == []


def test_a_group_is_never_inside_itself(cast: Cast) -> None:
    inner = make_group("inner", cast.index)
    outer = make_group("outer", inner)
    actor = cast.actor("administrator")
    for index, member in ((inner, "inner"), (inner, "outer"), (outer, "outer")):
        with refused("group-circle"):
            indexes.change(actor=actor, index=index, members=[member])


def test_who_composes_a_group_administers_its_members(cast: Cast) -> None:
    """A group shows its members under an address of its own."""
    group, secret = make_group("group"), make_index("secret")
    give(cast.team_admin, [Verb.ADMINISTER], group)
    actor = cast.actor("team_admin")
    indexes.change(actor=actor, index=group, members=["main"])
    with refused("right-missing"):
        indexes.change(actor=actor, index=group, members=["main", secret.name])


def test_who_takes_a_member_out_of_a_group_administers_it_too(cast: Cast) -> None:
    group = make_group("group", cast.index, make_index("secret"))
    give(cast.team_admin, [Verb.ADMINISTER], group)
    with refused("right-missing"):
        indexes.change(actor=cast.actor("team_admin"), index=group, members=["main"])
    assert indexes.member_names(group) == ["main", "secret"]


@pytest.mark.parametrize("parted", [["outside"], ["main"], []])
def test_only_security_officers_part_names_of_ours_from_a_mirror(cast: Cast, parted: list[str]) -> None:
    mirror = make_mirror("outside", "https://upstream.example/simple/")
    inner = make_group("inner", cast.index)
    group = make_group("group", inner, mirror)
    for index in (group, inner, mirror):
        give(cast.team_admin, [Verb.ADMINISTER], index)
    members = ["inner" if name == "main" else name for name in parted]
    indexes.change(actor=cast.actor("team_admin"), index=inner, members=[])  # nothing was ever there
    indexes.change(actor=cast.actor("team_admin"), index=inner, members=["main"])
    project = published(cast.index).project
    with refused("security-officer-needed"):
        indexes.change(actor=cast.actor("team_admin"), index=group, members=members)
    with refused("security-officer-needed"):
        indexes.change(actor=cast.actor("team_admin"), index=inner, members=[])
    projects.delete(actor=cast.actor("administrator"), project=project)
    with refused("security-officer-needed"):
        indexes.change(actor=cast.actor("team_admin"), index=group, members=members)
    indexes.change(actor=cast.actor("administrator"), index=group, members=members)
    assert indexes.member_names(group) == members


def test_a_group_with_a_prefix_keeps_its_mirror(cast: Cast) -> None:
    mirror = make_mirror("outside", "https://upstream.example/simple/")
    group = make_group("group", mirror)
    for index in (group, mirror):
        give(cast.team_admin, [Verb.ADMINISTER], index)
    roles.reserve_prefix(actor=cast.actor("administrator"), team=cast.team, prefix="acme", index=group)
    with refused("security-officer-needed"):
        indexes.change(actor=cast.actor("team_admin"), index=group, members=[])


def test_only_security_officers_give_a_group_a_mirror(cast: Cast) -> None:
    mirror, group = make_mirror("outside", "https://upstream.example/simple/"), make_group("group", cast.index)
    for index in (group, mirror):
        give(cast.team_admin, [Verb.ADMINISTER], index)
    with refused("security-officer-needed"):
        indexes.change(actor=cast.actor("team_admin"), index=group, members=["main", "outside"])
    indexes.change(actor=cast.actor("administrator"), index=group, members=["main", "outside"])
    indexes.change(actor=cast.actor("team_admin"), index=group, members=["outside", "main"])
    assert indexes.member_names(group) == ["outside", "main"]


def test_there_is_one_default_index(cast: Cast) -> None:
    other = make_index("other")
    indexes.make_default(actor=cast.actor("administrator"), index=other)
    assert Index.objects.get(is_default=True) == other


def test_an_index_that_was_deleted_meanwhile_leaves_the_default_one_as_it_was(cast: Cast) -> None:
    before = Index.objects.get(is_default=True)
    other = make_index("other")
    indexes.delete(actor=cast.actor("administrator"), index=Index.objects.get(pk=other.pk))
    with refused("not-found"):
        indexes.make_default(actor=cast.actor("administrator"), index=other)
    assert Index.objects.get(is_default=True) == before


def test_an_index_in_use_is_not_deleted(cast: Cast) -> None:
    actor = cast.actor("administrator")
    with refused("index-default"):
        indexes.delete(actor=actor, index=cast.index)
    full = make_index("full")
    make_project(full, "acme")
    member = make_index("member")
    make_group("group", member)
    for index, why in ((full, "still holds projects"), (member, "is a member of 'group'")):
        with pytest.raises(Refusal, match=why) as caught:
            indexes.delete(actor=actor, index=index)
        assert caught.value.code == "index-in-use"


def test_an_empty_index_goes_with_its_roles_and_leaves_its_history(cast: Cast) -> None:
    index = make_index("empty")
    give(cast.reader, [Verb.READ], index)
    RetiredFilename.objects.create(index=index, filename="old-1.0.tar.gz")
    found = evidence.collecting()
    indexes.delete(actor=cast.actor("administrator"), index=index)
    assert not Index.objects.filter(name="empty").exists()
    assert (found.changes[0].index_name, found.audit[0].object_name) == ("empty", "empty")


def test_the_name_of_a_deleted_index_is_free_again_unless_files_were_published_there(cast: Cast, settings: Any) -> None:
    """A deleted file's address never gives other bytes."""
    settings.TPI_TRASH_DAYS = 0
    actor = cast.actor("administrator")
    for name in ("never-used", "used"):
        index = indexes.create(actor=actor, name=name)
        if name == "used":
            project = published(index).project
            projects.delete(actor=actor, project=project)
        indexes.delete(actor=actor, index=index)
    assert indexes.create(actor=actor, name="never-used").name == "never-used"
    with refused("index-name-retired"):
        indexes.create(actor=actor, name="used")
    assert not Index.objects.filter(name="used").exists()


def test_nothing_is_made_that_an_older_node_would_not_keep_to(cast: Cast) -> None:
    actor = cast.actor("administrator")
    group = make_group("group", make_mirror("outside", "https://upstream.example/simple/"))
    now = timezone.now()
    known = {"indexapp": "0012_backups"}
    old = Node.objects.create(name="old", release="0.1.0", migrations=known, started_at=now, seen_at=now)

    rule = PolicyRule.objects.create(name="look first", effect="hold", on_missing="match", position=1)
    hold = PolicyHold.objects.create(index=cast.index, rule=rule, project="x", version="1")
    acts: list[Callable[[], object]] = [
        lambda: indexes.create(actor=actor, name="more", kind="mirror"),
        lambda: merges.create(actor=actor, group=group, name="acme-tool", reason="ours is a fork"),
        lambda: rules.create(actor=actor, index=None, name="no sdists", effect="block", conditions={"kind": "sdist"}),
        lambda: holds.decide(actor=actor, hold=hold, approve=True),
    ]
    for act in acts:
        with refused("nodes-behind"):
            act()
    indexes.create(actor=actor, name="hosted")
    Node.objects.filter(pk=old.pk).update(left_at=now)
    for act in acts:
        act()
