"""Reading the tables of the file: every value by its type, and everything that is wrong at once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, Final

_SIZE: Final = re.compile(r"(\d{1,15}(?:\.\d{1,3})?)\s*([kMGT]i?B|B)\Z")
_UNITS: Final = {
    "B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
    "kiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40,
}  # fmt: skip
_LONGEST: Final = 60


class Table:
    """One table; ``name`` is empty for the top.  A reader answers its default where the value is absent or wrong."""

    def __init__(self, name: str, values: Mapping[str, Any], problems: list[str]) -> None:
        self._name, self._values, self._problems = name, values, problems
        self._known: list[str] = []

    def has(self, key: str) -> bool:
        """Whether the key is given."""
        self._known.append(key)
        return key in self._values

    def wrong(self, key: str, sentence: str) -> None:
        """Remember what is wrong with a key, and what is to be written."""
        self._problems.append(f"{self._place(key)}: {sentence}")

    def text(self, key: str, default: str = "", *, wish: str = "a text in quotes") -> str:
        """A text on one line."""
        value = self._value(key, default)
        if isinstance(value, str) and value.isprintable() and (value.strip() or key not in self._values):
            return value
        return str(self._refused(key, value, wish, default))

    def choice(self, key: str, options: tuple[str, ...]) -> str:
        """One of the words, the first unless another is given."""
        value = self._value(key, options[0])
        if value in options:
            return str(value)
        return str(self._refused(key, value, "one of " + ", ".join(f'"{word}"' for word in options), options[0]))

    def switch(self, key: str, *, default: bool) -> bool:
        """True or false."""
        value = self._value(key, default)
        return value if isinstance(value, bool) else bool(self._refused(key, value, "true or false", default))

    def number(self, key: str, default: int, *, least: int = 0, most: int = 10**9) -> int:
        """A whole number."""
        value = self._value(key, default)
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
            return value
        return int(self._refused(key, value, f"a whole number from {least} to {most}", default))

    def size(self, key: str, default: int | None = None) -> int | None:
        """Bytes, as a number or with a unit; None without a limit."""
        value = self._values.get(key)
        self._known.append(key)
        if value is None:
            return default
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return value
        if isinstance(value, str) and (found := _SIZE.match(value.strip())):
            count = int(float(found[1]) * _UNITS[found[2]])
            if count > 0:
                return count
        self._refused(key, value, 'a size such as "200 GB", "512 MiB" or a number of bytes', default)
        return default

    def texts(self, key: str, *, wish: str) -> tuple[str, ...]:
        """A list of texts."""
        value = self._value(key, [])
        if isinstance(value, list) and all(isinstance(each, str) and each.strip() for each in value):
            return tuple(each.strip() for each in value)
        self._refused(key, value, f"a list of {wish}", [])
        return ()

    def table(self, key: str) -> Table:
        """A table inside."""
        value = self._value(key, {})
        if not isinstance(value, dict):
            value = self._refused(key, value, f"a table, beginning with the line [{key}]", {})
        return Table(key, value, self._problems)

    def end(self) -> None:
        """Refuse keys that nobody asked for."""
        for key in self._values:
            if key not in self._known:
                near = get_close_matches(key, self._known, 1)
                advice = f"did you mean '{near[0]}'?" if near else "known here are " + ", ".join(self._known) + "."
                self.wrong(key, f"there is no such key; {advice}")

    def _value(self, key: str, default: Any) -> Any:
        self._known.append(key)
        return self._values.get(key, default)

    def _refused(self, key: str, value: Any, wish: str, default: Any) -> Any:
        said = ascii(value)
        self.wrong(key, f"write {wish}, not {said if len(said) <= _LONGEST else said[:_LONGEST] + '…'}.")
        return default

    def _place(self, key: str) -> str:
        return f"{self._name}.{key}" if self._name else key
