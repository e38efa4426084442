from __future__ import annotations

from threading import BoundedSemaphore

import pytest
from django.core.cache import caches
from django.utils.safestring import SafeString

from indexapp.services import descriptions, rst_process
from indexapp.services.descriptions import rendered
from tpi_site.kit.errors import Unavailable


@pytest.fixture(autouse=True)
def _empty_cache() -> None:
    caches["descriptions"].clear()


@pytest.mark.parametrize(
    ("content_type", "raw", "part"),
    [
        ("text/markdown", "# Title\n\n*x*", "<em>x</em>"),
        ("text/markdown; charset=UTF-8; variant=CommonMark", "~~x~~", "~~x~~"),
        ("text/markdown; variant=GFM", "~~x~~", "<del>x</del>"),
        ("Text/X-RST", "Title\n=====\n\n*x*", "<em>x</em>"),
        ("", "*x*", "<em>x</em>"),
        ("text/plain", "<b>*x*</b>", "&lt;b&gt;*x*&lt;/b&gt;"),
    ],
)
def test_each_type_is_rendered_by_its_rules(content_type: str, raw: str, part: str) -> None:
    html = rendered(content_type, raw)

    assert isinstance(html, SafeString)
    assert part in html


@pytest.mark.parametrize(
    ("content_type", "raw"),
    [
        ("text/x-rst", "Title\n==\n\n.. nonsense:: x\n\n`broken <script>alert(1)</script>"),
        ("", "Title\n==\n\n.. include:: /etc/passwd"),
        ("text/x-rst", ".. raw:: html\n\n   <script>alert(1)</script>"),
    ],
)
def test_what_its_rules_refuse_is_shown_as_written(content_type: str, raw: str) -> None:
    html = rendered(content_type, raw)

    assert html.startswith('<pre class="readme-plain"')
    assert "<script" not in html
    assert "root:" not in html


@pytest.mark.parametrize(
    ("content_type", "raw"),
    [
        ("text/markdown", "x" * (descriptions.MAX_CHARACTERS + 1)),
        ("text/markdown", "<div>" * 20_000),
        ("text/markdown", ">" * 60_000 + " a"),
        ("text/markdown", "> - " * 200 + "a"),
        ("text/markdown", "**" * 5_000 + "a" + "**" * 5_000),
        ("text/markdown", "[^a]: x\n\n" + "[^a] " * 12_000),
        ("text/markdown", "```python\n" + "(" * 70_000 + "\n```"),
        ("text/x-rst", "".join(f".. |a{n}| replace:: {f'|a{n + 1}| ' * 8}\n" for n in range(8)) + "\n|a0|\n"),
        ("text/x-rst", "|a" * 90_000),
        ("text/x-rst", "\n".join("  " * depth + "- a\n" for depth in range(500))),
    ],
)
def test_what_would_take_too_long_is_shown_as_written(content_type: str, raw: str) -> None:
    assert rendered(content_type, raw).startswith('<pre class="readme-plain"')


def test_nothing_stays_nothing() -> None:
    assert rendered("text/markdown", " \n") == ""


def test_a_rendering_is_kept_by_content(monkeypatch: pytest.MonkeyPatch) -> None:
    first = rendered("text/markdown", "# One")
    monkeypatch.setattr(descriptions.markdown, "render", lambda *_, **__: "<p>rendered again</p>")

    assert rendered("text/markdown", "# One") == first
    assert "rendered again" in rendered("text/markdown", "# Two")
    assert "rendered again" in rendered("text/markdown; variant=CommonMark", "# One")


def test_a_renderer_that_fails_costs_the_rendering_not_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> str:
        raise RecursionError

    monkeypatch.setattr(descriptions.markdown, "render", fail)

    assert rendered("text/markdown", "# A & B") == '<pre class="readme-plain" tabindex="0"># A &amp; B</pre>'


def test_a_text_that_keeps_docutils_busy_is_given_up_and_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rst_process, "CPU_SECONDS", 1)
    slow = "|a|\n" * 30_000 + "\n.. |a| replace:: " + "x" * 5_000 + "\n"
    assert rendered("text/x-rst", slow).startswith('<pre class="readme-plain"')
    monkeypatch.setattr(rst_process, "render", None)
    assert rendered("text/x-rst", slow).startswith('<pre class="readme-plain"')


def test_when_the_renderer_is_busy_the_text_is_shown_as_written_and_not_remembered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rst_process, "_turns", BoundedSemaphore(1))
    monkeypatch.setattr(rst_process, "_WALL_SECONDS", 0.4)
    with rst_process._turns:
        assert rendered("text/x-rst", "*busy*").startswith('<pre class="readme-plain"')
        with pytest.raises(Unavailable):
            descriptions.is_renderable("text/x-rst", "*busy*")
    monkeypatch.undo()
    assert "<em>busy</em>" in rendered("text/x-rst", "*busy*")
