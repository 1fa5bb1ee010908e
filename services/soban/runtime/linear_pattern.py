"""Regular expressions that take time in proportion to the text, whatever they and the text are."""

from __future__ import annotations

from pydantic_core import SchemaError, SchemaValidator, core_schema

MOST_PATTERN_CHARACTERS = 512


class LinearPattern:
    """A pattern in the syntax of Rust's `regex` crate, which has no back-references and no look-around.

    Model output is nobody's friend: with Python's `re` a pattern such as `(a+)+$` can stand still for hours on it.
    Raises ValueError, in one line, for what is no such pattern.
    """

    def __init__(self, pattern: str) -> None:
        if len(pattern) > MOST_PATTERN_CHARACTERS:
            raise ValueError(f"a pattern has at most {MOST_PATTERN_CHARACTERS} characters")
        try:
            self._validator = SchemaValidator(core_schema.str_schema(pattern=pattern, regex_engine="rust-regex"))
        except SchemaError as err:
            raise ValueError(f"no pattern: {str(err).strip().splitlines()[-1].removeprefix('error: ')}") from err

    def found_in(self, text: str) -> bool:
        """Whether some part of the text matches."""
        return self._validator.isinstance_python(text)
