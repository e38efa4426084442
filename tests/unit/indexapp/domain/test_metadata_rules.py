from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexapp.domain.metadata import parse_metadata
from indexapp.domain.metadata_fields import LIST_FIELDS, SINGLE_FIELDS
from indexapp.domain.metadata_rules import MAX_WARNINGS, check_metadata
from indexapp.domain.profiles import UploadProfile
from tests.builders.core_metadata import core_metadata
from tpi_site.kit.errors import Invalid, Refusal

ENTERPRISE = UploadProfile.ENTERPRISE
STRICT = UploadProfile.PYPI_STRICT
LAX = [UploadProfile.ENTERPRISE, UploadProfile.SNAPSHOT]


def check(
    *headers: tuple[str, str],
    profile: UploadProfile = ENTERPRISE,
    name: str = "foo",
    version: str = "1.0",
    metadata_version: str = "2.4",
) -> list[str]:
    raw = core_metadata(name, version, metadata_version=metadata_version, headers=headers)
    return check_metadata(parse_metadata(raw), profile)


def refused_code(*headers: tuple[str, str], **given_as: object) -> str:
    with pytest.raises(Invalid) as refused:
        check(*headers, **given_as)
    assert refused.value.detail.isprintable()
    assert refused.value.detail.isascii()
    return refused.value.code


@pytest.mark.parametrize("metadata_version", ["1.0", "1.1", "1.2", "2.1", "2.2", "2.3", "2.4", "2.5", "2.6"])
@pytest.mark.parametrize("profile", UploadProfile)
def test_published_metadata_versions_are_taken_without_a_word(metadata_version, profile):
    assert check(metadata_version=metadata_version, profile=profile) == []


@pytest.mark.parametrize("profile", LAX)
def test_what_old_wheels_carry_is_taken_without_a_word(profile):
    assert check(metadata_version="2.0", profile=profile) == []


@pytest.mark.parametrize("metadata_version", ["2.7", "2.10", "2.99"])
@pytest.mark.parametrize("profile", LAX)
def test_a_later_minor_version_is_taken_with_a_warning(metadata_version, profile):
    [warning] = check(metadata_version=metadata_version, profile=profile)
    assert metadata_version in warning


@pytest.mark.parametrize("metadata_version", ["2.0", "2.7", "2.99"])
def test_but_not_by_pypis_rules(metadata_version):
    assert refused_code(metadata_version=metadata_version, profile=STRICT) == "metadata-version-unknown"


@pytest.mark.parametrize("metadata_version", ["3.0", "1.3", "2", "2.x", "2.1.0", "2.9999", "two", "-1.0", "2.\u0661"])
@pytest.mark.parametrize("profile", UploadProfile)
def test_other_metadata_versions_are_refused(metadata_version, profile):
    assert refused_code(metadata_version=metadata_version, profile=profile) == "metadata-version-unknown"


@pytest.mark.parametrize("profile", UploadProfile)
@pytest.mark.parametrize(
    ("given_as", "code"),
    [
        ({"metadata_version": ""}, "metadata-version-missing"),
        ({"metadata_version": "UNKNOWN"}, "metadata-version-missing"),
        ({"name": ""}, "name-missing"),
        ({"name": "UNKNOWN"}, "name-missing"),
        ({"name": "foo bar"}, "name-invalid"),
        ({"name": "a" * 101}, "name-too-long"),
        ({"version": ""}, "version-missing"),
        ({"version": "1.0-SNAPSHOT"}, "version-invalid"),
        ({"version": "9" * 5000}, "version-invalid"),
    ],
)
def test_identity_is_required(given_as, code, profile):
    assert refused_code(profile=profile, **given_as) == code


def test_metadata_version_is_looked_at_first_then_name_then_version():
    assert refused_code(metadata_version="9", name="!", version="!") == "metadata-version-unknown"
    assert refused_code(name="!", version="!") == "name-invalid"
    assert refused_code(("Requires-Dist", "!"), version="!") == "version-invalid"


GATING = [
    ("Requires-Python", ">=3.6.*", "requires-python-invalid"),
    ("Requires-Python", "python 3", "requires-python-invalid"),
    ("Requires-Dist", "pytz (>dev)", "requires-dist-invalid"),
    ("License-Expression", "BSD License", "license-expression-invalid"),
    ("License-File", "../LICENSE", "license-file-invalid"),
]


@pytest.mark.parametrize(("field", "value", "code"), GATING)
@pytest.mark.parametrize("profile", UploadProfile)
def test_values_by_which_installers_decide_have_to_be_valid(field, value, code, profile):
    assert refused_code((field, value), profile=profile) == code


@pytest.mark.parametrize(("field", "value", "code"), GATING)
@pytest.mark.parametrize("metadata_version", ["1.0", "1.1", "1.2", "2.0"])
@pytest.mark.parametrize("profile", LAX)
def test_in_old_metadata_they_are_left_out_with_a_warning(field, value, code, metadata_version, profile):
    [warning] = check((field, value), metadata_version=metadata_version, profile=profile)
    assert warning.startswith(f"{field} ")


@pytest.mark.parametrize(("field", "value", "code"), GATING)
def test_but_refused_by_pypis_rules(field, value, code):
    assert refused_code((field, value), metadata_version="1.2", profile=STRICT) == code


@pytest.mark.parametrize(("field", "value"), [("License-Expression", "BSD License"), ("License-File", "..\\LICENSE")])
@pytest.mark.parametrize("metadata_version", ["2.1", "2.2", "2.3"])
def test_fields_that_tools_wrote_before_they_were_defined_are_left_out_too(field, value, metadata_version):
    [warning] = check((field, value), metadata_version=metadata_version)
    assert warning.startswith(f"{field} ")


@pytest.mark.parametrize("metadata_version", ["2.4", "2.5", "2.6", "2.10"])
def test_and_refused_from_then_on(metadata_version):
    assert (
        refused_code(("License-Expression", "BSD License"), metadata_version=metadata_version)
        == "license-expression-invalid"
    )


@pytest.mark.parametrize("profile", UploadProfile)
def test_fields_newer_than_the_metadata_are_no_fault_if_valid(profile):
    assert (
        check(("License-File", "LICENSE"), ("License-Expression", "MIT"), metadata_version="2.1", profile=profile) == []
    )


ODD = [
    ("Provides-Extra", "!", "provides-extra-invalid"),
    ("Description-Content-Type", "text/html", "description-content-type-invalid"),
    ("Import-Name", "class", "import-name-invalid"),
    ("Import-Namespace", "a-b", "import-namespace-invalid"),
    ("Dynamic", "Colour", "dynamic-invalid"),
    ("Project-URL", "https://tpi.example/", "project-url-invalid"),
]


@pytest.mark.parametrize(("field", "value", "code"), ODD)
def test_odd_values_are_warnings_but_refused_by_pypis_rules(field, value, code):
    for profile in LAX:
        [warning] = check((field, value), metadata_version="2.5", profile=profile)
        assert warning.startswith(f"{field} ")
    assert refused_code((field, value), metadata_version="2.5", profile=STRICT) == code


@pytest.mark.parametrize(
    ("field", "value"), [("Name", "bar"), ("Version", "2"), ("Metadata-Version", "2.1"), ("Requires-Python", ">=3")]
)
@pytest.mark.parametrize("profile", UploadProfile)
@pytest.mark.parametrize("metadata_version", ["1.0", "2.4"])
def test_what_identifies_or_gates_is_given_once(field, value, profile, metadata_version):
    headers = [(field, value)] * 2 if field == "Requires-Python" else [(field, value)]
    assert refused_code(*headers, profile=profile, metadata_version=metadata_version) == f"{field.lower()}-repeated"


def test_other_repeated_fields_are_a_warning():
    assert len(check(("Summary", "a"), ("Summary", "b"))) == 1
    assert refused_code(("Summary", "a"), ("Summary", "b"), profile=STRICT) == "summary-repeated"


@pytest.mark.parametrize("profile", UploadProfile)
def test_license_and_license_expression_exclude_each_other(profile):
    both = [("License", "MIT"), ("License-Expression", "MIT")]
    assert refused_code(*both, profile=profile) == "license-and-license-expression"


def test_before_the_expression_was_defined_only_pypis_rules_mind():
    both = [("License", "MIT"), ("License-Expression", "MIT")]
    assert check(*both, metadata_version="2.3") == []
    assert refused_code(*both, metadata_version="2.3", profile=STRICT) == "license-and-license-expression"


def test_encoding():
    old = core_metadata("foo", "1", metadata_version="1.1") + b"Author: Andr\xe9\n"
    new = core_metadata("foo", "1", metadata_version="2.1") + b"Author: Andr\xe9\n"
    assert len(check_metadata(parse_metadata(old), ENTERPRISE)) == 1
    for raw, profile in [(new, ENTERPRISE), (old, STRICT), (new, STRICT)]:
        with pytest.raises(Invalid) as refused:
            check_metadata(parse_metadata(raw), profile)
        assert refused.value.code == "metadata-not-utf8"


def test_a_stray_line_is_a_warning():
    raw = core_metadata("foo", "1") + b"stray\n"
    assert len(check_metadata(parse_metadata(raw), ENTERPRISE)) == 1
    with pytest.raises(Invalid) as refused:
        check_metadata(parse_metadata(raw), STRICT)
    assert refused.value.code == "metadata-malformed"


def test_warnings_are_few():
    assert len(check(*[("Provides-Extra", "!")] * 100)) == MAX_WARNINGS


@pytest.mark.parametrize(
    "headers",
    [
        [("Classifier", "Private :: Do Not Upload")],
        [("Classifier", "Colour :: Red")],
        [("Requires-Dist", "helper @ git+https://tpi.example/helper.git")],
        [("Summary", "x" * 2000)],
        [("Author-email", "not an address")],
        [("Home-page", "file:///intranet")],
        [("Project-URL", f"{'x' * 80}, ftp://tpi.example/")],
        [("License-Expression", "LicenseRef-Corporate-Secret")],
    ],
)
@pytest.mark.parametrize("profile", LAX)
def test_companies_may_what_pypi_may_not(headers, profile):
    assert check(*headers, version="1.0+corp.1", profile=profile) == []


header_lists = st.lists(
    st.tuples(
        st.sampled_from([*SINGLE_FIELDS, *LIST_FIELDS, "project-url"]),
        st.one_of(
            st.text(max_size=30),
            st.text("()'\"<>=!~;,@[]ando mit.*0129\n ", max_size=30),
            st.sampled_from(["2.1", "1.0", "foo", ">=3"]),
        ),
    ),
    max_size=6,
)


@given(header_lists, st.sampled_from(["1.0", "2.1", "2.6", "2.9", "x"]), st.sampled_from(UploadProfile))
def test_any_metadata_is_taken_or_refused_with_one_plain_sentence(headers, metadata_version, profile):
    raw = core_metadata("foo", "1.0", metadata_version=metadata_version, headers=headers)
    try:
        warnings = check_metadata(parse_metadata(raw), profile)
    except Refusal as refusal:
        warnings = [refusal.detail]
    assert all(warning.isprintable() and warning.isascii() for warning in warnings)
