"""Settings: each layer over the one below, each value with its source, errors that name place, key and remedy."""

from __future__ import annotations

from pathlib import Path

import pytest
from p2pd_daemon.config import Config, default_listen, load_config
from p2pd_daemon.errors import BadConfig
from p2pd_daemon.options import parse_start_options
from p2pd_daemon.settings import HttpAddress, setting_keys


def with_file(home: Path, text: str, **environ: str) -> Config:
    (home / "config.toml").write_text(text, encoding="utf-8")
    return load_config(home, {}, environ)


def test_defaults(tmp_path: Path) -> None:
    config = load_config(tmp_path, {}, {})
    assert config.listen == default_listen()
    assert config.http == HttpAddress("127.0.0.1", 8080)
    assert config.mdns
    assert config.nick is None
    assert not any(config.asked_for(key) for key in setting_keys())


def test_each_layer_lies_over_the_one_below(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(
        'http = "127.0.0.1:1"\nnick = "file"\nmdns = false\n[limits]\nrooms = 5\nauthor_rate = 7\n'
    )
    environ = {"P2PD_HTTP": "127.0.0.1:2", "P2PD_NICK": "environment", "P2PD_LIMITS_ROOMS": "6"}
    config = load_config(tmp_path, {"http": "off"}, environ)
    assert (config.http, config.nick, config.mdns) == (None, "environment", False)
    assert (config.limits.rooms, config.limits.author_rate) == (6, 7)
    sources = {key: source for key, _, source in config.shown()}
    assert sources["http"] == "option"
    assert sources["nick"] == sources["limits.rooms"] == "environment"
    assert sources["mdns"] == sources["limits.author_rate"] == "file"
    assert sources["listen"] == "default"
    assert list(sources) == setting_keys()


def test_values_are_shown_as_json_can_hold_them(tmp_path: Path) -> None:
    shown = {key: value for key, value, _ in load_config(tmp_path, {"key": "~/k"}, {}).shown()}
    assert shown["http"] == "127.0.0.1:8080"
    assert shown["listen"] == list(default_listen())
    assert shown["key"] == str(Path.home() / "k")
    assert shown["limits.text_bytes"] == 8192


@pytest.mark.parametrize(
    ("text", "place", "expected"),
    [
        ("listen = 3", "config.toml: listen", "a list of multiaddrs"),
        ('listen = ["tcp:4100"]', "config.toml: listen", "a list of multiaddrs"),
        ('mdns = "no"', "config.toml: mdns", "true or false"),
        ("mdns = 0", "config.toml: mdns", "true or false"),
        ('http = "8080"', "config.toml: http", "HOST:PORT"),
        ('http = "127.0.0.1:99999"', "config.toml: http", "HOST:PORT"),
        ("nick = 7", "config.toml: nick", "a nickname"),
        ('log_level = "loud"', "config.toml: log_level", "one of debug"),
        ('lisen = ["/ip4/127.0.0.1/tcp/0"]', "config.toml: lisen", "Did you mean listen?"),
        ("[limits]\nroms = 1", "config.toml: limits.roms", "Did you mean limits.rooms?"),
        ('[limits]\nrooms = "many"', "config.toml: limits.rooms", "a whole number"),
        ("[limits]\nrooms = -1", "config.toml: limits.rooms", "a whole number"),
        ("[limits]\nrooms = true", "config.toml: limits.rooms", "a whole number"),
        ("limits = 5", "config.toml: limits", "[limits]"),
        ("[zzz]\nq = 1", "config.toml: zzz", "p2pd config"),
        ("listen = [", "config.toml is not TOML", "Correct"),
    ],
)
def test_what_is_wrong_in_the_file_is_named(tmp_path: Path, text: str, place: str, expected: str) -> None:
    with pytest.raises(BadConfig) as caught:
        with_file(tmp_path, text)
    assert place in caught.value.message
    assert str(tmp_path) in caught.value.message
    assert expected in caught.value.hint


def test_a_file_that_is_not_text_or_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_bytes(b'nick = "\xff"')
    with pytest.raises(BadConfig, match="not UTF-8"):
        load_config(tmp_path, {}, {})
    (tmp_path / "config.toml").unlink()
    (tmp_path / "config.toml").mkdir()
    with pytest.raises(BadConfig, match="cannot read"):
        load_config(tmp_path, {}, {})


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("P2PD_MDNS", "perhaps", "true or false"),
        ("P2PD_NO_MDNS", "perhaps", "true or false"),
        ("P2PD_LISTEN", "4100", "multiaddrs separated by"),
        ("P2PD_LIMITS_ROOMS", "lots", "a whole number"),
        ("P2PD_LIMITS_ROMS", "1", "Did you mean limits.rooms?"),
        ("P2PD_HTTP", "nowhere", "HOST:PORT"),
    ],
)
def test_what_is_wrong_in_the_environment_is_named(
    tmp_path: Path, name: str, text: str, expected: str
) -> None:
    with pytest.raises(BadConfig, match=name) as caught:
        load_config(tmp_path, {}, {name: text})
    assert expected in caught.value.hint


def test_the_environment(tmp_path: Path) -> None:
    config = load_config(
        tmp_path,
        {},
        {
            "P2PD_LISTEN": "/ip4/127.0.0.1/tcp/0, /ip4/127.0.0.1/tcp/0/ws",
            "P2PD_BOOTSTRAP": "/ip4/10.0.0.1/tcp/1",
            "P2PD_NO_BOOTSTRAP": "1",
            "P2PD_MDNS": "off",
            "P2PD_NICK": "",  # empty counts as not set
            "P2PD_SOMETHING_ELSE": "left alone",
            "P2PD_HOME": "/not/a/setting",
        },
    )
    assert config.listen == ("/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/tcp/0/ws")
    assert config.bootstrap == ()
    assert not config.mdns
    assert config.sources["nick"] == "default"


def test_http_addresses(tmp_path: Path) -> None:
    config = load_config(tmp_path, {"http": "[::1]:0"}, {})
    assert config.http == HttpAddress("::1", 0)
    assert str(config.http) == "[::1]:0"
    assert config.asked_for("http")


def test_a_wrong_option_is_named_as_it_was_typed(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match="--log-level"):
        load_config(tmp_path, {"log_level": "loud"}, {})


def test_the_options_of_start(tmp_path: Path) -> None:
    options = parse_start_options(
        ["--home", str(tmp_path), "--listen", "/ip4/127.0.0.1/tcp/0", "--no-mdns", "--http", "off", "--json"]
    )
    assert options.home == str(tmp_path)
    assert options.json
    config = load_config(tmp_path, options.settings, {})
    assert config.listen == ("/ip4/127.0.0.1/tcp/0",)
    assert (config.mdns, config.http) == (False, None)
    assert config.sources["bootstrap"] == "default"
    assert load_config(tmp_path, parse_start_options(["--no-bootstrap"]).settings, {}).asked_for("bootstrap")


def test_a_wrong_option_of_start_exits_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parse_start_options(["--lisen", "x"])
    assert caught.value.code == 2
    assert "--lisen" in capsys.readouterr().err
