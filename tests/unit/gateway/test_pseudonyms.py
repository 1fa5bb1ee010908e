"""Users told apart without being named, under a key that may lie in a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from soban.gateway.pseudonyms import Pseudonyms, salt_in
from soban.gateway.settings import GatewaySettings
from soban.runtime.config import validate
from soban.runtime.config_error import ConfigError


def test_gateways_with_one_salt_agree() -> None:
    """And without one each has its own."""
    assert Pseudonyms("소금").of("김소반") == Pseudonyms("소금").of("김소반")
    assert Pseudonyms("").of("김소반") != Pseudonyms("").of("김소반")


def test_a_salt_in_a_file_is_read_as_it_stands(tmp_path: Path) -> None:
    """But for the white space around it, which editors and Secrets add."""
    file = tmp_path / "salt"
    file.write_text("  굵은 소금\n", encoding="utf-8")
    assert salt_in(str(file)) == "굵은 소금"


@pytest.mark.parametrize("content", [None, b"\n", b"\xff\xfe"], ids=["no file", "empty", "no UTF-8"])
def test_a_file_without_a_salt_is_refused_by_its_key(tmp_path: Path, content: bytes | None) -> None:
    """A gateway that went on with a random one would look well and tell users apart anew with each start."""
    file = tmp_path / "salt"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError, match=r"services\.gateway\.logUserSaltFile"):
        salt_in(str(file))


def test_two_salts_exclude_each_other() -> None:
    """Nobody has to guess which one holds."""
    with pytest.raises(ConfigError, match="exclude each other"):
        validate(GatewaySettings, {"logUserSalt": "소금", "logUserSaltFile": "/salt"}, "services.gateway")
