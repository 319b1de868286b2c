"""The one error of the template package: where in which template something is wrong, what was found, what is wanted."""

from __future__ import annotations

from pathlib import Path


class TemplateError(Exception):
    """A template that cannot be created as it stands; its text is always one line.

    Parameters
    ----------
    message
        What was found and what is wanted instead.
    template
        The template file, when it is known.
    logical_id
        The resource, parameter, condition or output.
    path
        The property inside it, such as ``Properties.VpcConfig.SubnetIds[0]``.

    Examples
    --------
    >>> print(TemplateError("'x' is not a number", template=Path("stacks/a.yaml"), logical_id="Q", path="Properties.D"))
    stacks/a.yaml: Q.Properties.D: 'x' is not a number
    """

    def __init__(
        self, message: str, *, template: Path | None = None, logical_id: str | None = None, path: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = " ".join(message.split())
        self.template = template
        self.logical_id = logical_id
        self.path = path

    def __str__(self) -> str:
        place = ".".join(part for part in (self.logical_id, self.path) if part)
        return ": ".join(str(part) for part in (self.template, place, self.message) if part)

    def at(
        self, *, template: Path | None = None, logical_id: str | None = None, path: str | None = None
    ) -> TemplateError:
        """Return this error with the places filled in that it does not know yet; `path` is put in front of its own."""
        joined = join(path, self.path) if path and self.path else path or self.path
        if self.logical_id:  # a place that was known more precisely further in stays as it is
            joined = self.path
        return TemplateError(
            self.message, template=self.template or template, logical_id=self.logical_id or logical_id, path=joined
        )


def join(path: str | None, key: str | int | None) -> str:
    """Append a key (``.key``) or a list position (``[0]``) to a property path."""
    if isinstance(key, int):
        return f"{path or ''}[{key}]"
    if not path or not key:
        return path or key or ""
    return f"{path}{key}" if key.startswith("[") else f"{path}.{key}"
