"""A static export held against itself: its manifest, its pages, and the files that they name."""

from __future__ import annotations

import hashlib
import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urldefrag

_BESIDE = (".metadata", ".provenance")


class _Anchors(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[dict[str, str | None]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.found.append(dict(attrs))


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def manifest_of(tree: Path) -> dict[str, Any]:
    """The manifest as any reader of JSON reads it."""
    found: dict[str, Any] = json.loads((tree / "manifest.json").read_text())
    return found


def page_of(tree: Path, project: str) -> dict[str, Any]:
    """The project's page as JSON."""
    found: dict[str, Any] = json.loads((tree / f"simple/{project}/index.v1+json").read_text())
    return found


def names_in(tree: Path) -> list[str]:
    """The projects that the list names."""
    return [each["name"] for each in json.loads((tree / "simple/index.v1+json").read_text())["projects"]]


def state_of(tree: Path) -> dict[str, tuple[int, int, str]]:
    """What each file is: its inode, when it was changed, and its digest."""
    files = (path for path in tree.rglob("*") if path.is_file())
    return {
        path.relative_to(tree).as_posix(): (path.stat().st_ino, path.stat().st_mtime_ns, digest(path)) for path in files
    }


def require_whole(tree: Path, *, is_exact: bool = True) -> dict[str, Any]:
    """Every entry of the manifest is there and right, every page names what is there; returns the manifest.

    With ``is_exact`` there is nothing else in the tree.
    """
    manifest = manifest_of(tree)
    entries = manifest["files"] | manifest["pages"]
    for path, said in entries.items():
        assert (digest(tree / path), (tree / path).stat().st_size) == (said["sha256"], said["size"]), path
    if is_exact:
        assert {*state_of(tree)} == {*entries, "manifest.json"}
    pages = {said["project"] for said in manifest["pages"].values()} - {""}
    forms = ("index.html", "index.v1+json")
    assert {*manifest["pages"]} == {
        f"simple/{name}{form}" for name in ("", *(f"{each}/" for each in pages)) for form in forms
    }
    named = {path for name in pages for path in _require_page(tree, name)}
    assert named == {*manifest["files"]}
    return manifest


def _require_page(tree: Path, name: str) -> set[str]:
    """What a page names is there with the digest that it tells; both forms name the same."""
    folder, found = tree / f"simple/{name}", set()
    by_json = page_of(tree, name)["files"]
    anchors = _Anchors((folder / "index.html").read_text()).found
    assert [urldefrag(str(each["href"]))[0] for each in anchors] == [file["url"] for file in by_json]
    for file, anchor in zip(by_json, anchors, strict=True):
        assert not file["url"].startswith(("/", "http"))
        path = (folder / unquote(file["url"])).resolve()
        assert (digest(path), path.stat().st_size, path.name) == (
            file["hashes"]["sha256"],
            file["size"],
            file["filename"],
        )
        assert urldefrag(str(anchor["href"]))[1] == f"sha256={digest(path)}"
        if file["core-metadata"]:
            assert digest(path.with_name(f"{path.name}.metadata")) == file["core-metadata"]["sha256"]
        if "provenance" in file:
            assert (folder / unquote(file["provenance"])).is_file()
        has = (True, bool(file["core-metadata"]), "provenance" in file)
        for ending, is_there in zip(("", *_BESIDE), has, strict=True):
            if is_there:
                found.add(f"{path.relative_to(tree.resolve()).as_posix()}{ending}")
    return found
