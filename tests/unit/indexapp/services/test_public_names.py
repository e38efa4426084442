"""Nobody takes a name that a mirror beside the index serves, but who administers the index and security officers."""

from __future__ import annotations

import pytest

from accounts.domain.verbs import Verb
from indexapp.models import Index, MirroredProject, Project, Trashed
from indexapp.services import projects, roles
from indexapp.services.trash import restoring
from tests.builders.wheels import build_wheel
from tests.evidence import refused
from tests.factories.cast import Cast
from tests.factories.people import SYSTEM
from tests.factories.publishing import give, make_group, make_index, make_mirror, make_project, upload

pytestmark = [pytest.mark.database, pytest.mark.django_db]


@pytest.fixture
def public(cast: Cast) -> MirroredProject:
    """A name that a mirror beside the index has, another that it had, and one that it has not."""
    mirror = make_mirror("outside", "https://upstream.example/simple/")
    make_group("outer", make_group("everything", cast.index), mirror)
    for name in ("gone", "unknown"):
        MirroredProject.objects.create(
            index=mirror,
            normalized_name=name,
            is_gone=name == "gone",
            project=make_project(mirror, name) if name == "gone" else None,
        )
    return MirroredProject.objects.create(
        index=mirror, normalized_name="acme-tool", project=make_project(mirror, "acme-tool")
    )


def test_an_uploader_takes_no_public_name(cast: Cast, public: MirroredProject) -> None:
    actor = cast.actor("uploader")
    with refused("name-public"):
        projects.create(actor=actor, index=cast.index, name="Acme.Tool")
    with refused("name-public"):
        upload(cast.index, build_wheel("acme-tool", "1.0"), actor=actor)
    for name in ("gone", "unknown", "acme"):
        projects.create(actor=actor, index=cast.index, name=name)
    elsewhere = make_index("elsewhere")
    give(cast.uploader, [Verb.UPLOAD], elsewhere)
    projects.create(actor=actor, index=elsewhere, name="acme-tool")


@pytest.mark.parametrize("role", ["team_admin", "administrator"])
def test_who_answers_for_the_index_takes_it(cast: Cast, public: MirroredProject, role: str) -> None:
    projects.create(actor=cast.actor(role), index=cast.index, name="acme-tool")
    assert Project.objects.filter(index=cast.index, normalized_name="acme-tool").exists()


def test_a_token_that_administers_nothing_takes_it_not(cast: Cast, public: MirroredProject) -> None:
    actor = cast.token_actor("team_admin", [Verb.UPLOAD])
    with refused("name-public"):
        upload(cast.index, build_wheel("acme-tool", "1.0"), actor=actor)


def test_an_empty_project_takes_no_public_name_out_of_the_trash(cast: Cast, public: MirroredProject) -> None:
    """While it lay there the name was the outside's, as of a project that never had a file; one that had stayed ours."""
    actor = cast.actor("uploader")
    empty = make_project(cast.index, "acme-tool")
    upload(cast.index, build_wheel("acme-kept", "1.0"))
    full = cast.index.projects.get(normalized_name="acme-kept")
    MirroredProject.objects.create(
        index=public.index, normalized_name="acme-kept", project=make_project(public.index, "acme-kept")
    )
    for project in (empty, full):
        give(cast.uploader, [Verb.DELETE], cast.index, project)
        projects.delete(actor=actor, project=project)
    entries = {entry.normalized_name: entry for entry in Trashed.objects.all()}
    with refused("name-public"):
        restoring.restore(actor=actor, entry=entries["acme-tool"])
    restoring.restore(actor=actor, entry=entries["acme-kept"])
    restoring.restore(actor=cast.actor("administrator"), entry=entries["acme-tool"])
    assert cast.index.projects.count() == 2


def test_a_security_officer_who_uploads_takes_it(cast: Cast, public: MirroredProject) -> None:
    give(cast.security_officer, [Verb.UPLOAD], cast.index)
    projects.create(actor=cast.actor("security_officer"), index=cast.index, name="acme-tool")
    assert Project.objects.filter(index=cast.index, normalized_name="acme-tool").exists()


def test_a_name_that_is_ours_already_is_not_public(cast: Cast, public: MirroredProject) -> None:
    roles.reserve_prefix(actor=SYSTEM, team=cast.team, prefix="acme", index=cast.index)
    projects.create(actor=cast.actor("member"), index=cast.index, name="acme-tool")
    assert Project.objects.filter(index=cast.index, normalized_name="acme-tool").exists()


@pytest.mark.parametrize("place", ["main", "outer"])
def test_a_team_fences_no_public_name_off(cast: Cast, public: MirroredProject, place: str) -> None:
    index = Index.objects.get(name=place)
    if place == "outer":
        give(cast.team, [Verb.READ, Verb.UPLOAD], index)
    for prefix in ("acme", "acme-tool"):
        with refused("name-public"):
            roles.reserve_prefix(actor=cast.actor("maintainer"), team=cast.team, prefix=prefix, index=index)
    row = roles.reserve_prefix(actor=cast.actor("maintainer"), team=cast.team, prefix="acme-to", index=index)
    assert row.index == index
