"""Health and metrics over HTTP, and logs as JSON lines."""

import json
import logging
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from offhook.errors import FAILED, USAGE, CommandError, UsageError
from offhook.main import main
from offhook.monitoring import logs
from offhook.monitoring.metrics import METRICS, Sample
from offhook.monitoring.server import Health, MonitoringServer, address


def get(server: MonitoringServer, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_health_and_metrics_are_served() -> None:
    ready = [Health(False, "partitions are not open")]
    samples = [
        Sample("offhook_streams_steps", ("calls", "0"), 3),
        Sample("offhook_streams_steps", ("calls", "1"), 4),
        Sample("offhook_channels_max", (), 2000),
    ]
    with MonitoringServer(
        "127.0.0.1", 0, healthy=lambda: Health(True), ready=lambda: ready[0], samples=lambda: samples
    ) as server:
        assert get(server, "/healthz") == (200, "ok\n")
        assert get(server, "/readyz") == (503, "partitions are not open\n")
        ready[0] = Health(True)
        assert get(server, "/readyz") == (200, "ok\n")
        status, text = get(server, "/metrics")
        assert status == 200
        assert 'offhook_streams_steps_total{partition="1",stage="calls"} 4.0' in text
        assert "# TYPE offhook_channels_max gauge" in text
        assert f"# HELP offhook_channels_max {METRICS['offhook_channels_max'].meaning}" in text
        assert "process_resident_memory_bytes" in text
        assert get(server, "/other")[0] == 404
        with pytest.raises(CommandError, match="cannot listen"):
            MonitoringServer(
                "127.0.0.1",
                server.port,
                healthy=lambda: Health(True),
                ready=lambda: Health(True),
                samples=list,
            )


@pytest.mark.parametrize("text", ["9100", "localhost", "127.0.0.1:", "127.0.0.1:70000", ":80"])
def test_an_address_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="HOST:PORT"):
        address(text)


def test_addresses() -> None:
    assert address("127.0.0.1:9100") == ("127.0.0.1", 9100)
    assert address("[::1]:0") == ("::1", 0)


def test_a_service_ends_with_a_line_of_its_log(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Whoever reads the log as JSON is not met by a line that is none."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    command = ["up", "--state", str(tmp_path), "--port", "0", "--file", str(tmp_path / "none.pcap")]
    try:
        assert main([*command, "--http", "nowhere"]) == USAGE  # called wrongly: said to a person
        assert capsys.readouterr().err.startswith("offhook: --http nowhere")
        assert main(command) == FAILED
    finally:
        root.handlers[:] = before
        root.setLevel(level)
    last = json.loads(capsys.readouterr().err.splitlines()[-1])
    assert (last["event"], last["level"]) == ("ends", "critical")
    assert "none.pcap" in last["why"]


@pytest.mark.parametrize("command", ["capture --sensor s --account a --site p", "up"])
def test_a_filter_of_the_wire_is_refused_for_files(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command.split(), "--file", "a.pcap", "--filter", "udp"]) == USAGE
    assert "--filter is for --interface" in capsys.readouterr().err


def test_a_log_line_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in logs.NOISY}
    try:
        logs.configure()
        logging.getLogger("room").info("it happened", extra={"fields": {"partition": "calls-0", "count": 3}})
        logging.getLogger("faust").info("phases nobody asked for")
        try:
            Path("/nowhere").read_text(encoding="utf-8")
        except OSError:
            logging.getLogger("room").exception("it failed")
    finally:
        root.handlers[:] = before
        root.setLevel(level)
        for name, each in levels.items():
            logging.getLogger(name).setLevel(each)
    first, second = map(json.loads, capsys.readouterr().err.splitlines())
    assert first == {"time": first["time"], "level": "info", "logger": "room", "event": "it happened",
                     "partition": "calls-0", "count": 3}  # fmt: skip
    assert second["event"] == "it failed" and "FileNotFoundError" in second["exception"]


def test_a_library_says_the_same_once_a_minute_with_how_often_it_wanted_to() -> None:
    now = [0.0]
    seldom = logs.Seldom(lambda: now[0])

    def says(name: str, text: str, *values: object) -> logging.LogRecord | None:
        record = logging.LogRecord(name, logging.ERROR, "", 0, text, values, None)
        return record if seldom.filter(record) else None

    cannot = "Unable connect to node with id %s: %s"
    assert says("aiokafka", cannot, 1, "refused")
    assert not any(says("aiokafka", cannot, number, "refused") for number in range(300))
    assert says("aiokafka", "Unable to update metadata from %s", [1])  # another complaint
    assert all(says("streams.faust.partition", "opening again") for _ in range(3))  # our own are all said
    now[0] += logs.AGAIN_S
    again = says("aiokafka", cannot, 2, "refused")
    assert again is not None
    assert vars(again)["fields"] == {"repeated": 300}
    assert not says("aiokafka", cannot, 2, "refused")
