"""Replaces parts of moto, and says so loudly when moto is not what it was written against."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from typing import Any

PINNED = "moto==5.2.5"

_originals: dict[tuple[str, str], Any] = {}


def _label(owner: Any, name: str) -> str:
    place = owner.__name__ if inspect.ismodule(owner) else f"{owner.__module__}.{owner.__qualname__}"
    return f"{place}.{name}"


def original(owner: Any, name: str) -> Any:
    """Return what moto itself has at ``owner.name``, replaced or not."""
    return _originals.get((_label(owner, name), name), owner.__dict__.get(name))


def _check(owner: Any, name: str, parameters: tuple[str, ...] | None) -> Any:
    label = _label(owner, name)
    found = original(owner, name)
    if found is None:
        raise RuntimeError(f"{label} is gone: the rehearsal replaces it and was written for {PINNED}")
    if parameters is not None:
        plain = found.__func__ if isinstance(found, (staticmethod, classmethod)) else found
        actual = tuple(inspect.signature(plain).parameters)
        if actual != parameters:
            raise RuntimeError(
                f"{label}{actual} should have the parameters {parameters}: "
                f"the rehearsal replaces it and was written for {PINNED}"
            )
    return found


def replace(owner: Any, name: str, new: Any, parameters: tuple[str, ...] | None = None) -> Any:
    """Put `new` in the place of ``owner.name`` and return what moto had there.

    Parameters
    ----------
    owner
        A class or a module of moto.
    name
        Name of the attribute.
    new
        The rehearsal's.
    parameters
        Parameter names that moto's function must have; not checked when None (a module, a constant).

    Raises
    ------
    RuntimeError
        When moto has no such symbol or one with other parameters: it is not the version this was written for.
    """
    found = _check(owner, name, parameters)
    _originals.setdefault((_label(owner, name), name), found)
    setattr(owner, name, new)
    return found


def wrap(owner: Any, name: str, make: Callable[[Any], Any], parameters: tuple[str, ...]) -> None:
    """`replace` by ``make(original)``, for what calls moto's own."""
    replace(owner, name, make(_check(owner, name, parameters)), parameters)


def add(owner: Any, name: str, new: Any) -> None:
    """Add `new`, which moto lacks.

    Raises
    ------
    RuntimeError
        When moto has it by now, so that somebody decides which of the two is better.
    """
    key = (_label(owner, name), name)
    if name in owner.__dict__ and key not in _originals:
        raise RuntimeError(f"{key[0]} exists by now: the rehearsal adds it and was written for {PINNED}")
    _originals.setdefault(key, None)
    setattr(owner, name, new)


def replace_everywhere(owner: Any, name: str, new: Any, parameters: tuple[str, ...]) -> None:
    """`replace`, also in the modules of moto's Step Functions that imported the function by name."""
    found = replace(owner, name, new, parameters)
    for label, module in list(sys.modules.items()):
        if label.startswith("moto.stepfunctions.") and module is not owner and module.__dict__.get(name) is found:
            _originals.setdefault((_label(module, name), name), found)
            setattr(module, name, new)


def replaced() -> dict[str, Any]:
    """Return the labels of all that has been replaced or added, with moto's own (None: added)."""
    return {label: found for (label, _), found in _originals.items()}
