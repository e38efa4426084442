from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from indexapp.domain.replication import trees
from indexapp.domain.replication.trees import CHUNK, Chunk, Document

DOCUMENT = Document(
    7, {"name": "acme"}, {"1.0": [False]}, {"acme-1.0.tar.gz": ["1.0", "ab"]}, {"acme-1.0.tar.gz": [True]}
)


@pytest.mark.parametrize(
    "changed",
    [
        {"key": 8},
        {"project": {"name": "Acme"}},
        {"releases": {"1.0": [True]}},
        {"files": {}},
        {"files": {"acme-1.0.tar.gz": ["1.0", "ac"]}},
    ],
)
def test_whatever_readers_see_is_in_the_digest(changed: dict[str, Any]) -> None:
    other = replace(DOCUMENT, **changed)
    assert other.digest != DOCUMENT.digest


def test_what_is_held_is_apart() -> None:
    other = replace(DOCUMENT, held={"acme-1.0.tar.gz": [False]})
    assert other.digest == DOCUMENT.digest
    assert other.held_digest != DOCUMENT.held_digest


def test_documents_and_chunks_travel_as_json() -> None:
    assert Document.of(DOCUMENT.told) == DOCUMENT
    chunk = Chunk(3, "v", "d", "h", 1, 2, 3)
    assert Chunk.of(chunk.told) == chunk
    with pytest.raises(KeyError):
        Chunk.of({"number": 1})


def test_the_root_is_of_every_leaf_and_its_place() -> None:
    def leaf(number: int) -> str:
        return trees.leaf([bytes([number % 251])])

    leaves = {number: leaf(number) for number in (0, 1, CHUNK, CHUNK * CHUNK * 3 + 5)}
    root = trees.root(leaves)
    assert trees.root(dict(reversed(leaves.items()))) == root
    roots = {root, trees.root({}), trees.root({0: leaf(0)}), trees.root({1: leaf(0)})}
    for number in leaves:
        roots.add(trees.root(leaves | {number: leaf(99)}))
        roots.add(trees.root({key: value for key, value in leaves.items() if key != number}))
    roots.add(trees.root({key + 1: value for key, value in leaves.items()}))
    assert len(roots) == 4 + 2 * len(leaves) + 1


def test_a_chunk_is_another_one_when_a_project_changed_came_or_went() -> None:
    versions = [trees.version_of(pairs) for pairs in ([(1, 5)], [(1, 6)], [(2, 5)], [(1, 5), (2, 5)], [])]
    assert len(set(versions)) == len(versions)
