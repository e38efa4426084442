"""Browsers of the cast."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from tests.factories.cast import Cast

As = Callable[[str], Client]


@pytest.fixture
def browser(cast: Cast) -> As:
    """A browser in which this person of the cast has signed in; ``anonymous`` has not."""

    def signed_in(role: str) -> Client:
        client = Client(headers={"Accept": "text/html"})
        if role != "anonymous":
            client.force_login(cast.user(role))
        return client

    return signed_in
