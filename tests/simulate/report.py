"""The report, as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from indexapp.domain.balancing import BEGIN, POPULAR, SPREAD, TARGET
from tests.simulate import figures, troubles
from tests.simulate.day import NOTICED_AFTER, Day, Outcome
from tests.simulate.world import Keeps, Scale

SEED: Final = 1
NUMBERS: Final = (3, 10, 30)
SEEDS: Final = 2
_LARGE: Final = 4_000
"""Portions from which on chance is less than the rule."""


def written(seed: int = SEED, numbers: Sequence[int] = NUMBERS, seeds: int = SEEDS, scale: Scale | None = None) -> str:
    """All of it; the same arguments give the same text."""
    scale = scale or Scale()
    runs: list[tuple[int, int, Day, Outcome]] = []
    for number in numbers:
        for one in range(seed, seed + seeds):
            day = Day(one, number, scale)
            day.run()  # so that caches are warm
            runs.append((number, one, day, day.run()))
    middle = next(run for run in runs if run[:2] == (numbers[len(numbers) // 2], seed))
    parts = [_head(seed), _published(), _model(middle[2]), _runs(runs), _sites(*middle[2:]), _troubles(middle[2])]
    return "\n".join(line for part in parts for line in part)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{' --- |' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


def _percent(part: float) -> str:
    return f"{100 * part:.1f} %"


def _head(seed: int) -> list[str]:
    return [
        "# Mirror sites on paper",
        "",
        "What a set of mirror sites does with traffic such as PyPI's, when clients are sent to them by the rule of",
        "`indexapp/domain/balancing.py`: near sites first, each by its weight, the same files to the same sites, and the",
        "origin behind them all. **This page is written by `make simulate`**; the same seed gives the same page.",
        "",
        f"Seed {seed}.",
        "",
    ]


def _published() -> Iterator[str]:
    yield "## What is published, and what is simulated"
    yield ""
    yield "The figures are rounded and of different years; where only a range is published the middle was taken. The number of"
    yield "projects was looked up for this page, the others are as they are remembered: check them before you quote them."
    yield ""
    yield from _table(("figure", "value", "published by", "here"), figures.PUBLISHED)


def _model(day: Day) -> list[str]:
    files, scale = day.files, day.scale
    popular = sum(file.is_popular for file in files.all)
    portions = f"{scale.steps * scale.portions:,} portions of {files.portion / 1e6:.0f} MB"
    minutes = f"{scale.seconds / 60:.0f} minutes"
    return [
        "## The model",
        "",
        f"- {len(files.all):,} files with {files.bytes / 1e9:.0f} GB. In a day about {portions} go out, each of one file to one network.",
        "- Sites have a region, a weight of 1 to 4, and by weight a part of 1.6 times the room that their region needs at its busiest.",
        "- Three of five are caches (LRU) for 5, 10 or 20 % of all bytes, one has everything, one the wanted half.",
        "- With ten and more, one is a campus's, for its own network alone.",
        f"- {popular:,} files make more than one {1 / POPULAR:,.0f}th of the bytes each, and are spread over {SPREAD} parts of the clients.",
        f"- The index knows of a site's trouble after {NOTICED_AFTER:.0f} s. Sites tell their load every {minutes}, and are filled to {100 * TARGET:.0f} %.",
        f"- One that comes back begins with {BEGIN:.3g} of its digests, and is given half as much again each time that it tells its load.",
        "- A client tries three sites, and then the origin. A site without room refuses. A cache that lacks a file fetches all of it.",
        "- Each first day warms the caches, and the second is told.",
        "",
    ]


def _runs(runs: Iterable[tuple[int, int, Day, Outcome]]) -> Iterator[str]:
    yield "## Days without trouble"
    yield ""
    rows = [
        (
            str(number),
            str(seed),
            _percent(outcome.deviation(least=_LARGE)),
            _percent(outcome.deviation()),
            _percent(outcome.hit_rate),
            _percent(outcome.offload),
            _percent(outcome.fullest),
            _percent(outcome.refused / outcome.portions),
        )
        for number, seed, _, outcome in runs
    ]
    head = (
        "sites",
        "seed",
        "share beside weight",
        "smallest sites too",
        "portions without the origin",
        "origin offload",
        "fullest site",
        "refused",
    )
    yield from _table(head, rows)
    yield "`share beside weight` is how far a site's part of the bytes of its region is from its part of the weights, at most, of sites"
    yield f"with {_LARGE:,} portions and more; of smaller ones it is chance that shows."
    yield "`origin offload` is the part of all bytes that the origin had not to give, be it to clients or to caches."
    yield ""


def _sites(day: Day, outcome: Outcome) -> Iterator[str]:
    yield f"## Each of {len(day.places)} sites"
    yield ""
    rows = []
    for place in day.places:
        tally = outcome.tallies[place.site.id]
        is_peer = place in outcome.peers(place)
        share, weight = outcome.share(place) if is_peer else (0.0, 0.0)
        rows.append(
            (
                place.site.id,
                place.keeps.value,
                _percent(place.room / day.files.bytes) if place.keeps is Keeps.CACHE else "",
                f"{place.site.weight:.0f}",
                f"{tally.served / 1e9:.0f} GB",
                _percent(weight) if is_peer else "",
                _percent(share) if is_peer else "",
                _percent(tally.hits / tally.portions) if tally.portions else "",
                _percent(tally.fullest),
            )
        )
    head = ("site", "keeps", "room", "weight", "bytes", "weight in its region", "bytes there", "hits", "fullest")
    yield from _table(head, rows)
    yield "A site with a part of the files, and the campus's, have no share to be compared."
    yield ""


def _troubles(day: Day) -> Iterator[str]:
    events = troubles.events_for(day)
    outcome = day.run(events)
    yield "## A day with troubles"
    yield ""
    yield f"The day after, of the same {len(day.places)} sites."
    yield ""
    rows = []
    for event in events:
        found = troubles.aftermath(day, outcome, event)
        rows.append(
            (
                event.site,
                event.trouble.value,
                f"{event.begins / 3600:.0f} to {event.ends / 3600:.0f} h",
                _percent(found.retried),
                _percent(found.given),
                f"{_percent(found.before)}, {_percent(found.meanwhile)}",
                found.told,
            )
        )
    head = (
        "site",
        "it",
        "when",
        "tried again in the first step",
        "given to it in the next",
        "fullest other: before, meanwhile",
        "balanced after its end",
    )
    yield from _table(head, rows)
    yield f"Over the day {_percent(sum(outcome.retried) / outcome.portions)} of the portions were asked for a second time,"
    yield f"{_percent(outcome.slow / outcome.portions)} came from a slow site, {_percent(outcome.for_clients / outcome.bytes)} of the bytes came from the origin"
    yield f"for want of a site, and the offload was {_percent(outcome.offload)}. No client was left without its file, and none kept wrong bytes:"
    yield "digests come from the index."
    yield ""
