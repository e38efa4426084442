from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.utils import canonicalize_name

from indexapp.domain.names import (
    MAX_NAME_LENGTH,
    confusable_key,
    is_standard_library_name,
    is_valid_name,
    matches_prefix,
    normalize_name,
    require_valid_name,
)
from tpi_site.kit.errors import Invalid

valid_names = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,40}[A-Za-z0-9])?", fullmatch=True)


@pytest.mark.parametrize(
    ("name", "normal"),
    [
        ("Django", "django"),
        ("zope.interface", "zope-interface"),
        ("a_.-b", "a-b"),
        ("ruamel.yaml", "ruamel-yaml"),
        ("X", "x"),
    ],
)
def test_normal_form(name, normal):
    assert normalize_name(name) == normal


@given(valid_names)
def test_normal_form_agrees_with_packaging_and_is_stable(name):
    assert normalize_name(name) == canonicalize_name(name, validate=True)
    assert normalize_name(normalize_name(name)) == normalize_name(name)


@pytest.mark.parametrize("name", ["a", "0", "A-b", "a.b_c-d", "a--b", "a" * MAX_NAME_LENGTH])
def test_valid_names(name):
    assert is_valid_name(name)
    assert require_valid_name(name) == name


@pytest.mark.parametrize(
    "name",
    ["", "-a", "a-", ".a", "a_", "a b", "a/b", "a\n", "\na", "é", "\u017f", "\u212a", "a\0b", "\u0663", "..", "a+b"],
)
def test_invalid_names(name):
    assert not is_valid_name(name)
    with pytest.raises(Invalid) as refused:
        require_valid_name(name)
    assert refused.value.code == "name-invalid"
    assert refused.value.detail.isascii()
    assert refused.value.detail.isprintable()


def test_too_long_a_name():
    name = "a" * (MAX_NAME_LENGTH + 1)
    assert not is_valid_name(name)
    with pytest.raises(Invalid) as refused:
        require_valid_name(name)
    assert refused.value.code == "name-too-long"


@given(st.text(max_size=120))
def test_any_text_is_accepted_or_refused(name):
    try:
        require_valid_name(name)
    except Invalid:
        assert not is_valid_name(name)
    else:
        assert re.fullmatch(r"[A-Za-z0-9._-]+", name)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("flask", "fIask"),
        ("flask", "f1ask"),
        ("boto", "b0t0"),
        ("foo-bar", "foobar"),
        ("foo.bar", "FOO__BAR"),
        ("pil", "pli"),
    ],
)
def test_confusable_names_share_a_key(one, other):
    assert confusable_key(one) == confusable_key(other)


@pytest.mark.parametrize(("one", "other"), [("flask", "flasks"), ("boto", "bota"), ("numpy", "nurnpy"), ("a2", "az")])
def test_other_names_do_not(one, other):
    assert confusable_key(one) != confusable_key(other)


@given(valid_names)
def test_the_confusable_key_is_one_of_the_normal_form(name):
    key = confusable_key(name)
    assert key == confusable_key(normalize_name(name))
    assert re.fullmatch(r"[a-hj-km-np-z0-9]+", key)


@pytest.mark.parametrize(
    "name", ["json", "JSON", "os", "urllib2", "StringIO", "tomllib", "asyncore", "xml", "py_compile", "py.compile"]
)
def test_standard_library_names(name):
    assert is_standard_library_name(name)


@pytest.mark.parametrize(
    "name", ["requests", "future", "importlib-metadata", "xml-dom", "jsonschema", "setuptools", "pip"]
)
def test_names_of_real_projects_are_free(name):
    assert not is_standard_library_name(name)


@pytest.mark.parametrize(
    ("name", "prefix", "covered"),
    [
        ("acme", "acme", True),
        ("acme-tools", "acme", True),
        ("Acme.Tools", "ACME", True),
        ("acme_x", "acme-", True),
        ("acme-data-x", "acme.data", True),
        ("acmeology", "acme", False),
        ("acme-database", "acme-data", False),
        ("my-acme", "acme", False),
        ("acme", "acme-tools", False),
        ("acme", "", False),
        ("acme", "-", False),
    ],
)
def test_prefixes(name, prefix, covered):
    assert matches_prefix(name, prefix) is covered


@given(valid_names, valid_names)
def test_a_prefix_covers_itself_and_what_continues_it(name, rest):
    assert matches_prefix(name, name)
    assert matches_prefix(f"{name}-{rest}", name)
    assert not matches_prefix(f"{name}0", name)
    assert not matches_prefix(name, f"{name}-{rest}")
