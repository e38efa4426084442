"""``pylock.toml`` (PEP 751), whose rules are those of the ``packaging`` library."""

from __future__ import annotations

from collections.abc import Iterator

from packaging.pylock import Package, Pylock, PylockValidationError

from indexapp.domain.locks import tables
from indexapp.domain.locks.wanted import (
    MOST_FILES,
    MOST_WANTED,
    ListInvalid,
    Reading,
    Wanted,
    digests_of,
    filename_of,
    marker_of,
    name_of,
    pin_of,
)


def read(text: str) -> Reading:
    """What the lock asks for; raises :class:`ListInvalid` with the key."""
    document = tables.load(text)
    for place, row in tables.rows(document, "packages", MOST_WANTED):
        list(tables.rows(row, "wheels", MOST_FILES, place=place))
    try:
        lock = Pylock.from_dict(document)
    except (PylockValidationError, ValueError, TypeError, RecursionError) as error:
        raise ListInvalid(
            f"The file breaks a rule of pylock.toml: {ascii(str(error))[1:300].rstrip(chr(39))}."
        ) from None
    reading = Reading()
    for number, package in enumerate(lock.packages):
        _take(reading, package, f"packages[{number}]")
    return reading


def _take(reading: Reading, package: Package, place: str) -> None:
    name = name_of(package.name, f"{place}.name")
    if package.is_direct or package.version is None:
        reading.note(f"'{name}' comes from a folder, a repository or an address and not from an index; it is left out.")
        return
    files = list(_files(package, place))
    reading.add(
        Wanted(
            name=name,
            specifier=pin_of(str(package.version), f"{place}.version"),
            digests=frozenset[str]().union(*(digests for _, digests in files)),
            filenames=frozenset(filename for filename, _ in files),
            markers=(marker_of(str(package.marker), f"{place}.marker"),) if package.marker else (),
            place=place,
        )
    )


def _files(package: Package, place: str) -> Iterator[tuple[str, frozenset[str]]]:
    for file in (*(package.wheels or ()), *([package.sdist] if package.sdist else ())):
        hashes = [f"{algorithm}:{digest}" for algorithm, digest in file.hashes.items()]
        yield filename_of(file.filename, place), digests_of(hashes, f"{place}.hashes")
