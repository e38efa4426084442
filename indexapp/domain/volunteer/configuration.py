"""The one file of a volunteer's mirror: what it copies, where to, and how gently.

It is read strictly: a key that is misspelt would mean another mirror than the one that was meant.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from packaging.specifiers import SpecifierSet

from indexapp.domain.copy_filter import CopyFilter
from indexapp.domain.locks import reading
from indexapp.domain.locks.targets import PLATFORMS, targets_of
from indexapp.domain.names import is_valid_name, normalize_name
from indexapp.domain.volunteer.tables import Table
from tpi_site.kit.errors import Invalid

_PATTERN: Final = re.compile(r"[A-Za-z0-9._*?\[\]!-]{1,200}\Z")
_CONTACT: Final = re.compile(r"[\x21-\x7e][\x20-\x7e]{2,198}\Z")
_HOURS: Final = 24 * 365
_SOURCES: Final = ("all", "names", "include", "requirements", "newest")
_GB: Final = 10**9


class ConfigurationInvalid(Invalid):
    """The file cannot be used; one line for each thing that is wrong."""

    default_code = "volunteer-configuration"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The upstream, and how it is asked.  ``password_file``, ``ca_file`` are paths, empty for none."""

    url: str
    username: str = ""
    password_file: str = ""
    ca_file: str = ""
    proxy: str = ""
    connections: int = 4
    bytes_per_second: int | None = None
    retries: int = 4
    pause_seconds: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which projects: exactly ``names``, or of the upstream's list those of the filter, or its ``newest`` so many.

    ``specifiers`` are PEP 440 sets by name where only versions that a list asks for are copied.
    """

    names: tuple[str, ...] | None = None
    newest: int | None = None
    specifiers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def takes_version(self, name: str, version: str) -> bool:
        """Whether a version of the project is asked for."""
        asked = self.specifiers.get(name)
        return asked is None or any(SpecifierSet(each).contains(version, prereleases=True) for each in asked)


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """All of it; sizes in bytes."""

    folder: Path
    state: Path
    contact: str
    source: Source
    choice: Choice
    filter: CopyFilter
    budget: int | None = None
    keep_free: int = _GB
    follows_yanks: bool = True
    keeps_deleted: bool = False
    grace_seconds: int = 24 * 3600
    most_deletions: int = 10
    """Percent of the projects that one run may take out."""
    interval_seconds: int = 600
    has_manifest: bool = True

    @property
    def aim(self) -> str:
        """A digest of what is copied; another one when pages have to be looked at anew."""
        said = [asdict(self.choice), asdict(self.filter), self.follows_yanks, self.keeps_deleted]
        return hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode()).hexdigest()


def read(text: str, *, place: Path, pypi: str) -> Configuration:
    """The configuration; ``place`` is the folder of the file, ``pypi`` the upstream where none is given.

    Raises :class:`ConfigurationInvalid`, which names every key that is wrong.
    """
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationInvalid(f"The file is no TOML: {error}.") from None
    problems: list[str] = []
    top = Table("", values, problems)
    folder = _path(top, "folder", place)
    state = _path(top, "state", place, default=f"{folder}.state")
    if not problems and (folder == state or folder in state.parents or state in folder.parents):
        top.wrong("state", f"write a folder that is neither in {folder} nor around it: web servers serve that.")
    contact = top.text("contact")
    if not _CONTACT.match(contact) or not any(sign in contact for sign in "@/"):
        top.wrong(
            "contact", "write your mail address or a page about the mirror; the upstream reads it with each request."
        )
    source = _source(top.table("upstream"), place, pypi)
    choice, include, exclude = _choice(top.table("projects"), place)
    copied = _filter(top.table("files"), include, exclude)
    room, changes, run = top.table("room"), top.table("changes"), top.table("run")
    found = Configuration(
        folder=folder,
        state=state,
        contact=contact,
        source=source,
        choice=choice,
        filter=copied,
        budget=room.size("budget"),
        keep_free=room.size("keep_free", _GB) or _GB,
        follows_yanks=changes.choice("yanked", ("follow", "skip")) == "follow",
        keeps_deleted=changes.choice("deleted", ("remove", "keep")) == "keep",
        grace_seconds=changes.number("grace_hours", 24, most=_HOURS) * 3600,
        most_deletions=changes.number("most_deletions_percent", 10, most=100),
        interval_seconds=run.number("interval_minutes", 10, least=1, most=60 * _HOURS) * 60,
        has_manifest=run.switch("manifest", default=True),
    )
    for table in (room, changes, run, top):
        table.end()
    if problems:
        raise ConfigurationInvalid("\n".join(problems))
    return found


def _path(top: Table, key: str, place: Path, default: str = "") -> Path:
    said = top.text(key, default, wish="the path of a folder")
    if not said:
        top.wrong(key, 'write the folder of the mirror, for example folder = "/srv/tpi-static".')
    return (place / said).absolute()


def _source(table: Table, place: Path, pypi: str) -> Source:
    url = table.text("url", pypi, wish="the address of a simple index")
    parts = urlsplit(url) if url.isascii() else urlsplit("")
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        table.wrong("url", 'write the root of a simple index, for example "https://pkg.example/simple/".')
    elif "@" in parts.netloc:
        table.wrong(
            "url", "write the user name as 'username' and name a 'password_file': addresses are written into logs."
        )
    found = Source(
        url=f"{url.rstrip('/')}/",
        username=table.text("username"),
        password_file=_file(table, "password_file", place),
        ca_file=_file(table, "ca_file", place),
        proxy=table.text("proxy"),
        connections=table.number("connections", 4, least=1, most=32),
        bytes_per_second=table.size("bytes_per_second"),
        retries=table.number("retries", 4, most=20),
        pause_seconds=table.number("pause_seconds", 2, most=3600),
    )
    table.end()
    return found


def _file(table: Table, key: str, place: Path) -> str:
    said = table.text(key, wish="the path of a file")
    if not said:
        return ""
    if not (path := (place / said)).is_file():
        table.wrong(key, f"there is no file {path}.")
    return str(path)


def _choice(table: Table, place: Path) -> tuple[Choice, Sequence[str], Sequence[str]]:
    """The choice, and the patterns of names that are taken and left out."""
    given = [key for key in _SOURCES if table.has(key)]
    if not table.switch("all", default=False) and given in (["all"], []):
        given = []
    if len(given) != 1:
        table.wrong(
            given[1] if given else "all", f"write exactly one of {', '.join(_SOURCES)}; 'exclude' may stand beside."
        )
    names = _names(table)
    include, exclude = _patterns(table, "include"), _patterns(table, "exclude")
    newest = table.number("newest", 0, least=1, most=10_000_000) if table.has("newest") else None
    specifiers: dict[str, tuple[str, ...]] = {}
    if listed := _file(table, "requirements", place):
        specifiers = _required(table, Path(listed))
        names = tuple(sorted(specifiers))
    versions = table.choice("versions", ("all", "required"))
    if versions == "required" and not listed:
        table.wrong("versions", '"required" needs a list: write requirements = "requirements.txt" beside it.')
    table.end()
    kept = specifiers if versions == "required" else {}
    return Choice(names=names or None, newest=newest, specifiers=kept), include, exclude


def _names(table: Table) -> tuple[str, ...]:
    wish = 'names of projects, as ["pip", "wheel"]'
    given = table.texts("names", wish=wish)
    if table.has("names") and not given:
        table.wrong("names", f"write a list of {wish}.")
    for name in given:
        if not is_valid_name(name):
            hint = " For patterns write 'include'." if _PATTERN.match(name) else ""
            table.wrong("names", f"{name[:100]!a} is no name of a project.{hint}")
    return tuple(sorted({normalize_name(name) for name in given}))


def _patterns(table: Table, key: str) -> tuple[str, ...]:
    wish = 'names or patterns, as ["acme-*"]'
    given = table.texts(key, wish=wish)
    if table.has(key) and not given:
        table.wrong(key, f"write a list of {wish}.")
    for each in given:
        if not _PATTERN.match(each):
            table.wrong(key, f"{each[:100]!a} is no name with the signs * ? [ ] for others.")
    return tuple(each.lower().replace("_", "-").replace(".", "-") for each in given)


def _required(table: Table, path: Path) -> dict[str, tuple[str, ...]]:
    """The specifiers that the list gives of each name."""
    found: dict[str, tuple[str, ...]] = {}
    try:
        said = reading.read(reading.kind_of(path.name), path.read_text(encoding="utf-8-sig"))
    except Invalid as refusal:
        table.wrong("requirements", f"{path.name} cannot be used: {refusal.detail}")
        return {}
    except (OSError, UnicodeDecodeError) as error:
        table.wrong("requirements", f"{path.name} cannot be read: {error}.")
        return {}
    for wanted in said.wanted:
        found[wanted.name] = (*found.get(wanted.name, ()), wanted.specifier)
    return found


def _filter(table: Table, include: Sequence[str], exclude: Sequence[str]) -> CopyFilter:
    found = CopyFilter(
        include=include,
        exclude=exclude,
        newest=table.number("newest_releases", 1, least=1, most=100_000) if table.has("newest_releases") else None,
        with_wheels=table.switch("wheels", default=True),
        with_sdists=table.switch("sdists", default=True),
        with_prereleases=table.switch("prereleases", default=True),
        platforms=table.texts("platforms", wish="platforms, as " + ", ".join(f'"{name}"' for name in PLATFORMS)),
        pythons=table.texts("pythons", wish='versions of Python, as ["3.12", "3.13"]'),
        max_file_size=table.size("max_size"),
    )
    if not found.with_wheels and not found.with_sdists:
        table.wrong("sdists", "write true for 'wheels' or for 'sdists'; with neither nothing is copied.")
    for key, pythons, platforms in (
        ("pythons", found.pythons, ["linux-x86_64"]),
        ("platforms", ["3.12"], found.platforms),
    ):
        if pythons and platforms:
            try:
                targets_of(list(pythons), list(platforms))
            except Invalid as refusal:
                table.wrong(key, refusal.detail)
    table.end()
    return found
