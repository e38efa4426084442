"""The fixtures ``slapd``, ``samba`` and ``ceph``: one server for each test process, with its known content at the start of each test.

The servers' modules are imported where they are used: without python-ldap only the tests that need it fail.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.servers.ceph import Ceph
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


@pytest.fixture(scope="session")
def _ceph_of_the_process() -> Iterator[Ceph]:
    from tests.servers.ceph import Ceph

    with Ceph() as server:
        yield server


@pytest.fixture
def ceph(_ceph_of_the_process: Ceph, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ceph]:
    """An S3 server, with the credentials of its buckets' owner in the environment; goes on after a test that stopped it.

    Mark its tests ``xdist_group("ceph")``: it takes 15 seconds to start, which one process should wait for.
    """
    from tests.servers.ceph import ACCESS_KEY, SECRET_KEY

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    yield _ceph_of_the_process
    _ceph_of_the_process.reset()
