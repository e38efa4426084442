"""Where one looks when an alarm rings: the page of what it is about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from accounts.domain.actors import Actor
from accounts.models import Alarm, AuditSink, BrowserSession, Directory, DirectorySync, GroupMapping, Token, User
from tpi_site.kit.admin import marks

Link = tuple[str, str]


@dataclass(frozen=True)
class _About:
    """Makes links of an alarm's subject; ``reads_all`` where the pages are not the operators'."""

    links: Callable[[str], list[Link]]
    reads_all: bool = False


def _directory(name: str) -> list[Link]:
    row = Directory.objects.filter(name=name).first()
    return [("Directory", marks.page_url(row))] if row else []


def _sync(state: str) -> Callable[[str], list[Link]]:
    def links(name: str) -> list[Link]:
        rows = DirectorySync.objects.filter(directory__name=name, state=state, dry_run=False).defer("differences")
        last = rows.order_by("-pk").first()
        return [*([("Difference report", marks.page_url(last))] if last else []), *_directory(name)]

    return links


def _groups(name: str) -> list[Link]:
    return [("Mapped groups", marks.list_url(GroupMapping, directory=name)), *_directory(name)]


def _person(name: str) -> list[Link]:
    row = User.objects.filter(username=name).first()
    found = [("Account", marks.page_url(row))] if row else []
    return [*found, ("Sessions", marks.list_url(BrowserSession, person=name))]


def _bearers(subject: str) -> list[Link]:
    """Of a name that two people bear: the account that has it, and the directory that has the other."""
    directory, _, name = subject.partition(" ")
    return [*_person(name)[:-1], *_directory(directory)]


def _sink(name: str) -> list[Link]:
    row = AuditSink.objects.filter(name=name).first()
    return [("Audit sink", marks.page_url(row))] if row else []


def _token(key_id: str) -> list[Link]:
    row = Token.objects.filter(key_id=key_id).first()
    return [("Token", marks.page_url(row))] if row else []


_ABOUT = {
    "directory-away": _About(_directory),
    "directory-sync-paused": _About(_sync(DirectorySync.State.PAUSED)),
    "directory-sync-broken": _About(_sync(DirectorySync.State.FAILED)),
    "directory-group-missing": _About(_groups),
    "directory-name-taken": _About(_bearers, reads_all=True),
    "directory-name-ambiguous": _About(_bearers, reads_all=True),
    "audit-sink-failing": _About(_sink, reads_all=True),
    "token-leaked": _About(_token, reads_all=True),
    "codes-guessed": _About(_person, reads_all=True),
    "break-glass-used": _About(_person, reads_all=True),
}


def links_of(alarm: Alarm, actor: Actor) -> list[Link]:
    """Labels and addresses of what the alarm is about, as far as ``actor`` may open them."""
    about = _ABOUT.get(alarm.code)
    if about is None or (about.reads_all and not actor.reads_everything):
        return []
    return about.links(alarm.subject)
