from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.factories.directories import openldap
from tests.factories.people import make_team

if TYPE_CHECKING:
    from accounts.models import Directory, Team
    from tests.servers.slapd import Slapd


@pytest.fixture
def tools(db: None) -> Team:
    """A team that groups may be mapped to."""
    return make_team("tools")


@pytest.fixture
def corp(slapd: Slapd) -> Directory:
    """The OpenLDAP server, in use."""
    return openldap(slapd)
