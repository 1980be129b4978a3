from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from pathlib import Path

import pytest
from toy_exchange import install

from spotlane import registry
from spotlane.errors import UsageError

MODULES = "import sys; print(*sorted(name for name in sys.modules if name.startswith('spotlane')))"


def loaded_by(statement: str) -> set[str]:
    """Return spotlane's modules that a fresh interpreter holds after a statement."""
    done = subprocess.run(
        [sys.executable, "-c", f"{statement}\n{MODULES}"], capture_output=True, text=True, check=True, timeout=50
    )
    return set(done.stdout.split())


def test_built_in_names() -> None:
    names = registry.exchange_names()
    assert "mexc" in names
    assert list(names) == sorted(names)
    assert not [name for name in names if name.startswith("_")]


def test_parts_of_a_built_in_exchange() -> None:
    assert registry.locate("mexc", "spec") == "spotlane.exchanges.mexc.spec:SPEC"
    assert registry.locate("mexc", "rest") == "spotlane.exchanges.mexc.rest:MexcPrivateRest"
    assert registry.locate("mexc", "dialect") == "spotlane.exchanges.mexc.dialect:DIALECT"
    assert registry.spec("mexc").name == "mexc"
    assert registry.dialect_class("mexc").__name__ == "MexcDialect"


def test_client_class_is_the_one_that_the_package_exports() -> None:
    from spotlane.exchanges.mexc import MexcPrivateRest

    assert registry.client_class("mexc") is MexcPrivateRest


def test_sandbox_loads_no_client() -> None:
    loaded = loaded_by("from spotlane.sandbox import Sandbox; Sandbox('mexc')")
    assert "spotlane.exchanges.mexc.dialect" in loaded
    assert not {"rest", "wire", "auth", "errors"} & {name.removeprefix("spotlane.exchanges.mexc.") for name in loaded}


def test_client_loads_no_sandbox() -> None:
    loaded = loaded_by("from spotlane import registry; registry.client_class('mexc')")
    assert "spotlane.exchanges.mexc.rest" in loaded
    assert not [name for name in loaded if "dialect" in name or name.startswith("spotlane.sandbox")]


def test_names_are_listed_without_loading_an_exchange() -> None:
    loaded = loaded_by("from spotlane import registry; registry.exchange_names()")
    assert not [name for name in loaded if name.startswith("spotlane.exchanges.") and not name.startswith("_", 19)]


@pytest.mark.parametrize(("name", "nearest"), [("mexcc", "mexc"), ("MEXC", "mexc")])
def test_unknown_name_lists_the_known_and_the_nearest(name: str, nearest: str) -> None:
    with pytest.raises(UsageError, match=rf"no exchange named '{name}'; known: .*mexc.*; did you mean '{nearest}'\?"):
        registry.client_class(name)


def test_folders_with_an_underscore_are_no_exchanges() -> None:
    with pytest.raises(UsageError, match="no exchange named '_template'"):
        registry.spec("_template")


def test_installed_exchange(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = install(tmp_path, monkeypatch)
    assert {"toy", "mexc"} <= set(registry.exchange_names())
    assert package not in sys.modules
    assert registry.spec("toy") == {"name": "toy"}
    assert f"{package}.rest" not in sys.modules
    client = registry.open_exchange("toy", "keys", timeout_s=3)
    assert type(client) is registry.client_class("toy")
    assert vars(client) == {"credentials": "keys", "options": {"timeout_s": 3}}
    assert f"{package}.dialect" not in sys.modules
    assert registry.dialect_class("toy").__module__ == f"{package}.dialect"


def test_installed_exchange_can_not_take_a_built_in_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, name="mexc")
    assert registry.exchange_names().count("mexc") == 1
    assert registry.locate("mexc", "dialect") == "spotlane.exchanges.mexc.dialect:DIALECT"


def test_two_packages_with_one_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        install(tmp_path / folder, monkeypatch, package=f"toy_{folder}")
    with pytest.raises(UsageError, match="'toy' is registered by more than one package: toy_one, toy_two"):
        registry.spec("toy")


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"spec": "SPEC = 1\n"}, "toy_exchange_package.spec has no attribute 'CLIENT'"),
        ({"spec": "CLIENT = 3\n"}, "spec:CLIENT must be the name of a class, not 3"),
        ({"rest": "x = 1\n"}, "toy_exchange_package.rest has no attribute 'ToyPrivateRest'"),
        ({"rest": "ToyPrivateRest = 1\n"}, "rest:ToyPrivateRest must be a class, not int"),
        ({"rest": None}, "module 'toy_exchange_package.rest' is missing"),
        ({"value": "no_such_package_anywhere"}, "module 'no_such_package_anywhere' is missing"),
        ({"value": "toy_exchange_package.rest:Toy"}, "entry point must name a package, not 'toy_exchange_package.rest"),
    ],
)
def test_broken_installed_exchange(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: dict[str, str | None], told: str
) -> None:
    install(tmp_path, monkeypatch, **changed)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=f"exchange 'toy': .*{told}"):
        registry.client_class("toy")


@pytest.mark.parametrize(
    ("text", "told"), [("x = 1\n", "has no attribute 'DIALECT'"), ("DIALECT = 1\n", "must be a class, not int")]
)
def test_broken_dialect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, told: str) -> None:
    install(tmp_path, monkeypatch, dialect=text)
    with pytest.raises(UsageError, match=told):
        registry.dialect_class("toy")


def test_missing_dependency_of_an_exchange_is_not_hidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, rest="import no_such_dependency\n")
    with pytest.raises(ModuleNotFoundError, match="no_such_dependency"):
        registry.client_class("toy")


def test_third_parties_are_not_searched_for_a_built_in_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def search(**_: object) -> importlib.metadata.EntryPoints:
        raise AssertionError("entry points were read")

    monkeypatch.setattr(importlib.metadata, "entry_points", search)
    assert registry.spec("mexc").name == "mexc"
