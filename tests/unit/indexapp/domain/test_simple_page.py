from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path

import pypi_simple
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexapp.domain.simple_page import FileLine, ProjectPage, render_html, render_json

GOLDEN = Path(__file__).parents[3] / "golden" / "simple_page"

WHEEL = FileLine(
    filename="acme_anvil-1.0-py3-none-any.whl",
    path="ab/cd/" + "ef" * 30 + "/acme_anvil-1.0-py3-none-any.whl",
    sha256="abcd" + "ef" * 30,
    size=10240,
    upload_time="2026-01-02T03:04:05.678901Z",
    requires_python=">=3.9,<4",
    core_metadata_sha256="12" * 32,
    provenance="https://tpi.example/acme/integrity/acme-anvil/1.0/acme_anvil-1.0-py3-none-any.whl/provenance",
)
SDIST = FileLine(
    filename="acme_anvil-1.0.tar.gz",
    path="01/23/" + "45" * 30 + "/acme_anvil-1.0.tar.gz",
    sha256="0123" + "45" * 30,
    size=0,
    upload_time="2026-01-02T03:04:06.000000Z",
)
YANKED = SDIST._replace(filename="acme_anvil-0.9.tar.gz", path="a/acme_anvil-0.9.tar.gz", yanked_reason="")
YANKED_WITH_REASON = SDIST._replace(
    filename="acme_anvil-0.9+local.1-py3-none-any.whl",
    path="b/acme_anvil-0.9%2Blocal.1-py3-none-any.whl",
    requires_python="<3",
    yanked_reason='broke <a> & "b"\nö',
)
FILES = (YANKED_WITH_REASON, YANKED, WHEEL, SDIST)

ACTIVE = ProjectPage(
    name="acme-anvil",
    files_base="/acme/files/",
    versions=["0.9", "0.9+local.1", "1.0"],
    last_serial=4711,
)
DEPRECATED = ProjectPage(
    name="acme-anvil",
    files_base="../../files/",
    versions=["1.0"],
    status="deprecated",
    status_reason='use "acme-hammer" <instead>',
    last_serial=4712,
)
QUARANTINED = ProjectPage(
    name="acme-anvil",
    files_base="/acme/files/",
    versions=["1.0"],
    status="quarantined",
    status_reason="reported as malware",
    last_serial=4713,
)


class Anchors(HTMLParser):
    """Collects anchors with their attributes and text, and the content of each meta element."""

    def __init__(self, document: bytes) -> None:
        super().__init__()
        self.anchors: list[dict[str, str | None]] = []
        self.texts: list[str] = []
        self.metas: dict[str | None, str | None] = {}
        self.comments: list[str] = []
        self._inside = False
        self.feed(document.decode("ascii"))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self._inside = True
            self.anchors.append(dict(attrs))
            self.texts.append("")
        if tag == "meta":
            self.metas[dict(attrs)["name"]] = dict(attrs)["content"]

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag != "a"

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.texts[-1] += data

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)


@pytest.mark.parametrize(
    ("golden", "page", "files"),
    [("active", ACTIVE, FILES), ("deprecated", DEPRECATED, (WHEEL,)), ("quarantined", QUARANTINED, FILES)],
)
def test_both_documents_are_the_golden_ones(golden, page, files):
    assert render_json(page, files) == (GOLDEN / f"{golden}.json").read_bytes()
    assert render_html(page, files) == (GOLDEN / f"{golden}.html").read_bytes()


@pytest.mark.parametrize("page", [ACTIVE, DEPRECATED, QUARANTINED])
def test_json_is_compact_with_sorted_keys_and_one_final_newline(page):
    document = render_json(page, FILES).decode()
    assert document == json.dumps(json.loads(document), sort_keys=True, separators=(",", ":")) + "\n"


def test_json_values_that_clients_stumble_over():
    local, yanked, wheel, sdist = json.loads(render_json(ACTIVE, FILES))["files"]
    assert yanked["yanked"] is True
    assert local["yanked"] == 'broke <a> & "b"\nö'
    assert wheel["yanked"] is False
    assert wheel["core-metadata"] == {"sha256": "12" * 32}
    assert sdist["core-metadata"] is False
    assert sdist["size"] == 0
    assert not {"requires-python", "provenance"} & set(sdist)
    assert local["url"] == "/acme/files/b/acme_anvil-0.9%2Blocal.1-py3-none-any.whl"


def test_a_page_without_reason_has_no_reason_key():
    assert json.loads(render_json(ACTIVE, ()))["project-status"] == {"status": "active"}
    assert Anchors(render_html(ACTIVE, ())).metas == {
        "pypi:repository-version": "1.4",
        "pypi:project-status": "active",
    }


def test_a_quarantined_project_offers_nothing_whatever_it_has():
    document = json.loads(render_json(QUARANTINED, FILES))
    assert (document["files"], document["versions"]) == ([], [])
    assert document["project-status"] == {"status": "quarantined", "reason": "reported as malware"}
    parsed = Anchors(render_html(QUARANTINED, FILES))
    assert parsed.anchors == []
    assert parsed.metas["pypi:project-status-reason"] == "reported as malware"


def test_html_has_one_anchor_a_line_and_the_serial_last():
    lines = render_html(ACTIVE, FILES).decode().splitlines()
    assert sum(line.startswith("<a ") for line in lines) == len(FILES)
    assert lines[-1] == "<!--SERIAL 4711-->"


@pytest.mark.parametrize("render", [render_json, render_html])
def test_plain_tuples_and_one_pass_iterables_serve_as_well(render):
    assert render(ACTIVE, (tuple(line) for line in FILES)) == render(ACTIVE, FILES)


def test_an_independent_parser_reads_both_documents_alike():
    base = "https://tpi.example/acme/simple/acme-anvil/"
    from_json = pypi_simple.ProjectPage.from_json_data(json.loads(render_json(DEPRECATED, FILES)), base)
    from_html = pypi_simple.ProjectPage.from_html("acme-anvil", render_html(DEPRECATED, FILES), base)
    assert from_json.last_serial == "4712"
    assert (from_json.status, from_json.status_reason) == (from_html.status, from_html.status_reason)
    assert from_json.repository_version == from_html.repository_version == "1.4"
    for in_json, in_html in zip(from_json.packages, from_html.packages, strict=True):
        for shared in ("filename", "url", "digests", "requires_python", "is_yanked", "metadata_digests"):
            assert getattr(in_json, shared) == getattr(in_html, shared), shared
        assert in_json.provenance_url == in_html.provenance_url
        assert (in_json.yanked_reason or "") == (in_html.yanked_reason or "")
        assert in_json.upload_time is not None
        assert in_json.upload_time.utcoffset() is not None
    assert from_json.packages[2].url == f"https://tpi.example/acme/files/{WHEEL.path}"


# All that HTML can carry: it has no reference for most control characters, nor for code points that are none.
texts = st.text(st.characters(exclude_categories=("Cs", "Cc", "Cn"), include_characters="\t\n\r"), max_size=40)
lines = st.builds(
    FileLine,
    filename=texts,
    path=texts,
    sha256=st.just("ab" * 32),
    size=st.integers(0, 2**50),
    upload_time=st.just("2026-01-02T03:04:05.000000Z"),
    requires_python=st.none() | texts,
    yanked_reason=st.none() | texts,
    core_metadata_sha256=st.none() | st.just("cd" * 32),
    provenance=st.none() | texts,
)


@given(st.lists(lines, max_size=4), st.text(), st.text())
def test_any_text_comes_back_from_json(files, name, reason):
    page = ProjectPage(name=name, files_base="/f/", versions=[name], status="archived", status_reason=reason)
    document = json.loads(render_json(page, files))
    assert (document["name"], document["versions"]) == (name, [name])
    assert document["project-status"].get("reason", "") == reason
    for line, entry in zip(files, document["files"], strict=True):
        assert (entry["filename"], entry["url"], entry["size"]) == (line.filename, f"/f/{line.path}", line.size)
        assert entry["yanked"] == (False if line.yanked_reason is None else line.yanked_reason or True)
        assert entry.get("requires-python", "") == (line.requires_python or "")
        assert entry.get("provenance", "") == (line.provenance or "")
        assert None not in entry.values()


@given(st.lists(lines, max_size=4), texts, texts)
def test_any_text_comes_back_from_html(files, name, reason):
    page = ProjectPage(name=name, files_base="/f/", versions=[], status="archived", status_reason=reason)
    parsed = Anchors(render_html(page, files))
    assert parsed.metas.get("pypi:project-status-reason", "") == reason
    assert parsed.texts == [line.filename for line in files]
    for line, anchor in zip(files, parsed.anchors, strict=True):
        assert anchor["href"] == f"/f/{line.path}#sha256={line.sha256}"
        assert anchor.get("data-requires-python", "") == (line.requires_python or "")
        assert anchor.get("data-yanked") == line.yanked_reason
        assert anchor.get("data-provenance", "") == (line.provenance or "")
        assert anchor.get("data-core-metadata") == anchor.get("data-dist-info-metadata")
        assert ("data-core-metadata" in anchor) is (line.core_metadata_sha256 is not None)


@pytest.mark.parametrize("render", [render_json, render_html])
def test_a_lone_surrogate_does_not_break_the_page(render):
    assert b"acme_anvil-1.0.tar.gz" in render(ACTIVE, [SDIST._replace(yanked_reason="\udc80")])


def test_a_reason_cannot_close_its_attribute():
    hostile = '\'"><script>alert(1)</script><a href="'
    document = render_html(ACTIVE, [SDIST._replace(yanked_reason=hostile, requires_python=hostile, filename=hostile)])
    assert b"<script" not in document
    assert Anchors(document).anchors[0]["data-yanked"] == hostile
