"""Text made safe for XML 1.0, which has no way to write most control characters."""

from __future__ import annotations

import re
from xml.sax.saxutils import escape

_NO_CHARACTERS = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def xml_text(text: str) -> str:
    """Return ``text`` fit for an XML text node; what XML cannot hold is left out."""
    return escape(_NO_CHARACTERS.sub("", text))
