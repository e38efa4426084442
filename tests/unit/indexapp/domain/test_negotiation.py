from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexapp.domain.negotiation import SimpleType, negotiate_simple
from tpi_site.kit.errors import Invalid

HTML, V1_HTML, V1_JSON = SimpleType.HTML, SimpleType.V1_HTML, SimpleType.V1_JSON
J = "application/vnd.pypi.simple.v1+json"
H = "application/vnd.pypi.simple.v1+html"
LATEST_J = "application/vnd.pypi.simple.latest+json"
LATEST_H = "application/vnd.pypi.simple.latest+html"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        pytest.param(f"{J}, {H}; q=0.1, text/html; q=0.01", V1_JSON, id="pip"),
        pytest.param(f"{J}, {H};q=0.2, text/html;q=0.01", V1_JSON, id="uv"),
        pytest.param(f"{J}, */*;q=0.1", V1_JSON, id="poetry"),
        pytest.param(f"{H};q=0.2, {J}, text/html;q=0.01", V1_JSON, id="devpi"),
        pytest.param(J, V1_JSON, id="bandersnatch"),
        pytest.param("*/*", HTML, id="hatch"),
        pytest.param(None, HTML, id="none"),
        pytest.param("", HTML, id="empty"),
        pytest.param("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", HTML, id="browser"),
        pytest.param("text/html, image/gif, *; q=.2, */*; q=.2", HTML, id="java"),
    ],
)
def test_what_each_client_sends(accept, expected):
    assert negotiate_simple(accept, None) is expected


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        pytest.param(LATEST_J, V1_JSON, id="latest-json"),
        pytest.param(LATEST_H, V1_HTML, id="latest-html"),
        pytest.param(f"text/html;q=0.3, {LATEST_J};q=0.4", V1_JSON, id="latest-by-weight"),
        pytest.param(f"{J.upper()}; Q=1", V1_JSON, id="case"),
        pytest.param(f"{J};charset=utf-8;q=1.000", V1_JSON, id="parameters"),
        pytest.param(f"{J};q=0.5,text/html;q=0.6", HTML, id="weight-before-place"),
        pytest.param(f"{J}, */*", V1_JSON, id="named-before-wildcard"),
        pytest.param(f"text/*;q=0.9, {J};q=0.8, */*;q=1", V1_HTML, id="specific-weight-overrides-wildcard"),
        pytest.param(f"text/html, {H}, {J}", HTML, id="no-preference"),
        pytest.param("text/*", HTML, id="text"),
        pytest.param("application/*", V1_HTML, id="application"),
        pytest.param(f"application/*, {H};q=0", V1_JSON, id="excluded-by-name"),
        pytest.param("text/html;q=0, */*", V1_HTML, id="html-excluded"),
        pytest.param(f"{J};q=0, {H};q=0.001", V1_HTML, id="json-excluded"),
        pytest.param(f"{J};q=0.0", HTML, id="all-excluded"),
        pytest.param("application/json", HTML, id="no-match"),
        pytest.param("text/html;q=0", HTML, id="nothing-acceptable"),
        pytest.param("application/vnd.pypi.simple.v2+json", HTML, id="future-version"),
        pytest.param(f"{J};q=high, text/html;q=0.1", HTML, id="bad-weight-is-dropped"),
        pytest.param(f"{J};q=7, text/html;q=0.1", HTML, id="weight-above-one-is-dropped"),
        pytest.param(f",,;q=1,{J},;", V1_JSON, id="empty-elements"),
    ],
)
def test_rules(accept, expected):
    assert negotiate_simple(accept, None) is expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [("text/html", HTML), (H, V1_HTML), (J, V1_JSON), (LATEST_H, V1_HTML), (LATEST_J, V1_JSON)],
)
def test_format_wins_over_accept(name, expected):
    other = "text/html" if expected is V1_JSON else J
    assert negotiate_simple(other, name) is expected
    assert negotiate_simple(other, name.replace("+", " ")) is expected  # what form decoding makes of a bare '+'
    assert negotiate_simple(other, name.upper()) is expected


@pytest.mark.parametrize("name", ["", "json", "application/json", "*/*", f"{J};q=1", "\0", "ü"])
def test_an_unknown_format_is_refused_with_the_five_that_are_known(name):
    with pytest.raises(Invalid) as refusal:
        negotiate_simple("text/html", name)
    assert refusal.value.code == "unknown-format"
    for known in ("text/html", H, J, LATEST_H, LATEST_J):
        assert known in refusal.value.detail


def test_content_types():
    assert [(each.kind, each.content_type) for each in (HTML, V1_HTML, V1_JSON)] == [
        ("html", "text/html; charset=utf-8"),
        ("html", "application/vnd.pypi.simple.v1+html"),
        ("json", "application/vnd.pypi.simple.v1+json"),
    ]


def test_a_long_header_is_read_in_full():
    assert negotiate_simple("image/png;q=0.9, " * 400 + J, None) is V1_JSON


@given(st.text())
def test_no_header_raises(accept):
    assert negotiate_simple(accept, None) in SimpleType


fragments = st.sampled_from(
    [J, H, LATEST_J, "text/html", "*/*", "text/*", "*", ";", ",", "=", "q", "q=0.5", ";q=", "0", " ", '"']
)


@given(st.lists(fragments, max_size=30).map("".join))
def test_no_header_of_familiar_pieces_raises(accept):
    assert negotiate_simple(accept, None) in SimpleType


weights = st.integers(0, 1000).map(lambda thousandths: thousandths / 1000)


@given(weights, weights, weights)
def test_the_highest_weight_wins(json_weight, v1_html_weight, html_weight):
    chosen = negotiate_simple(
        f"{J};q={json_weight:.3f}, {H};q={v1_html_weight:.3f}, text/html;q={html_weight:.3f}", None
    )
    by_type = {HTML: html_weight, V1_HTML: v1_html_weight, V1_JSON: json_weight}
    assert by_type[chosen] == max(by_type.values())
