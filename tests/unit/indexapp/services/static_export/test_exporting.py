"""What an export has: the pages of the index, and every file that they name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from accounts.domain.actors import ANONYMOUS
from accounts.models import AuditEntry
from indexapp.models import File, Index
from indexapp.services import projects, releases
from indexapp.services.mirrors import merges
from indexapp.services.mirrors.fetching import running
from indexapp.services.static_export import exporting
from indexapp.services.static_export.exporting import Wish
from tests.builders.sdists import build_sdist
from tests.builders.wheels import build_wheel
from tests.exported_tree import names_in, page_of, require_whole
from tests.factories.cast import Cast
from tests.factories.people import SYSTEM
from tests.factories.policies import make_exception, make_rule
from tests.factories.publishing import make_group, make_index, make_mirror, make_project, published
from tests.plugins import process_memory
from tests.servers.ports import wait_until
from tests.servers.static_index import StaticFile, StaticIndex
from tests.unit.indexapp.services.integrity.spoiling import flip, spoil
from tests.unit.indexapp.services.static_export.conftest import Export
from tests.wsgi_client import WsgiClient
from tpi_site.kit.errors import Forbidden, NotFound, Refusal, Unauthenticated

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]
JSON = "application/vnd.pypi.simple.v1+json"


def filenames(to: Path, project: str = "acme-tool") -> list[str]:
    return [file["filename"] for file in page_of(to, project)["files"]]


def test_it_has_what_the_index_shows_in_the_same_words(
    cast: Cast, machine: WsgiClient, export: Export, to: Path
) -> None:
    needing = build_wheel("acme-tool", "2.0", headers=[("Requires-Python", ">=3.9")])
    for built in (build_wheel("acme-tool", "1.0"), needing, build_sdist("Acme.Other", "3")):
        file = published(cast.index, built)
    releases.yank(actor=SYSTEM, release=File.objects.get(filename=needing.filename).release, reason="<bad> & old")
    projects.set_status(actor=SYSTEM, project=file.project, status="deprecated", reason="see acme-tool")
    make_project(cast.index, "empty")
    summary = export(cast.index)
    manifest = require_whole(to)
    assert (summary.projects, summary.files, summary.copied, summary.pages, summary.written_pages) == (3, 6, 6, 8, 8)
    assert (summary.lacking, summary.removed, summary.linked) == (0, 0, 0)
    assert (manifest["index"], manifest["serial"], manifest["projects"]) == (cast.index.name, summary.serial, [])
    client = machine.signed(cast.bearer("reader"))
    live = f"/{cast.index.name}/files/"
    for name in ("acme-tool", "acme-other", "empty"):
        for form, filename in ((JSON, "index.v1+json"), ("text/html", "index.html")):
            page = client.get(f"/{cast.index.name}/simple/{name}/", Accept=form).body.decode()
            assert (to / f"simple/{name}/{filename}").read_text() == page.replace(live, "../../files/")
    for form, filename in ((JSON, "index.v1+json"), ("text/html", "index.html")):
        page = client.get(f"/{cast.index.name}/simple/", Accept=form).body.decode()
        assert (to / f"simple/{filename}").read_text() == page
    (yanked,) = (file for file in page_of(to, "acme-tool")["files"] if file["yanked"])
    assert (yanked["yanked"], yanked["requires-python"], bool(yanked["core-metadata"])) == (
        "<bad> & old",
        ">=3.9",
        True,
    )


def test_a_quarantined_project_keeps_an_empty_page(cast: Cast, export: Export, to: Path) -> None:
    file = published(cast.index)
    published(cast.index, build_wheel("other"))
    projects.set_status(actor=SYSTEM, project=file.project, status="quarantined", reason="looked at")
    assert export(cast.index).files == 2
    require_whole(to)
    page = page_of(to, "acme-tool")
    assert (page["files"], page["versions"], page["project-status"]["status"]) == ([], [], "quarantined")
    assert names_in(to) == ["other"]


@pytest.mark.parametrize("effect", ["hide", "block", "hold"])
def test_what_the_policy_refuses_is_not_there(effect: str, cast: Cast, export: Export, to: Path) -> None:
    for version in ("1.0", "2.0"):
        published(cast.index, build_wheel("acme-tool", version))
    published(cast.index, build_wheel("bad"))
    make_rule(None, effect, versions="<2", projects=["acme-tool"])
    make_rule(None, effect, projects=["bad"])
    export(cast.index)
    require_whole(to)
    assert filenames(to) == ["acme_tool-2.0-py3-none-any.whl"]
    assert page_of(to, "acme-tool")["versions"] == ["2.0"]
    assert filenames(to, "bad") == [], "an empty page, so that installers look nowhere else"
    assert names_in(to) == (["acme-tool"] if effect == "hide" else ["acme-tool", "bad"])


def test_an_exception_and_a_warning_let_through(cast: Cast, export: Export, to: Path) -> None:
    published(cast.index)
    rule = make_rule(cast.index, "block", projects=["acme-*"])
    make_rule(cast.index, "warn")
    make_exception("acme-tool", rule=rule, index=cast.index)
    assert export(cast.index).files == 2
    require_whole(to)


def test_a_group_has_what_its_page_shows(cast: Cast, export: Export, to: Path) -> None:
    team = make_index("team")
    group = make_group("all", team, cast.index)
    published(team, build_wheel("both", "1.0"))
    published(cast.index, build_wheel("both", "99.0"))
    published(cast.index, build_wheel("one", "1.0"))
    make_rule(group, "block", versions="==1.0", projects=["one"])
    assert (export(group).projects, names_in(to)) == (2, ["both", "one"])
    require_whole(to)
    assert filenames(to, "both") == ["both-1.0-py3-none-any.whl"]
    assert filenames(to, "one") == [], "a group narrows what its members let through"


def settled() -> None:
    """Return when what was asked of the upstream is kept."""
    wait_until(lambda: not running.under_way(), 20, lambda: "a download does not end")


@pytest.fixture
def upstream(settings: Any) -> Any:
    settings.TPI_OUTBOUND_NETWORKS = ["127.0.0.0/8"]
    with StaticIndex() as server:
        attested = json.dumps({"version": 1, "attestation_bundles": []}).encode()
        server.publish(StaticFile(*build_wheel("acme-tool", "1.0"), provenance=attested))
        server.publish(build_wheel("acme-tool", "2.0"))
        server.publish(build_wheel("never-asked", "1.0"))
        yield server


def test_of_a_mirror_it_has_what_is_here(
    cast: Cast, upstream: StaticIndex, machine: WsgiClient, export: Export, to: Path
) -> None:
    mirror = make_mirror("outside", upstream.url, anonymous_read=True)
    assert machine.get("/outside/simple/never-asked/", Accept=JSON).status == 200
    page = machine.get("/outside/simple/acme-tool/", Accept=JSON).json
    (first,) = (file for file in page["files"] if "1.0" in file["filename"])
    assert machine.get(first["url"]).status == 200
    settled()
    assert export(mirror).files == 1
    require_whole(to)
    (shown,) = page_of(to, "acme-tool")["files"]
    assert (shown["filename"], shown["core-metadata"], "provenance" in shown) == (first["filename"], False, False)
    assert machine.get(f"{first['url']}.metadata").status == 200
    assert machine.get(f"/outside/integrity/acme-tool/1.0/{first['filename']}/provenance").status == 200
    asked = len(upstream.requests)
    assert export(mirror).files == 3
    require_whole(to)
    assert names_in(to) == ["acme-tool"], "of the other there is nothing here"
    assert len(upstream.requests) == asked, "no upstream is asked"
    group = make_group("all", cast.index, mirror)
    published(cast.index, build_wheel("acme-tool", "0.1"))
    folder = to.with_name("group")
    assert export(group, folder=folder).files == 2
    require_whole(folder)
    assert filenames(folder) == ["acme_tool-0.1-py3-none-any.whl"], "a name that is ours"


def test_a_merged_name_has_the_files_of_both(
    cast: Cast, upstream: StaticIndex, machine: WsgiClient, export: Export, to: Path
) -> None:
    mirror = make_mirror("outside", upstream.url, anonymous_read=True)
    for file in machine.get("/outside/simple/acme-tool/", Accept=JSON).json["files"]:
        assert machine.get(file["url"]).status == 200
    settled()
    group = make_group("all", cast.index, mirror)
    ours = published(cast.index, build_wheel("acme-tool", "1.0", files={"ours": b"1"}))
    published(cast.index, build_wheel("acme-tool", "3.0"))
    process_memory.forget()  # which does not know of the group
    merges.create(actor=SYSTEM, group=group, name="acme-tool", reason="we add wheels")
    export(group)
    require_whole(to)
    assert [
        (file["filename"], file["hashes"]["sha256"] == ours.sha256) for file in page_of(to, "acme-tool")["files"]
    ] == [(f"acme_tool-{version}-py3-none-any.whl", version == "1.0") for version in ("1.0", "2.0", "3.0")]
    make_rule(cast.index, "block", versions="==1.0")
    export(group, deletes=True)
    require_whole(to)
    left = ["acme_tool-2.0-py3-none-any.whl", "acme_tool-3.0-py3-none-any.whl"]
    assert filenames(to) == left, "the outside's bytes do not come in the place of ours"


def test_patterns_choose(cast: Cast, export: Export, to: Path) -> None:
    for name in ("acme-tool", "acme-other", "other"):
        published(cast.index, build_wheel(name))
    assert (export(cast.index, projects=("Acme_*",)).projects, names_in(to)) == (2, ["acme-other", "acme-tool"])
    assert require_whole(to)["projects"] == ["acme-*"]
    assert export(cast.index, projects=("other", "nosuch"), deletes=True).projects == 1
    require_whole(to)
    assert names_in(to) == ["other"]


def test_damage_is_told_and_is_on_no_page(cast: Cast, export: Export, to: Path) -> None:
    bad, good = (published(cast.index, build_wheel("acme-tool", version)) for version in ("1.0", "2.0"))
    spoil(bad, flip(-1))
    summary = export(cast.index)
    require_whole(to)
    assert (summary.lacking, [path.rpartition("/")[2] for path in summary.examples]) == (1, [bad.filename])
    assert filenames(to) == [good.filename]
    assert page_of(to, "acme-tool")["versions"] == ["2.0"]


def test_what_is_right_in_the_tree_outlives_damage_in_the_storage(cast: Cast, export: Export, to: Path) -> None:
    file = published(cast.index)
    export(cast.index)
    spoil(file, flip(-1))
    assert (export(cast.index).lacking, filenames(to)) == (0, [file.filename])
    require_whole(to)


def test_it_is_written_down(cast: Cast, export: Export, to: Path) -> None:
    published(cast.index)
    summary = export(cast.index)
    entry = AuditEntry.objects.get(action="index.export")
    assert (entry.object_name, entry.detail["folder"], entry.detail["files"]) == (cast.index.name, str(to), 2)
    assert entry.detail["manifest_sha256"] == summary.manifest_sha256


def test_only_operators_export(cast: Cast, to: Path) -> None:
    wish = Wish(cast.index.name, to)
    for actor, refusal in ((ANONYMOUS, Unauthenticated), (cast.actor("team_admin"), Forbidden)):
        with pytest.raises(refusal):
            exporting.export(actor=actor, wish=wish)
        assert not to.exists()
    exporting.export(actor=cast.actor("operator"), wish=wish)
    require_whole(to)


def test_where_no_export_belongs_none_is_made(cast: Cast, export: Export, to: Path, settings: Any) -> None:
    to.mkdir()
    (to / "index.html").write_text("somebody's")
    other, broken, data = to.with_name("other"), to.with_name("broken"), Path(settings.TPI_DATA_DIR)
    export(make_index("elsewhere"), folder=other)
    broken.mkdir()
    (broken / "manifest.json").write_text("{}")
    wishes: list[dict[str, Path]] = [
        {"folder": place} for place in (to, other, broken, data, data / "new", data.parent)
    ]
    for wish in (*wishes, {"folder": to.with_name("new"), "twin": to.with_name("none")}):
        with pytest.raises(Refusal) as caught:
            export(cast.index, **wish)
        assert caught.value.code == "export-place"
    assert [path.name for path in to.iterdir()] == ["index.html"]
    with pytest.raises(NotFound):
        export(Index(name="nosuch"))
