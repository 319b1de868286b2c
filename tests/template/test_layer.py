"""The layers: what their builds leave of botocore and numpy is what the functions use."""

import ast
import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


def _trim(layer: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"trim_{layer}", ROOT / "layers" / layer / "trim.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


trim, trim_numerics = _trim("muster"), _trim("numerics")


def _services_used() -> set[str]:
    found = set()
    for folder in (ROOT / "layers" / "muster" / "muster", ROOT / "functions"):
        for path in folder.rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "client":
                    assert isinstance(node.args[0], ast.Constant), f"{path}:{node.lineno}: name the service literally"
                    found.add(node.args[0].value)
    return found


def _layer(folder: Path, services: set[str]) -> Path:
    for service in services:
        (folder / "botocore" / "data" / service).mkdir(parents=True)
    (folder / "botocore" / "data" / "endpoints.json").write_text("{}")
    (folder / "wrapt-stubs").mkdir()
    (folder / "muster" / "__pycache__").mkdir(parents=True)
    return folder


def test_every_service_that_a_function_calls_keeps_its_model_and_no_other() -> None:
    assert _services_used() | {"xray"} == set(trim.SERVICES)


def test_what_no_function_uses_is_removed(tmp_path: Path) -> None:
    trim.trim(_layer(tmp_path, {*trim.SERVICES, "ec2"}))
    assert {each.name for each in (tmp_path / "botocore" / "data").iterdir()} == {*trim.SERVICES, "endpoints.json"}
    assert {each.name for each in tmp_path.iterdir()} == {"botocore", "muster"}
    assert not (tmp_path / "muster" / "__pycache__").exists()


def test_a_service_that_botocore_does_not_know_fails_the_build(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="found no model of kms"):
        trim.trim(_layer(tmp_path, set(trim.SERVICES) - {"kms"}))


def test_of_numpy_what_no_function_uses_is_removed(tmp_path: Path) -> None:
    # Given numpy as pip installs it, and what is laid beside it
    kept = ("numpy/__init__.py", "numpy/_core/a.so", "numpy.libs/b.so", "muster_numerics/baseline.py")
    gone = ("numpy/tests/t.py", "numpy/_core/tests/t.py", "numpy/_core/lib/c.a", "numpy/__init__.pyi", "bin/f2py")
    for name in (*kept, *gone, "muster_numerics/__pycache__/baseline.pyc"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    trim_numerics.trim(tmp_path)
    assert {each.relative_to(tmp_path).as_posix() for each in tmp_path.rglob("*") if each.is_file()} == set(kept)


def test_a_numpy_of_another_layout_fails_the_build(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="found no tests of numpy"):
        trim_numerics.trim(tmp_path)
