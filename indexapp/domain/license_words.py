"""The licence of a release in a few words."""

from __future__ import annotations

from indexapp.domain.metadata import CoreMetadata

_SHORT = 80
_CLASSIFIER = "License :: "


def license_words(metadata: CoreMetadata) -> str:
    """The SPDX expression (PEP 639), else a short ``License`` field, else the licence classifiers; empty for none.

    A ``License`` field that holds a whole licence text is named by its first line only when nothing else names it.
    """
    if metadata.license_expression:
        return metadata.license_expression
    text = metadata.license.strip()
    if text and len(text) <= _SHORT and "\n" not in text:
        return text
    classified = [line.rpartition(" :: ")[2] for line in metadata.classifiers if line.startswith(_CLASSIFIER)]
    return ", ".join(dict.fromkeys(classified)) or text.partition("\n")[0][:_SHORT]
