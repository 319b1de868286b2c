"""What a captured request and its answer are made of: the fields, in the order in which the payload has them."""

from collections import Counter
from dataclasses import dataclass
from typing import Literal

Kind = Literal["number", "word"]
ContentType = Literal["csv", "json"]
KINDS = ("number", "word")
CONTENT_TYPES = ("csv", "json")


@dataclass(frozen=True)
class Field:
    """One field of a payload.

    Attributes
    ----------
    name
        The column's name: what JSON objects and header lines call it.
    kind
        ``number`` for a `Numeric` column, ``word`` for a `Categorical` one.
    """

    name: str
    kind: Kind = "number"


@dataclass(frozen=True)
class CaptureSchema:
    """How to read the capture records of one endpoint.

    Attributes
    ----------
    features
        The fields of a request's row.
    predictions
        The fields of an answer's row: one probability or value, or a probability per class.
    content_type
        What a base64 payload holds. SageMaker encodes so what its CaptureContentTypeHeader does not list (API
        reference, DataCaptureConfig), whatever the content type observed. Payloads marked CSV or JSON need no such
        help.
    controlled
        Names of the fields whose values may appear nowhere but in the columns.

    Raises
    ------
    ValueError
        If the fields cannot be told apart, or a name or kind is not known.
    """

    features: tuple[Field, ...]
    predictions: tuple[Field, ...] = (Field("prediction"),)
    content_type: ContentType = "csv"
    controlled: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        for what, fields in (("features", self.features), ("predictions", self.predictions)):
            if not fields:
                raise ValueError(f"capture schema: {what} is empty, wanted at least one field")
            wrong = sorted({field.kind for field in fields} - set(KINDS))
            if wrong:
                raise ValueError(f"capture schema: {what} has a field of kind {wrong[0]!r}, wanted number or word")
        names = [field.name for field in self.features + self.predictions]
        twice = [name for name, times in Counter(names).items() if times > 1]
        if twice or "" in names:
            raise ValueError(
                f"capture schema: found the name {twice[0] if twice else ''!r} twice or empty, wanted names"
            )
        if self.content_type not in CONTENT_TYPES:
            raise ValueError(f"capture schema: content_type is {self.content_type!r}, wanted csv or json")
        unknown = sorted(self.controlled - set(names))
        if unknown:
            raise ValueError(f"capture schema: controlled names {unknown[0]!r}, wanted names of fields")
