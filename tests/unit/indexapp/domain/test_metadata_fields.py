from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexapp.domain.metadata_fields import (
    LIST_FIELDS,
    SINGLE_FIELDS,
    clean_value,
    display_name,
    invalid_value,
    rule_of,
)

DEEP = "(" * 3000
LONG = "9" * 5000


@pytest.mark.parametrize(
    ("field", "value", "kept"),
    [
        ("requires-dist", "Foo[a,B] (>=1.0) ; python_version<'3'", "Foo[a,B] (>=1.0) ; python_version<'3'"),
        ("requires-dist", "foo @ https://tpi.example/foo.zip", "foo @ https://tpi.example/foo.zip"),
        ("requires-python", ">=2.7,!=3.0.*", ">=2.7,!=3.0.*"),
        ("license-expression", "mit and (apache-2.0 or licenseref-Own)", "MIT AND (Apache-2.0 OR LicenseRef-Own)"),
        ("license-file", "licenses/LICENSE.txt", "licenses/LICENSE.txt"),
        ("provides-extra", "Test_Extra", "test-extra"),
        ("dynamic", "Requires-Dist", "requires-dist"),
        ("import-name", "a.b ; private", "a.b ; private"),
        ("import-name", "", ""),
        ("import-namespace", "acme", "acme"),
        (
            "description-content-type",
            "text/markdown; charset=UTF-8; variant=GFM",
            "text/markdown; charset=UTF-8; variant=GFM",
        ),
        ("description-content-type", 'Text/x-rst; charset="utf-8"', 'Text/x-rst; charset="utf-8"'),
        ("summary", "(((", "((("),
    ],
)
def test_valid_values(field, value, kept):
    assert clean_value(field, value) == kept


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("requires-dist", "foo bar"),
        ("requires-dist", "pytz (>dev)"),
        ("requires-dist", f"a; {DEEP}"),
        ("requires-dist", f"a>={LONG}"),
        ("requires-python", ">=3.6.*"),
        ("requires-python", "python 3"),
        ("requires-python", f">={LONG}"),
        ("requires-python", ">=" + "\u0663" * 5000),
        ("license-expression", "BSD License"),
        ("license-expression", "MIT (MIT)"),
        ("license-expression", "()"),
        ("license-expression", "MIT WITH"),
        ("license-expression", DEEP),
        ("license-expression", "(" * 15 + "MIT"),
        ("license-file", "../LICENSE"),
        ("license-file", "/LICENSE"),
        ("license-file", "C:\\LICENSE"),
        ("license-file", "LICEN*"),
        ("provides-extra", "a b"),
        ("dynamic", "Version"),
        ("dynamic", "Colour"),
        ("import-name", "class"),
        ("import-name", "a;public"),
        ("import-namespace", "a-b"),
        ("description-content-type", "text/html"),
        ("description-content-type", "text/plain; charset=latin-1"),
        ("description-content-type", "text/markdown; variant=Kramdown"),
        ("description-content-type", ";"),
    ],
)
def test_invalid_values(field, value):
    with pytest.raises(ValueError, match=r"(?s).*"):
        clean_value(field, value)


@given(
    st.sampled_from([*SINGLE_FIELDS, *LIST_FIELDS]),
    st.one_of(st.text(max_size=60), st.text("()'\"<>=!~;,@[]ando mit.*0123456789", max_size=60)),
)
def test_any_value_is_kept_or_a_value_error(field, value):
    try:
        kept = clean_value(field, value)
    except ValueError:
        return
    assert isinstance(kept, str)


@pytest.mark.parametrize(
    ("field", "written"),
    [("requires-dist", "Requires-Dist"), ("project-url", "Project-URL"), ("home-page", "Home-Page"), ("name", "Name")],
)
def test_fields_are_shown_as_the_specification_writes_them(field, written):
    assert display_name(field) == written


def test_a_problem_is_one_plain_line_however_hostile_the_value():
    problem = invalid_value("requires-dist", "a\nb\x1bé" * 100, rule_of("requires-dist"))
    assert problem.code == "requires-dist-invalid"
    assert problem.sentence.startswith("Requires-Dist 'a\\nb")
    assert problem.sentence.isprintable()
    assert problem.sentence.isascii()
    assert len(problem.sentence) < 800
