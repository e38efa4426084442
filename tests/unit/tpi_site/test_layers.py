from __future__ import annotations

import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def test_the_apps_are_kept_from_every_module_of_the_site_but_the_kit() -> None:
    """The linter takes no 'all but': a new module has to be named in its contract."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    contracts = {each["name"]: each for each in project["tool"]["importlinter"]["contracts"]}
    named = set(contracts["Of the site the apps know the kit alone"]["forbidden_modules"])
    packages = {path.parent.name for path in (ROOT / "tpi_site").glob("*/__init__.py")}
    modules = {path.stem for path in (ROOT / "tpi_site").glob("*.py")} - {"__init__"}
    assert named == {f"tpi_site.{name}" for name in (packages | modules) - {"kit"}}
