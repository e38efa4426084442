"""Settings of upstreams: who may change what, secrets, and what a change does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.utils import timezone
from pypi_simple import PYPI_SIMPLE_ENDPOINT

from accounts.domain.verbs import Verb
from accounts.models import AuditEntry
from accounts.services.keys import rewrapping
from indexapp.models import File, Index, MirroredFile, MirroredProject, Project, Release, Upstream
from indexapp.services import indexes, projects, releases
from indexapp.services.mirrors import addresses, asking, conflicts, refreshing, secrets, settings, standing
from indexapp.services.serving import index_map, watermarks
from indexapp.services.uploads import admission
from tests.builders.wheels import build_wheel
from tests.factories.cast import Cast
from tests.factories.people import SYSTEM
from tests.factories.publishing import give, make_group, make_index, make_project
from tests.factories.upstreams import make_mirror, page_of
from tests.servers.static_index import Behaviour, Credentials, StaticIndex
from tpi_site.kit import key_ring
from tpi_site.kit.errors import Conflict, Forbidden, Invalid, InvalidFields, Refusal, Unavailable
from tpi_site.services.doctor import upstreams as doctor

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]
URL = "https://pypi.corp.example/simple/"


@pytest.fixture(autouse=True)
def _loopback(settings: Any) -> None:
    settings.TPI_OUTBOUND_NETWORKS = ["127.0.0.0/8"]


@pytest.fixture
def upstream() -> Iterator[StaticIndex]:
    with StaticIndex([build_wheel("theirs", "2.0")]) as server:
        yield server


@pytest.fixture
def mirror(upstream: StaticIndex) -> Index:
    return make_mirror(upstream.url)


def test_a_mirror_without_more_is_one_of_pypi() -> None:
    mirror = indexes.create(actor=SYSTEM, name="outside", kind="mirror")
    assert addresses.of(mirror).url == PYPI_SIMPLE_ENDPOINT
    assert addresses.in_words(mirror.upstream) == "PyPI"


def test_other_indexes_have_no_upstream() -> None:
    with pytest.raises(Invalid):
        indexes.create(actor=SYSTEM, name="inside", upstream={"url": URL})
    with pytest.raises(Invalid):
        settings.change(actor=SYSTEM, index=make_index("other"), page_seconds=1)


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("url", {"url": "ftp://pypi.corp.example/"}),
        ("url", {"url": "https://user:secret@pypi.corp.example/simple/"}),
        ("url", {"url": "https://pypi.corp.example/simple/?a=b"}),
        ("url", {"url": "https:///simple/"}),
        ("url", {"url": "https://pypi.corp.example/\nsimple/"}),
        ("username", {"password": "secret"}),
        ("username", {"username": "a:b"}),
        ("proxy_url", {"proxy_url": "socks5://proxy.corp.example:1080"}),
        ("proxy_url", {"proxy_url": "http://proxy.corp.example:3128", "proxy_password": "secret"}),
        ("proxy_url", {"proxy_url": "http://user:secret@proxy.corp.example:3128"}),
        ("ca_certificates", {"ca_certificates": "no certificate"}),
        ("client_certificate", {"client_key": "-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----"}),
        ("page_seconds", {"page_seconds": 0}),
        ("missing_seconds", {"missing_seconds": 10**9}),
        ("room", {"room": 0}),
        ("keep_hours", {"keep_hours": -1}),
        ("on_yank", {"on_yank": "ignore"}),
    ],
)
def test_unsound_settings_are_refused_at_their_field(field: str, values: dict[str, Any]) -> None:
    with pytest.raises(InvalidFields) as refusal:
        indexes.create(actor=SYSTEM, name="outside", kind="mirror", upstream=values)
    assert field in refusal.value.fields
    assert not Index.objects.filter(name="outside").exists()


def test_secrets_are_sealed_opened_and_not_told(mirror: Index) -> None:
    values = {"username": "ci", "password": "pass word", "proxy_url": "http://me@proxy.corp.example:3128"}
    settings.change(actor=SYSTEM, index=mirror, **values, proxy_password="p@ss/word")
    row = Upstream.objects.get()
    assert "pass" not in row.password + row.proxy_password
    found = addresses.of(Index.objects.get(pk=mirror.pk))
    assert (found.username, found.password) == ("ci", "pass word")
    assert found.proxy_url == "http://me:p%40ss%2Fword@proxy.corp.example:3128"
    told = str(AuditEntry.objects.get(action="upstream.change").detail)
    assert "pass word" not in told
    assert "p@ss" not in told
    assert "hmac-sha256:" in told


def test_a_secret_is_worth_nothing_at_another_address(mirror: Index) -> None:
    settings.change(actor=SYSTEM, index=mirror, username="ci", password="secret")
    Upstream.objects.update(url="https://attacker.example/simple/")
    with pytest.raises(Unavailable) as refusal:
        addresses.of(Index.objects.get(pk=mirror.pk))
    assert refusal.value.code == "secret-sealed"


def test_a_kept_secret_goes_to_no_other_server(mirror: Index) -> None:
    settings.change(actor=SYSTEM, index=mirror, username="ci", password="secret")
    with pytest.raises(InvalidFields) as refusal:
        settings.change(actor=SYSTEM, index=mirror, url=URL)
    assert (refusal.value.code, list(refusal.value.fields)) == ("secret-again", ["password"])
    settings.change(actor=SYSTEM, index=mirror, url=URL, password="another")
    assert addresses.of(Index.objects.get(pk=mirror.pk)).password == "another"
    settings.change(actor=SYSTEM, index=mirror, url=f"{URL}below/")
    assert addresses.of(Index.objects.get(pk=mirror.pk)).password == "another"
    settings.change(actor=SYSTEM, index=mirror, password="")
    assert addresses.of(Index.objects.get(pk=mirror.pk)).password == ""


def test_a_rotation_wraps_them_anew(mirror: Index) -> None:
    settings.change(actor=SYSTEM, index=mirror, username="ci", password="secret")
    before = Upstream.objects.get().password
    key_ring.replace_file(key_ring.with_new_key(key_ring.key_ring()))
    rewrapping.rewrap_all(actor=SYSTEM)
    row = Upstream.objects.get()
    assert row.password != before
    assert secrets.opened(row)["password"] == "secret"


@pytest.mark.parametrize(
    ("role", "values", "may"),
    [
        ("administrator", {"url": URL}, True),
        ("team_admin", {"url": URL}, False),
        ("operator", {"url": URL}, False),
        ("operator", {"password": "x"}, False),
        ("team_admin", {"is_offline": True}, True),
        ("operator", {"is_frozen": True}, True),
        ("maintainer", {"is_offline": True}, False),
        ("security_officer", {"is_offline": True}, False),
        ("auditor", {"is_offline": True}, False),
    ],
)
def test_who_may_change_what(cast: Cast, mirror: Index, role: str, values: dict[str, Any], *, may: bool) -> None:
    give(cast.team_admin, [Verb.ADMINISTER], mirror)
    if may:
        settings.change(actor=cast.actor(role), index=mirror, **values)
    else:
        with pytest.raises(Forbidden):
            settings.change(actor=cast.actor(role), index=mirror, **values)
        assert not AuditEntry.objects.filter(action="upstream.change").exists()


def test_another_address_for_names_that_are_known_has_to_be_meant(mirror: Index) -> None:
    page_of(mirror, "theirs")
    with pytest.raises(Conflict) as refusal:
        settings.change(actor=SYSTEM, index=mirror, url=URL)
    assert refusal.value.code == "upstream-holds-projects"
    settings.change(actor=SYSTEM, index=mirror, url=URL, force=True)
    row = MirroredProject.objects.get()
    assert (row.etag, row.fresh_until) == ("", None)


def test_offline_asks_nothing_and_serves_what_is_known(mirror: Index, upstream: StaticIndex) -> None:
    assert page_of(mirror, "theirs") is not None
    for switch in ({"is_offline": True}, {"is_offline": False, "is_frozen": True}):
        settings.change(actor=SYSTEM, index=mirror, **switch)
        asked = len(upstream.requests)
        assert page_of(mirror, "theirs") is not None
        assert page_of(mirror, "unheard-of") is None
        with pytest.raises(Conflict) as refusal:
            refreshing.refresh(actor=SYSTEM, index=mirror, name="theirs")
        assert refusal.value.code == "mirror-not-asked"
        assert len(upstream.requests) == asked


def test_terms_reach_the_readers_at_once(mirror: Index) -> None:
    settings.change(actor=SYSTEM, index=mirror, page_seconds=7, missing_seconds=8)
    terms = index_map.read(watermarks.read()).by_pk[mirror.pk].terms
    assert terms is not None
    assert (terms.page_seconds, terms.missing_seconds) == (7, 8)


@pytest.mark.parametrize("policy", ["hide", "keep"])
def test_a_changed_policy_takes_hold_of_what_is_known(mirror: Index, upstream: StaticIndex, policy: str) -> None:
    other = {"hide": "keep", "keep": "hide"}[policy]
    upstream.publish(build_wheel("theirs", "3.0"))
    settings.change(actor=SYSTEM, index=mirror, on_removal=other)
    page_of(mirror, "theirs")
    upstream.remove("theirs-3.0-py3-none-any.whl")
    refreshing.refresh(actor=SYSTEM, index=mirror, name="theirs")
    assert File.objects.get(filename__contains="3.0").is_hidden is (other == "hide")
    settings.change(actor=SYSTEM, index=mirror, on_removal=policy)
    refreshing.refresh(actor=SYSTEM, index=mirror, name="theirs")
    assert File.objects.get(filename__contains="3.0").is_hidden is (policy == "hide")
    shown = [row.version for row in Release.objects.visible_to(SYSTEM).order_by("sort_key")]
    assert shown == (["2.0"] if policy == "hide" else ["2.0", "3.0"])


class TestTrying:
    """Trying an upstream out."""

    def test_what_it_answers(self, mirror: Index) -> None:
        trial = settings.try_out(actor=SYSTEM, index=mirror)
        assert trial.is_usable, trial.sentence
        assert AuditEntry.objects.filter(action="upstream.test").count() == 1

    def test_credentials_are_shown_to_it(self) -> None:
        with StaticIndex([build_wheel("theirs", "2.0")], credentials=Credentials("ci", "secret")) as server:
            mirror = make_mirror(server.url, username="ci", password="secret")
            assert settings.try_out(actor=SYSTEM, index=mirror).is_usable
            settings.change(actor=SYSTEM, index=mirror, password="wrong")
            trial = settings.try_out(actor=SYSTEM, index=Index.objects.get(pk=mirror.pk))
            assert trial.code == "upstream-refused"
            assert "wrong" not in trial.sentence

    def test_an_offline_mirror_is_left_alone(self, mirror: Index, upstream: StaticIndex) -> None:
        settings.change(actor=SYSTEM, index=mirror, is_offline=True)
        with pytest.raises(Conflict):
            settings.try_out(actor=SYSTEM, index=Index.objects.get(pk=mirror.pk))
        assert upstream.requests == []

    def test_who_may(self, cast: Cast, mirror: Index, upstream: StaticIndex) -> None:
        with pytest.raises(Refusal):
            settings.try_out(actor=cast.actor("reader"), index=mirror)
        assert upstream.requests == []


class TestStanding:
    """How upstreams are."""

    def test_a_failing_upstream_is_told_until_it_answers(self, mirror: Index, upstream: StaticIndex) -> None:
        assert page_of(mirror, "theirs") is not None
        upstream.behaviour = Behaviour(status=503)
        refreshing.refresh(actor=SYSTEM, index=mirror, name="theirs")
        assert [row.index.name for row in standing.failing()] == ["outside"]
        assert standing.failing_figures() == {("outside",): 1.0}
        assert standing.page_figures() == {("outside",): 1.0}
        assert page_of(mirror, "theirs") is not None
        upstream.behaviour = Behaviour()
        refreshing.refresh(actor=SYSTEM, index=mirror, name="theirs")
        assert standing.failing() == []
        assert (standing.failing_figures(), standing.page_figures()) == ({("outside",): 0.0}, {})

    def test_a_bad_page_says_nothing_of_the_upstream(self, mirror: Index, upstream: StaticIndex) -> None:
        upstream.behaviour = Behaviour(fault="wrong-type")
        row = refreshing.refresh(actor=SYSTEM, index=mirror, name="theirs")
        assert row.failure
        assert standing.failing() == []

    def test_a_node_goes_on_while_an_upstream_fails(self, mirror: Index, upstream: StaticIndex) -> None:
        from tpi_site import health

        assert health.parts()["mirrors"] == "ok"
        upstream.behaviour = Behaviour(status=503)
        refreshing.refresh(actor=SYSTEM, index=mirror, name="theirs")
        state = health.parts()["mirrors"]
        assert isinstance(state, health.Degraded)
        assert "outside" in state


class TestDoctor:
    """What the doctor says of upstreams."""

    def test_that_there_is_none_or_how_it_is(self, mirror: Index) -> None:
        assert doctor.upstreams().state == "warning"  # the test's server speaks plain http
        assert "plain http" in doctor.upstreams().sentence
        settings.change(actor=SYSTEM, index=mirror, url=URL)
        assert doctor.upstreams().state == "good"
        Upstream.objects.update(failing_since=timezone.now(), failure="It is gone.")
        assert "It is gone." in doctor.upstreams().sentence
        indexes.delete(actor=SYSTEM, index=mirror)
        assert doctor.upstreams().state == "unused"

    def test_that_a_secret_does_not_open(self, mirror: Index) -> None:
        settings.change(actor=SYSTEM, index=mirror, username="ci", password="secret")
        Upstream.objects.update(ca_certificates="another authority")
        assert doctor.upstreams().state == "failing"


class TestContent:
    """What people may do to what a mirror holds."""

    def test_nothing_is_uploaded_to_a_mirror(self, mirror: Index) -> None:
        for attempt in (
            lambda: admission.require_may_try(SYSTEM, mirror),
            lambda: projects.create(actor=SYSTEM, index=mirror, name="acme-tool"),
        ):
            with pytest.raises(Invalid) as refusal:
                attempt()
            assert refusal.value.code == "index-not-hosted"
            assert "publish to a hosted index" in refusal.value.detail

    def test_what_it_has_is_its_upstreams_to_change(self, mirror: Index) -> None:
        page_of(mirror, "theirs")
        file = File.objects.select_related("release__project__index", "project__index", "index").get()
        for attempt in (
            lambda: projects.delete(actor=SYSTEM, project=file.project),
            lambda: projects.set_status(actor=SYSTEM, project=file.project, status="archived"),
            lambda: releases.yank(actor=SYSTEM, release=file.release),
            lambda: releases.delete(actor=SYSTEM, release=file.release),
            lambda: releases.yank_file(actor=SYSTEM, file=file),
            lambda: releases.delete_file(actor=SYSTEM, file=file),
        ):
            with pytest.raises(Conflict) as refusal:
                attempt()
            assert refusal.value.code == "project-mirrored"

    def test_a_quarantine_holds_whatever_the_upstream_says(self, mirror: Index, upstream: StaticIndex) -> None:
        page_of(mirror, "theirs")
        project = Project.objects.select_related("index").get()
        project = projects.set_status(actor=SYSTEM, project=project, status="quarantined", reason="stolen account")
        upstream.publish(build_wheel("theirs", "2.1"))
        refreshing.refresh(actor=SYSTEM, index=mirror, name="theirs")
        assert Project.objects.get().status == "quarantined"
        projects.set_status(actor=SYSTEM, project=project, status="active")
        upstream.mark("theirs", "archived", "done with")
        refreshing.refresh(actor=SYSTEM, index=mirror, name="theirs")
        assert Project.objects.get().status == "archived"

    def test_a_mirror_goes_with_what_it_holds_when_its_name_is_given(self, mirror: Index) -> None:
        page_of(mirror, "theirs")
        page_of(mirror, "unheard-of")
        with pytest.raises(Conflict) as refusal:
            indexes.delete(actor=SYSTEM, index=mirror)
        assert "given to confirm" in refusal.value.detail
        indexes.delete(actor=SYSTEM, index=Index.objects.get(pk=mirror.pk), typed="outside")
        for model in (Upstream, MirroredProject, MirroredFile, File, Release, Project):
            assert not model.objects.exists(), model
        assert not Index.objects.filter(name="outside").exists()

    def test_not_while_it_stands_in_a_group_and_never_a_hosted_one(self, main: Index, mirror: Index) -> None:
        group = make_group("everything", main, mirror)
        page_of(mirror, "theirs")
        make_project(main, "ours")
        Index.objects.filter(pk=main.pk).update(is_default=False)
        for index in (mirror, Index.objects.get(pk=main.pk)):
            with pytest.raises(Conflict):
                indexes.delete(actor=SYSTEM, index=index, typed=index.name)
        assert page_of(group, "theirs") is not None
        assert Project.objects.count() == 2


class TestConflicts:
    """Other bytes under a known name."""

    @pytest.fixture
    def contested(self, mirror: Index, upstream: StaticIndex) -> File:
        page_of(mirror, "theirs")
        upstream.publish(build_wheel("theirs", "2.0", description="other bytes"))
        refreshing.refresh(actor=SYSTEM, index=mirror, name="theirs")
        return File.objects.select_related("index", "project", "release").get()

    def test_it_is_told_and_ours_stays(self, contested: File) -> None:
        assert standing.conflict_figures() == {("outside",): 1.0}
        sha256 = contested.sha256
        conflicts.keep_ours(actor=SYSTEM, file=contested)
        assert standing.conflict_figures() == {}
        asking.ask_again(contested.index_id, "theirs")
        assert (File.objects.get().sha256, standing.conflict_figures()) == (sha256, {})

    def test_it_is_told_again_when_they_change_once_more(self, contested: File, upstream: StaticIndex) -> None:
        conflicts.keep_ours(actor=SYSTEM, file=contested)
        upstream.publish(build_wheel("theirs", "2.0", description="still other bytes"))
        asking.ask_again(contested.index_id, "theirs")
        assert standing.conflict_figures() == {("outside",): 1.0}

    def test_theirs_take_the_place(self, contested: File, mirror: Index) -> None:
        before = contested.sha256
        conflicts.take_theirs(actor=SYSTEM, file=contested)
        assert not File.objects.exists()
        page_of(mirror, "theirs")
        refreshing.refresh(actor=SYSTEM, index=mirror, name="theirs")
        assert File.objects.get().sha256 != before
        assert standing.conflict_figures() == {}

    def test_who_decides(self, cast: Cast, contested: File, mirror: Index) -> None:
        give(cast.team_admin, [Verb.ADMINISTER], mirror)
        with pytest.raises(Forbidden):
            conflicts.take_theirs(actor=cast.actor("team_admin"), file=contested)
        conflicts.keep_ours(actor=cast.actor("team_admin"), file=contested)
        conflicts.take_theirs(actor=cast.actor("security_officer"), file=contested)

    def test_what_is_not_contested_is_left_alone(self, mirror: Index) -> None:
        page_of(mirror, "theirs")
        file = File.objects.select_related("index", "project", "release").get()
        with pytest.raises(Conflict):
            conflicts.take_theirs(actor=SYSTEM, file=file)
        assert File.objects.count() == 1
