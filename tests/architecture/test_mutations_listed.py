"""Every service that takes an actor is either in the table of mutations or is said not to be one."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator

from tests.mutations import MUTATIONS
from tests.not_mutations import NOT_MUTATIONS

PACKAGES = ("accounts.services", "indexapp.services", "webhooks.services", "tpi_site.services")


def _services_with_an_actor() -> Iterator[str]:
    for package in PACKAGES:
        try:
            root = importlib.import_module(package)
        except ModuleNotFoundError:
            continue
        for info in pkgutil.walk_packages(root.__path__, f"{package}."):
            module = importlib.import_module(info.name)
            for name, function in inspect.getmembers(module, inspect.isfunction):
                is_own = function.__module__ == module.__name__ and not name.startswith("_")
                parameter = inspect.signature(function).parameters.get("actor")
                if is_own and parameter is not None and parameter.kind is parameter.KEYWORD_ONLY:
                    yield f"{module.__name__}.{name}"


def test_no_mutation_is_missing_and_none_is_made_up() -> None:
    assert set(_services_with_an_actor()) == {*MUTATIONS, *NOT_MUTATIONS}
