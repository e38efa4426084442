"""Mirror sites on paper: the same seed gives the same day, and the rule keeps what it promises."""

from __future__ import annotations

from pathlib import Path

import pytest

from indexapp.domain.balancing import TARGET
from tests.simulate import report, troubles
from tests.simulate.day import Day, Outcome, Trouble
from tests.simulate.world import Scale

SMALL = Scale(files=6_000, steps=48, portions=400)
REPORT = Path(__file__).resolve().parents[3] / "docs/mirror-sites-simulation.md"


@pytest.fixture(scope="module")
def day() -> Day:
    made = Day(1, 5, SMALL)
    made.run()
    return made


@pytest.fixture(scope="module")
def calm(day: Day) -> Outcome:
    return day.run()


@pytest.fixture(scope="module")
def troubled() -> tuple[Day, Outcome]:
    made = Day(1, 10, SMALL)
    made.run()
    return made, made.run(troubles.events_for(made))


def test_a_seed_tells_everything() -> None:
    tiny = Scale(files=500, steps=24, portions=60)
    first, again, other = (report.written(seed, (3, 10), 1, tiny) for seed in (5, 5, 6))
    assert first == again != other


def test_each_site_has_its_share(day: Day, calm: Outcome) -> None:
    assert len([place for place in day.places if len(calm.peers(place)) > 1]) >= 2
    assert calm.deviation() < 0.05


def test_no_site_gives_more_than_it_can(calm: Outcome, troubled: tuple[Day, Outcome]) -> None:
    assert 0 < calm.fullest <= 1
    assert 0 < troubled[1].fullest <= 1


def test_the_origin_gives_little(calm: Outcome) -> None:
    assert calm.offload > 0.8
    assert calm.for_clients == 0


def test_troubles_cost_second_tries_and_nothing_else(troubled: tuple[Day, Outcome]) -> None:
    day, outcome = troubled
    assert outcome.offload > 0.8
    assert 0 < sum(outcome.retried) < 0.02 * outcome.portions
    assert outcome.failed > 0
    for event in troubles.events_for(day):
        found = troubles.aftermath(day, outcome, event)
        if event.trouble in (Trouble.AWAY, Trouble.WRONG):
            assert found.given == 0, "it was noticed long before the next step"
    wrong = next(event for event in troubles.events_for(day) if event.trouble is Trouble.WRONG)
    begins = round(wrong.begins / day.scale.seconds)
    assert all(step[wrong.site] == 0 for step in outcome.by_step[begins + 1 :]), "it stays out"


def test_what_a_lost_site_had_does_not_swing_between_the_others(troubled: tuple[Day, Outcome]) -> None:
    """Sites that fill up keep being used up to where they are full, instead of by turns for everything and nothing."""
    day, outcome = troubled
    event = troubles.events_for(day)[0]
    (place,) = (place for place in day.places if place.site.id == event.site)
    others = [one for one in outcome.peers(place) if one is not place and one.site.weight > 1]
    assert others
    steps = range(round(event.begins / day.scale.seconds) + 1, round(event.ends / day.scale.seconds))
    for one in others:
        used = [outcome.by_step[at][one.site.id] / (one.capacity * day.scale.seconds) for at in steps]
        assert min(used) > TARGET / 2


def test_the_report_that_is_kept_is_of_the_usual_seed() -> None:
    """All of it takes minutes; its first lines, and the tables' columns, are made in a moment."""
    tiny = report.written(report.SEED, report.NUMBERS, report.SEEDS, Scale(files=500, steps=24, portions=60))
    kept = REPORT.read_text()
    beginning = tiny[: tiny.index("## The model")]
    assert kept.startswith(beginning)
    for line in tiny.splitlines():
        if line.startswith(("## ", "| sites |", "| site |")):
            assert line in kept.splitlines()
