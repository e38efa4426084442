"""What lies in deploy/ speaks of settings, metrics and commands that there are, and of all settings."""

from __future__ import annotations

import json
import re
import textwrap
from pathlib import Path

import pytest
from django.core.management import get_commands
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from accounts.models import AuditSink
from accounts.services import alarms, audit_checkpoints
from tests.architecture.source import ROOT
from tests.factories.directories import silent_directory
from tests.factories.people import make_user
from tpi_site.kit import gauges
from tpi_site.settings import env

DEPLOY = ROOT / "deploy"
_LINE = re.compile(r"^#?(TPI_[A-Z_]+?)(_FILE)?=", re.MULTILINE)
RUNBOOKS = sorted((ROOT / "docs/runbooks").glob("*.md"))


def test_every_setting_is_in_the_environment_example_and_no_other() -> None:
    text = (DEPLOY / "environment.example").read_text()
    named = {name for name, _ in _LINE.findall(text) if not name.startswith("TPI_LDAP_")}
    missing = set(env.declared) - named
    assert missing == set(), "add these:\n" + "\n".join(_entry(name) for name in sorted(missing))
    assert named - set(env.declared) == set()


def _entry(name: str) -> str:
    """What to write for a setting, made of its row in the documentation."""
    table = (ROOT / "docs/settings.md").read_text()
    row = re.search(rf"^\| `{name}` \| (.*?) \| (.*) \|$", table, re.MULTILINE)
    default, meaning = row.groups() if row else ("", "")
    first = re.split(r"(?<=[a-z0-9)])[.;] (?=\S)", meaning.replace("`", ""))[0].rstrip(".")
    usual = re.findall(r"`([^`…]*)`", default)
    words = textwrap.fill(f"{first[:1].upper()}{first[1:]}.", 118, initial_indent="# ", subsequent_indent="# ")
    return f"\n{words}\n#{name}={usual[0] if usual else ''}"


def test_the_environment_example_sets_nothing_by_itself() -> None:
    lines = (DEPLOY / "environment.example").read_text().splitlines()
    assert [line for line in lines if line and not line.startswith("#")] == []


@pytest.mark.parametrize(
    "path", ["helm/tpi/templates/_helpers.tpl", "compose/compose.yaml", "systemd/tpi.service", "Dockerfile"]
)
def test_only_settings_that_there_are_are_set(path: str) -> None:
    text = (DEPLOY / path).read_text()
    named = {name.removesuffix("_FILE") for name in re.findall(r"\b(TPI_[A-Z_]+)\b", text)}
    assert named
    assert named <= set(env.declared)


_METRIC = re.compile(r"\b(tpi_[a-z0-9_]+)")
_IN_SUMS = ("_bucket", "_sum", "_count")


@pytest.mark.django_db
def test_metrics_that_are_asked_for_exist(client: Client) -> None:
    client.get("/livez")
    alarms.ring("test", "Something.")
    silent_directory()
    AuditSink.objects.create(name="siem", kind="file", address="x.jsonl")
    make_user("somebody")
    audit_checkpoints.checkpoint()
    told = client.get("/metrics").content.decode()
    families = {family.name for family in text_string_to_metric_families(told)}
    exposed = {sample.name for family in text_string_to_metric_families(told) for sample in family.samples}
    exposed |= families | {f"{family}_total" for family in families}
    exposed |= {f"{family}{end}" for family in families for end in _IN_SUMS}
    asked: set[str] = set()
    for path in ("monitoring/tpi-alerts.yml", "monitoring/grafana-dashboard.json"):
        found = set(_METRIC.findall((DEPLOY / path).read_text()))
        assert len(found) > 8
        asked |= found
    of_first_job = {"tpi_jobs_last_success_timestamp_seconds"}  # nothing has run here
    assert of_first_job <= set(gauges._gauges)
    assert asked - exposed - of_first_job == set()


def test_the_dashboards_panels_stand_side_by_side() -> None:
    panels = json.loads((DEPLOY / "monitoring/grafana-dashboard.json").read_text())["panels"]
    assert "tpi_.+" in panels[-1]["targets"][0]["expr"], "the last one shows what has no panel of its own"
    assert len({panel["id"] for panel in panels}) == len(panels)
    places = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels}
    assert len(places) == len(panels)


_COMMAND = re.compile(r"manage\.py ([a-z_]+)")


@pytest.mark.parametrize("path", RUNBOOKS, ids=lambda path: path.name)
def test_runbooks_name_commands_files_and_settings_that_there_are(path: Path) -> None:
    text = path.read_text()
    assert set(_COMMAND.findall(text)) - set(get_commands()) == set()
    for link in re.findall(r"\]\(([^)#:]+)", text):
        assert (path.parent / link).exists(), link
    for name in re.findall(r"\b(deploy/[\w./-]+\w)", text):
        assert (ROOT / name).exists(), name
    named = {name.removesuffix("_FILE") for name in re.findall(r"\b(TPI_[A-Z_]+)\b", text)}
    assert named - set(env.declared) == set()


def test_every_runbook_that_an_alert_leads_to_is_there() -> None:
    named = set(re.findall(r"docs/runbooks/[\w-]+\.md", (DEPLOY / "monitoring/tpi-alerts.yml").read_text()))
    assert named
    assert {name for name in named if not (ROOT / name).exists()} == set()
