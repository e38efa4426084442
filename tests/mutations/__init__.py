"""Every service that changes something: how to call it, what it must write, and who may.

The tests of :mod:`tests.unit.test_mutations` are generated from this table, and an architecture test finds services that
are missing in it.
"""

from __future__ import annotations

from tests.mutations.mirrors import MIRRORS
from tests.mutations.operating import OPERATING
from tests.mutations.people import PEOPLE
from tests.mutations.policies import POLICIES
from tests.mutations.publishing import PUBLISHING
from tests.mutations.replication import REPLICATION
from tests.mutations.sites import SITES
from tests.mutations.world import Mutation, World

MUTATIONS = MIRRORS | OPERATING | PEOPLE | POLICIES | PUBLISHING | REPLICATION | SITES

__all__ = ["MUTATIONS", "Mutation", "World"]
