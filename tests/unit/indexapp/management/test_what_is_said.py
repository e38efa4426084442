"""Commands of replication and of mirror sites say in a line what they did, and errors name the file."""

from __future__ import annotations

from argparse import ArgumentTypeError
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from indexapp.management.commands._replication_bytes import size
from indexapp.models import Index
from tests.factories.replication import make_following, make_replica

pytestmark = pytest.mark.django_db


def said(*words: str) -> str:
    told = StringIO()
    call_command(*words, stdout=told)
    return told.getvalue()


def test_what_was_done_with_a_replica(main: Index) -> None:
    make_replica("far")
    appointed = said("replication", "appoint", "far", "--url", "https://far.corp.example/")
    assert appointed.startswith("The replica 'far' may take over, at https://far.corp.example/")
    assert said("replication", "dismiss", "far").startswith("The replica 'far' may not take over")
    assert said("replication", "revoke", "far").startswith("The replica 'far' follows no more")


def test_what_was_done_on_a_replica(main: Index) -> None:
    make_following()
    assert said("replication", "pause").startswith("Paused: ")
    assert said("replication", "resume").startswith("This site follows its primary again")


def test_what_was_done_with_a_mirror_site(main: Index) -> None:
    added = said("mirror_sites", "add", "near", "https://near.corp.example/{index}/", "--index", main.name)
    assert added.startswith("near: ")
    assert said("mirror_sites", "take-out", "near").startswith("near: nobody is given to it")
    assert said("mirror_sites", "put-back", "near").startswith("near: ")
    assert said("mirror_sites", "mode", main.name, "through") == (
        f"{main.name}: files are fetched from sites and passed on from here.\n"
    )
    assert said("mirror_sites", "retire", "near").startswith("near: retired")


def test_a_file_that_cannot_be_read_is_named(main: Index, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    for words in (
        ("replication", "join", "https://primary.corp.example/", str(gone)),
        ("replication", "rejoin", "https://primary.corp.example/", str(gone)),
        ("replication", "check-result", str(gone)),
        ("mirror_sites", "add", "near", "https://near.corp.example/", "--key", str(gone)),
    ):
        with pytest.raises(CommandError, match=str(gone)):
            call_command(*words)


def test_a_unit_that_was_forgotten_is_asked_for() -> None:
    assert (size("500G"), size("5000000"), size("0")) == (500 * 10**9, 5_000_000, 0)
    with pytest.raises(ArgumentTypeError, match="500G"):
        size("500")
