"""Every command in the documents is one that its tool takes: subcommands, options, arguments, make targets, AWS operations."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import botocore.session
import pytest
import typer
from botocore import xform_name

from ops.cli import app
from tests.docs.pages import PAGES, ROOT, code_spans, commands

# The AWS CLI's own commands, which are no operation of a service, and the options that every command has.
AWS_OWN = {
    ("s3", "cp"),
    ("s3", "ls"),
    ("s3", "sync"),
    ("s3", "rm"),
    ("cloudformation", "deploy"),
    ("logs", "tail"),
    ("sso", "login"),
}
AWS_OWN_OPTIONS = {
    ("cloudformation", "deploy"): {"template-file", "stack-name", "capabilities", "parameter-overrides", "role-arn", "s3-bucket", "tags"},
    ("logs", "tail"): {"since", "follow", "filter-pattern", "format", "log-stream-name-prefix"},
}  # fmt: skip
AWS_RENAMED = {
    ("sns", "subscribe"): {"notification-endpoint": "endpoint"}
}  # where a member is named like a common option
AWS_COMMON = {"query", "output", "region", "profile", "cli-input-json", "no-paginate", "max-items", "page-size", "generate-cli-skeleton", "cli-binary-format", "endpoint-url"}  # fmt: skip
UsageError = typer.BadParameter.__bases__[0]  # of the click that typer uses
MAKE_TARGETS = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def lines(word: str) -> list[Any]:
    """Return every command of the documents that begins with a word, each with its place."""
    return [
        pytest.param(part, id=f"{page.relative_to(ROOT)}:{number}")
        for page in PAGES
        for number, line in commands(page)
        for part in re.split(r"\s*(?:&&|\|\||;)\s+", line)
        if part.split()[:1] == [word]
    ]


def words_of(line: str) -> list[str]:
    """Return the words as a shell splits them; ``<placeholder>`` and ``[optional]`` become plain words."""
    return shlex.split(re.sub(r"[<>\[\]]", "", line))


# -- muster -------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("line", lines("./muster"))
def test_a_muster_command_is_understood(line: str) -> None:
    parse(typer.main.get_command(app), words_of(line)[1:])


def parse(command: Any, words: list[str]) -> None:
    """Let the command line's own parser read the words; nothing is called.

    Raises
    ------
    typer's UsageError
        For an unknown command or option, or an argument that is missing or too many.
    """
    context = command.make_context(command.name or "muster", list(words))
    if hasattr(command, "resolve_command"):  # a group: what follows is a command of it
        _, inner, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        parse(inner, rest)


@pytest.mark.parametrize(
    "line", ["publih models/x", "start --wait", "start churn --waiting", "status one two", "reject a"]
)
def test_a_wrong_muster_command_is_found(line: str) -> None:
    with pytest.raises(UsageError):
        parse(typer.main.get_command(app), line.split())


# -- make ---------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_make_target_is_there(page: Path) -> None:
    named = set[str]()
    for text in (*(line for _, line in commands(page)), *code_spans(page)):
        named |= set(re.findall(r"(?:^|&& )make ([a-z][a-z-]*)", text))
    assert named <= MAKE_TARGETS, f"{page.name}: no such target: {', '.join(sorted(named - MAKE_TARGETS))}"


# -- sam ----------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("line", lines("sam"))
def test_a_sam_command_has_these_options(line: str) -> None:
    assert not unknown_sam_options(words_of(line)[1:])


def unknown_sam_options(words: list[str]) -> list[str]:
    names = [each for each in words if not each.startswith("-")]
    known = sam_options(names[0], names[1] if names[0] == "local" else None)
    return [each for each in words if each.startswith("-") and each.partition("=")[0] not in known]


@cache
def sam_options(name: str, below: str | None) -> frozenset[str]:
    from importlib import import_module

    module = f"samcli.commands.{name}.{below.replace('-', '_')}.cli" if below else f"samcli.commands.{name}.command"
    if name == "validate":
        module = "samcli.commands.validate.validate"
    command = import_module(module).cli
    return frozenset(option for each in command.params for option in (*each.opts, *each.secondary_opts))


def test_a_wrong_sam_option_is_found() -> None:
    assert unknown_sam_options(["deploy", "--config-env", "dev", "--role", "x"]) == ["--role"]


# -- aws ----------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("line", lines("aws"))
def test_an_aws_command_is_an_operation_with_these_members(line: str) -> None:
    assert not problems_of(words_of(line)[1:])


def problems_of(words: list[str]) -> list[str]:
    """Compare a command of the AWS CLI with botocore's service model, from which the CLI is made."""
    service, command = words[0], words[1]
    options = {each[2:].partition("=")[0] for each in words[2:] if each.startswith("--")} - AWS_COMMON
    if (service, command) in AWS_OWN:
        known = AWS_OWN_OPTIONS.get((service, command))
        return [] if known is None else [f"no option --{each}" for each in sorted(options - known)]
    service = {"s3": "s3 (high-level)", "s3api": "s3"}.get(service, service)
    renamed = AWS_RENAMED.get((service, command), {})
    options = {renamed.get(each, each) for each in options}
    if service not in services():
        return [f"no service {service}"]
    if command == "wait":
        waiters = {
            xform_name(each, "-") for each in botocore.session.get_session().get_waiter_model(service).waiter_names
        }
        return [] if words[2] in waiters else [f"no waiter {words[2]}"]
    members = operations(service).get(command)
    if members is None:
        return [f"{service} has no {command}"]
    unknown = [each for each in options if each not in members and each.removeprefix("no-") not in members]
    return [f"{command} has no --{each}" for each in sorted(unknown)]


@cache
def services() -> frozenset[str]:
    return frozenset(botocore.session.get_session().get_available_services())


@cache
def operations(service: str) -> dict[str, set[str]]:
    model = botocore.session.get_session().get_service_model(service)
    found = {}
    for name in model.operation_names:
        shape = model.operation_model(name).input_shape
        found[xform_name(name, "-")] = {xform_name(each, "-") for each in shape.members} if shape else set()
    return found


@pytest.mark.parametrize(
    "line",
    [
        "sagemaker update-model-packages --model-package-arn x",
        "sagemaker update-model-package --package x",
        "stepfunction list-state-machines",
        "cloudformation deploy --template x",
        "dynamodb wait table-there",
        "s3 copy a b",
    ],
)
def test_a_wrong_aws_command_is_found(line: str) -> None:
    assert problems_of(line.split())


# -- the documents' arguments ---------------------------------------------------------------------------------------------
def overrides() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        for number, line in commands(page):
            if line.startswith("sam deploy"):
                for name in re.findall(r"\b([A-Z][A-Za-z]+)=", line.partition("--parameter-overrides")[2]):
                    yield f"{page.name}:{number}", name


def test_every_parameter_override_is_a_parameter() -> None:
    from docs.generate.parameters import template_parameters

    known = template_parameters()
    assert [f"{place}: {name}" for place, name in overrides() if name not in known] == []


WRITTEN_BY_SERVE = "events/env.json"


def test_models_and_files_that_commands_name_are_there() -> None:
    for page in PAGES:
        if page.name == "adding-a-model.md":  # its model is made while it is read
            continue
        for number, line in commands(page):
            for name in re.findall(r"(?:^|\s)((?:models|docs|events|stacks|state_machines)/[\w./-]+)", line):
                assert (ROOT / name).exists() or "churn" in name or name == WRITTEN_BY_SERVE, (
                    f"{page.name}:{number}: {name} is not there"
                )
