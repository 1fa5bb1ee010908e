"""A JSON object read field by field: typed, every mistake named by its path, every field that nobody read refused."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any, NoReturn

from soban.runtime.errors import InvalidField

_SURROGATE = re.compile("[\ud800-\udfff]")
_INT32 = 2**31
_INT64 = 2**63


class Fields:
    """A JSON object at `path` of the body. `null` counts as absent, as it does for OpenAI."""

    def __init__(self, data: dict[str, Any], path: str = "") -> None:
        self._data = data
        self._read: set[str] = set()
        self.path = path

    @classmethod
    def parse(cls, raw: bytes) -> Fields:
        """The body. Raises InvalidField when it is no JSON object in UTF-8, or holds half a surrogate pair."""
        try:
            data = json.loads(raw.decode(), parse_constant=_refuse_constant)
        except UnicodeDecodeError as err:
            raise InvalidField("the body is not UTF-8") from err
        except RecursionError as err:
            raise InvalidField("the body is nested too deeply") from err
        except ValueError as err:
            raise InvalidField(f"the body is not valid JSON: {_position(err)}") from err
        if not isinstance(data, dict):
            raise InvalidField("the body must be a JSON object")
        if b"\\ud" in raw or b"\\uD" in raw:
            _refuse_surrogate(data)
        return cls(data)

    def at(self, name: str) -> str:
        """Path of a field of this object."""
        return f"{self.path}.{name}" if self.path else name

    def raw(self, name: str) -> Any:
        """The value as it came, None when absent."""
        self._read.add(name)
        return self._data.get(name)

    def text(self, name: str) -> str | None:
        """A string."""
        value: str | None = self._typed(name, str, "a string")
        return value

    def required_text(self, name: str) -> str:
        """A string that has to be there, and may be empty."""
        value = self.text(name)
        if value is None:
            raise InvalidField(f"'{self.at(name)}' is required", field=self.at(name))
        return value

    def choice(self, name: str, known: tuple[str, ...]) -> str | None:
        """One of the known strings."""
        value = self.text(name)
        if value is not None and value not in known:
            raise InvalidField(f"'{self.at(name)}' must be one of {', '.join(known)}", field=self.at(name))
        return value

    def boolean(self, name: str) -> bool | None:
        """True or false."""
        value: bool | None = self._typed(name, bool, "true or false")
        return value

    def integer(self, name: str, limit: int = _INT32) -> int | None:
        """A whole number from -limit to limit - 1; 3.0 is one, too."""
        value = self.number(name)
        if value is None:
            return None
        if value != int(value) or not -limit <= value < limit:
            raise InvalidField(
                f"'{self.at(name)}' must be a whole number of {limit.bit_length()} bits", field=self.at(name)
            )
        return int(value)

    def long(self, name: str) -> int | None:
        """A whole number of 64 bits."""
        return self.integer(name, _INT64)

    def number(self, name: str) -> int | float | None:
        """A finite number."""
        value = self.raw(name)
        if value is None:
            return None
        return as_number(value, self.at(name))

    def object(self, name: str) -> Fields | None:
        """A nested object."""
        value: dict[str, Any] | None = self._typed(name, dict, "an object")
        return None if value is None else Fields(value, self.at(name))

    def objects(self, name: str, most: int) -> list[Fields]:
        """A list of objects; empty when absent."""
        return [as_object(value, f"{self.at(name)}[{index}]") for index, value in enumerate(self.items(name, most))]

    def items(self, name: str, most: int) -> list[Any]:
        """A list of anything, at most `most` long, which is known before anybody walks it; empty when absent."""
        value: list[Any] | None = self._typed(name, list, "a list")
        if value is not None and len(value) > most:
            raise InvalidField(f"'{self.at(name)}' may have at most {most:,} elements", field=self.at(name))
        return value or []

    def strings(self, name: str, most: int) -> list[str]:
        """A list of strings; empty when absent."""
        return [as_text(value, f"{self.at(name)}[{index}]") for index, value in enumerate(self.items(name, most))]

    def members(self, name: str, most: int) -> dict[str, Any]:
        """An object used as a map, with at most `most` keys; empty when absent."""
        value: dict[str, Any] | None = self._typed(name, dict, "an object")
        if value is not None and len(value) > most:
            raise InvalidField(f"'{self.at(name)}' may have at most {most:,} keys", field=self.at(name))
        return value or {}

    def json(self) -> str:
        """The whole object as JSON text."""
        return json.dumps(self._data, ensure_ascii=False)

    def ignore(self, *names: str) -> None:
        """These have no effect on an answer of ours."""
        self._read.update(names)

    def unsupported(self, name: str, *neutral: Any) -> None:
        """Refuses a field whose value asks for what we do not have; None and the neutral values ask for nothing."""
        value = self.raw(name)
        if value is not None and value not in neutral:
            raise InvalidField(f"'{self.at(name)}' is not supported", field=self.at(name))

    def refuse_unread(self) -> None:
        """Refuses the first field that nobody asked for, in the words of OpenAI."""
        for name in self._data:
            if name not in self._read:
                raise InvalidField(f"Unrecognized request argument supplied: {self.at(name)}", field=self.at(name))

    def _typed(self, name: str, kind: type, told: str) -> Any:
        value = self.raw(name)
        if value is None or (isinstance(value, kind) and (kind is bool or not isinstance(value, bool))):
            return value
        raise InvalidField(f"'{self.at(name)}' must be {told}", field=self.at(name))


def as_text(value: Any, path: str) -> str:
    """`value` as a string."""
    if not isinstance(value, str):
        raise InvalidField(f"'{path}' must be a string", field=path)
    return value


def as_object(value: Any, path: str) -> Fields:
    """`value` as an object."""
    if not isinstance(value, dict):
        raise InvalidField(f"'{path}' must be an object", field=path)
    return Fields(value, path)


def as_number(value: Any, path: str) -> int | float:
    """`value` as a finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not _is_finite(value):
        raise InvalidField(f"'{path}' must be a number", field=path)
    return value


def _is_finite(value: int | float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _position(err: ValueError) -> str:
    """Where the mistake is; the message itself may quote the body."""
    if isinstance(err, json.JSONDecodeError):
        return f"line {err.lineno} column {err.colno}"
    return str(err) if str(err).endswith("is no JSON") else "a number is too long"


def _refuse_surrogate(data: Any) -> None:
    """No recursion, since the body may be nested deeply, and no path before one is needed."""
    names: list[str | int] = [""]
    trail = [_members(data)]
    while trail:
        name, value = next(trail[-1], (None, None))
        if name is None:
            trail.pop()
            names.pop()
            continue
        if isinstance(name, str) and _SURROGATE.search(name):
            raise _half_a_pair(_path(names[:-1]) or "body")
        names[-1] = name
        if isinstance(value, str) and _SURROGATE.search(value):
            raise _half_a_pair(_path(names))
        if isinstance(value, dict | list):
            trail.append(_members(value))
            names.append("")


def _members(value: Any) -> Iterator[tuple[str | int, Any]]:
    return iter(value.items()) if isinstance(value, dict) else enumerate(value)


def _path(names: list[str | int]) -> str:
    return "".join(f"[{name}]" if isinstance(name, int) else f".{name}" for name in names).removeprefix(".")


def _half_a_pair(path: str) -> InvalidField:
    return InvalidField(f"'{path}' holds half of a surrogate pair, which is no text", field=path)
