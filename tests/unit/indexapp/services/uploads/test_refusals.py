"""Each rule of an upload: its code, and that nothing is left, neither rows nor bytes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, OperationalError, connection
from django.utils import timezone

from indexapp.models import Index, Project, Release, RetiredFilename
from indexapp.services import releases
from indexapp.services.uploads import admission
from tests import evidence
from tests.builders.core_metadata import Built, core_metadata
from tests.builders.sdists import build_sdist
from tests.builders.wheels import build_wheel
from tests.evidence import refused
from tests.factories.cast import Cast
from tests.factories.publishing import form_fields, make_index, published, upload
from tpi_site.kit.errors import Refusal

pytestmark = [pytest.mark.database, pytest.mark.django_db]

WHEEL = build_wheel()
OTHER = build_wheel(files={"acme_tool/__init__.py": b"ANSWER = 43\n"})
LOCAL_WHEEL = build_wheel(tags="cp311-cp311-linux_x86_64")


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({":action": ""}, "action-missing"),
        ({":action": "submit"}, "action-gone"),
        ({":action": "dance"}, "action-unknown"),
        ({"protocol_version": "2"}, "protocol-version-unknown"),
        ({"name": ""}, "name-missing"),
        ({"name": "a b"}, "name-invalid"),
        ({"version": ""}, "version-missing"),
        ({"version": "one"}, "version-invalid"),
        ({"filetype": "bdist_egg"}, "filetype-unknown"),
        ({"sha256_digest": ""}, "digest-missing"),
        ({"sha256_digest": "ab"}, "digest-invalid"),
        ({"sha256_digest": "0" * 64}, "digest-mismatch"),
        ({"md5_digest": "0" * 32}, "digest-mismatch"),
        ({"attestations": "{}"}, "attestations-invalid"),
        ({"comment": "\x00"}, "form-characters"),
        ({"name": "other-name"}, "filename-contradicts-metadata"),
        ({"version": "2.0"}, "filename-contradicts-metadata"),
        ({"filetype": "sdist"}, "form-contradicts-artefact"),
    ],
)
def test_what_the_form_may_not_say(cast: Cast, fields: dict[str, str], code: str) -> None:
    with refused(code):
        upload(cast.index, WHEEL, **fields)


@pytest.mark.parametrize(
    ("built", "code"),
    [
        (WHEEL._replace(content=WHEEL.content[:-1]), "zip-end-missing"),
        (WHEEL._replace(content=b""), "archive-not-zip"),
        (WHEEL._replace(content=WHEEL.content + b"\x00"), "zip-end-missing"),
        (build_wheel(leave_out=["RECORD"]), "wheel-incomplete"),
        (build_wheel(leave_out=["METADATA"]), "wheel-incomplete"),
        (build_wheel(unrecorded={"smuggled.py": b""}), "wheel-record"),
        (build_wheel(entry_points=b"[console_scripts]\n../x = a:b\n"), "wheel-entry-points"),
        (build_wheel(metadata=core_metadata("other", "1.0")), "filename-contradicts-metadata"),
        (build_wheel(metadata=core_metadata("acme-tool", "2.0")), "filename-contradicts-metadata"),
        (build_wheel(metadata=b"Name: acme-tool\nVersion: 1.0\n"), "metadata-version-missing"),
        (build_wheel(metadata=core_metadata("acme-tool", "1.0") + b"\n\0"), "metadata-nul"),
        (build_wheel(headers=[("License-File", "COPYING")]), "license-file-missing"),
        (build_wheel(headers=[("Requires-Dist", "not a requirement!")]), "requires-dist-invalid"),
        (build_wheel(tags="py3-none-commodore64"), "platform-tag-not-allowed"),
        (build_sdist(leave_out=["PKG-INFO"]), "sdist-incomplete"),
        (build_sdist(headers=[("License-File", "COPYING")]), "license-file-missing"),
        (build_sdist()._replace(content=b"not gzip"), "archive-not-gzip"),
    ],
)
def test_what_an_artefact_may_not_be(cast: Cast, built: Built, code: str) -> None:
    with refused(code):
        upload(cast.index, built)


@pytest.mark.parametrize(
    ("filename", "code"),
    [
        ("acme_tool-1.0.exe", "filename-extension"),
        ("../acme_tool-1.0-py3-none-any.whl", "filename-characters"),
        ("acme_tool-1.0-py3-none-any.whl\n", "filename-characters"),
        ("acme_tool-1.0-py3-none.whl", "filename-invalid"),
        ("x" * 300 + ".whl", "filename-too-long"),
    ],
)
def test_what_no_file_may_be_called(cast: Cast, filename: str, code: str) -> None:
    with refused(code):
        upload(cast.index, WHEEL._replace(filename=filename), form=form_fields(WHEEL))


def test_an_image_is_no_distribution(cast: Cast) -> None:
    with refused("content-type"):
        upload(cast.index, WHEEL, content_type="image/png")


def test_rights_come_before_the_look_at_the_bytes(cast: Cast) -> None:
    broken = WHEEL._replace(content=b"broken")
    for role, code in (("anonymous", "unauthenticated"), ("outsider", "right-missing"), ("reader", "right-missing")):
        actor = cast.actor(role)
        with refused(code):
            upload(cast.index, broken, actor=actor)


def test_other_bytes_under_one_name(cast: Cast) -> None:
    file = published(cast.index, WHEEL)
    with refused("file-exists"):
        upload(cast.index, OTHER)
    with pytest.raises(Refusal) as caught:
        upload(cast.index, OTHER)
    assert caught.value.detail.startswith("File already exists")
    assert file.blake2b_256 in caught.value.detail


def test_a_deleted_files_name_is_never_free_again(cast: Cast) -> None:
    file = published(cast.index, WHEEL)
    releases.delete_file(actor=cast.actor("administrator"), file=file)
    for built in (WHEEL, OTHER):
        with refused("filename-retired"):
            upload(cast.index, built)
    with pytest.raises(Refusal) as caught:
        upload(cast.index, WHEEL)
    assert "already exist" not in caught.value.detail.lower()


def test_a_name_retired_in_one_index_is_free_in_another(cast: Cast) -> None:
    RetiredFilename.objects.create(index=make_index("other"), filename=WHEEL.filename)
    assert upload(cast.index, WHEEL).is_new


@pytest.mark.parametrize(("status", "may"), [("archived", False), ("quarantined", False), ("deprecated", True)])
def test_the_status_of_the_project(cast: Cast, status: str, may: bool) -> None:
    upload(cast.index, WHEEL)
    Project.objects.update(status=status)
    newer = build_wheel(version="2.0")
    if may:
        assert upload(cast.index, newer).is_new
        return
    for built in (newer, WHEEL):
        with refused(f"project-{status}"):
            upload(cast.index, built)


class TestClosingWindow:
    """New files to old releases are refused; a repeat of what is there stays harmless."""

    @pytest.fixture(autouse=True)
    def _old_release(self, cast: Cast) -> None:
        upload(cast.index, WHEEL)
        cast.index.closing_window_days = 14
        cast.index.save()

    def age(self, **since: int) -> None:
        Release.objects.update(created_at=timezone.now() - timedelta(**since))

    def test_a_young_release_is_open(self, cast: Cast) -> None:
        self.age(days=13, hours=23)
        assert upload(cast.index, build_sdist()).is_new

    def test_an_old_one_is_closed(self, cast: Cast) -> None:
        self.age(days=14, minutes=1)
        with refused("release-closed"):
            upload(cast.index, build_sdist())
        assert not upload(cast.index, WHEEL).is_new
        with refused("file-exists"):
            upload(cast.index, OTHER)
        assert upload(cast.index, build_wheel(version="2.0")).is_new

    def test_the_longest_window_is_for_ever(self, cast: Cast) -> None:
        cast.index.closing_window_days = 36_500
        self.age(days=9_000)
        assert upload(cast.index, build_sdist()).is_new


def test_a_file_has_a_largest_size(cast: Cast) -> None:
    cast.index.max_file_size = len(WHEEL.content)
    assert upload(cast.index, WHEEL).is_new
    larger = build_wheel(version="2.0", files={"acme_tool.py": b"# one byte more and many others\n" * 3})
    cast.index.max_file_size = len(larger.content) - 1
    with refused("file-too-large"):
        upload(cast.index, larger)


def test_the_installations_limit_holds_for_every_index(cast: Cast, settings: Any) -> None:
    settings.TPI_MAX_FILE_SIZE = 100
    assert admission.file_size_limit(Index(max_file_size=None)) == 100
    assert admission.file_size_limit(Index(max_file_size=1000)) == 100
    assert admission.file_size_limit(Index(max_file_size=10)) == 10
    with refused("file-too-large"):
        upload(cast.index, WHEEL)


def test_a_project_has_a_largest_size(cast: Cast) -> None:
    sdist = build_sdist()
    cast.index.max_project_size = len(WHEEL.content) + len(sdist.content)
    upload(cast.index, WHEEL)
    upload(cast.index, sdist)
    with refused("project-too-large"):
        upload(cast.index, build_wheel(version="2.0"))
    assert upload(cast.index, build_wheel("another")).is_new


def test_a_release_has_one_sdist(cast: Cast) -> None:
    upload(cast.index, build_sdist())
    with refused("sdist-exists"):
        upload(cast.index, build_sdist(suffix=".zip"))
    assert upload(cast.index, WHEEL).is_new
    assert upload(cast.index, build_sdist(version="2.0")).is_new


@pytest.mark.parametrize("kind", ["mirror", "group"])
def test_only_hosted_indexes_take_uploads(cast: Cast, kind: str) -> None:
    index = make_index("other", kind=kind)
    actor = cast.actor("administrator")
    with refused("index-not-hosted"):
        admission.require_may_try(actor, index)


@pytest.mark.parametrize(("name", "code"), [("acme-too1", "name-confusable"), ("json", "name-standard-library")])
def test_names_that_a_new_project_may_not_have(cast: Cast, name: str, code: str) -> None:
    upload(cast.index, WHEEL)
    with refused(code):
        upload(cast.index, build_wheel(name))


def test_platforms_are_the_indexs_own_where_it_has_a_list(cast: Cast) -> None:
    assert upload(cast.index, LOCAL_WHEEL).is_new
    cast.index.allowed_platforms = ["any", "win*"]
    with refused("platform-tag-not-allowed"):
        upload(cast.index, build_wheel(version="2.0", tags="cp311-cp311-linux_x86_64"))
    assert upload(cast.index, build_wheel(version="2.0", tags="cp311-cp311-win_amd64")).is_new


@pytest.mark.parametrize(
    ("built", "code"),
    [
        (LOCAL_WHEEL, "platform-tag-not-allowed"),
        (build_sdist(suffix=".zip"), "filename-not-normalized"),
        (build_wheel("acme-tool", "1.0+local"), "version-local"),
        (build_wheel(headers=[("Classifier", "Private :: Do Not Upload")]), "classifier-unknown"),
    ],
)
def test_the_strict_profile_refuses_what_the_enterprise_profile_takes(cast: Cast, built: Built, code: str) -> None:
    strict = make_index("strict", profile="pypi-strict")
    with refused(code):
        upload(strict, built)
    assert upload(cast.index, built).is_new


def test_a_refusal_inside_the_transaction_takes_the_bytes_back(cast: Cast) -> None:
    """Somebody else's upload came between the first look and the transaction."""
    seen = []

    def overtake(execute: Any, sql: str, *rest: Any) -> Any:
        if not seen and sql.startswith(('INSERT INTO "indexapp_project"', "SELECT pg_advisory")):
            seen.append(sql)
            raise Refusal("Overtaken.", code="overtaken")
        return execute(sql, *rest)

    with refused("overtaken"), connection.execute_wrapper(overtake):
        upload(cast.index, WHEEL)
    assert seen


@pytest.mark.parametrize("error", [OperationalError, DatabaseError])
def test_a_fault_of_the_database_takes_the_bytes_back(cast: Cast, error: type[Exception]) -> None:
    before = evidence.state()

    def fail(execute: Any, sql: str, *rest: Any) -> Any:
        if sql.startswith('INSERT INTO "indexapp_file"'):
            raise error("gone")
        return execute(sql, *rest)

    with pytest.raises(error), connection.execute_wrapper(fail):
        upload(cast.index, WHEEL)
    assert evidence.state() == before


def test_a_refused_upload_does_not_take_back_what_another_one_brought(cast: Cast) -> None:
    upload(make_index("other"), WHEEL)
    with refused("file-too-large"):
        cast.index.max_file_size = 5
        upload(cast.index, WHEEL)
    before = evidence.files()

    def fail(execute: Any, sql: str, *rest: Any) -> Any:
        if sql.startswith('INSERT INTO "indexapp_file"'):
            raise OperationalError("gone")
        return execute(sql, *rest)

    cast.index.max_file_size = None
    with pytest.raises(OperationalError), connection.execute_wrapper(fail):
        upload(cast.index, WHEEL)
    assert evidence.files() == before


@pytest.mark.parametrize(
    "built",
    [
        build_wheel(headers=[("Description-Content-Type", "text/markdown; charset=UTF-8; variant=GFM" + "; x=y" * 60)]),
        build_wheel(tags=".".join(f"py3{number}" for number in range(30)) + "-none-any"),
        build_wheel(headers=[("Summary", "s" * 16_000)]),
        build_wheel(headers=[("Requires-Python", ">=3" + ",!=3.7" * 500)]),
        build_wheel(version="1!" + ".".join(["123456789"] * 11)),
        build_wheel(name="n" * 100, version="1.0+" + "a" * 60),
    ],
    ids=["content-type", "python-tags", "summary", "requires-python", "version", "name"],
)
def test_long_values_are_stored_or_refused_on_every_database(cast: Cast, built: Built) -> None:
    before = evidence.state()
    try:
        assert upload(cast.index, built).is_new
    except Refusal as refusal:
        assert refusal.code == "filename-invalid"
        assert evidence.state() == before
