from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexapp.domain.project_json import Ownership, ReleaseFile, ReleaseInfo, render_project, render_release

GOLDEN = Path(__file__).parents[3] / "golden" / "project_json"

INFO = ReleaseInfo(
    name="Acme.Anvil",
    version="1.0",
    project_url="https://tpi.example/acme/project/acme-anvil/",
    release_url="https://tpi.example/acme/project/acme-anvil/1.0/",
    summary="Drops from a height",
    description="# Anvil\n\nHeavy: “très lourd”.\n",
    description_content_type="text/markdown",
    keywords="iron,gravity",
    license_expression="Apache-2.0",
    license_files=["LICENSE"],
    classifiers=["Programming Language :: Python :: 3", "Private :: Do Not Upload"],
    author_email="Wile <wile@acme.example>",
    requires_python=">=3.9,<4",
    requires_dist=['acme-rope>=2; extra == "rope"'],
    provides_extra=["rope"],
    project_urls={"Source": "https://git.example/acme/anvil", "Documentation": "https://docs.example/anvil"},
)
WHEEL = ReleaseFile(
    filename="acme_anvil-1.0-py3-none-any.whl",
    url="https://tpi.example/packages/acme/ab/cd/" + "ef" * 30 + "/acme_anvil-1.0-py3-none-any.whl",
    packagetype="bdist_wheel",
    python_version="py3",
    size=10240,
    upload_time="2026-01-02T03:04:05.678901Z",
    sha256="abcd" + "ef" * 30,
    blake2b_256="89" * 32,
    md5="10" * 16,
    requires_python=">=3.9,<4",
    core_metadata_sha256="12" * 32,
)
YANKED_SDIST = ReleaseFile(
    filename="acme_anvil-0.9.tar.gz",
    url="https://tpi.example/packages/acme/01/23/" + "45" * 30 + "/acme_anvil-0.9.tar.gz",
    packagetype="sdist",
    python_version="source",
    size=0,
    upload_time="2025-12-31T23:59:59.000000Z",
    sha256="0123" + "45" * 30,
    comment_text='says "hello"',
    yanked_reason="too heavy",
)
INFO_KEYS = [
    "author",
    "author_email",
    "bugtrack_url",
    "classifiers",
    "description",
    "description_content_type",
    "docs_url",
    "download_url",
    "downloads",
    "dynamic",
    "home_page",
    "keywords",
    "license",
    "license_expression",
    "license_files",
    "maintainer",
    "maintainer_email",
    "name",
    "package_url",
    "platform",
    "project_url",
    "project_urls",
    "provides_extra",
    "release_url",
    "requires_dist",
    "requires_python",
    "summary",
    "version",
    "yanked",
    "yanked_reason",
]
RELEASES = {"1.0": [WHEEL], "0.9": [YANKED_SDIST], "0.10.dev1": []}
OWNERSHIP = Ownership(roles=[("Owner", "wile"), ("Maintainer", "road.runner")], organization="acme")


def project() -> bytes:
    return render_project(INFO, RELEASES, ownership=OWNERSHIP, last_serial=4711)


def release() -> bytes:
    info = ReleaseInfo(
        name="Acme.Anvil",
        version="0.9",
        project_url="https://tpi.example/acme/project/acme-anvil/",
        release_url="https://tpi.example/acme/project/acme-anvil/0.9/",
        yanked_reason="too heavy",
    )
    return render_release(info, [YANKED_SDIST], ownership=Ownership(), last_serial=4711)


@pytest.mark.parametrize("render", [project, release])
def test_the_document_is_the_golden_one(render):
    assert render() == (GOLDEN / f"{render.__name__}.json").read_bytes()


@pytest.mark.parametrize("render", [project, release])
def test_it_is_compact_with_sorted_keys_and_one_final_newline(render):
    text = render().decode()
    assert text == json.dumps(json.loads(text), sort_keys=True, separators=(",", ":")) + "\n"


def test_a_project_has_all_releases_and_the_files_of_its_latest():
    document = json.loads(project())
    assert {version: len(files) for version, files in document["releases"].items()} == {
        "1.0": 1,
        "0.9": 1,
        "0.10.dev1": 0,
    }
    assert document["urls"] == document["releases"]["1.0"]
    assert document["last_serial"] == 4711
    assert document["vulnerabilities"] == []
    assert document["ownership"] == {
        "organization": "acme",
        "roles": [{"role": "Owner", "user": "wile"}, {"role": "Maintainer", "user": "road.runner"}],
    }


def test_a_release_has_no_releases_and_says_that_it_is_yanked():
    document = json.loads(release())
    assert set(document) == {"info", "last_serial", "ownership", "urls", "vulnerabilities"}
    assert (document["info"]["yanked"], document["info"]["yanked_reason"]) == (True, "too heavy")
    assert [file["filename"] for file in document["urls"]] == ["acme_anvil-0.9.tar.gz"]


def test_info_has_every_key_that_clients_read():
    assert list(json.loads(project())["info"]) == INFO_KEYS


def test_what_bandersnatch_reads_of_a_file():
    (file,) = json.loads(project())["urls"]
    assert urlsplit(file["url"]).path.startswith("/packages/")
    assert file["digests"] == {"blake2b_256": "89" * 32, "md5": "10" * 16, "sha256": WHEEL.sha256}
    assert file["core-metadata"] == {"sha256": "12" * 32}
    assert (file["size"], file["requires_python"], file["yanked"]) == (10240, ">=3.9,<4", False)
    assert datetime.fromisoformat(file["upload_time_iso_8601"]).utcoffset() is not None


def test_the_old_upload_time_has_neither_zone_nor_fraction():
    (file,) = json.loads(project())["urls"]
    assert file["upload_time"] == "2026-01-02T03:04:05"


def test_unknown_digests_are_null_or_left_out():
    (file,) = json.loads(release())["urls"]
    assert file["md5_digest"] is None
    assert file["digests"] == {"sha256": YANKED_SDIST.sha256}
    assert file["core-metadata"] is False


def test_a_yank_without_a_reason_has_a_null_reason():
    quiet = ReleaseInfo(name="a", version="1", project_url="", release_url="", yanked_reason="")
    info = json.loads(render_release(quiet, [], ownership=Ownership(), last_serial=0))["info"]
    assert (info["yanked"], info["yanked_reason"]) == (True, None)


def test_a_latest_version_without_files_has_no_urls():
    assert json.loads(render_project(INFO, {}, ownership=OWNERSHIP, last_serial=1))["urls"] == []


@given(st.text(), st.dictionaries(st.text(), st.text()), st.none() | st.text())
def test_any_text_comes_back(text, urls, reason):
    info = ReleaseInfo(name=text, version=text, project_url=text, release_url="", summary=text, project_urls=urls)
    file = ReleaseFile(
        filename=text,
        url=text,
        packagetype="sdist",
        python_version=text,
        size=1,
        upload_time="2026-01-02T03:04:05.000000Z",
        sha256="ab" * 32,
        comment_text=text,
        requires_python=reason,
        yanked_reason=reason,
    )
    document = json.loads(
        render_project(info, {text: [file]}, ownership=Ownership(roles=[(text, text)]), last_serial=1)
    )
    assert document["info"]["summary"] == text
    assert document["info"]["project_urls"] == (urls or None)
    (entry,) = document["releases"][text]
    assert (entry["filename"], entry["comment_text"], entry["requires_python"]) == (text, text, reason)
    assert (entry["yanked"], entry["yanked_reason"]) == (reason is not None, reason or None)
