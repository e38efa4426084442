from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexapp.domain.metadata import CoreMetadata
from indexapp.domain.metadata_strict import require_strict
from tpi_site.kit.errors import Invalid


def refused_code(**values: object) -> str:
    with pytest.raises(Invalid) as refused:
        require_strict(CoreMetadata(**{"name": "foo", "version": "1.0", **values}))
    assert refused.value.detail.isprintable()
    assert refused.value.detail.isascii()
    return refused.value.code


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"version": "1!2.0rc1.post2.dev3"},
        {"summary": "x" * 512},
        {"author_email": "ann@tpi.example"},
        {"author_email": '"Oth, Ann" <ann@tpi.example>, Bo <bo.b+x@sub.tpi.example>'},
        {"maintainer_email": "André <a@tpi.example>"},
        {"classifiers": ("Programming Language :: Python :: 3", "Development Status :: 3 - Alpha")},
        {"home_page": "https://tpi.example/", "download_url": "http://tpi.example"},
        {"project_urls": {"x" * 32: "https://tpi.example"}},
        {"requires_dist": ("a>=1", "b[c]; extra == '@'"), "provides_dist": ("c",), "obsoletes_dist": ("d",)},
    ],
)
def test_what_pypi_takes(values):
    require_strict(CoreMetadata(**{"name": "foo", "version": "1.0", **values}))


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"version": "1.0+corp.1"}, "version-local"),
        ({"summary": "x" * 513}, "summary-too-long"),
        ({"author_email": "nobody"}, "email-invalid"),
        ({"author_email": "a@localhost"}, "email-invalid"),
        ({"author_email": "a@tpi.example,"}, "email-invalid"),
        ({"author_email": "a b@tpi.example"}, "email-invalid"),
        ({"maintainer_email": "Ann <ann>"}, "email-invalid"),
        ({"maintainer_email": "a@tpi..example"}, "email-invalid"),
        ({"author_email": "(" * 5000}, "email-invalid"),
        ({"author_email": "<" * 5000}, "email-invalid"),
        ({"author_email": '"' + "@" * 5000}, "email-invalid"),
        ({"classifiers": ("Private :: Do Not Upload",)}, "classifier-unknown"),
        ({"classifiers": ("Natural Language :: Ukranian",)}, "classifier-deprecated"),
        ({"home_page": "ftp://tpi.example/"}, "url-invalid"),
        ({"home_page": "tpi.example"}, "url-invalid"),
        ({"download_url": "javascript:alert(1)"}, "url-invalid"),
        ({"download_url": "https://"}, "url-invalid"),
        ({"download_url": "https://[tpi"}, "url-invalid"),
        ({"project_urls": {"Docs": "docs/"}}, "url-invalid"),
        ({"project_urls": {"x" * 33: "https://tpi.example"}}, "project-url-label"),
        ({"requires_dist": ("a", "helper @ https://tpi.example/h.zip")}, "direct-reference"),
        ({"provides_dist": ("helper@https://tpi.example/h.zip",)}, "direct-reference"),
        ({"obsoletes_dist": ("helper @ git+https://tpi.example/h",)}, "direct-reference"),
    ],
)
def test_what_pypi_refuses(values, code):
    assert refused_code(**values) == code


@given(st.text(max_size=40), st.text(max_size=40), st.text(max_size=40))
def test_any_text_is_taken_or_refused(email, url, classifier):
    sentences: list[str] = []
    for values in (
        {"author_email": email},
        {"home_page": url},
        {"project_urls": {"a": url}},
        {"classifiers": (classifier,)},
    ):
        try:
            require_strict(CoreMetadata(name="foo", version="1", **values))
        except Invalid as refusal:
            sentences.append(refusal.detail)
    assert all(map(str.isprintable, sentences))
