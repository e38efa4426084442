"""Reading wheels and sdists safely: the archive rules.

Everything here reads a seekable binary file object; nothing is ever extracted to disk, and memory does not grow with
the bytes of the archive.  Hostile bytes lead to :class:`tpi_site.kit.errors.Invalid` and to nothing else; only an
``OSError`` of the file object itself passes through.
"""

from indexapp.domain.archives.limits import ArchiveLimits
from indexapp.domain.archives.sdist_file import SdistInspection, inspect_sdist, require_sdist_licenses
from indexapp.domain.archives.wheel_file import WheelInspection, inspect_wheel, require_wheel_licenses

__all__ = [
    "ArchiveLimits",
    "SdistInspection",
    "WheelInspection",
    "inspect_sdist",
    "inspect_wheel",
    "require_sdist_licenses",
    "require_wheel_licenses",
]
