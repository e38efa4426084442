from __future__ import annotations

import pytest

from indexapp.domain.license_words import license_words
from indexapp.domain.metadata import CoreMetadata

LONG = "Copyright (c) Acme\nAll rights reserved, and many more words that nobody reads on a page of a project."
BSD = ("License :: OSI Approved :: BSD License", "Programming Language :: Python")


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        (CoreMetadata(license_expression="MIT OR Apache-2.0", license="x"), "MIT OR Apache-2.0"),
        (CoreMetadata(license="Proprietary", classifiers=BSD), "Proprietary"),
        (CoreMetadata(license=LONG, classifiers=BSD), "BSD License"),
        (CoreMetadata(license=LONG), "Copyright (c) Acme"),
        (CoreMetadata(license="x" * 500), "x" * 80),
        (CoreMetadata(classifiers=(*BSD, *BSD)), "BSD License"),
        (CoreMetadata(), ""),
    ],
)
def test_the_shortest_true_name_is_taken(metadata: CoreMetadata, words: str) -> None:
    assert license_words(metadata) == words
