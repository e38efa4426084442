from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexapp.services.readme_html import fit_in


@pytest.mark.parametrize(
    ("html", "fitted"),
    [
        ("<h1>A</h1><h2>B</h2><h6>C</h6>", "<h3>A</h3><h4>B</h4><h6>C</h6>"),
        ('<h1 id="user-content-x">A</h1>', '<h3 id="readme-user-content-x">A</h3>'),
        ("<section><p>x</p></section><aside>y</aside><nav>z</nav>", "<div><p>x</p></div><div>y</div><div>z</div>"),
        ('<input type="checkbox" checked="" disabled=""> done', "☑  done"),
        ('<input type="checkbox" disabled=""> open', "☐  open"),
        ('<pre lang="python">x</pre>', '<pre tabindex="0">x</pre>'),
        ("a &amp; b &lt;script&gt;", "a &amp; b &lt;script&gt;"),
    ],
)
def test_elements_are_fitted_in(html: str, fitted: str) -> None:
    assert fit_in(html) == fitted


def test_no_class_of_the_sites_own_passes() -> None:
    fitted = fit_in('<div class="admonition masthead note"><span class="kn">x</span><p class="button">y</p></div>')

    assert fitted == '<div class="admonition note"><span class="kn">x</span><p>y</p></div>'


def test_a_link_within_the_description_stays_within_it() -> None:
    assert 'href="#readme-usage"' in fit_in('<a href="#usage">usage</a>')


@pytest.mark.parametrize("href", ["docs/x.md", "/admin/", "//evil.example/", "javascript:alert(1)", "data:text/html,x"])
def test_an_address_that_is_not_absolute_is_no_link(href: str) -> None:
    fitted = fit_in(f'<a href="{href}">x</a>')

    assert "href" not in fitted
    assert ">x</a>" in fitted


def test_links_outside_get_rel() -> None:
    assert fit_in('<a href="https://tpi.example/" rel="opener">x</a>') == (
        '<a href="https://tpi.example/" rel="nofollow noopener">x</a>'
    )


def test_an_image_becomes_a_link_to_it() -> None:
    fitted = fit_in('<img src="https://cdn.example/logo.png?x=1" alt="The logo">')

    assert "<img" not in fitted
    assert 'href="https://cdn.example/logo.png?x=1"' in fitted
    assert ">The logo</a>" in fitted


def test_an_image_within_a_link_becomes_its_text() -> None:
    fitted = fit_in('<a href="https://ci.example/"><img src="https://ci.example/badge.svg"></a>')

    assert fitted.count("<a ") == 1
    assert "badge.svg</span>" in fitted


def test_a_relative_image_becomes_its_text() -> None:
    assert fit_in('<img src="logo.png" alt="Logo">') == '<span class="readme-image">Logo</span>'


def test_a_link_without_content_leaves_only_its_id() -> None:
    assert fit_in('<h1>A<a href="#a" id="a"></a></h1>') == '<h3>A<span id="readme-a"></span></h3>'
    assert fit_in('<h1>A<a href="#a"> </a></h1>') == "<h3>A</h3>"


def test_a_table_scrolls_in_a_frame_that_the_keyboard_reaches() -> None:
    fitted = fit_in("<table><tbody><tr><td align='left' colspan=2>x</td></tr></tbody></table>")

    assert fitted.startswith('<div class="table-scroll" tabindex="0" role="region" aria-label="Table"><table>')
    assert '<td colspan="2">x</td>' in fitted


def test_nothing_that_runs_or_styles_passes() -> None:
    fitted = fit_in(
        '<script>alert(1)</script><p style="x" onclick="y()">a</p><iframe src="https://x/"></iframe><svg onload=x></svg>'
        "<style>p{}</style><form action=x><button>b</button></form>"
    )

    assert not any(word in fitted for word in ("<script", "style", "onclick", "<iframe", "onload", "<form", "<button"))


@given(st.text(alphabet=st.sampled_from("<>/=\"'& aimgthreprsc:#x"), max_size=200))
def test_whatever_comes_in_nothing_dangerous_comes_out(html: str) -> None:
    fitted = fit_in(html)

    assert "<img" not in fitted
    assert "<script" not in fitted
