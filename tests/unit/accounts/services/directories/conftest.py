from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.factories.directories import openldap

if TYPE_CHECKING:
    from accounts.models import Directory
    from tests.servers.slapd import Slapd


@pytest.fixture
def corp(slapd: Slapd) -> Directory:
    """The OpenLDAP server, in use."""
    return openldap(slapd)
