"""Keys of engines: where they come from, when they are read again, and that nobody sees them."""

from __future__ import annotations

import logging
import os
import traceback
from pathlib import Path

import pytest

from soban.generation.engines.keys import key_of
from soban.runtime.config import ConfigError
from soban.runtime.model_settings import ModelConfig

SECRET = "sk-비밀이-아닌-척".encode().hex()
OTHER = "sk-another-0123456789"


def config(**given: str) -> ModelConfig:
    return ModelConfig(url="m", engine="external", address="https://api.example.com/v1", data_leaves=True, **given)


def write(path: Path, text: str) -> None:
    """As a Secret is changed: another file takes the place of the first."""
    fresh = path.with_suffix(".new")
    fresh.write_text(text)
    fresh.replace(path)


def test_without_a_key_there_is_none() -> None:
    """Most engines of one's own want none."""
    assert key_of("ko", config())() == ""


def test_a_key_comes_out_of_the_environment() -> None:
    """Without the line end that shells leave."""
    assert key_of("ko", config(key_env="API_KEY"), {"API_KEY": f"{SECRET}\n"})() == SECRET


def test_a_key_comes_out_of_a_file(tmp_path: Path) -> None:
    """Without white space around."""
    write(tmp_path / "key", f"  {SECRET}\r\n")
    assert key_of("ko", config(key_file=str(tmp_path / "key")))() == SECRET


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    """Without a restart."""
    path = tmp_path / "key"
    write(path, SECRET)
    key = key_of("ko", config(key_file=str(path)))
    assert key() == SECRET
    write(path, OTHER)
    assert key() == OTHER


def test_a_secret_that_is_turned_over_is_read_again(tmp_path: Path) -> None:
    """Kubernetes mounts a link to a link, and swaps the middle one; size and time may stay."""
    for name, text in (("1", "sk-first"), ("2", "sk-other")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "key").write_text(text)
        os.utime(tmp_path / name / "key", (1_700_000_000, 1_700_000_000))
    (tmp_path / "data").symlink_to("1")
    (tmp_path / "key").symlink_to("data/key")
    key = key_of("ko", config(key_file=str(tmp_path / "key")))
    assert key() == "sk-first"
    (tmp_path / "data.new").symlink_to("2")
    (tmp_path / "data.new").replace(tmp_path / "data")
    assert key() == "sk-other"


@pytest.mark.parametrize("broken", ["", "두 줄\n입니다", None])
def test_a_broken_new_file_leaves_the_last_key(
    tmp_path: Path, broken: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    """Told once, whatever the number of requests."""
    path = tmp_path / "key"
    write(path, SECRET)
    key = key_of("ko", config(key_file=str(path)))
    if broken is None:
        path.unlink()
    else:
        write(path, broken)
    assert [key(), key(), key()] == [SECRET] * 3
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    write(path, OTHER)
    assert key() == OTHER


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "is empty"),
        (" \n\n", "is empty"),
        (f"{SECRET}\nX-Other: header", "one line of visible ASCII"),
        (f"{SECRET} {SECRET}", "one line of visible ASCII"),
        (f"{SECRET}\x00", "one line of visible ASCII"),
        (f"열쇠{SECRET}", "one line of visible ASCII"),
        ("k" * 20_000, "larger than 16,384 bytes"),
    ],
)
def test_what_is_no_key_is_a_mistake_of_the_configuration(tmp_path: Path, content: str, told: str) -> None:
    """Found at the start, with the key of the file that is wrong and nothing of its content."""
    path = tmp_path / "key"
    path.write_text(content)
    with pytest.raises(ConfigError, match=told) as caught:
        key_of("ko", config(key_file=str(path)))
    assert caught.value.path == "models.ko.keyFile"
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_a_file_that_is_not_there_is_a_mistake_of_the_configuration(tmp_path: Path) -> None:
    """Named by its path."""
    with pytest.raises(ConfigError, match=r"models\.ko\.keyFile: .*/key cannot be read \(No such file"):
        key_of("ko", config(key_file=str(tmp_path / "key")))


@pytest.mark.parametrize(
    ("environment", "told"), [({}, "no variable API_KEY"), ({"API_KEY": ""}, "API_KEY holds is empty")]
)
def test_a_variable_that_is_not_set_is_a_mistake_of_the_configuration(environment: dict[str, str], told: str) -> None:
    """Named by its name."""
    with pytest.raises(ConfigError, match=told) as caught:
        key_of("ko", config(key_env="API_KEY"), environment)
    assert caught.value.path == "models.ko.keyEnv"


def test_nobody_sees_a_key(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Not in a representation, and not in a log line of any level."""
    caplog.set_level(logging.DEBUG)
    path = tmp_path / "key"
    write(path, SECRET)
    keys = [key_of("ko", config(key_file=str(path))), key_of("ko", config(key_env="A"), {"A": SECRET})]
    write(path, f"{SECRET} ")
    for key in keys:
        assert key() == SECRET
        assert SECRET not in repr(key) + str(key)
    told = [f"{record.getMessage()} {vars(record)}" for record in caplog.records]
    assert told
    assert not any(SECRET in line for line in told)
