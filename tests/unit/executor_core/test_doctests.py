"""The examples in the core's docstrings are run, and its modules are few enough to read."""

import doctest
import importlib
import pkgutil
from types import ModuleType

import pytest

import executor_core

MODULES = [
    importlib.import_module(f"executor_core.{module.name}") for module in pkgutil.iter_modules(executor_core.__path__)
]
WITH_EXAMPLES = {"ddl", "index_definition", "pacing"}


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_every_example_does_what_it_shows(module: ModuleType) -> None:
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize("name", sorted(WITH_EXAMPLES))
def test_the_examples_are_found(name: str) -> None:
    assert doctest.testmod(importlib.import_module(f"executor_core.{name}")).attempted > 0
