"""What a creator is given to make one resource: its properties, names, API calls, and errors that say where."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from . import assets
from .errors import TemplateError, join
from .shapes import conform

if TYPE_CHECKING:
    from rehearsal.host import Host


class Work:
    """One resource that is to be made.

    Attributes
    ----------
    host
        The rehearsal.
    template
        File that declares the resource.
    stack
        Name of its stack.
    logical_id, properties, metadata
        The resource, evaluated, without what has no effect here.
    read
        Files and folders that have been read for this deployment.
    later
        What is to be done when the rest of the stack is there.
    """

    def __init__(
        self,
        host: Host,
        template: Path,
        stack: str,
        logical_id: str,
        properties: dict[str, Any],
        metadata: dict[str, Any],
        read: dict[tuple[Path, str], bytes],
    ) -> None:
        self.host, self.template, self.stack = host, template, stack
        self.logical_id, self.properties, self.metadata = logical_id, properties, metadata
        self.later: list[Callable[[], object]] = []
        self._read = read

    # ---- properties

    def get(self, name: str, default: Any = None) -> Any:
        """Return a property."""
        return self.properties.get(name, default)

    def only(self, *names: str) -> dict[str, Any]:
        """Return those of the named properties that are given."""
        return {name: self.properties[name] for name in names if name in self.properties}

    def but(self, *names: str) -> dict[str, Any]:
        """Return all properties except the named ones."""
        return {name: value for name, value in self.properties.items() if name not in names}

    def policy(self, name: str = "PolicyDocument") -> str | None:
        """Return a property that holds a policy as JSON text; None when it is not given."""
        document = self.properties.get(name)
        if document is None or isinstance(document, str):
            return document
        return json.dumps(document)

    def tags(self) -> dict[str, str]:
        """Return the Tags property, a list of Key and Value or a map, as a map."""
        tags = self.properties.get("Tags") or {}
        if isinstance(tags, dict):
            return {str(key): str(value) for key, value in tags.items()}
        return {str(tag["Key"]): str(tag["Value"]) for tag in tags}

    def tag_list(self, key: str = "Key", value: str = "Value") -> list[dict[str, str]]:
        """Return the tags as a list, with the member names that the API wants."""
        return [{key: name, value: text} for name, text in self.tags().items()]

    # ---- local files

    def file(self, prop: str) -> Path:
        """Return the local path that a property of the template names."""
        location = self.properties.get(prop)
        path = assets.locate(location, self.template) if isinstance(location, dict) else None
        if path is None:
            raise self.error("names no local file: the rehearsal takes code from files", prop)
        return path

    def content(self, prop: str, prefix: str = "") -> bytes:
        """Return the file of a property as it is, or its folder as a zip file whose names start with `prefix`."""
        path = self.file(prop)
        if (path, prefix) not in self._read:
            try:
                whole = path.is_file() and path.suffix == ".json"
                self._read[path, prefix] = path.read_bytes() if whole else assets.archive(path, prefix)
            except OSError as error:
                raise self.error(f"cannot be read: {error}", prop) from error
        return self._read[path, prefix]

    # ---- names

    def name(self, prop: str | None = None, longest: int = 64, form: str = "{stack}-{id}-{tail}") -> str:
        """Return the property `prop` or, as CloudFormation does, a name made of stack, logical id and twelve letters.

        The letters depend on stack and logical id only, so that two rehearsals of one template give equal names.
        """
        given = self.properties.get(prop) if prop else None
        if given:
            return str(given)
        digest = hashlib.sha256(f"{self.stack}/{self.logical_id}".encode()).digest()
        tail = base64.b32encode(digest).decode()[:12]
        whole = form.format(stack=self.stack, id=self.logical_id, tail=tail)
        if len(whole) <= longest:
            return whole
        return f"{whole[: longest - 13].rstrip('-')}-{tail}"

    # ---- calls

    def error(self, message: str, path: str = "") -> TemplateError:
        """Return an error about this resource; `path` starts below ``Properties``."""
        return TemplateError(message, template=self.template, logical_id=self.logical_id, path=join("Properties", path))

    def call(self, service: str, operation: str, params: dict[str, Any], place: str = "") -> dict[str, Any]:
        """Call an API without restriction, its parameters brought into shape.

        Parameters
        ----------
        service, operation
            As boto3 names them.
        params
            Members of the request; values may be as loose as CloudFormation allows.
        place
            Property that the parameters come from, when their names alone do not say.

        Raises
        ------
        TemplateError
            When a value does not fit, or AWS refuses.
        """
        client = self.host.client(service)
        model = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[operation])
        try:
            ready = conform(params, model.input_shape, join("Properties", place))
        except TemplateError as error:
            raise error.at(template=self.template, logical_id=self.logical_id) from None
        caller: Callable[..., dict[str, Any]] = getattr(client, operation)
        try:
            return caller(**ready)
        except ClientError as error:
            told = error.response["Error"]
            if told["Code"] == "500":  # not an answer of AWS at all: moto, or an extension of it, has failed
                text = f"{model.name} failed inside of the rehearsal: its traceback is on standard error"
                raise self.error(text, place) from error
            raise self.error(f"{model.name} is refused: {told['Code']}: {told['Message']}", place) from error
        except BotoCoreError as error:
            raise self.error(f"{model.name} cannot be called: {error}", place) from error
