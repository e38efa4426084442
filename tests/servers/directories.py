"""The fixtures ``slapd`` and ``samba``: one server for each test process, with its known content at the start of each test.

The servers' modules are imported where they are used: without python-ldap only the tests that need it fail.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.servers.samba import Samba
    from tests.servers.slapd import Slapd


@pytest.fixture(scope="session")
def _slapd_of_the_process() -> Iterator[Slapd]:
    from tests.servers.slapd import Slapd

    with Slapd() as server:
        yield server


@pytest.fixture
def slapd(_slapd_of_the_process: Slapd) -> Slapd:
    """OpenLDAP."""
    _slapd_of_the_process.reset()
    return _slapd_of_the_process


@pytest.fixture(scope="session")
def _samba_of_the_process() -> Iterator[Samba]:
    from tests.servers.samba import Samba

    with Samba() as server:
        yield server


@pytest.fixture
def samba(_samba_of_the_process: Samba) -> Samba:
    """A Samba Active Directory domain."""
    _samba_of_the_process.reset()
    return _samba_of_the_process
