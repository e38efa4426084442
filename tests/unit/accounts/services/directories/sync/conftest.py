from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.factories.directories import map_group

if TYPE_CHECKING:
    from accounts.models import Directory, Team
    from tests.servers.slapd import Slapd


@pytest.fixture
def corp(corp: Directory, slapd: Slapd, tools: Team) -> Directory:
    """The OpenLDAP server, in use; alice and bob are members of the tools by its groups."""
    map_group(corp, slapd.group_dn("devs"), tools)
    return corp
