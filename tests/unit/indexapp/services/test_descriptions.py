from __future__ import annotations

import subprocess
from threading import BoundedSemaphore

import pytest
from django.core.cache import caches
from django.utils.safestring import SafeString

from indexapp.services import descriptions, readme_process
from indexapp.services.descriptions import rendered
from tests.servers import shared_cache
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
        ("text/x-rst", "".join(f".. |a{n}| replace:: {f'|a{n + 1}| ' * 8}\n" for n in range(8)) + "\n|a0|\n"),
        ("text/x-rst", "|a" * 90_000),
        ("text/x-rst", "\n".join("  " * depth + "- a\n" for depth in range(500))),
    ],
)
def test_what_is_too_long_or_too_large_is_shown_as_written(content_type: str, raw: str) -> None:
    assert rendered(content_type, raw).startswith('<pre class="readme-plain"')


def test_nothing_stays_nothing() -> None:
    assert rendered("text/markdown", " \n") == ""


def test_a_rendering_is_kept_by_content(monkeypatch: pytest.MonkeyPatch) -> None:
    first = rendered("text/markdown", "# One")
    monkeypatch.setattr(readme_process, "render", lambda *_: "<p>rendered again</p>")

    assert rendered("text/markdown", "# One") == first
    assert "rendered again" in rendered("text/markdown", "# Two")
    assert "rendered again" in rendered("text/markdown; variant=CommonMark", "# One")


@pytest.mark.parametrize("error", [OSError(12, "no memory"), subprocess.TimeoutExpired("x", 1)])
def test_a_machine_that_cannot_render_now_costs_the_rendering_not_the_page(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(subprocess, "run", fail)
        assert rendered("text/markdown", "# A & B") == '<pre class="readme-plain" tabindex="0"># A &amp; B</pre>'
        with pytest.raises(Unavailable):
            descriptions.is_renderable("text/markdown", "# A & B")
    assert "A &amp; B</h3>" in rendered("text/markdown", "# A & B")


SLOW = {
    "substitutions": ("text/x-rst", "|a|\n" * 30_000 + "\n.. |a| replace:: " + "x" * 5_000 + "\n"),
    "a lexer": ("text/markdown", f"```autoit\nx{' ' * 20_000}y\n```\n"),
    "unclosed tags": ("text/markdown", "<pre></b>x" * 18_000),
    "quotes": ("text/markdown", ">" * 60_000 + " a"),
    "upper case": ("text/markdown", "<DIV>" * 30_000),
}


@pytest.mark.parametrize("name", SLOW)
def test_a_text_that_keeps_the_renderer_busy_is_given_up_and_remembered(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(readme_process, "CPU_SECONDS", 1)
    assert rendered(*SLOW[name]).startswith('<pre class="readme-plain"')
    monkeypatch.setattr(readme_process, "render", None)
    assert rendered(*SLOW[name]).startswith('<pre class="readme-plain"')


def test_when_the_renderer_is_busy_the_text_is_shown_as_written_and_not_remembered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(readme_process, "_turns", BoundedSemaphore(1))
    monkeypatch.setattr(readme_process, "_WALL_SECONDS", 0.4)
    with readme_process._turns:
        assert rendered("text/x-rst", "*busy*").startswith('<pre class="readme-plain"')
        with pytest.raises(Unavailable):
            descriptions.is_renderable("text/x-rst", "*busy*")
    monkeypatch.undo()
    assert "<em>busy</em>" in rendered("text/x-rst", "*busy*")


def test_a_shared_cache_that_is_away_costs_no_rendering() -> None:
    with shared_cache.away():
        assert "<em>x</em>" in rendered("text/markdown", "*x*")
