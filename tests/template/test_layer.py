"""The layer: what its build leaves of botocore is what the functions use."""

import ast
import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_SPEC = importlib.util.spec_from_file_location("trim", ROOT / "layers" / "muster" / "trim.py")
assert _SPEC is not None
assert _SPEC.loader is not None
trim = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(trim)


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
