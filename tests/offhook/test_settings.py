"""Where settings come from, which source wins, and what is said about what is wrong."""

import argparse
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from offhook import settings, voipmonitor_conf
from offhook.errors import CommandError, UsageError
from offhook.main import main
from offhook.settings import Settings
from tests.paths import ROOT

Collect = Callable[..., tuple[Settings, list[str]]]
Show = Callable[..., tuple[int, str, str]]


@pytest.fixture
def collect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Collect:
    monkeypatch.chdir(tmp_path)

    def from_sources(
        *,
        toml: str | None = None,
        conf: str | None = None,
        env: Mapping[str, str] | None = None,
        **flags: Any,
    ) -> tuple[Settings, list[str]]:
        options = argparse.Namespace(config=None, voipmonitor_conf=None, set=[], sip_port=[])
        if toml is not None:
            Path("offhook.toml").write_text(toml)
        if conf is not None:
            Path("voipmonitor.conf").write_text(conf)
            options.voipmonitor_conf = "voipmonitor.conf"
        vars(options).update(flags)
        chosen, problems = settings.collect(options, {"HOME": str(tmp_path), **(env or {})})
        return chosen, [str(problem) for problem in problems]

    return from_sources


@pytest.fixture
def command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("OFFHOOK_CACHE", raising=False)

    def call(*arguments: str) -> tuple[int, str, str]:
        code = main(arguments)
        return code, *capsys.readouterr()

    return call


def test_without_any_source_there_are_defaults(collect: Collect) -> None:
    chosen, problems = collect()
    assert (chosen.capture.sip_ports, chosen.offhook.timezone) == ((5060,), "UTC")
    assert (problems, chosen.origins) == ([], {})


def test_a_file_gives_typed_values_with_their_line(collect: Collect) -> None:
    chosen, problems = collect(
        toml='timezone = "local"\n\n[capture]\n# ports\nsip_ports = [5060, "5070-5072"]\n'
        '[calls]\nheaders=["X-A"]\n'
    )
    assert problems == []
    assert chosen.capture.sip_ports == (5060, 5070, 5071, 5072)
    assert chosen.calls.headers == ("X-A",)
    assert chosen.origins == {
        "timezone": "offhook.toml:1",
        "capture.sip_ports": "offhook.toml:5",
        "calls.headers": "offhook.toml:7",
    }


def test_dotted_keys_have_their_line(collect: Collect) -> None:
    chosen, _ = collect(toml="\ncapture.sip_ports = [5061]\n")
    assert chosen.origins == {"capture.sip_ports": "offhook.toml:2"}


def test_a_flag_beats_the_environment_beats_the_file_beats_voipmonitor(collect: Collect) -> None:
    sources: dict[str, Any] = {"conf": "sipport = 1001\n"}
    for origin, port, more in (
        ("voipmonitor.conf:1", 1001, {}),
        ("offhook.toml:2", 1002, {"toml": "[capture]\nsip_ports = [1002]\n"}),
        ("OFFHOOK_CAPTURE_SIP_PORTS", 1003, {"env": {"OFFHOOK_CAPTURE_SIP_PORTS": "1003"}}),
        ("--set capture.sip_ports", 1004, {"set": ["capture.sip_ports=1004"]}),
        ("--sip-port", 1005, {"sip_port": ["1005"]}),
    ):
        sources |= more
        chosen, problems = collect(**sources)
        assert problems == []
        assert chosen.capture.sip_ports == (port,)
        assert chosen.origins["capture.sip_ports"] == origin


def test_what_holds_for_calls_and_media_is_said_once(collect: Collect) -> None:
    chosen, problems = collect(
        toml="[calls]\nsensor_gone_s = 0\nlateness_max_s = 99\n[media]\nlateness_max_s = 7\n"
    )
    assert not problems
    assert (chosen.calls.sensor_gone_s, chosen.calls.lateness_max_s) == (0, 99)
    assert (chosen.media.sensor_gone_s, chosen.media.lateness_max_s) == (0, 7)


def test_text_becomes_the_type_of_its_key(collect: Collect) -> None:
    chosen, problems = collect(
        env={
            "OFFHOOK_CAPTURE_KEEP_SECRETS": "true",
            "OFFHOOK_CALLS_ABSOLUTE_TIMEOUT_S": "60",
            "OFFHOOK_CALLS_HEADERS": "X-A, X-B",
            "OFFHOOK_CALLS_FAILURE_TIMEOUTS_S": "486=7,404=8",
            "OFFHOOK_MEDIA_NATALIAS": "203.0.113.1=10.0.0.1",
            "OFFHOOK_TIMEZONE": "local",
        }
    )
    assert problems == []
    assert chosen.capture.keep_secrets is True
    assert chosen.calls.absolute_timeout_s == 60
    assert chosen.calls.headers == ("X-A", "X-B")
    assert chosen.calls.failure_timeouts_s == {486: 7, 404: 8}
    assert chosen.media.natalias == {"203.0.113.1": "10.0.0.1"}


@pytest.mark.parametrize(
    ("toml", "problem"),
    [
        (
            "[capture]\nsip_port = [1]\n",
            "offhook.toml:2: no setting capture.sip_port; did you mean capture.sip_ports?",
        ),
        ("\n[captures]\nx = 1\n", "offhook.toml:2: no section [captures]; did you mean capture?"),
        ("zone = 1\n", "offhook.toml:1: no setting zone"),
        ("[capture]\n\nsip_ports = 5060\n", "offhook.toml:3: capture.sip_ports = 5060: Expected `array`"),
        ("[capture]\nsip_ports = [0]\n", "offhook.toml:2: capture.sip_ports = [0]: '0' is no port"),
        ("[capture]\nsip_ports = [\n", "offhook.toml:"),
        (
            "[calls]\nabsolute_timeout_s = 'x'\n",
            "offhook.toml:2: calls.absolute_timeout_s = 'x': Expected `int`",
        ),
    ],
)
def test_what_is_wrong_in_a_file_is_said_with_its_line(collect: Collect, toml: str, problem: str) -> None:
    _, problems = collect(toml=toml)
    assert len(problems) == 1
    assert problems[0].startswith(problem)


def test_every_problem_is_found_not_only_the_first(collect: Collect) -> None:
    _, problems = collect(toml="a = 1\nb = 2\n[capture]\nflows_max = 'x'\n", env={"OFFHOOK_NOTHING": "1"})
    assert sorted(problem.partition(": ")[0] for problem in problems) == [
        "OFFHOOK_NOTHING",
        "offhook.toml:1",
        "offhook.toml:2",
        "offhook.toml:4",
    ]


def test_a_variable_that_is_no_setting_is_pointed_out(collect: Collect) -> None:
    _, problems = collect(env={"OFFHOOK_CAPTURE_SIP_PORT": "5060", "OFFHOOK_CACHE": "/var/cache"})
    assert problems == ["OFFHOOK_CAPTURE_SIP_PORT: no such setting; did you mean OFFHOOK_CAPTURE_SIP_PORTS?"]


def test_a_variable_that_is_for_a_command_is_no_problem(collect: Collect) -> None:
    assert collect(env={"OFFHOOK_DB_TOKEN": "x", "OFFHOOK_DB": "calls"}) == collect()


def test_every_variable_that_is_told_of_may_be_set() -> None:
    """A variable for one command must not keep the others from working."""
    known = {
        settings.variable(section, key) for section in settings.SECTIONS for key in settings.keys(section)
    }
    told = {
        name
        for folder, pattern in (("docs", "*.md"), ("offhook", "*.py"), ("sinks", "*.py"), ("infra", "*"))
        for path in (ROOT / folder).rglob(pattern)
        if path.is_file()
        for name in re.findall(
            r"OFFHOOK_[A-Z0-9]+(?:_[A-Z0-9]+)*\b(?!_|\*)", path.read_text("utf-8", "replace")
        )
    }
    assert "OFFHOOK_DB_TOKEN" in told
    assert told <= known | settings.NOT_SETTINGS, told - known - settings.NOT_SETTINGS


def test_load_refuses_the_first_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    options = argparse.Namespace(set=["capture.flows_max=many"])
    with pytest.raises(UsageError, match=r"--set capture.flows_max: capture.flows_max = 'many'"):
        settings.load(options, {})


def test_the_file_is_found_by_flag_variable_folder_and_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    env = {"XDG_CONFIG_HOME": str(tmp_path / "config")}
    home = tmp_path / "config" / "offhook" / "offhook.toml"
    home.parent.mkdir(parents=True)
    home.write_text("")
    assert settings.settings_file(None, env) == home
    Path("offhook.toml").write_text("")
    assert settings.settings_file(None, env) == Path("offhook.toml")
    assert settings.settings_file(None, env | {"OFFHOOK_CONFIG": "/a.toml"}) == Path("/a.toml")
    assert settings.settings_file("/b.toml", env | {"OFFHOOK_CONFIG": "/a.toml"}) == Path("/b.toml")


def test_a_named_file_that_is_missing_is_an_error(collect: Collect) -> None:
    with pytest.raises(FileNotFoundError):
        collect(config="nowhere.toml")


def test_a_huge_file_is_no_settings_file(collect: Collect) -> None:
    with pytest.raises(CommandError, match="no settings file"):
        collect(toml="#" * (2 << 20))


VOIPMONITOR = """\
[general]
# a comment
sipport = 5060
sipport = 5061,5070-5071
rtptimeout = 120          # seconds
sipwithoutrtptimeout=600
absolute_timeout = 7200
onewaytimeout = 20
natalias = 203.0.113.1 10.0.0.1
natalias = 203.0.113.2 10.0.0.2
custom_headers = X-One ; X-Two
;spooldir = /not/this
spooldir = /var/spool/voipmonitor
mysqlpassword = s3cret
neverheard = 1
what is this
"""


def test_voipmonitor_conf_is_read_as_it_is(collect: Collect) -> None:
    chosen, problems = collect(conf=VOIPMONITOR)
    assert problems == []
    assert chosen.capture.sip_ports == (5060, 5061, 5070, 5071)
    assert chosen.records.rtp_timeout_s == 120
    assert chosen.records.sip_without_rtp_timeout_s == 600
    assert chosen.calls.absolute_timeout_s == 7200
    assert chosen.calls.one_way_timeout_s == 20
    assert chosen.calls.headers == ("X-One", "X-Two")
    assert chosen.media.natalias == {"203.0.113.1": "10.0.0.1", "203.0.113.2": "10.0.0.2"}
    assert chosen.origins["records.rtp_timeout_s"] == "voipmonitor.conf:5"


def test_a_word_is_said_about_each_key_that_cannot_be_honoured(collect: Collect) -> None:
    chosen, _ = collect(conf=VOIPMONITOR)
    notes = "\n".join(chosen.notes)
    assert "voipmonitor.conf:13: spooldir: packets are not stored" in notes
    assert "voipmonitor.conf:14: mysqlpassword: calls are kept in ClickHouse" in notes
    assert "voipmonitor.conf:15: neverheard: this key is not known here" in notes
    assert "voipmonitor.conf:16: what is this: is no line of the form key = value" in notes
    assert "s3cret" not in notes
    assert len(chosen.notes) == 4


def test_every_key_we_honour_has_a_setting() -> None:
    for key, ((section, name), _) in voipmonitor_conf.HONOURED.items():
        assert name in settings.keys(section), key


def test_a_bad_value_in_voipmonitor_conf_has_its_line(collect: Collect) -> None:
    _, problems = collect(conf="\nsipport = 99999\n")
    assert problems[0].startswith("voipmonitor.conf:2: capture.sip_ports")


def test_config_show_prints_every_value_and_its_source(command: Show) -> None:
    Path("offhook.toml").write_text("[capture]\nsip_ports = [5060, 5062]\n")
    code, out, err = command("config", "show", "--set", "timezone=local")
    assert (code, err) == (0, "")
    lines = [line.split("  # ") for line in out.splitlines()]
    shown = {text.strip(): origin for text, origin in lines}
    assert shown['timezone = "local"'] == "--set timezone"
    assert shown["capture.sip_ports = [5060, 5062]"] == "offhook.toml:2"
    assert shown["calls.absolute_timeout_s = 14400"] == "default"
    assert len(lines) == sum(len(settings.keys(section)) for section in settings.SECTIONS)


def test_secrets_are_not_shown() -> None:
    from offhook import config

    for key in ("cloud_token", "password", "hash_secret", "private_key"):
        assert config._value(key, "hush") == '"(hidden)"'
        assert settings.SECRET.search(key)
    assert config._value("keep_secrets", False) == "false"


def test_config_check_is_content_with_good_settings(command: Show) -> None:
    Path("offhook.toml").write_text("[capture]\nsip_ports = [5060]\n")
    assert command("config", "check") == (0, "1 setting read, nothing wrong\n", "")


def test_config_check_complains_with_file_and_line(command: Show) -> None:
    Path("offhook.toml").write_text("[capture]\nsip_port = 5060\nflows_max = 'many'\n")
    code, out, err = command("config", "check")
    assert (code, out) == (1, "")
    assert [line.split(": ")[1] for line in err.splitlines()] == ["offhook.toml:2", "offhook.toml:3"]


def test_config_check_reads_voipmonitor_conf(command: Show) -> None:
    Path("voipmonitor.conf").write_text(VOIPMONITOR)
    code, out, err = command("config", "check", "--voipmonitor-conf", "voipmonitor.conf")
    assert (code, out) == (0, "7 settings read, nothing wrong\n")
    assert err.count("\n") == 4
