"""Where the members of a tar archive may go: links must stay inside, and no path may be written twice."""

from __future__ import annotations

from typing import Final

from indexapp.domain.archives.limits import ArchiveLimits
from indexapp.domain.archives.member_names import NameLedger, path_of, require_safe_name, shown
from indexapp.domain.archives.tar_members import TarKind, TarMember
from tpi_site.kit.errors import Invalid

_PARENT: Final = ".."


class TarLayout:
    """The paths of a tar archive and the rules that they keep; feed it every member, then call :meth:`finish`."""

    def __init__(self, limits: ArchiveLimits) -> None:
        self._ledger = NameLedger(limits)
        self._hard_targets: set[str] = set()

    @property
    def files(self) -> frozenset[str]:
        """The paths of all files and links."""
        return self._ledger.files

    def add(self, member: TarMember) -> str:
        """Check ``member`` and return its path, without ``./`` and trailing slash; empty for ``./`` itself."""
        path = path_of(member.name)
        if member.kind is TarKind.DIRECTORY:
            self._ledger.add_directory(path, may_repeat=True)
            return path
        if not path:
            raise Invalid("A tar member has no name; build the archive with another tool.", code="archive-name-length")
        if member.kind is TarKind.SYMBOLIC_LINK:
            _require_target_inside(path, member.link)
        elif member.kind is TarKind.HARD_LINK:
            self._require_known_target(path, member.link)
        else:
            self._hard_targets.add(path)
        self._ledger.add_file(path)
        return path

    def finish(self) -> None:
        """Refuse members below a file or link: they would be written through it."""
        self._ledger.require_no_file_above_another()

    def _require_known_target(self, path: str, target: str) -> None:
        """Refuse a hard link unless it names, by its path in the archive, a regular file that came before it."""
        if target:
            require_safe_name(target)
        if path_of(target) not in self._hard_targets:
            raise Invalid(
                f"The hard link {shown(path)} does not point to an earlier file of the archive; store a copy instead.",
                code="tar-link",
            )
        self._hard_targets.add(path)


def _require_target_inside(path: str, target: str) -> None:
    """Refuse a symbolic link that climbs elsewhere than at its beginning, or above the top directory of ``path``.

    Climbing after a name could go through another link to anywhere; climbing first goes up real directories, because
    no member may lie below a link.
    """
    parts = [part for part in target.split("/") if part not in {"", "."}]
    climbs = 0
    while climbs < len(parts) and parts[climbs] == _PARENT:
        climbs += 1
    down = "/".join(parts[climbs:])
    if down:
        require_safe_name(down)
    if not target or target.startswith("/") or climbs > path.count("/") - 1:
        raise Invalid(
            f"The link {shown(path)} points to {shown(target)}, outside its top directory; store a copy instead.",
            code="tar-link",
        )
