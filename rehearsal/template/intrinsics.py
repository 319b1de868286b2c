"""Intrinsic functions, conditions and pseudo parameters of CloudFormation, evaluated against what exists so far.

Source: CloudFormation Template Reference, "Intrinsic function reference" and "Pseudo parameters reference". What needs
the AWS::LanguageExtensions transform (Fn::ForEach, Fn::Length, Fn::ToJsonString), Fn::ImportValue and Fn::Transform
is refused: exports would couple stacks of one account, and macros run elsewhere.
"""

from __future__ import annotations

import base64
import ipaddress
import re
from collections.abc import Callable, Iterator
from typing import Any

from .errors import TemplateError, join

NO_VALUE = object()  # what AWS::NoValue evaluates to; it removes the property or list item that holds it
_SUB = re.compile(r"\$\{(!?)([^{}]*)\}")
PSEUDO = frozenset(
    {
        "AWS::AccountId",
        "AWS::NoValue",
        "AWS::NotificationARNs",
        "AWS::Partition",
        "AWS::Region",
        "AWS::StackId",
        "AWS::StackName",
        "AWS::URLSuffix",
    }
)


class Scope:
    """Everything that expressions of one stack can name.

    Parameters
    ----------
    parameters
        Values of the template's parameters.
    pseudo
        Values of the pseudo parameters.
    mappings, conditions
        Those sections of the template.
    ref, attribute
        Give a resource's physical name and its attributes, or raise `TemplateError`.
    """

    def __init__(
        self,
        *,
        parameters: dict[str, Any],
        pseudo: dict[str, Any],
        mappings: dict[str, Any],
        conditions: dict[str, Any],
        ref: Callable[[str], Any],
        attribute: Callable[[str, str], Any],
    ) -> None:
        self.parameters, self.pseudo, self.mappings, self.conditions = parameters, pseudo, mappings, conditions
        self._ref, self._attribute = ref, attribute
        self._decided: dict[str, bool] = {}
        self._deciding: list[str] = []

    # ---- names

    def ref(self, name: str) -> Any:
        """Return what ``Ref`` gives for a pseudo parameter, a parameter or a resource."""
        if name == "AWS::NoValue":
            return NO_VALUE
        if name in self.pseudo:
            return self.pseudo[name]
        if name.startswith("AWS::"):
            raise TemplateError(f"Ref to the unknown pseudo parameter {name}")
        if name in self.parameters:
            return self.parameters[name]
        return self._ref(name)

    def condition(self, name: str) -> bool:
        """Return whether the named condition holds."""
        if name not in self._decided:
            if name not in self.conditions:
                raise TemplateError(f"there is no condition {name!r}")
            if name in self._deciding:
                raise TemplateError(
                    f"conditions refer to each other in a circle: {' -> '.join([*self._deciding, name])}"
                )
            self._deciding.append(name)
            try:
                self._decided[name] = self._truth(self.conditions[name], f"Conditions.{name}")
            finally:
                self._deciding.pop()
        return self._decided[name]

    # ---- values

    def value(self, expression: Any, path: str = "") -> Any:
        """Return a value with every intrinsic function in it evaluated; ``AWS::NoValue`` removes what holds it.

        Raises
        ------
        TemplateError
            With the property path, for whatever cannot be evaluated.
        """
        result = self._value(expression, path)
        return None if result is NO_VALUE else result

    def _value(self, expression: Any, path: str) -> Any:
        if isinstance(expression, list):
            items = [self._value(item, join(path, index)) for index, item in enumerate(expression)]
            return [item for item in items if item is not NO_VALUE]
        if not isinstance(expression, dict):
            return expression
        function = intrinsic(expression)
        if function is None:
            values = {key: self._value(item, join(path, str(key))) for key, item in expression.items()}
            return {key: value for key, value in values.items() if value is not NO_VALUE}
        try:
            return self._call(function, expression[function], path)
        except TemplateError as error:
            raise error if error.path else error.at(path=path) from None

    def _call(self, function: str, argument: Any, path: str) -> Any:
        if function == "Ref":
            return self.ref(argument)
        if function == "Condition":
            return self.condition(argument)
        handler = _FUNCTIONS.get(function)
        if handler is None:
            raise TemplateError(f"{function} is not rehearsed; known are {', '.join(sorted(_FUNCTIONS))}")
        return handler(self, argument, path)

    def _truth(self, expression: Any, path: str) -> bool:
        value = self._value(expression, path)
        if isinstance(value, bool):
            return value
        raise TemplateError(f"is {value!r}, wanted a condition function", path=path)

    # ---- functions; each takes its argument as it stands

    def _get_att(self, argument: Any, path: str) -> Any:
        parts = argument.split(".", 1) if isinstance(argument, str) else argument
        if not isinstance(parts, list) or len(parts) != 2:
            raise TemplateError(f"Fn::GetAtt wants [logical id, attribute], got {argument!r}")
        return self._attribute(str(parts[0]), str(self._value(parts[1], path)))

    def _sub(self, argument: Any, path: str) -> str:
        text, own = argument if isinstance(argument, list) and len(argument) == 2 else (argument, {})
        if not isinstance(text, str) or not isinstance(own, dict):
            raise TemplateError("Fn::Sub wants a string, or a string and a map")
        variables = {name: self._value(value, path) for name, value in own.items()}

        def replace(match: re.Match[str]) -> str:
            literal, name = match.group(1), match.group(2).strip()
            if literal:
                return "${" + match.group(2) + "}"
            if name in variables:
                value = variables[name]
            elif "." in name:
                value = self._get_att(name, path)
            else:
                value = self.ref(name)
            return _scalar(value, f"${{{name}}} in Fn::Sub")

        return _SUB.sub(replace, text)

    def _join(self, argument: Any, path: str) -> str:
        delimiter, items = self._pair(argument, "Fn::Join", path)
        if not isinstance(items, list):
            raise TemplateError(f"Fn::Join wants a list to join, got {items!r}")
        return str(delimiter).join(_scalar(item, "an item of Fn::Join") for item in items)

    def _split(self, argument: Any, path: str) -> list[str]:
        delimiter, text = self._pair(argument, "Fn::Split", path)
        return _scalar(text, "the source of Fn::Split").split(str(delimiter))

    def _select(self, argument: Any, path: str) -> Any:
        index, items = self._pair(argument, "Fn::Select", path)
        if not isinstance(items, list) or not str(index).isdigit() or int(index) >= len(items):
            raise TemplateError(f"Fn::Select wants an index into a list, got {index!r} of {items!r}")
        return items[int(index)]

    def _if(self, argument: Any, path: str) -> Any:
        if not isinstance(argument, list) or len(argument) != 3 or not isinstance(argument[0], str):
            raise TemplateError("Fn::If wants [condition name, value if true, value if false]")
        return self._value(argument[1 if self.condition(argument[0]) else 2], path)

    def _equals(self, argument: Any, path: str) -> bool:
        left, right = self._pair(argument, "Fn::Equals", path)
        return bool(_comparable(left) == _comparable(right))

    def _and(self, argument: Any, path: str) -> bool:
        return all(self._truth(item, path) for item in _many(argument, "Fn::And"))

    def _or(self, argument: Any, path: str) -> bool:
        return any(self._truth(item, path) for item in _many(argument, "Fn::Or"))

    def _not(self, argument: Any, path: str) -> bool:
        if not isinstance(argument, list) or len(argument) != 1:
            raise TemplateError("Fn::Not wants a list of one condition")
        return not self._truth(argument[0], path)

    def _find_in_map(self, argument: Any, path: str) -> Any:
        if not isinstance(argument, list) or len(argument) != 3:
            raise TemplateError("Fn::FindInMap wants [map name, top level key, second level key]")
        keys = [_scalar(self._value(key, path), "a key of Fn::FindInMap") for key in argument]
        found: Any = self.mappings
        for depth, key in enumerate(keys):
            if not isinstance(found, dict) or key not in found:
                raise TemplateError(
                    f"Fn::FindInMap finds no {key!r} in Mappings{''.join('.' + k for k in keys[:depth])}"
                )
            found = found[key]
        return found

    def _base64(self, argument: Any, path: str) -> str:
        return base64.b64encode(_scalar(self._value(argument, path), "Fn::Base64").encode()).decode()

    def _get_azs(self, argument: Any, path: str) -> list[str]:
        region = self._value(argument, path) or self.pseudo["AWS::Region"]
        return [f"{region}{zone}" for zone in "abc"]

    def _cidr(self, argument: Any, path: str) -> list[str]:
        values = self._value(argument, path)
        if not isinstance(values, list) or len(values) not in (2, 3):
            raise TemplateError("Fn::Cidr wants [block, count, bits]")
        block = ipaddress.ip_network(_scalar(values[0], "the block of Fn::Cidr"))
        bits = int(values[2]) if len(values) == 3 else 8
        subnets = block.subnets(new_prefix=block.max_prefixlen - bits)
        return [str(subnet) for subnet, _ in zip(subnets, range(int(values[1])), strict=False)]

    def _pair(self, argument: Any, function: str, path: str) -> tuple[Any, Any]:
        if not isinstance(argument, list) or len(argument) != 2:
            raise TemplateError(f"{function} wants a list of two")
        return self._value(argument[0], path), self._value(argument[1], path)


_FUNCTIONS: dict[str, Callable[[Scope, Any, str], Any]] = {
    "Fn::And": Scope._and,
    "Fn::Base64": Scope._base64,
    "Fn::Cidr": Scope._cidr,
    "Fn::Equals": Scope._equals,
    "Fn::FindInMap": Scope._find_in_map,
    "Fn::GetAZs": Scope._get_azs,
    "Fn::GetAtt": Scope._get_att,
    "Fn::If": Scope._if,
    "Fn::Join": Scope._join,
    "Fn::Not": Scope._not,
    "Fn::Or": Scope._or,
    "Fn::Select": Scope._select,
    "Fn::Split": Scope._split,
    "Fn::Sub": Scope._sub,
}


def intrinsic(expression: Any) -> str | None:
    """Return the name of the intrinsic function that a value is; None for a plain value."""
    if not isinstance(expression, dict) or len(expression) != 1:
        return None
    (key,) = expression
    if not isinstance(key, str):
        return None
    # {"Condition": {...}} is the condition block of a policy statement; {"Condition": "Name"} refers to a condition.
    if key == "Ref" or key.startswith("Fn::") or (key == "Condition" and isinstance(expression[key], str)):
        return key
    return None


def references(expression: Any) -> Iterator[str]:
    """Yield the names that an expression refers to by Ref, Fn::GetAtt and Fn::Sub, whatever branch is taken."""
    if isinstance(expression, list):
        for item in expression:
            yield from references(item)
    if not isinstance(expression, dict):
        return
    function = intrinsic(expression)
    argument = expression.get(function) if function else None
    if function == "Ref" and isinstance(argument, str):
        yield argument
    elif function == "Fn::GetAtt" and argument:
        yield argument.split(".")[0] if isinstance(argument, str) else str(argument[0])
    elif function == "Fn::Sub":
        text, own = argument if isinstance(argument, list) and len(argument) == 2 else (argument, {})
        for literal, name in _SUB.findall(text) if isinstance(text, str) else ():
            if not literal and name.strip() not in own:
                yield name.strip().split(".")[0]
        yield from references(own)
    else:
        for item in expression.values():
            yield from references(item)


def _scalar(value: Any, what: str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise TemplateError(f"{what} is {'AWS::NoValue' if value is NO_VALUE else repr(value)}, wanted a string")


def _comparable(value: Any) -> Any:
    return _scalar(value, "an operand of Fn::Equals") if isinstance(value, bool | int | float) else value


def _many(argument: Any, function: str) -> list[Any]:
    if not isinstance(argument, list) or not 2 <= len(argument) <= 10:
        raise TemplateError(f"{function} wants a list of 2 to 10 conditions")
    return argument
