"""What ``manage.py replication hold`` and ``limit`` take and tell."""

from __future__ import annotations

import re
from argparse import ArgumentTypeError
from collections.abc import Iterator
from typing import Any

from django.core.management.base import CommandError, CommandParser

from accounts.domain.actors import internal
from indexapp.domain.copy_filter import CopyFilter
from indexapp.domain.locks.targets import PLATFORMS
from indexapp.domain.replication.holding import Hold, read
from indexapp.services.replication import budget, choosing, holding, pacing, room

_ACTOR = internal("replication")
_SIZE = re.compile(r"([0-9]+)([kMGT]?)\Z")
_POWERS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_FILTERS = (
    *("index", "not_index", "project", "not_project", "newest", "platform", "python", "no_wheels", "no_sdists"),
    *("no_prereleases", "largest", "budget"),
)


def add_hold(parser: CommandParser) -> None:
    """The options of ``hold``."""
    many: dict[str, Any] = {"action": "append", "default": []}
    parser.add_argument("--index", help="an index, or a pattern of names such as 'team-*'; again for more", **many)
    parser.add_argument("--not-index", metavar="INDEX", help="but not this one", **many)
    parser.add_argument("--project", help="a project, or a pattern such as 'acme-*'; again for more", **many)
    parser.add_argument("--not-project", metavar="PROJECT", help="but not this one", **many)
    parser.add_argument("--newest", type=int, metavar="N", help="the newest N releases of each project")
    parser.add_argument("--platform", help=f"wheels for it: {', '.join(PLATFORMS)}; again for more", **many)
    parser.add_argument("--python", metavar="VERSION", help="wheels for it, as 3.12; again for more", **many)
    parser.add_argument("--no-wheels", action="store_true", help="no wheels")
    parser.add_argument("--no-sdists", action="store_true", help="no source distributions")
    parser.add_argument("--no-prereleases", action="store_true", help="none, but of projects that have nothing else")
    parser.add_argument("--largest", type=size, metavar="BYTES", help="no file that is larger")
    parser.add_argument("--budget", type=size, metavar="BYTES", help="so much in all, such as 500G")
    _add_ends(parser, "hold all that the primary has")


def add_limit(parser: CommandParser) -> None:
    """The options of ``limit``."""
    parser.add_argument("--rate", type=size, metavar="BYTES", help="bytes a second in all, such as 5M")
    parser.add_argument(
        "--window",
        action="append",
        default=[],
        metavar="FROM-TO",
        help="a time of the day, as 22:00-06:00; again for more",
    )
    parser.add_argument("--timezone", metavar="ZONE", help="of which the times are, as Europe/Berlin (UTC)")
    _add_ends(parser, "fetch at any time, as fast as can be")


def _add_ends(parser: CommandParser, clear: str) -> None:
    parser.add_argument("--clear", action="store_true", help=clear)
    parser.add_argument("--show", action="store_true", help="tell how it is set, and change nothing")


def size(text: str) -> int:
    """Bytes: ``5000000``, ``5M``; raises ArgumentTypeError, also for so few that a unit was forgotten."""
    found = _SIZE.match(text)
    if found is None:
        raise ArgumentTypeError(f"'{text}' is no number of bytes; write it as 5000000, 500k, 5M or 2G")
    if not found[2] and 0 < int(found[1]) < _POWERS["k"]:
        raise ArgumentTypeError(f"'{text}' would be bytes; write the unit, as {text}k, {text}M or {text}G")
    return int(found[1]) * _POWERS[found[2]]


def hold(options: dict[str, Any]) -> Iterator[str]:
    """Set what is held, apply it, and tell."""
    given = [name for name in _FILTERS if _is_given(options[name])]
    _require_one_way(options, given)
    if options["clear"]:
        choosing.hold_all(actor=_ACTOR)
    elif given:
        choosing.hold(actor=_ACTOR, wanted=_hold(options), budget=options["budget"])
    if not options["show"]:
        holding.go_on()
        budget.keep()
    yield from held()


def limit(options: dict[str, Any]) -> Iterator[str]:
    """Set how fast and when bytes are fetched, and tell."""
    given = [name for name in ("rate", "window") if _is_given(options[name])]
    _require_one_way(options, given)
    if options["timezone"] and not options["window"]:
        raise CommandError("A time zone is that of times of the day: give --window too.")
    if options["clear"] or given:
        zone = options["timezone"] or "UTC"
        choosing.limit(actor=_ACTOR, rate=options["rate"], windows=options["window"], zone=zone)
    yield from limited()


def _is_given(value: object) -> bool:
    """Zero is: it is refused, and not passed over."""
    return value is not None and value is not False and value != []


def _require_one_way(options: dict[str, Any], given: list[str]) -> None:
    if options["clear"] + options["show"] + bool(given) > 1:
        raise CommandError("Give --clear, or --show, or what is to be set: each call says all of it.")


def _hold(options: dict[str, Any]) -> Hold:
    files = CopyFilter(
        include=options["project"],
        exclude=options["not_project"],
        newest=options["newest"],
        with_wheels=not options["no_wheels"],
        with_sdists=not options["no_sdists"],
        with_prereleases=not options["no_prereleases"],
        platforms=options["platform"],
        pythons=options["python"],
        max_file_size=options["largest"],
    )
    return Hold(options["index"], options["not_index"], files)


def held() -> Iterator[str]:
    """Lines about what is held."""
    told = holding.told()
    wanted = read(told["filters"])
    plain, values = read({}).as_json(), wanted.as_json()
    named = [f"{name}: {_words(value)}" for name, value in values.items() if value != plain[name] and value != []]
    if told["budget"] is not None:
        named.append(f"budget: {told['budget']} bytes")
    yield f"Held is {'; '.join(named)}." if named else "Held is all that the primary has."
    yield (
        f"{told['held_blobs']} contents of {told['held_bytes']} bytes are here; {told['not_held_files']} files of "
        f"{told['not_held_bytes']} bytes are not to be.{'' if told['is_settled'] else ' It is being applied still.'}"
    )


def _words(value: Any) -> str:
    return ", ".join(value) if isinstance(value, list | tuple) else str(value)


def limited() -> Iterator[str]:
    """Lines about how fast and when."""
    told = pacing.told()
    if told["rate"] or told["windows"]:
        rate = f"{told['rate']} bytes a second" if told["rate"] else "no limit"
        times = f"at {', '.join(told['windows'])} ({told['zone']})" if told["windows"] else "at any time"
        yield f"Bytes are fetched with {rate}, {times}."
    if why := waits():
        yield f"No bytes are fetched now: {why}"


def waits() -> str:
    """Why nothing is fetched now."""
    return pacing.waits() or room.waits()
