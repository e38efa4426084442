"""What rules are asked about: where a project comes from, and what is known of its releases beside its file list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from indexapp.domain.simple_page import FileRow


@dataclass(frozen=True, slots=True)
class VulnerabilityFact:
    """An advisory that affects a release; ``severity`` is a CVSS score, None where nobody gave one."""

    id: str
    aliases: tuple[str, ...] = ()
    severity: float | None = None
    fixed_in: tuple[str, ...] = ()


Vulnerabilities = Mapping[str, tuple[VulnerabilityFact, ...]]
"""By canonical version; whoever affects nothing is not in it, or has an empty tuple."""


@dataclass(frozen=True, slots=True)
class Source:
    """The index that holds a project: its id, name and kind, as a member of whatever was asked."""

    pk: int
    name: str
    kind: str


ReleaseRows = tuple[str, str, Sequence[FileRow]]
"""A release's sort key, its version and its files, in the shape in which pages have them."""


class Details(Protocol):
    """What costs a query more, and is asked for only when a rule needs it; releases are named by version as written."""

    def licenses(self) -> Mapping[str, str]:
        """The SPDX expression of each release; one without is not known."""

    def imports(self) -> Mapping[str, tuple[str, ...]]:
        """Import names and namespaces of each release; one without is not known."""

    def attested(self) -> frozenset[str] | None:
        """Names of the files that have an attestation; None where nobody knows."""

    def vulnerabilities(self) -> Vulnerabilities | None:
        """Advisories by canonical version; None where there is no data at all."""

    def since(self, file_id: int) -> frozenset[str]:
        """Names of the project's files that came after the file of this number."""


class Unknown:
    """Details of which nothing is known."""

    def licenses(self) -> Mapping[str, str]:
        """None."""
        return {}

    def imports(self) -> Mapping[str, tuple[str, ...]]:
        """None."""
        return {}

    def attested(self) -> frozenset[str] | None:
        """Nobody knows."""
        return None

    def vulnerabilities(self) -> Vulnerabilities | None:
        """No data."""
        return None

    def since(self, file_id: int) -> frozenset[str]:
        """None."""
        return frozenset()
