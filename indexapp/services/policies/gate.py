"""The one gate: whatever shows a file or gives it out asks here, pages and files, mirrors and prefetches alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from django.utils import timezone

from indexapp.domain.policy.batch import FOREVER, Batch
from indexapp.domain.policy.effects import Effect
from indexapp.domain.policy.facts import Details
from indexapp.domain.policy.rules import Judgement, Rule, Screening
from indexapp.domain.simple_page import FileRow
from indexapp.services.policies import sentences
from indexapp.services.serving.page_rows import ReleaseFiles
from tpi_site.kit.errors import Forbidden


class PolicyBlocked(Forbidden):
    """A file that the policy keeps back."""

    default_code = sentences.CODE


@dataclass(frozen=True, slots=True)
class Ruling:
    """What the policy says of one file, until ``until`` (seconds of the epoch) or the next change of anything.

    ``refusal`` is empty for a file that is let through.  ``rule`` is the one that decided, a warning perhaps.
    """

    rule: Rule | None = None
    refusal: str = ""
    until: float = FOREVER
    version: str = ""

    @property
    def is_warned(self) -> bool:
        """Whether its use is to be noted."""
        return self.rule is not None and self.rule.effect is Effect.WARN

    @property
    def is_held(self) -> bool:
        """Whether it waits for a review."""
        return self.rule is not None and self.rule.effect is Effect.HOLD

    def require(self) -> None:
        """Refuse, if the policy does."""
        if self.refusal:
            raise PolicyBlocked(self.refusal)


FREE = Ruling()
"""What concerns no rule."""


class Screen:
    """Takes hidden files off the releases of a project that are about to be shown; ``until`` says how long that holds."""

    def __init__(self, screening: Screening | None, details: Details) -> None:
        self._screening, self._details = screening, details
        self.until = FOREVER

    def shown(self, releases: list[ReleaseFiles]) -> list[ReleaseFiles]:
        """The releases without hidden files; one that is left without any is not shown."""
        if self._screening is None or not self._screening.may_hide or not releases:
            return releases
        judged = judge(self._screening, releases, self._details)
        self.until = min(self.until, judged.until)
        return without(releases, judged.hidden) if judged.hidden else releases


def judge(screening: Screening, releases: Sequence[ReleaseFiles], details: Details) -> Judgement:
    """Hold the rules against all files of ``releases``."""
    return screening.judge(batch_of(releases, details))


def batch_of(releases: Sequence[ReleaseFiles], details: Details) -> Batch:
    """The files at this moment."""
    return Batch(releases, details, timezone.now())


def without(releases: Sequence[ReleaseFiles], mask: int) -> list[ReleaseFiles]:
    """The releases without the files of ``mask``, and without those that had no others."""
    found, place = [], 0
    for release in releases:
        size = len(release.files)
        gone = mask >> place & ((1 << size) - 1)
        place += size
        if not gone:
            found.append(release)
        elif left := [file for at, file in enumerate(release.files) if not gone >> at & 1]:
            found.append(release._replace(files=left))
    return found


class Side(NamedTuple):
    """All files of a project on a page, and what they are held against; where a name is merged, a page has two of them."""

    screening: Screening | None
    releases: Sequence[ReleaseFiles]
    details: Details


def allowed(sides: Iterable[Side]) -> tuple[list[str], float]:
    """The versions with a file that is let through, and until when; a file of one side hides those of its name in the next."""
    found: list[str] = []
    until, taken = FOREVER, set[str]()
    for side in sides:
        releases = [one._replace(files=[file for file in one.files if file[0] not in taken]) for one in side.releases]
        taken.update(file[0] for one in releases for file in one.files)
        refused = 0
        if side.screening is not None:
            judged = judge(side.screening, releases, side.details)
            refused, until = judged.refused, min(until, judged.until)
        found += [one.version for one in without(releases, refused) if one.files]
    return found, until


def ruling(
    screening: Screening | None,
    project: str,
    file: ReleaseFiles,
    details: Details,
    sides: Callable[[], Iterable[Side]],
) -> Ruling:
    """About the one file of ``file``; ``sides`` reads all releases of the project, to name one that is allowed."""
    if screening is None:
        return FREE
    judged = judge(screening, [file], details)
    rule = judged.rule_for(0)
    if rule is None or not rule.effect.refuses:
        return Ruling(rule, "", judged.until, file.version)
    versions, until = allowed(sides())
    nearest = sentences.nearest_allowed(versions, file.version)
    rejection = screening.rejection(rule, file.version)
    sentence = sentences.refusal(rule, project, file.version, nearest=nearest, rejection=rejection)
    return Ruling(rule, sentence, min(judged.until, until), file.version)


def file_row(
    filename: str, *, size: int | None, upload_time: str, yanked_reason: str | None = None, sha256: str = ""
) -> FileRow:
    """A file as rules look at it; ``upload_time`` as :func:`indexapp.domain.timestamps.iso_utc` makes it, or empty."""
    return (filename, filename, sha256, size, upload_time, None, yanked_reason, None, None)
