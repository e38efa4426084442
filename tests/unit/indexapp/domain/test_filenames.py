from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.tags import Tag
from packaging.version import Version

from indexapp.domain.filenames import MAX_FILENAME_LENGTH, parse_filename
from indexapp.domain.names import normalize_name
from indexapp.domain.profiles import UploadProfile
from tpi_site.kit.errors import Invalid, Refusal

LAX = [UploadProfile.ENTERPRISE, UploadProfile.SNAPSHOT]
STRICT = UploadProfile.PYPI_STRICT


def code_of(filename: str, profile: UploadProfile = UploadProfile.ENTERPRISE, **expected: str) -> str:
    with pytest.raises(Invalid) as refused:
        parse_filename(filename, profile=profile, **expected)
    assert refused.value.detail.isprintable()
    assert refused.value.detail.isascii()
    return refused.value.code


def test_a_wheel_says_all_about_itself():
    parsed = parse_filename("foo_bar-1.0+corp.1-2b-py2.py3-none-any.whl", profile=STRICT)
    assert parsed.filename == "foo_bar-1.0+corp.1-2b-py2.py3-none-any.whl"
    assert (parsed.kind, parsed.project, parsed.normalized) == ("bdist_wheel", "foo_bar", "foo-bar")
    assert parsed.version == Version("1.0+corp.1")
    assert parsed.build == (2, "b")
    assert parsed.tags == {Tag("py2", "none", "any"), Tag("py3", "none", "any")}
    assert parsed.python_tag == "py2.py3"
    assert not parsed.is_historical


def test_an_sdist_says_all_about_itself():
    parsed = parse_filename("foo_bar-1.0.tar.gz", profile=STRICT)
    assert (parsed.kind, parsed.project, parsed.normalized) == ("sdist", "foo_bar", "foo-bar")
    assert (parsed.version, parsed.build, parsed.tags) == (Version("1.0"), (), frozenset())
    assert parsed.python_tag == "source"
    assert not parsed.is_historical


@pytest.mark.parametrize(
    "filename",
    [
        "numpy-2.4.6-cp311-cp311-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl",
        "ruff-0.17.6-py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        "a-1-py3-none-any.whl",
        "docopt-0.6.2.tar.gz",
        "zope_interface-7.1.0.tar.gz",
        "foo-1.0+corp.1.tar.gz",
        "foo-1!2.0.tar.gz",
    ],
)
@pytest.mark.parametrize("profile", UploadProfile)
def test_standard_names_are_taken_in_every_profile(filename, profile):
    assert not parse_filename(filename, profile=profile).is_historical


HISTORICAL = [
    ("Flask-0.12-py2.py3-none-any.whl", "Flask", "0.12", "flask-0.12-py2.py3-none-any.whl"),
    ("Foo.Bar-1.0-py3-none-any.whl", "Foo.Bar", "1.0", "foo_bar-1.0-py3-none-any.whl"),
    (
        "Flask_SQLAlchemy-2.5.1-1-py2.py3-none-any.whl",
        "Flask-SQLAlchemy",
        "2.5.1",
        "flask_sqlalchemy-2.5.1-1-py2.py3-none-any.whl",
    ),
    ("Foo-Bar-1.0.tar.gz", "foo_bar", "1.0", "foo_bar-1.0.tar.gz"),
    ("foo.bar-1.0.zip", "foo.bar", "1.0", "foo_bar-1.0.tar.gz"),
    ("ruamel.yaml-0.15.100.tar.gz", "ruamel.yaml", "0.15.100", "ruamel_yaml-0.15.100.tar.gz"),
    ("foo-1.0.zip", "foo", "1.0", "foo-1.0.tar.gz"),
    ("foo-1.0-beta2.tar.gz", "foo", "1.0b2", "foo-1.0b2.tar.gz"),
    ("foo-1.0-1.tar.gz", "foo", "1.0.post1", "foo-1.0.post1.tar.gz"),
    ("foo-bar-1.0-1.tar.gz", "foo-bar", "1.0-1", "foo_bar-1.0.post1.tar.gz"),
    ("foo-2-1.tar.gz", "foo-2", "1", "foo_2-1.tar.gz"),
    ("foo-2-1.tar.gz", "foo", "2.post1", "foo-2.post1.tar.gz"),
    ("foo-v1.0.tar.gz", "foo", "1.0", "foo-1.0.tar.gz"),
    ("foo-1.tar.gz", "foo", "1.0", "foo-1.0.tar.gz"),
]


@pytest.mark.parametrize(("filename", "name", "version", "standard"), HISTORICAL)
@pytest.mark.parametrize("profile", LAX)
def test_historical_names_are_taken_if_they_spell_the_metadata(filename, name, version, standard, profile):
    parsed = parse_filename(filename, profile=profile, expected_name=name, expected_version=version)
    assert parsed.is_historical
    assert parsed.normalized == normalize_name(name)
    assert parsed.version == Version(version)


@pytest.mark.parametrize(("filename", "name", "version", "standard"), HISTORICAL)
def test_historical_names_are_refused_by_pypis_rules_with_the_name_to_use(filename, name, version, standard):
    with pytest.raises(Invalid) as refused:
        parse_filename(filename, profile=STRICT, expected_name=name, expected_version=version)
    assert refused.value.code == "filename-not-normalized"
    assert refused.value.detail == f"Filename {filename!r} is invalid, should be {standard!r}."
    assert not parse_filename(standard, profile=STRICT, expected_name=name, expected_version=version).is_historical


def test_a_project_name_does_not_end_in_a_dash():
    assert code_of("foo--1.0.tar.gz") == "filename-invalid"


@pytest.mark.parametrize("filename", ["foo-2-1.tar.gz", "foo-bar-1.0-1.zip"])
def test_without_metadata_an_sdist_is_split_at_its_last_dash(filename):
    parsed = parse_filename(filename, profile=UploadProfile.ENTERPRISE)
    assert parsed.version == Version("1")


@pytest.mark.parametrize(
    "filename", ["foo-1.0.tar.gz", "foo-1.0.zip", "foo-1.0-py3-none-any.whl", "Foo-1.0-py3-none-any.whl"]
)
@pytest.mark.parametrize("profile", UploadProfile)
def test_a_name_that_contradicts_the_metadata_is_refused(filename, profile):
    assert code_of(filename, profile, expected_name="bar") == "filename-contradicts-metadata"
    assert code_of(filename, profile, expected_version="1.1") == "filename-contradicts-metadata"
    assert code_of(filename, profile, expected_name="foo", expected_version="1.0+x") == "filename-contradicts-metadata"
    assert code_of(filename, profile, expected_name="fo-o", expected_version="1.0") == "filename-contradicts-metadata"


def test_metadata_without_a_version_is_refused_as_such():
    assert code_of("foo-1.0.tar.gz", expected_version="dog") == "version-invalid"


@pytest.mark.parametrize("filename", ["foo-1.0.tar.gz", "foo-1.0-py3-none-any.whl"])
def test_equal_versions_need_not_be_spelled_alike(filename):
    assert parse_filename(
        filename, profile=UploadProfile.ENTERPRISE, expected_name="FOO", expected_version="1"
    ).version == Version("1")


@pytest.mark.parametrize(
    ("filename", "code"),
    [
        ("", "filename-characters"),
        ("foo/bar-1.0.tar.gz", "filename-characters"),
        ("..\\foo-1.0.tar.gz", "filename-characters"),
        ("../foo-1.0.tar.gz", "filename-characters"),
        ("foo-1.0.tar.gz\0", "filename-characters"),
        ("foo-1.0\n.tar.gz", "filename-characters"),
        ("foo-1.0\x7f.tar.gz", "filename-characters"),
        ("foo-1.0\x85.tar.gz", "filename-characters"),
        ("foo bar-1.0.tar.gz", "filename-characters"),
        ("foo-1.0.tar.gz ", "filename-characters"),
        ("fóo-1.0.tar.gz", "filename-characters"),
        ("foo\ud800-1.0.tar.gz", "filename-characters"),
        ("foo-1.0-py3-none-any%2F.whl", "filename-characters"),
        ("foo-1.0.tar.gz?x", "filename-characters"),
        ("foo-1.0.tgz", "filename-extension"),
        ("foo-1.0.tar.bz2", "filename-extension"),
        ("foo-1.0-py3.11.egg", "filename-extension"),
        ("foo-1.0.TAR.GZ", "filename-extension"),
        ("foo-1.0.win32.exe", "filename-extension"),
        (".", "filename-extension"),
        ("..", "filename-extension"),
        (".tar.gz", "filename-invalid"),
        (".whl", "filename-invalid"),
        ("-.zip", "filename-invalid"),
        ("foo.tar.gz", "filename-invalid"),
        ("foo_1.0.tar.gz", "filename-invalid"),
        ("-1.0.tar.gz", "filename-invalid"),
        (".foo-1.0.tar.gz", "filename-invalid"),
        ("foo-dog.tar.gz", "filename-invalid"),
        ("foo-1.0-py3-none.whl", "filename-invalid"),
        ("foo-bar-1.0-1-py3-none-any.whl", "filename-invalid"),
        ("_foo-1.0-py3-none-any.whl", "filename-invalid"),
        ("foo_-1.0-py3-none-any.whl", "filename-invalid"),
        ("foo__bar-1.0-py3-none-any.whl", "filename-invalid"),
        ("foo-1.0-b1-py3-none-any.whl", "filename-invalid"),
        ("foo-1.0-py3-none-.whl", "filename-invalid"),
        ("foo-1.0-py3..py2-none-any.whl", "filename-invalid"),
        ("foo-1.0-3-none-any.whl", "filename-invalid"),
        ("foo-dog-py3-none-any.whl", "version-invalid"),
        ("-1.0-py3-none-any.whl", "filename-invalid"),
    ],
)
@pytest.mark.parametrize("profile", UploadProfile)
def test_other_names_are_refused_in_every_profile(filename, code, profile):
    assert code_of(filename, profile) == code


def test_the_length_limit_counts_bytes():
    longest = f"a-1-py3-none-{'x' * (MAX_FILENAME_LENGTH - 17)}.whl"
    assert len(longest) == MAX_FILENAME_LENGTH
    assert parse_filename(longest, profile=STRICT).filename == longest
    assert code_of(longest.replace("xx", "xxx", 1)) == "filename-too-long"
    assert code_of("é" * (MAX_FILENAME_LENGTH // 2) + ".tar.gz") == "filename-too-long"


def test_a_tag_set_that_multiplies_too_far_is_refused():
    python = ".".join(f"p{number}" for number in range(20))
    other = ".".join(f"x{number}" for number in range(10))
    assert code_of(f"a-1-{python}-{other}-{other}.whl") == "filename-invalid"
    assert len(parse_filename(f"a-1-{python}-{other}-any.whl", profile=STRICT).tags) == 200


names = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,12}[A-Za-z0-9])?", fullmatch=True)
versions = st.from_regex(
    r"v?([0-9]!)?[0-9]{1,3}(\.[0-9]{1,3}){0,2}([-._]?(a|beta|rc|post|dev)[-._]?[0-9]{0,2}|-[0-9])?(\+[a-z0-9]{1,4})?",
    fullmatch=True,
)


@given(names, versions, st.sampled_from([".tar.gz", ".zip"]), st.data())
def test_every_spelling_of_name_and_version_is_a_historical_sdist(name, version, extension, data):
    spelled = data.draw(st.sampled_from([name, name.replace("-", "_"), name.replace("_", "."), name.upper()]))
    parsed = parse_filename(
        f"{spelled}-{version}{extension}",
        profile=UploadProfile.ENTERPRISE,
        expected_name=name,
        expected_version=version,
    )
    assert (parsed.normalized, parsed.version) == (normalize_name(name), Version(version))
    assert parsed.project == spelled or normalize_name(parsed.project) == normalize_name(spelled)


@given(names, versions, st.sampled_from(["py3-none-any", "cp311-abi3-win_amd64", "1-py2.py3-none-any"]))
def test_the_standard_name_of_any_wheel_is_taken_by_pypis_rules(name, version, rest):
    standard = f"{normalize_name(name).replace('-', '_')}-{Version(version)}-{rest}.whl"
    parsed = parse_filename(standard, profile=STRICT, expected_name=name, expected_version=version)
    assert (parsed.normalized, parsed.is_historical) == (normalize_name(name), False)


@given(
    st.one_of(st.text(max_size=60), st.from_regex(r"[a-z0-9._+!-]{0,40}", fullmatch=True)),
    st.sampled_from([".whl", ".tar.gz", ".zip", ""]),
    st.sampled_from(UploadProfile),
)
def test_any_text_is_a_filename_or_refused(stem, extension, profile):
    parsed, sentence = None, ""
    try:
        parsed = parse_filename(stem + extension, profile=profile)
    except Refusal as refusal:
        sentence = refusal.detail
    assert sentence.isprintable()
    if parsed is None:
        return
    assert parsed.filename == stem + extension
    assert profile is not STRICT or not parsed.is_historical
