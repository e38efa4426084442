"""What rules ask of releases that are published here, and the gate as those ask it who fetch files themselves."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from indexapp.domain.policy.facts import VulnerabilityFact
from indexapp.models import File, Index, Release
from indexapp.services.policies import checking, facts
from indexapp.services.policies.facts import HostedDetails
from indexapp.services.serving import files, index_map, watermarks
from tests.builders.wheels import build_wheel
from tests.factories.policies import make_exception, make_rule
from tests.factories.publishing import make_file, make_project, make_release, published
from tpi_site.kit.errors import Forbidden

pytestmark = [pytest.mark.database, pytest.mark.django_db]


@pytest.fixture
def details(main: Index) -> HostedDetails:
    """Three releases: one tells all, one tells it the old way, one nothing."""
    project = make_project(main, "acme-tool")
    told: list[dict[str, Any]] = [
        {
            "license_expression": "MIT",
            "import_names": ["acme.tool", "acme.more; private"],
            "import_namespaces": ["acme"],
        },
        {"license": "apache-2.0", "import_names": [""]},
        {"license": "Do what you like"},
    ]
    for number, metadata in enumerate(told, 1):
        make_file(make_release(project, f"{number}.0", metadata=metadata))
    File.objects.filter(release__version="2.0").update(attestations=[{"version": 1}])
    return HostedDetails(project.pk, "acme-tool")


def test_what_the_rows_tell(details: HostedDetails) -> None:
    assert details.licenses() == {"1.0": "MIT", "2.0": "Apache-2.0"}
    assert details.imports() == {"1.0": ("acme.tool", "acme.more", "acme"), "2.0": ("",)}
    assert details.attested() == {"acme_tool-2.0-py3-none-any.whl"}
    assert details.vulnerabilities() is None
    assert HostedDetails(details.project_id, "acme-tool", "2.0").licenses() == {"2.0": "Apache-2.0"}


def _told(version: str = "") -> list[str]:
    return [one.effect for one in checking.check("main", "acme-tool", version)]


@pytest.mark.usefixtures("details")
@pytest.mark.parametrize(
    ("conditions", "effects"),
    [
        ({"licenses_allowed": ["MIT"]}, ["allow", "block", "block"]),
        ({"license_unknown": True}, ["allow", "allow", "block"]),
        ({"imports": ["acme.*"]}, ["block", "allow", "block"]),
        ({"imports": ["acme.*"], "on_missing": "skip"}, ["block", "allow", "allow"]),
        ({"without_attestation": True}, ["block", "allow", "block"]),
        ({"vulnerable": True}, ["block", "block", "block"]),
    ],
)
def test_rules_about_it(conditions: dict[str, Any], effects: list[str]) -> None:
    make_rule(None, **conditions)
    assert _told() == effects
    assert _told("3") == effects[2:]


@pytest.mark.usefixtures("details")
def test_rules_about_vulnerabilities_where_there_is_data(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {"1": (VulnerabilityFact("GHSA-1", ("CVE-1",), 9.8, ("2.0",)),), "2": (VulnerabilityFact("GHSA-2"),)}
    monkeypatch.setattr(facts, "vulnerabilities_of", lambda name, _: known if name == "acme-tool" else {})
    make_rule(None, vulnerable={"min_severity": 7, "only_with_fix": True})
    assert _told() == ["block", "allow", "allow"]


def test_who_fetches_a_file_asks_before_it_is_fetched(main: Index) -> None:
    published(main, build_wheel("acme-tool", "2.0"))
    make_rule(main, name="cool-down", projects=["acme-*"], younger_than_days=7)

    def fetch(*, days: int) -> None:
        File.objects.update(uploaded_at=timezone.now() - timedelta(days=days))
        watermark = watermarks.read()
        index = index_map.read(watermark).by_name["main"]
        row = File.objects.select_related("project", "release").get()
        files.ruling_of(index, index, row, watermark).require()

    fetch(days=8)
    with pytest.raises(Forbidden) as refused:
        fetch(days=6)
    assert refused.value.code == "policy-blocked"
    assert "'cool-down' blocks acme-tool 2.0" in refused.value.detail
    make_exception("acme-tool", "2.*")
    fetch(days=6)


def test_a_rule_that_cannot_be_read_holds_for_all_files_if_it_refuses(
    main: Index, caplog: pytest.LogCaptureFixture
) -> None:
    published(main, build_wheel("acme-tool", "1.0"))
    rules = [make_rule(None, effect, projects=["unrelated"]) for effect in ("allow", "block")]
    for rule in rules:
        type(rule).objects.filter(pk=rule.pk).update(conditions={"of_the_future": 1})
    make_rule(None, projects=["unrelated"])
    assert _told() == ["block"]
    assert "cannot be read" in caplog.text
    assert Release.objects.count() == 1
