"""The clients people use, on a served store: clickhouse-connect, curl, Grafana's and DBeaver's drivers."""

import datetime
import subprocess
import threading

import clickhouse_connect
import pytest
import urllib3
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from sinks.clickhouse.served.compression import unpack
from tests.sinks.clickhouse.served.conftest import TOKEN, Served


def client_of(served: Served, password: str = "") -> Client:
    return clickhouse_connect.get_client(host=served.host, port=served.port, password=password)


def test_clickhouse_connect_reads(reading: Served) -> None:
    client = client_of(reading)
    rows = client.query(
        "SELECT number, toString(number), toDateTime64(number, 6, 'UTC') FROM numbers(4)"
        " WHERE number > {n:UInt8}",
        parameters={"n": 2},
        settings={"max_threads": 2},
    ).result_rows
    assert rows == [(3, "3", datetime.datetime(1970, 1, 1, 0, 0, 3))]
    assert client.query("SELECT {s:String}", parameters={"s": "it's\t\\\n`"}).result_rows == [
        ("it's\t\\\n`",)
    ]
    assert client.command("SELECT count() FROM cdr FINAL") == 0
    assert client.query("SELECT 1 AS x WHERE 0").result_rows == []
    client.close()


def test_clickhouse_connect_sends_long_parameters_as_a_form(reading: Served) -> None:
    client = client_of(reading)
    names = [f"number-{number}'" for number in range(2000)]
    asked = {"names": names, "n": 7}
    statement = "SELECT length({names:Array(String)}), {names:Array(String)}[2], {n:UInt8}"
    assert client.query(statement, parameters=asked).result_rows == [(2000, names[1], 7)]
    with pytest.raises(DatabaseError, match="164"):
        client.command(
            "DROP TABLE cdr SETTINGS log_comment = {names:String}", parameters={"names": "x" * 9000}
        )
    client.close()


def test_a_form_with_anything_else_is_refused(reading: Served) -> None:
    forms = [
        '--b\r\nContent-Disposition: form-data; name="t"; filename="t"\r\n\r\n1\r\n--b--\r\n',
        '--b\r\nContent-Disposition: form-data; name="readonly"\r\n\r\n0\r\n--b--\r\n',
        "--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\n1\r\n--c--\r\n--b--\r\n",
        "no form at all",
    ]
    url = f"http://{reading.host}:{reading.port}/"
    for form in forms:
        told = {"Content-Type": "multipart/form-data; boundary=b"}
        answer = urllib3.request("POST", url, body=form.encode(), headers=told)
        assert answer.status == 400, form
        assert "form" in answer.data.decode()
    assert reading.ask("SELECT 1").text == "1\n"


def test_clickhouse_connect_streams(reading: Served) -> None:
    client = client_of(reading)
    with client.query_row_block_stream("SELECT number FROM numbers(300000)") as blocks:
        sizes = [len(block) for block in blocks]
    assert sum(sizes) == 300_000
    assert len(sizes) > 3
    client.close()


def test_clickhouse_connect_cannot_write_where_only_reading_is_allowed(reading: Served) -> None:
    client = client_of(reading)
    with pytest.raises(DatabaseError, match="164"):
        client.insert("migrations", [[99]], column_names=["version"])
    with pytest.raises(DatabaseError, match="164"):
        client.command("DROP TABLE cdr")
    client.close()


def test_clickhouse_connect_writes_and_migrations_run_through_it(writing: Served) -> None:
    from sinks.clickhouse.client import open_store
    from sinks.clickhouse.migrate import LATEST, applied, migrate

    client = client_of(writing, TOKEN)
    client.command("CREATE DATABASE IF NOT EXISTS offhook")
    client.command("CREATE TABLE sent (a UInt32, b Array(String)) ENGINE = ReplacingMergeTree ORDER BY a")
    client.insert("sent", [[n, [str(n), "x;'\n"]] for n in range(1000)], column_names=["a", "b"])
    assert client.command("SELECT count() FROM sent WHERE b[1] = toString(a)") == 1000
    client.command("DROP TABLE sent")
    client.close()
    url = f"clickhouse://me:{TOKEN}@{writing.host}:{writing.port}/offhook"
    with open_store(url, create=True, environment={}) as store:
        migrate(store, 0)
        assert applied(store) == {}
        migrate(store)
        assert max(applied(store)) == LATEST


def test_curl(writing: Served) -> None:
    def curl(*more: str) -> str:
        command = ["curl", "-sS", "--compressed", "-H", f"X-ClickHouse-Key: {TOKEN}", *more]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert curl(f"{writing.url}/?query=SELECT%201") == "1\n"
    assert curl(writing.url, "-d", "SELECT 'body' FORMAT JSONEachRow") == '{"\'body\'":"body"}\n'


def test_the_driver_of_grafana_is_greeted(reading: Served) -> None:
    """clickhouse-go over HTTP asks this first, and reads it as revision 54460 has it."""
    hello = "SELECT displayName(), version(), revision(), timezone()"
    asked = {"client_protocol_version": "54460", "default_format": "Native", "database": "offhook"}
    plain = reading.ask(hello, **asked).body
    assert plain.startswith(
        b"\x01\x00\x02\xff\xff\xff\xff\x00\x04\x01\x0ddisplayName()\x06String\x00\x07offhook"
    )
    assert unpack(reading.ask(hello, compress="1", **asked).body, "", blocks=True) == plain
    chart = reading.ask("SELECT toUInt32(7) AS n", compress="1", **asked)
    assert unpack(chart.body, "", blocks=True) == b"\x01\x01\x01n\x06UInt32\x07\0\0\0"


def test_the_driver_of_dbeaver_gets_what_it_asks(reading: Served) -> None:
    """clickhouse-jdbc reads RowBinaryWithNamesAndTypes in blocks, and looks into the summary first."""
    answer = reading.ask(
        "SELECT currentUser() AS user, timezone() AS timezone, version() AS version LIMIT 1",
        headers={"X-ClickHouse-Format": "RowBinaryWithNamesAndTypes", "X-ClickHouse-Database": "offhook"},
        compress="1",
        wait_end_of_query="1",
        async_insert="0",
    )
    assert unpack(answer.body, "", blocks=True).startswith(b"\x03\x04user\x08timezone\x07version\x06String")
    assert '"result_rows": "1"' in answer.headers["X-ClickHouse-Summary"]
    tables = reading.ask("SELECT name, engine FROM system.tables WHERE database = 'offhook' FORMAT TSV").text
    assert "cdr\tReplacingMergeTree" in tables
    assert reading.ask("SELECT name, value FROM system.settings LIMIT 1").status == 200


def test_requests_run_side_by_side(reading: Served) -> None:
    """A long query does not hold up a short one."""
    ended: list[str] = []

    def long() -> None:
        reading.ask("SELECT count() FROM numbers(100000000000) WHERE number % 7 = 3", max_execution_time="3")
        ended.append("long")

    thread = threading.Thread(target=long)
    thread.start()
    while reading.value("SELECT count() FROM system.processes WHERE query LIKE '%100000000000%'") != 2:
        pass
    assert reading.ask("SELECT 1").text == "1\n"
    ended.append("short")
    thread.join()
    assert ended == ["short", "long"]


def test_a_query_ends_with_its_client(reading: Served) -> None:
    import socket

    running = "SELECT count() FROM system.processes WHERE query LIKE '%200000000000%'"
    sql = b"SELECT count() FROM numbers(200000000000) WHERE number % 7 = 3"
    with socket.create_connection((reading.host, reading.port)) as client:
        client.sendall(
            b"POST /?max_execution_time=100 HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"
            % len(sql)
        )
        client.sendall(sql)
        while reading.value(running) != 2:
            pass
    while reading.value(running) != 1:
        pass
