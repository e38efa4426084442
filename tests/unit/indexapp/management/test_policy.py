from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tests.builders.wheels import build_wheel
from tests.factories.cast import Cast
from tests.factories.policies import make_rule
from tests.factories.publishing import published

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _published(cast: Cast) -> None:
    for version in ("1.0", "2.0"):
        published(cast.index, build_wheel("acme-tool", version))


def said(*words: Any, code: int = 0) -> str:
    out = StringIO()
    if code:
        with pytest.raises(SystemExit) as left:
            call_command("policy", *words, stdout=out)
        assert left.value.code == code
    else:
        call_command("policy", *words, stdout=out)
    return out.getvalue()


def test_check_tells_of_each_file_and_of_the_rule() -> None:
    assert said("check", "main", "acme-tool").splitlines() == [
        "allow acme_tool-1.0-py3-none-any.whl",
        "allow acme_tool-2.0-py3-none-any.whl",
    ]
    make_rule(None, name="old", versions="<2")
    told = said("check", "main", "Acme.Tool", code=1).splitlines()
    assert told[0] == "block acme_tool-1.0-py3-none-any.whl by the rule 'old'"
    assert said("check", "main", "acme-tool", "2.0.0") == "allow acme_tool-2.0-py3-none-any.whl\n"


def test_dry_run_reads_a_rule_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "rule.json"
    path.write_text(json.dumps({"effect": "hide", "index": "main", "conditions": {"versions": "<2"}}))
    assert said("dry-run", path).splitlines() == [
        "Hide and block files of a version <2.",
        "main/acme-tool: 1 files, 0 downloads lately: 1.0",
        "1 files of 1 projects; 1 were looked at.",
    ]


def test_dry_run_warns_of_what_hides_for_ever(tmp_path: Path) -> None:
    path = tmp_path / "rule.json"
    path.write_text(json.dumps({"effect": "hide", "conditions": {"license_unknown": True}}))
    assert said("dry-run", path).splitlines()[1].startswith("Warning: Licences, import names and attestations")


@pytest.mark.parametrize(
    "rule",
    [
        [],
        {"effect": "no"},
        {"effect": "block", "more": 1},
        {"effect": "block", "name": 1},
        {"effect": "hide", "conditions": {"x": 1}},
        {"effect": "hide", "conditions": {"sources": ["nowhere"]}},
        {"effect": "hide", "on_missing": "guess"},
    ],
)
def test_what_is_no_rule_is_refused(rule: Any, tmp_path: Path) -> None:
    path = tmp_path / "rule.json"
    path.write_text(json.dumps(rule))
    with pytest.raises(CommandError):
        said("dry-run", path)
