"""What rules ask beside a project's file list, read only when a rule asks it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from indexapp.domain.policy.facts import Vulnerabilities, VulnerabilityFact
from indexapp.domain.policy.licenses import known_expression
from indexapp.models import File, Release
from indexapp.services.policies import proofs
from indexapp.services.vulnerabilities import matching


def vulnerabilities_of(normalized_name: str, versions: Iterable[str]) -> Vulnerabilities | None:
    """Advisories by canonical version; None where no vulnerability data was ever imported, which rules take as missing."""
    if not matching.has_data():
        return None
    advisories = matching.advisories_for(normalized_name)
    if not advisories:
        return {}
    found = {
        version: tuple(
            VulnerabilityFact(one.osv_id, one.aliases, one.score, one.fixed_versions)
            for one in advisories
            if one.affects(version)
        )
        for version in versions
    }
    return {version: facts for version, facts in found.items() if facts}


@dataclass(frozen=True)
class HostedDetails:
    """Of a project whose rows are here; ``version`` asks for that release alone."""

    project_id: int
    name: str
    version: str = ""

    def licenses(self) -> Mapping[str, str]:
        """The expression, or the old field where it happens to be one."""
        found = {}
        for version, expression, text in self._metadata("license_expression", "license"):
            if known := str(expression or "") or known_expression(str(text or "")):
                found[version] = known
        return found

    def imports(self) -> Mapping[str, tuple[str, ...]]:
        """Names and namespaces; one empty name says that there are none to import."""
        found = {}
        for version, names, namespaces in self._metadata("import_names", "import_namespaces"):
            if told := [*(names or ()), *(namespaces or ())]:
                found[version] = tuple(_bare(name) for name in told)
        return found

    def attested(self) -> frozenset[str] | None:
        """Files with attestations beside them; of a mirror those whose provenance is here and speaks of their bytes."""
        rows = File.objects.filter(project_id=self.project_id).order_by()
        own = rows.exclude(attestations=[]).values_list("filename", flat=True)
        return frozenset(own) | proofs.proved(rows)

    @cached_property
    def _advisories(self) -> Vulnerabilities | None:
        rows = Release.objects.filter(project_id=self.project_id)
        return vulnerabilities_of(self.name, rows.order_by().values_list("canonical_version", flat=True))

    def vulnerabilities(self) -> Vulnerabilities | None:
        """As they were imported."""
        return self._advisories

    def since(self, file_id: int) -> frozenset[str]:
        """By the order in which files were uploaded, or listed first."""
        rows = File.objects.filter(project_id=self.project_id, pk__gt=file_id).order_by()
        return frozenset(rows.values_list("filename", flat=True))

    def _metadata(self, *keys: str) -> list[tuple[str, Any, Any]]:
        rows = Release.objects.filter(project_id=self.project_id)
        if self.version:
            rows = rows.filter(version=self.version)
        return list(rows.order_by().values_list("version", *(f"metadata__{key}" for key in keys)))


def _bare(name: object) -> str:
    """An import name without the marks that follow it (``name; private``)."""
    return str(name).partition(";")[0].strip()
