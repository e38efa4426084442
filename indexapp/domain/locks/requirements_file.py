"""``requirements.txt``: one requirement a line (PEP 508), with pip's options, comments and continued lines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NoReturn

from packaging.requirements import InvalidRequirement, Requirement

from indexapp.domain.locks.wanted import ListInvalid, Reading, Wanted, digests_of, marker_of, name_of, shown
from indexapp.domain.locks.wanted import specifier_of as _specifier_of

_LONGEST_LINE = 2**18
"""Characters of a line with all that continue it; one digest has 80, and a package may have some hundreds of files."""
_COMMENT = re.compile(r"(?:^|\s+)#.*$")
_OPTION = re.compile(r"\s(?:--[a-z]|-C[\s=])")
_DIGEST = re.compile(r"--hash(?:=|\s+)(\S+)")
_NESTED = re.compile(r"(?:-r|-c|--requirement|--constraint)(?:[=\s]|$|(?<=-[rc])\S)")
_LOCAL = re.compile(r"(?:-e|--editable)(?:[=\s]|$)|\.{0,2}[/\\]|[A-Za-z]:[/\\]|[a-z+]+://|\.{1,2}$")


def read(text: str) -> Reading:
    """What the file asks for; raises :class:`ListInvalid` with the number of the line."""
    reading = Reading()
    lines = list(_lines(text))
    takes_prereleases = any(line == "--pre" for _, line in lines)
    for number, line in lines:
        place = f"line {number}"
        if line.startswith("-") and not _LOCAL.match(line):
            _option(reading, line, place)
        elif _LOCAL.match(line):
            reading.note(f"{place}: What stands there comes from no index and is left out.")
        else:
            _requirement(reading, line, place, takes_prereleases=takes_prereleases)
    return reading


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """The lines that say something, each with those that continue it and without comments, by the number of the first.

    As pip does it: a comment line that stands in a continued one ends it.
    """
    first, so_far = 0, ""
    for number, line in enumerate(text.splitlines(), start=1):
        first = first or number
        is_comment = line.lstrip().startswith("#")
        if line.endswith("\\") and not is_comment:
            so_far += f"{line[:-1]} "
        else:
            so_far += "" if is_comment else line
            yield from _stripped(first, so_far)
            first, so_far = 0, ""
        if len(so_far) > _LONGEST_LINE:
            raise ListInvalid(f"line {first}: The line is too long; it has more than {_LONGEST_LINE} characters.")
    yield from _stripped(first, so_far)


def _stripped(number: int, line: str) -> Iterator[tuple[int, str]]:
    if len(line) > _LONGEST_LINE:
        raise ListInvalid(f"line {number}: The line is too long; it has more than {_LONGEST_LINE} characters.")
    if line := _COMMENT.sub("", line).strip():
        yield number, line


def _option(reading: Reading, line: str, place: str) -> None:
    """A line that says how pip is to work; what to fetch from is decided here."""
    if _NESTED.match(line):
        raise ListInvalid(
            f"{place}: {shown(line)} names another file, which is not here; put its lines into this one, for instance with "
            "'pip-compile' or 'uv pip compile'.",
            code="list-nested",
        )
    if line != "--pre":
        # Never what follows it: an address may have a password in it, and notes are kept.
        option = re.split(r"[=\s]", line, maxsplit=1)[0] if line.startswith("--") else line[:2]
        reading.note(f"{place}: The option {shown(option)} is left out; the index decides where files come from.")


def _requirement(reading: Reading, line: str, place: str, *, takes_prereleases: bool) -> None:
    options = _OPTION.search(line)
    said, rest = (line[: options.start()], line[options.start() :]) if options else (line, "")
    try:
        requirement = Requirement(said.strip())
    except (InvalidRequirement, ValueError, RecursionError):
        _refuse(said, place)
    if requirement.url:
        reading.note(f"{place}: {shown(requirement.name)} comes from an address and not from an index; it is left out.")
        return
    marker = marker_of(str(requirement.marker), place) if requirement.marker else ""
    reading.add(
        Wanted(
            name=name_of(requirement.name, place),
            specifier=_specifier_of(str(requirement.specifier), place),
            digests=digests_of(_DIGEST.findall(rest), place),
            markers=(marker,) if marker else (),
            takes_prereleases=takes_prereleases,
            place=place,
        )
    )


def _refuse(said: str, place: str) -> NoReturn:
    raise ListInvalid(f"{place}: {shown(said)} is not a requirement such as 'name==1.0'.") from None
