from __future__ import annotations

import json
from contextlib import nullcontext
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexapp.domain.metadata import CoreMetadata, parse_metadata
from indexapp.domain.metadata_fields import (
    LICENSE_TEXT_LENGTH,
    LIST_FIELDS,
    MAX_REQUIREMENTS_LENGTH,
    MAX_VALUE_LENGTH,
    MAX_VALUES,
    SINGLE_FIELDS,
)
from tests.builders.core_metadata import core_metadata
from tpi_site.kit.errors import Invalid, TooLarge

FULL = core_metadata(
    "Foo.Bar",
    "1.0+corp.1",
    metadata_version="2.5",
    headers=[
        ("Dynamic", "Summary"),
        ("Platform", "any"),
        ("Supported-Platform", "RedHat 7.2"),
        ("Summary", "A foo · with bars"),
        ("Description-Content-Type", "text/markdown"),
        ("Keywords", "foo, bar"),
        ("Author", "Ann Oth"),
        ("Author-email", '"Oth, Ann" <ann@tpi.example>'),
        ("Maintainer", "Mo"),
        ("Maintainer-email", "mo@tpi.example"),
        ("License-Expression", "mit or licenseref-Corp"),
        ("License-File", "LICENSE"),
        ("License-File", "third/NOTICE"),
        ("Classifier", "Private :: Do Not Upload"),
        ("Requires-Python", ">=3.11"),
        ("Requires-Dist", "numpy>=2"),
        ("Requires-Dist", "helper @ git+https://tpi.example/helper.git ; extra == 'x'"),
        ("Requires-External", "C"),
        ("Provides-Extra", "X_Extra"),
        ("Provides-Dist", "baz"),
        ("Obsoletes-Dist", "qux"),
        ("Requires", "old"),
        ("Provides", "older"),
        ("Obsoletes", "oldest"),
        ("Home-page", "https://tpi.example/home"),
        ("Download-URL", "https://tpi.example/files"),
        ("Project-URL", "Source, https://tpi.example/src?a=1,2"),
        ("Project-URL", "Docs, https://tpi.example/docs"),
        ("Import-Name", "foo.bar"),
        ("Import-Namespace", "foo"),
    ],
    description="# Foo\n\nText.\n",
)


def test_every_field_is_read():
    assert parse_metadata(FULL) == CoreMetadata(
        metadata_version="2.5",
        name="Foo.Bar",
        version="1.0+corp.1",
        summary="A foo · with bars",
        description="# Foo\n\nText.",
        description_content_type="text/markdown",
        keywords="foo, bar",
        home_page="https://tpi.example/home",
        download_url="https://tpi.example/files",
        author="Ann Oth",
        author_email='"Oth, Ann" <ann@tpi.example>',
        maintainer="Mo",
        maintainer_email="mo@tpi.example",
        license_expression="MIT OR LicenseRef-Corp",
        license_files=("LICENSE", "third/NOTICE"),
        classifiers=("Private :: Do Not Upload",),
        platforms=("any",),
        supported_platforms=("RedHat 7.2",),
        requires_python=">=3.11",
        requires_dist=("numpy>=2", "helper @ git+https://tpi.example/helper.git ; extra == 'x'"),
        requires_external=("C",),
        provides_dist=("baz",),
        provides_extra=("x-extra",),
        obsoletes_dist=("qux",),
        requires=("old",),
        provides=("older",),
        obsoletes=("oldest",),
        dynamic=("summary",),
        import_names=("foo.bar",),
        import_namespaces=("foo",),
        project_urls={"Source": "https://tpi.example/src?a=1,2", "Docs": "https://tpi.example/docs"},
    )
    assert parse_metadata(FULL).problems == ()
    assert parse_metadata(FULL).normalized_name == "foo-bar"


def test_the_tables_of_fields_are_those_of_the_dataclass():
    table = {*SINGLE_FIELDS.values(), *LIST_FIELDS.values(), "project_urls", "problems"}
    assert table == {one.name for one in fields(CoreMetadata)}


BLANKS = b" " * 8
DISTUTILS = b"""Metadata-Version: 1.1
Name: foo
Version: 0.9
Summary: UNKNOWN
Home-page: UNKNOWN
Author: UNKNOWN
License: BSD
Description: Foo
        ===
{BLANKS}
            code
        Caf\xe9
Platform: UNKNOWN
Classifier: Programming Language :: Python :: 2
""".replace(b"{BLANKS}", BLANKS)


def test_what_distutils_wrote():
    meta = parse_metadata(DISTUTILS)
    assert (meta.metadata_version, meta.name, meta.version, meta.license) == ("1.1", "foo", "0.9", "BSD")
    assert meta.description == "Foo\n===\n\n    code\nCafé"
    assert (meta.summary, meta.home_page, meta.author, meta.platforms) == ("", "", "", ())
    assert [problem.code for problem in meta.problems] == ["metadata-not-utf8"]


@pytest.mark.parametrize("body", ["UNKNOWN", "UNKNOWN\n", "\nUNKNOWN\n\n", "\n\n"])
def test_an_unknown_description_is_none(body):
    assert parse_metadata(core_metadata("foo", "1", description=body)).description == ""


def test_the_body_wins_over_a_description_header():
    assert (
        parse_metadata(core_metadata("foo", "1", headers=[("Description", "header")], description="body")).description
        == "body"
    )


def test_values_are_single_lines_but_for_description_and_license():
    meta = parse_metadata(
        b"Metadata-Version: 2.1\nSummary: one\n  two\nLicense: Line 1\n        Line 2\nRequires-Dist: a\n  >=1\n"
    )
    assert (meta.summary, meta.license, meta.requires_dist) == ("one two", "Line 1\nLine 2", ("a >=1",))


def test_invalid_values_are_left_out_and_remembered():
    meta = parse_metadata(
        core_metadata(
            "foo",
            "1",
            headers=[
                ("Requires-Dist", "good"),
                ("Requires-Dist", "bad one"),
                ("Requires-Python", ">=3.6.*"),
                ("Provides-Extra", "!"),
                ("Project-URL", "https://tpi.example/no-label"),
                ("Project-URL", "Docs, https://tpi.example/1"),
                ("Project-URL", "Docs, https://tpi.example/2"),
                ("License-Expression", "BSD License"),
            ],
        )
    )
    assert (meta.requires_dist, meta.requires_python, meta.provides_extra, meta.license_expression) == (
        ("good",),
        "",
        (),
        "",
    )
    assert meta.project_urls == {"Docs": "https://tpi.example/1"}
    assert sorted(problem.code for problem in meta.problems) == [
        "license-expression-invalid",
        "project-url-invalid",
        "project-url-invalid",
        "provides-extra-invalid",
        "requires-dist-invalid",
        "requires-python-invalid",
    ]


def test_a_repeated_single_field_keeps_its_first_value_as_pip_does():
    meta = parse_metadata(core_metadata("foo", "1", headers=[("Name", "bar"), ("Summary", "a"), ("Summary", "b")]))
    assert (meta.name, meta.summary) == ("foo", "a")
    assert [problem.code for problem in meta.problems] == ["name-repeated", "summary-repeated"]


def test_an_empty_import_name_says_that_there_is_no_module():
    assert parse_metadata(core_metadata("foo", "1", headers=[("Import-Name", "")])).import_names == ("",)
    assert parse_metadata(
        core_metadata("foo", "1", headers=[("Import-Name", ""), ("Import-Name", "a")])
    ).import_names == ("a",)


def test_unknown_fields_are_passed_over():
    assert parse_metadata(core_metadata("foo", "1", headers=[("Colour", "red")])).problems == ()


def test_a_byte_order_mark_hides_the_first_field_from_pip_and_from_us():
    assert parse_metadata("\ufeff".encode() + core_metadata("foo", "1")).metadata_version == ""


@pytest.mark.parametrize(
    ("field", "value", "count"),
    [
        ("Summary", "x" * (MAX_VALUE_LENGTH + 1), 1),
        ("Requires-Dist", "x" * (MAX_VALUE_LENGTH + 1), 1),
        ("Requires-Dist", "x" * 10_000, MAX_REQUIREMENTS_LENGTH // 10_000 + 1),
        ("Classifier", "x", MAX_VALUES + 1),
        ("Project-URL", "a, b", MAX_VALUES + 1),
        ("License", "x" * (LICENSE_TEXT_LENGTH + 1), 1),
        ("Name", "x", MAX_VALUES + 1),
    ],
)
def test_fields_have_limits(field, value, count):
    with pytest.raises(TooLarge) as refused:
        parse_metadata(core_metadata("foo", "1", headers=[(field, value)] * count))
    assert refused.value.code == "metadata-too-large"
    assert field in refused.value.detail


def test_a_license_may_be_a_whole_text():
    assert (
        len(parse_metadata(core_metadata("foo", "1", headers=[("License", "x" * LICENSE_TEXT_LENGTH)])).license)
        == LICENSE_TEXT_LENGTH
    )


def test_nul_is_refused():
    with pytest.raises(Invalid) as refused:
        parse_metadata(core_metadata("foo", "1", description="a\0"))
    assert refused.value.code == "metadata-nul"


def test_the_stored_form_has_stable_keys_and_no_empty_ones():
    stored = parse_metadata(
        core_metadata("foo", "1", headers=[("Requires-Dist", "a"), ("Requires-Dist", "bad one")])
    ).as_json()
    assert stored == {"metadata_version": "2.4", "name": "foo", "version": "1", "requires_dist": ["a"]}


def test_what_was_stored_comes_back():
    meta = parse_metadata(FULL)
    stored = json.loads(json.dumps(meta.as_json()))
    assert CoreMetadata.from_json(stored) == meta
    assert CoreMetadata.from_json({**stored, "a_later_field": [1]}) == meta
    assert CoreMetadata.from_json({}) == CoreMetadata()


field_names = st.sampled_from([*SINGLE_FIELDS, *LIST_FIELDS, "project-url", "content-type", "x"])
field_values = st.one_of(st.text(max_size=30), st.text("()'\"<>=!~;,@[]ando mit.*0129\n ", max_size=30))


@given(st.lists(st.tuples(field_names, field_values), max_size=8), st.binary(max_size=40))
def test_any_fields_are_read_and_can_be_stored(headers, body):
    raw = "".join(f"{name}: {value}\n" for name, value in headers).encode() + b"\n" + body
    if b"\0" in raw:
        with pytest.raises(Invalid):
            parse_metadata(raw)
        return
    meta = parse_metadata(raw)
    stored = json.dumps(meta.as_json(), ensure_ascii=False)
    stored.encode()
    assert "\\u0000" not in stored.replace("\\\\", "")
    assert CoreMetadata.from_json(json.loads(stored)) == meta


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(raw):
    with pytest.raises(Invalid) if b"\0" in raw else nullcontext():
        parse_metadata(raw)
