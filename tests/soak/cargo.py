"""Wheels that can be built again at any time from a few numbers, so that long runs need not keep their bytes."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass
from functools import cached_property

from tests.builders.core_metadata import Built
from tests.builders.wheels import build_wheel


@dataclass(frozen=True)
class Cargo:
    """A wheel of ``project`` with ``size`` bytes that depend on its name and version alone."""

    project: str
    version: str
    size: int

    def build(self) -> Built:
        """The wheel."""
        noise = random.Random(f"{self.project}-{self.version}").randbytes(self.size)
        module = self.project.replace("-", "_")
        return build_wheel(self.project, self.version, files={f"{module}/noise.bin": noise})

    @cached_property
    def sha256(self) -> str:
        """The digest of the wheel's bytes."""
        return hashlib.sha256(self.build().content).hexdigest()

    @property
    def filename(self) -> str:
        """The wheel's name."""
        return f"{self.project.replace('-', '_')}-{self.version}-py3-none-any.whl"
