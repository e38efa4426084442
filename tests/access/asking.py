"""How addresses are asked, and what answers mean."""

from __future__ import annotations

from typing import Any

from django.urls import reverse


def address_of(route: str, kwargs: Any, scene: dict[str, Any]) -> str:
    """The address of a row, with the scene's names in it."""
    filled = {
        key: scene[value[1:-1]] if isinstance(value, str) and value.startswith("{") else value
        for key, value in kwargs.items()
    }
    return reverse(route, kwargs=filled)


def is_turned_away(role: str, status: int, location: str) -> bool:
    """Whether the answer refuses, or asks who one is."""
    if role == "anonymous":
        return status in (301, 302) and ("/sign-in/" in location or "/login/" in location)
    return status == 403 or (status == 302 and ("/sign-in/" in location or "/login/" in location))
