from __future__ import annotations

import json
from pathlib import Path

import pypi_simple
import pytest

from indexapp.domain.simple_root import render_html, render_json

GOLDEN = Path(__file__).parents[3] / "golden" / "simple_root"
PROJECTS = [
    ("Zope.Interface", "zope-interface", 12),
    ("acme_anvil", "acme-anvil", 4711),
    ("Acme", "acme", 7),
    ("acme.2", "acme-2", 4713),
]


def test_both_documents_are_the_golden_ones():
    assert render_json(PROJECTS, last_serial=4713) == (GOLDEN / "projects.json").read_bytes()
    assert render_html(PROJECTS, last_serial=4713) == (GOLDEN / "projects.html").read_bytes()


@pytest.mark.parametrize("render", [render_json, render_html])
def test_the_order_of_the_rows_does_not_matter(render):
    assert render(reversed(PROJECTS), last_serial=1) == render(iter(PROJECTS), last_serial=1)


def test_json_lists_names_as_written_by_normalized_name_each_with_its_serial():
    document = json.loads(render_json(PROJECTS, last_serial=4713))
    assert document == {
        "meta": {"_last-serial": 4713, "api-version": "1.4"},
        "projects": [
            {"_last-serial": 7, "name": "Acme"},
            {"_last-serial": 4713, "name": "acme.2"},
            {"_last-serial": 4711, "name": "acme_anvil"},
            {"_last-serial": 12, "name": "Zope.Interface"},
        ],
    }


def test_an_empty_index_still_lists():
    assert json.loads(render_json([], last_serial=0))["projects"] == []
    assert b"<a " not in render_html([], last_serial=0)


def test_an_independent_parser_reads_both_documents_alike():
    from_json = pypi_simple.IndexPage.from_json_data(json.loads(render_json(PROJECTS, last_serial=4713)))
    from_html = pypi_simple.IndexPage.from_html(render_html(PROJECTS, last_serial=4713))
    assert from_json.projects == from_html.projects == ["Acme", "acme.2", "acme_anvil", "Zope.Interface"]
    assert from_json.repository_version == from_html.repository_version == "1.4"
    assert from_json.last_serial == "4713"


def test_anchors_lead_to_normalized_names():
    assert b'<a href="zope-interface/">Zope.Interface</a>' in render_html(PROJECTS, last_serial=1)


def test_a_hostile_name_stays_text():
    document = render_html([("<script>", '"><script>', 1)], last_serial=1)
    assert b"<script" not in document
    assert json.loads(render_json([('"\\', "x", 1)], last_serial=1))["projects"][0]["name"] == '"\\'
