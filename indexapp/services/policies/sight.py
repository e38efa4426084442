"""What of a project's releases and files is shown, to documents and pages that list them by other ways than its page does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from indexapp.domain.policy.batch import FOREVER
from indexapp.domain.policy.rules import Judgement, Rule, Screening
from indexapp.models import Project
from indexapp.services.policies import books, gate, sentences
from indexapp.services.policies.facts import HostedDetails
from indexapp.services.serving import index_map, page_rows, watermarks
from indexapp.services.serving.page_rows import ReleaseFiles
from indexapp.services.serving.watermarks import Watermark


@dataclass(frozen=True)
class Sight:
    """``rules`` has the rule that decided, by file name; ``refusals`` the sentence for versions that are refused as a whole.

    ``file_refusals`` has those for single files, by name.
    """

    hidden_files: frozenset[str] = frozenset()
    hidden_versions: frozenset[str] = frozenset()
    rules: Mapping[str, Rule] = field(default_factory=dict)
    refusals: Mapping[str, str] = field(default_factory=dict)
    file_refusals: Mapping[str, str] = field(default_factory=dict)
    until: float = FOREVER

    def require(self, version: str) -> None:
        """Refuse a version of which no file is let through."""
        if version in self.refusals:
            raise gate.PolicyBlocked(self.refusals[version])


EVERYTHING = Sight()


def of(
    screening: Screening | None,
    project_id: int,
    name: str,
    serial: int = 0,
    sides: Callable[[], Iterable[gate.Side]] | None = None,
) -> Sight:
    """What is shown of the project; one query where a rule concerns it, none elsewhere.

    ``sides`` reads all that stands on the page, where that is more than the project, to name what is allowed.
    """
    if screening is None:
        return EVERYTHING
    releases = page_rows.read_all(project_id, serial)
    judged = gate.judge(screening, releases, HostedDetails(project_id, name))
    hidden_files, hidden_versions, rules, place = set(), set(), {}, 0
    versions, until = _allowed(releases, judged, sides)
    refusals: dict[str, str] = {}
    file_refusals: dict[str, str] = {}
    for release in releases:
        mask = ((1 << len(release.files)) - 1) << place
        for at, file in enumerate(release.files, place):
            if (rule := judged.rule_for(at)) is not None:
                rules[file[0]] = rule
            if judged.hidden >> at & 1:
                hidden_files.add(file[0])
        if judged.hidden & mask == mask:
            hidden_versions.add(release.version)
        if refused := [file[0] for at, file in enumerate(release.files, place) if judged.refused >> at & 1]:
            nearest = sentences.nearest_allowed(versions, release.version)
            told = {rules[one].pk: _sentence(screening, rules[one], name, release.version, nearest) for one in refused}
            file_refusals |= {one: told[rules[one].pk] for one in refused}
            if len(refused) == len(release.files):
                refusals[release.version] = file_refusals[refused[0]]
        place += len(release.files)
    return Sight(frozenset(hidden_files), frozenset(hidden_versions), rules, refusals, file_refusals, until=until)


def _allowed(
    releases: Sequence[ReleaseFiles], judged: Judgement, sides: Callable[[], Iterable[gate.Side]] | None
) -> tuple[list[str], float]:
    if sides is None or not judged.refused:
        return [one.version for one in gate.without(releases, judged.refused) if one.files], judged.until
    versions, until = gate.allowed(sides())
    return versions, min(until, judged.until)


def _sentence(screening: Screening, rule: Rule, name: str, version: str, nearest: str) -> str:
    return sentences.refusal(rule, name, version, nearest=nearest, rejection=screening.rejection(rule, version))


def of_project(index_name: str, project: Project, watermark: Watermark | None = None) -> Sight:
    """What is shown of the project through the index of this name."""
    watermark = watermark or watermarks.read()
    if not watermark.policy:
        return EVERYTHING
    indexes = index_map.read(watermark)
    index, member = indexes.by_name.get(index_name), indexes.by_pk.get(project.index_id)
    if index is None or member is None:
        return EVERYTHING
    name = project.normalized_name
    return of(books.screening(index, member, name, watermark), project.pk, name, watermark.serial)
