"""A JSON object read while it comes: its long list piece by piece, so that a page of any length takes the same memory."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from typing import Any

MOST_VALUE = 2 * 1024 * 1024
"""Characters of one value: a file of a list, or a whole key that is not read piecewise."""

_AFTER_NUMBER = ",]} \t\r\n"
_SPACE = re.compile(r"[ \t\r\n]*")


class NotTheForm(ValueError):
    """The text is not the JSON object that was expected; the words say where."""


def members(pieces: Iterator[bytes], *, piecewise: str) -> Iterator[tuple[str, Any]]:
    """The keys of the object with their values; each element of the list at key ``piecewise`` by itself.

    Raises :class:`NotTheForm` where it is broken, cut short, or nests too deep.
    """
    text = _Text(pieces)
    text.expect("{")
    is_open = text.following() != "}"
    if not is_open:
        text.expect("}")
    while is_open:
        key = text.value()
        if not isinstance(key, str):
            raise NotTheForm("a key is not a string")
        text.expect(":")
        if key == piecewise and text.following() == "[":
            for element in _elements(text):
                yield key, element
        else:
            yield key, text.value()
        is_open = text.expect(",}") == ","
    text.finish()


def _elements(text: _Text) -> Iterator[Any]:
    text.expect("[")
    if text.following() == "]":
        text.expect("]")
        return
    while True:
        yield text.value()
        if text.expect(",]") == "]":
            return


class _Text:
    """The part of the text that came and was not read yet."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._scan = json.JSONDecoder().raw_decode
        self._text, self._at, self._is_over = "", 0, False

    def following(self) -> str:
        """The next character that is not white space, left where it is; empty at the end."""
        while True:
            self._at = _SPACE.match(self._text, self._at).end()  # type: ignore[union-attr]  # it always matches
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ""

    def expect(self, letters: str) -> str:
        """Step over the next character, which is one of these."""
        found = self.following()
        if not found or found not in letters:
            raise NotTheForm("it ends early" if not found else f"there is {found!a} where one of {letters!a} belongs")
        self._at += 1
        return found

    def value(self) -> Any:
        """The next value, whole."""
        self.following()
        while True:
            try:
                value, end = self._scan(self._text, self._at)
            except RecursionError:
                raise NotTheForm("it nests too deep") from None
            except ValueError as error:
                if self._is_over:
                    raise NotTheForm("a value is broken or cut short") from error
            else:
                if self._is_whole(value, end):
                    self._at = end
                    return value
            self._twice()

    def _is_whole(self, value: Any, end: int) -> bool:
        """Whether what follows cannot belong to the value: a number goes on with digits, a point or an exponent."""
        if self._is_over or not isinstance(value, int | float):
            return True
        return end < len(self._text) and self._text[end] in _AFTER_NUMBER

    def finish(self) -> None:
        """Nothing follows but white space."""
        if self.following():
            raise NotTheForm("there is more after its end")

    def _twice(self) -> None:
        """Have twice as much before the next try, so that tries cost no more than the text is long."""
        waiting = len(self._text) - self._at
        if waiting > MOST_VALUE:
            raise NotTheForm("one of its values is too long")
        while len(self._text) - self._at < 2 * waiting + 1 and self._more():
            pass

    def _more(self) -> bool:
        if self._is_over:
            return False
        piece = next(self._pieces, None)
        try:
            found = self._decoder.decode(piece or b"", final=piece is None)
        except UnicodeDecodeError:
            raise NotTheForm("it is not UTF-8") from None
        self._text, self._at = self._text[self._at :] + found, 0
        self._is_over = piece is None
        return bool(found) or piece is not None
