"""The commands, on a real upstream."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from indexapp.models import File, Index, PrefetchJob
from indexapp.services.mirrors import asking, plans
from tests.builders.wheels import build_wheel
from tests.factories.people import SYSTEM
from tests.factories.policies import make_rule
from tests.factories.publishing import make_index, make_mirror
from tests.servers.static_index import StaticIndex

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def upstream(settings: Any) -> Iterator[StaticIndex]:
    settings.TPI_OUTBOUND_NETWORKS = ["127.0.0.0/8"]
    with StaticIndex([build_wheel("acme-tool", "1.0"), build_wheel("other", "1.0")]) as server:
        yield server
    asking.forget_all()


@pytest.fixture
def mirror(upstream: StaticIndex) -> Index:
    return make_mirror("outside", upstream.url)


def _said(*words: str) -> str:
    out = io.StringIO()
    call_command(*words, stdout=out, stderr=io.StringIO())
    return out.getvalue()


def _list(folder: Path, text: str = "acme-tool==1.0\n--index-url https://i.example/\n") -> str:
    path = folder / "requirements.txt"
    path.write_text(text)
    return str(path)


def test_prefetch(mirror: Index, tmp_path: Path) -> None:
    said = _said("prefetch", "outside", _list(tmp_path), "--python", "3.12", "--platform", "linux-x86_64")
    assert "Note: line 2: The option '--index-url' is left out" in said
    assert said.splitlines()[-1].startswith("Done: 1 of 1, ")
    assert File.objects.get(blob__isnull=False).filename == "acme_tool-1.0-py3-none-any.whl"
    assert PrefetchJob.objects.get().targets == [["3.12", "linux-x86_64"]]


def test_prefetch_dry_run(mirror: Index, upstream: StaticIndex, tmp_path: Path) -> None:
    size = len(upstream.files["acme_tool-1.0-py3-none-any.whl"].content)
    said = _said("prefetch", "outside", _list(tmp_path, "acme-tool\nnothing"), "--dry-run")
    assert said.splitlines()[0] == f"fetch acme_tool-1.0-py3-none-any.whl {size} bytes"
    assert said.splitlines()[1].startswith("failed nothing: ")
    assert said.splitlines()[2] == "Nothing was fetched: 1 fetch, 1 failed."
    assert upstream.count(".whl") == 0


def test_prefetch_dry_run_judges_and_notes(mirror: Index, upstream: StaticIndex, tmp_path: Path) -> None:
    make_rule(mirror, projects=["acme-tool"], reason="It steals keys.")
    make_rule(mirror, name="imports", projects=["other"], imports=["other.*"])
    text = "acme-tool==1.0\nother\n--index-url https://i.example/\n"
    note, refused, undecided, last = _said("prefetch", "outside", _list(tmp_path, text), "--dry-run").splitlines()
    assert note.startswith("Note: line 3: The option '--index-url' is left out")
    assert refused.startswith("refused acme_tool-1.0-py3-none-any.whl ")
    assert "It steals keys." in refused
    assert undecided.startswith("undecided other-1.0-py3-none-any.whl ")
    assert "What the policy rule 'imports' asks about is not here yet" in undecided
    assert last == "Nothing was fetched: 1 refused, 1 undecided."
    assert upstream.count(".whl") == upstream.count(".metadata") == 0


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("nowhere", "requirements.txt"), "no index named 'nowhere'"),
        (("outside", "missing.txt"), "cannot be read"),
        (("outside", "Pipfile.lock"), "not the name of a list"),
        (("outside", "requirements.txt", "--python", "2.7"), "not a version of Python"),
        (("hosted", "requirements.txt"), "fetches from no upstream"),
        (("outside", "broken.txt"), "line 1: "),
        (("outside", "failing.txt"), "1 of 1 could not be had"),
    ],
)
def test_prefetch_says_what_is_wrong(mirror: Index, tmp_path: Path, words: tuple[str, ...], sentence: str) -> None:
    make_index("hosted")
    for name, text in (
        ("requirements.txt", "acme-tool"),
        ("Pipfile.lock", "{}"),
        ("broken.txt", "=="),
        ("failing.txt", "acme-tool==9"),
    ):
        (tmp_path / name).write_text(text)
    index, filename, *rest = words
    with pytest.raises(CommandError, match=sentence):
        _said("prefetch", index, str(tmp_path / filename), *rest)


def test_mirror(mirror: Index, upstream: StaticIndex) -> None:
    with pytest.raises(CommandError, match="switched off"):
        _said("mirror", "outside", "--once")
    plans.change(actor=SYSTEM, index=mirror, is_on=True)
    assert "Up to date: 0 names left" in _said("mirror", "outside", "--once").splitlines()[-1]
    assert File.objects.filter(blob__isnull=False).count() == 2
    assert _said("mirror", "outside", "--verify") == "Nothing differs.\n"
    upstream.remove("other-1.0-py3-none-any.whl")
    with pytest.raises(CommandError, match="1 differences"):
        _said("mirror", "outside", "--verify")


def test_pinned_files_are_let_go(mirror: Index, tmp_path: Path) -> None:
    _said("prefetch", "outside", _list(tmp_path), "--python", "3.12", "--pin")
    assert _said("mirror", "outside", "--unpin") == "1 files are pinned no more.\n"
    assert _said("mirror", "outside", "--unpin") == "0 files are pinned no more.\n"


def test_mirror_says_what_is_wrong(mirror: Index) -> None:
    make_index("hosted")
    with pytest.raises(CommandError, match="no index named"):
        _said("mirror", "nowhere", "--once")
    with pytest.raises(CommandError, match="is no mirror"):
        _said("mirror", "hosted", "--once")
    plans.change(actor=SYSTEM, index=mirror, is_on=True)
    Index.objects.get(pk=mirror.pk).upstream.__class__.objects.update(is_offline=True)
    with pytest.raises(CommandError, match="offline or frozen"):
        _said("mirror", "outside", "--once")
