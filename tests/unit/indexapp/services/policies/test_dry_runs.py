from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from indexapp.models import Index, PolicyRule
from indexapp.services import downloads, quota_settings
from indexapp.services.policies import dry_runs
from tests import evidence
from tests.builders.wheels import build_wheel
from tests.factories.cast import Cast
from tests.factories.people import SYSTEM
from tests.factories.policies import make_exception, make_rule
from tests.factories.publishing import make_group, make_index, published

pytestmark = [pytest.mark.database, pytest.mark.django_db]


@pytest.fixture
def _published(cast: Cast, settings: Any, tmp_path: Any) -> None:
    settings.TPI_DATA_DIR = tmp_path
    for version in ("1.0", "2.0"):
        file = published(cast.index, build_wheel("acme-tool", version))
    quota_settings.assign(actor=SYSTEM, project=file.project, team=cast.team)
    published(cast.index, build_wheel("unrelated", "1.0"))
    published(make_index("other"), build_wheel("acme-tool", "2.0"))


def run(index: Any = None, effect: str = "block", **conditions: Any) -> dry_runs.Report:
    return dry_runs.dry_run(
        PolicyRule(index=index, name="new", effect=effect, on_missing="match", conditions=conditions), None
    )


def touched(report: dry_runs.Report) -> dict[str, list[str]]:
    return {f"{one.index}/{one.project}": one.versions for one in report.projects}


@pytest.mark.usefixtures("_published")
def test_it_tells_what_would_be_kept_back_and_of_whom(cast: Cast) -> None:
    before = evidence.state()
    report = run(projects=["acme-*"], versions=">=2")
    assert touched(report) == {"main/acme-tool": ["2.0"], "other/acme-tool": ["2.0"]}
    assert (report.looked_at, report.files, report.by_team) == (2, 2, {"tools": 1, "": 1})
    assert touched(run(cast.index, kind="wheel")) == {"main/acme-tool": ["1.0", "2.0"], "main/unrelated": ["1.0"]}
    assert evidence.state() == before


@pytest.mark.usefixtures("_published")
def test_it_tells_how_often_the_files_were_had(cast: Cast) -> None:
    for version, times in (("2.0", 3), ("1.0", 2)):
        for _ in range(times):
            downloads.note(
                actor=SYSTEM,
                index="group",
                project="acme-tool",
                filename=f"acme_tool-{version}-py3-none-any.whl",
                status=200,
                address="",
                request_id="",
            )
    downloads.write()
    (downloads.folder() / "99991231-1-0.jsonl").write_text('{"at": "9999-12-31T00:00:00.0Z", "dropped": 1}\n{"cut')
    report = run(cast.index, projects=["acme-*"], versions=">=2")
    assert ([one.downloads for one in report.projects], report.downloads) == ([3], 3)


@pytest.mark.usefixtures("_published")
def test_projects_that_one_may_not_read_are_in_no_figure(cast: Cast) -> None:
    group = make_group("group", cast.index, Index.objects.get(name="other"))
    new = PolicyRule(index=group, name="new", effect="block", on_missing="match", conditions={})
    report = dry_runs.dry_run(new, cast.actor("team_admin"))
    assert touched(report) == {"main/acme-tool": ["1.0", "2.0"], "main/unrelated": ["1.0"]}
    assert (report.touched, report.files, report.looked_at) == (2, 3, 2)
    assert (report.by_team, report.may_be_more) == ({"tools": 2, "": 1}, True)
    whole = dry_runs.dry_run(new, SYSTEM)
    assert (len(whole.projects), whole.may_be_more) == (3, False)
    new.conditions = {"projects": ["acme-*"], "sources": ["other"]}
    found = dry_runs.dry_run(new, cast.actor("team_admin"))
    new.conditions = {"projects": ["no-such-*"], "sources": ["other"]}
    assert found == dry_runs.dry_run(new, cast.actor("team_admin"))
    own = PolicyRule(index=cast.index, name="new", effect="block", on_missing="match", conditions={})
    assert not dry_runs.dry_run(own, cast.actor("team_admin")).may_be_more


@pytest.mark.usefixtures("_published")
def test_what_other_rules_keep_back_already_is_not_told(cast: Cast) -> None:
    make_rule(cast.index, versions="2.0")
    assert touched(run(cast.index, projects=["acme-tool"])) == {"main/acme-tool": ["1.0"]}
    make_exception("acme-tool", "1.0")
    assert touched(run(cast.index, projects=["acme-tool"])) == {}


@pytest.mark.usefixtures("_published")
def test_a_rule_that_is_there_is_tried_in_its_place(cast: Cast) -> None:
    row = make_rule(cast.index, projects=["acme-tool"], versions="2.0")
    make_rule(cast.index, projects=["acme-tool"])
    row.effect, row.conditions = "allow", {"projects": ["acme-tool"]}
    assert touched(dry_runs.dry_run(row, SYSTEM)) == {"main/acme-tool": ["1.0", "2.0"]}


@pytest.mark.usefixtures("_published")
def test_a_warning_tells_what_it_would_note() -> None:
    assert Counter(touched(run(effect="warn", projects=["acme-tool"]))) == {
        "main/acme-tool": ["1.0", "2.0"],
        "other/acme-tool": ["2.0"],
    }


@pytest.mark.usefixtures("_published")
def test_there_is_an_end_to_what_it_looks_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dry_runs, "MOST_PROJECTS", 2)
    report = run()
    assert (report.looked_at, report.is_cut) == (2, True)
