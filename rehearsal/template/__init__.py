"""Create what the SAM templates declare, in the rehearsal: translate, evaluate, and call the AWS APIs in order.

An unknown resource type, or a property that the rehearsal does not handle, is an error, never skipped.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import patches, requirements
from .errors import TemplateError
from .plan import Plan, Planner
from .resources import KINDS
from .stack import Builder, Resource, Stack
from .translation import default_cache

if TYPE_CHECKING:
    from rehearsal.host import Host

__all__ = ["KINDS", "Resource", "Stack", "TemplateError", "deploy", "deployed", "plan"]

_log = logging.getLogger(__name__)
_stacks: dict[int, dict[str, Stack]] = {}  # by host: what has been deployed into it


def plan(
    template_path: Path | str, parameters: Mapping[str, Any] | None = None, *, region: str, cache: Path | None = None
) -> Plan:
    """Read, translate and check an application without creating anything.

    Parameters
    ----------
    template_path
        The root template.
    parameters
        Values of its parameters.
    region
        Where it would be created.
    cache
        Folder for translations; the user's cache folder if not given.

    Raises
    ------
    TemplateError
        The first thing that is wrong, with template, logical id and property.
    """
    return Planner(KINDS, region, cache or default_cache()).plan(Path(template_path), dict(parameters or {}))


def deploy(
    host: Host,
    template_path: Path | str,
    parameters: Mapping[str, Any] | None = None,
    stack_name: str = "muster",
    *,
    cache: Path | None = None,
    progress: Callable[[str, str], None] | None = None,
) -> Stack:
    """Create an application, or change the functions and state machines of one that is there.

    Parameters
    ----------
    host
        The rehearsal.
    template_path
        The root SAM (or CloudFormation) template; local paths in it are relative to its folder.
    parameters
        Values of its parameters: strings, numbers, booleans, or lists for list types.
    stack_name
        Name of the root stack. Deploying a name again changes what is there.
    cache
        Folder for translations; the user's cache folder if not given.
    progress
        Told type and logical id of each resource before it is made.

    Returns
    -------
    Stack
        Outputs, resources and nested stacks.

    Raises
    ------
    TemplateError
        One line: template file, logical id, property, what was found and what is wanted. Unknown types and properties
        are found before anything is created.
    """
    patches.install()
    ready = plan(template_path, parameters, region=host.region, cache=cache)
    if id(host) not in _stacks:
        _stacks[id(host)] = {}
        host.on_stop.append(lambda: _forget(host))
    _check_packages(ready)
    before = _stacks[id(host)].get(stack_name)
    stack = Builder(host, KINDS, progress or _note).build(ready, dict(parameters or {}), stack_name, before)
    _stacks[id(host)][stack_name] = stack
    return stack


def deployed(host: Host, stack_name: str = "muster") -> Stack:
    """Return the stack that `deploy` has created in a rehearsal; KeyError when it has not."""
    return _stacks[id(host)][stack_name]


def _forget(host: Host) -> None:
    _stacks.pop(id(host), None)


def _check_packages(ready: Plan) -> None:
    """Refuse code whose pinned packages are not the ones that this interpreter has."""
    for template, logical_id, folder in ready.code():
        wrong = requirements.problems(folder)
        if wrong:
            text = f"{requirements.NAME} in {folder} and this Python ({sys.executable}) differ: {'; '.join(wrong)}"
            raise TemplateError(text, template=template, logical_id=logical_id)


def _note(kind: str, logical_id: str) -> None:
    _log.debug("creating %s %s", kind, logical_id)
