"""What the policy says of a project's files, told to who runs the command or looks at the console."""

from __future__ import annotations

from dataclasses import dataclass

from indexapp.domain.names import normalize_name
from indexapp.domain.policy.rules import Rule
from indexapp.domain.versions import canonical_version
from indexapp.services.policies import books, gate
from indexapp.services.policies.facts import HostedDetails
from indexapp.services.serving import index_map, page_rows, project_pages, watermarks
from tpi_site.kit.errors import NotFound


@dataclass(frozen=True)
class Verdict:
    """One file, and the rule that decides about it, if any does."""

    filename: str
    version: str
    rule: Rule | None

    @property
    def effect(self) -> str:
        """The effect in a word; ``allow`` where no rule says anything."""
        return self.rule.effect.value if self.rule else "allow"


def check(index_name: str, project: str, version: str = "") -> list[Verdict]:
    """What becomes of each file of the project as the index serves it, or of those of one version."""
    watermark = watermarks.read()
    index = index_map.read(watermark).by_name.get(index_name)
    name = normalize_name(project)
    page = project_pages.find(index, name, watermark) if index else None
    if index is None or page is None:
        raise NotFound(f"There is no project '{name}' in an index '{index_name}'.")
    wanted = canonical_version(version) if version else ""
    releases = page_rows.read_all(page.pk, page.serial)
    screening = books.screening(index, page.member, name, watermark)
    judged = gate.judge(screening, releases, HostedDetails(page.pk, name)) if screening else None
    found, place = [], 0
    for release in releases:
        for file in release.files:
            if not wanted or canonical_version(release.version) == wanted:
                found.append(Verdict(file[0], release.version, judged.rule_for(place) if judged else None))
            place += 1
    return found
