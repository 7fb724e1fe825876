"""No statement reaches anything but the store: files, network, programs, our process."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sinks.clickhouse.served.conftest import TOKEN, Served

SECRET = "the-secret-line-of-a-file"

READS = (
    "SELECT * FROM file('{file}', LineAsString)",
    "SELECT file('{file}')",
    "select FILE('{file}', LineAsString)",
    "SELECT/**/file/**/('{file}')",
    "SELECT -- file\n `file`('{file}')",
    "SELECT \"file\"('{file}')",
    "SELECT `fi\\x6ce`('{file}')",
    "SELECT * APPLY(file) FROM (SELECT '{file}')",
    "SELECT * APPLY `fi\\x6ce` FROM (SELECT '{file}')",
    "SELECT * APPLY(x -> file(x)) FROM (SELECT '{file}')",
    "SELECT arrayMap(x -> file(x), ['{file}'])",
    "SELECT 1 WHERE throwIf(1, file('{file}'))",
    "SELECT (SELECT file('{file}'))",
    "WITH file('{file}') AS x SELECT x",
    "WITH x AS (SELECT file('{file}') y) SELECT y FROM x",
    "SELECT 1 UNION ALL SELECT length(file('{file}'))",
    "SELECT 1 FROM numbers(1) ORDER BY file('{file}')",
    "SELECT 1 FROM numbers(1) GROUP BY file('{file}') HAVING throwIf(1, file('{file}'))",
    "SELECT count() OVER (PARTITION BY file('{file}'))",
    "SELECT 1 LIMIT length(file('{file}'))",
    "SELECT * FROM (SELECT * FROM file('{file}', 'LineAsString', 'a String'))",
    "SELECT * FROM numbers(1) JOIN file('{file}', LineAsString) ON 1",
    "SELECT * FROM view(SELECT * FROM file('{file}', LineAsString))",
    "SELECT 1 IN file('{file}', LineAsString)",
    "SELECT * FROM `{file}`",
    "SELECT * FROM default.`{file}`",
    "SELECT * FROM '{file}'",
    "SELECT * FROM {{x:Identifier}}",
    "SELECT * FROM default.{{x:Identifier}}",
    "DESCRIBE TABLE file('{file}', LineAsString)",
    "DESCRIBE (SELECT file('{file}'))",
    "EXPLAIN SELECT * FROM file('{file}', LineAsString)",
    "EXPLAIN ESTIMATE SELECT * FROM file('{file}', LineAsString)",
    "EXPLAIN SYNTAX SELECT file('{file}')",
    "SHOW TABLES WHERE throwIf(1, file('{file}'))",
    "SHOW COLUMNS FROM cdr WHERE throwIf(1, file('{file}'))",
    "SELECT 1; SELECT file('{file}')",
    "SELECT 1; SELECT * FROM file('{file}', LineAsString)",
    "SELECT $$x$$, file('{file}')",
    "SELECT 1 FORMAT TSV; SELECT file('{file}')",
    "SELECT * FROM eval('SELECT file(\\'{file}\\')')",
    "SELECT * FROM viewExplain('EXPLAIN', '', (SELECT file('{file}')))",
    "SELECT * FROM viewIfPermitted(SELECT file('{file}') x ELSE null('x String'))",
    "SELECT * FROM loop(file('{file}', LineAsString))",
    "SELECT * FROM fileCluster('default', '{file}', LineAsString)",
    "SELECT * FROM filesystem('{folder}')",
    "SELECT * FROM merge('default', '.*')",
    "SELECT * FROM cluster('default', offhook.cdr)",
    "SELECT * FROM clusterAllReplicas('default', offhook.cdr)",
    "SELECT * FROM icebergLocal('{folder}')",
    "SELECT * FROM deltaLakeLocal('{folder}')",
    "SELECT * FROM sqlite('{file}', 't')",
    "SELECT * FROM executable('cat', 'TSV', 'x String')",
    "SELECT * FROM Python(os)",
    "SELECT * FROM python('os')",
    "SELECT * FROM dictionary('x')",
    "SELECT * FROM input('x String')",
    "SELECT * FROM url('http://127.0.0.1:{port}/', LineAsString)",
    "SELECT * FROM urlCluster('default', 'http://127.0.0.1:{port}/', LineAsString)",
    "SELECT * FROM s3('http://127.0.0.1:{port}/bucket/x', 'a', 'b', LineAsString)",
    "SELECT * FROM s3Cluster('default', 'http://127.0.0.1:{port}/bucket/x', LineAsString)",
    "SELECT * FROM gcs('http://127.0.0.1:{port}/bucket/x', LineAsString)",
    "SELECT * FROM oss('http://127.0.0.1:{port}/bucket/x', LineAsString)",
    "SELECT * FROM azureBlobStorage('http://127.0.0.1:{port}/', 'a', 'b')",
    "SELECT * FROM hdfs('hdfs://127.0.0.1:{port}/x', LineAsString)",
    "SELECT * FROM iceberg('http://127.0.0.1:{port}/bucket/')",
    "SELECT * FROM deltaLake('http://127.0.0.1:{port}/bucket/')",
    "SELECT * FROM hudi('http://127.0.0.1:{port}/bucket/')",
    "SELECT * FROM remote('127.0.0.1:{port}', system.one)",
    "SELECT * FROM remoteSecure('127.0.0.1:{port}', system.one)",
    "SELECT * FROM mysql('127.0.0.1:{port}', 'a', 'b', 'c', 'd')",
    "SELECT * FROM postgresql('127.0.0.1:{port}', 'a', 'b', 'c', 'd')",
    "SELECT * FROM mongodb('127.0.0.1:{port}', 'a', 'b', 'c', 'd', 'x String')",
    "SELECT * FROM redis('127.0.0.1:{port}', 'k', 'k String')",
    "SELECT * FROM odbc('DSN=x', 'a', 'b')",
    "SELECT * FROM jdbc('x', 'a', 'b')",
    "SELECT * FROM ytsaurus('http://127.0.0.1:{port}', '//x', 'x', 'x String')",
    "SELECT aiGenerate('x', map('url', 'http://127.0.0.1:{port}'))",
    "SELECT AIGenerate('x', map('url', 'http://127.0.0.1:{port}'))",
    "SELECT hasColumnInTable('127.0.0.1:{port}', 'a', 'b', 'c', 'd', 'e')",
)
"""Ways to read or to reach out. Doubled braces are a parameter's."""

CONTROLS = (
    "SELECT 1 INTO OUTFILE '{out}'",
    "SELECT 1 INTO OUTFILE '{out}' TRUNCATE FORMAT CSV",
    "EXPLAIN SELECT 1 INTO OUTFILE '{out}'",
    "(SELECT 1) INTO OUTFILE '{out}'",
    "INSERT INTO FUNCTION file('{out}', 'CSV', 'x String') SELECT 'x'",
    "INSERT INTO FUNCTION file('{out}', 'CSV', 'x String') VALUES ('x')",
    "INSERT INTO TABLE FUNCTION file('{out}', 'CSV', 'x String') FORMAT CSV\nx",
    "INSERT INTO FUNCTION url('http://127.0.0.1:{port}/', 'CSV', 'x String') VALUES ('x')",
    "INSERT INTO offhook.migrations FROM INFILE '{file}' FORMAT CSV",
    "INSERT INTO offhook.migrations (name) SELECT file('{file}')",
    "CREATE TABLE offhook.x (x String) ENGINE = File(CSV)",
    "CREATE TABLE offhook.x (x String) ENGINE = URL('http://127.0.0.1:{port}/', CSV)",
    "CREATE TABLE offhook.x (x String) ENGINE = S3('http://127.0.0.1:{port}/b/x', CSV)",
    "CREATE TABLE offhook.x (x String) ENGINE = Kafka('127.0.0.1:{port}', 't', 'g', 'CSV')",
    "CREATE TABLE offhook.x (x String) ENGINE = MySQL('127.0.0.1:{port}', 'a', 'b', 'c', 'd')",
    "CREATE TABLE offhook.x (x String) ENGINE = Executable('cat', 'TSV')",
    "CREATE TABLE offhook.x (x String) ENGINE = Distributed('default', 'a', 'b')",
    "CREATE TABLE offhook.x (x String) ENGINE = Python(os)",
    "CREATE TABLE offhook.x (x String) ENGINE = Merge('.*', '.*')",
    "CREATE TABLE offhook.x (x String) ENGINE = `Fil\\x65`(CSV)",
    "CREATE TABLE offhook.x AS file('{file}', LineAsString)",
    "CREATE TABLE offhook.x (x String DEFAULT file('{file}')) ENGINE = Memory",
    "CREATE TABLE offhook.x (x String) ENGINE = MergeTree ORDER BY x SETTINGS"
    " disk = disk(type = 's3', endpoint = 'http://127.0.0.1:{port}/b/c/', access_key_id = 'a',"
    " secret_access_key = 'b')",
    "CREATE TABLE offhook.x (x String) ENGINE = MergeTree ORDER BY x SETTINGS"
    " disk = disk(type = local, path = '{folder}/')",
    "CREATE VIEW offhook.x AS SELECT file('{file}') y",
    "CREATE MATERIALIZED VIEW offhook.x ENGINE = Memory AS SELECT * FROM url('http://127.0.0.1:{port}/')",
    "CREATE DICTIONARY offhook.x (k UInt8, v String) PRIMARY KEY k"
    " SOURCE(HTTP(url 'http://127.0.0.1:{port}/' format 'CSV')) LAYOUT(FLAT()) LIFETIME(1)",
    "CREATE DICTIONARY offhook.x (k UInt8, v String) PRIMARY KEY k"
    " SOURCE(FILE(path '{file}' format 'CSV')) LAYOUT(FLAT()) LIFETIME(1)",
    "CREATE DATABASE x",
    "CREATE DATABASE x ENGINE = Filesystem('{folder}')",
    "CREATE DATABASE offhook ENGINE = MySQL('127.0.0.1:{port}', 'a', 'b', 'c')",
    "CREATE TABLE default.x (x String) ENGINE = Memory",
    "CREATE TEMPORARY TABLE x (x String) ENGINE = File(CSV)",
    "CREATE FUNCTION x AS y -> file(y)",
    "CREATE USER x",
    "CREATE NAMED COLLECTION x AS url = 'http://127.0.0.1:{port}/'",
    "DROP DATABASE offhook",
    "DROP DATABASE default",
    "ALTER TABLE offhook.migrations ADD COLUMN z String DEFAULT file('{file}')",
    "ALTER TABLE offhook.migrations UPDATE name = file('{file}') WHERE 1",
    "ALTER TABLE offhook.migrations MODIFY SETTING disk = 'x'",
    "ALTER TABLE offhook.migrations FETCH PARTITION 1 FROM '/x'",
    "ALTER TABLE offhook.migrations FREEZE",
    "BACKUP TABLE offhook.cdr TO File('{out}')",
    "BACKUP TABLE offhook.cdr TO S3('http://127.0.0.1:{port}/b/c', 'a', 'b')",
    "RESTORE TABLE offhook.cdr FROM File('{file}')",
    "ATTACH TABLE offhook.x FROM '{folder}' (x String) ENGINE = Memory",
    "DETACH TABLE offhook.cdr",
    "SYSTEM SHUTDOWN",
    "SYSTEM RELOAD CONFIG",
    "SYSTEM FLUSH LOGS",
    "KILL QUERY WHERE 1",
    "SET readonly = 0",
    "SET profile = 'default'",
    "SET max_memory_usage = 0",
    "USE default",
    "GRANT ALL ON *.* TO default",
    "EXECUTE AS default SELECT 1",
    "SELECT 1 SETTINGS readonly = 0",
    "SELECT 1 SETTINGS profile = 'default'",
    "SELECT 1 SETTINGS max_memory_usage = DEFAULT",
    "SELECT (SELECT 1 SETTINGS format_schema_path = '/'), 2",
    "DROP TABLE offhook.x PARALLEL WITH DROP TABLE default.y",
)
"""Statements that control the engine, write outside, or bring the outside in: denied with --write as well."""


class Trap:
    """A port that notices whoever connects."""

    def __init__(self) -> None:
        import socket

        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.setblocking(False)
        self.port = self._socket.getsockname()[1]

    def sprung(self) -> bool:
        try:
            self._socket.accept()[0].close()
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def trap() -> Iterator[Trap]:
    trap = Trap()
    yield trap
    trap.close()


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A file that no statement may read."""
    path = tmp_path / "outside.csv"
    path.write_text(SECRET)
    return path


def assert_denied(served: Served, statement: str, trap: Trap, outside: Path, password: str) -> None:
    out = outside.parent / "written"
    sent = statement.format(file=outside, folder=outside.parent, port=trap.port, out=out)
    answer = served.ask(sent, password=password, param_x=str(outside), max_execution_time="5")
    assert answer.status >= 400 and answer.code, f"{sent}: {answer.status} {answer.text}"
    assert SECRET not in answer.text, sent
    assert answer.status < 500, f"{sent}: {answer.text}"
    assert not trap.sprung(), sent
    assert not out.exists(), sent


def test_nothing_that_reads_elsewhere_is_answered(reading: Served, trap: Trap, outside: Path) -> None:
    for statement in READS + CONTROLS:
        assert_denied(reading, statement, trap, outside, "")


def test_nothing_that_reads_elsewhere_is_answered_where_writing_is_allowed(
    writing: Served, trap: Trap, outside: Path
) -> None:
    for statement in READS + CONTROLS:
        assert_denied(writing, statement, trap, outside, TOKEN)


def test_a_url_cannot_set_what_a_statement_cannot(reading: Served) -> None:
    for name, value in (
        ("profile", "default"),
        ("format_schema_path", "/"),
        ("output_format_schema", "/tmp/x"),
        ("dialect", "kusto"),
        ("allow_ddl", "1"),
        ("implicit_select", "1"),
        ("user_files_path", "/"),
    ):
        answer = reading.ask("SELECT 1", **{name: value})
        assert (answer.status, answer.code) == (403, 164), name


def test_values_are_data(writing: Served, outside: Path) -> None:
    """The engine would run expressions in VALUES."""
    made = writing.ask("CREATE TABLE taken (x String, y UInt8) ENGINE = Memory", password=TOKEN)
    assert made.status == 200, made.text
    for statement, values in (
        ("INSERT INTO taken VALUES (file('{file}'), 1)", {}),
        ("INSERT INTO taken VALUES ('a', 1), (concat('', file('{file}')), 1)", {}),
        ("INSERT INTO taken (x) VALUES (file('{file}'))", {"input_format_values_interpret_expressions": "1"}),
        ("INSERT INTO taken (* EXCEPT(y)) VALUES (file('{file}'))", {}),
        (
            "INSERT INTO taken SETTINGS input_format_values_interpret_expressions=1"
            " VALUES (file('{file}'), 1)",
            {},
        ),
        ("INSERT INTO taken FORMAT Values (file('{file}'), 1)", {}),
    ):
        answer = writing.ask(statement.format(file=outside), password=TOKEN, **values)
        assert answer.code in {164, 344, 452, 497}, (statement, answer.text)
        assert SECRET not in answer.text
    assert writing.value("SELECT countIf(x != 'a') FROM taken", password=TOKEN) in {0, "0"}


def test_readonly_cannot_be_lifted_by_the_url(reading: Served) -> None:
    assert reading.ask("INSERT INTO migrations (version) VALUES (99)", readonly="0").code == 164
    assert reading.value("SELECT getSetting('readonly')", readonly="0") == 2


def test_every_table_function_of_the_engine_is_allowed_by_name_or_denied(reading: Served) -> None:
    from sinks.clickhouse.served.rules import TABLE_FUNCTIONS

    names = reading.ask("SELECT name FROM system.table_functions").text.split()
    assert len(names) > 80
    for name in names:
        if name.lower() not in TABLE_FUNCTIONS:
            answer = reading.ask(f"SELECT * FROM {name}()")
            assert answer.status in {400, 403}, (name, answer.text)
            assert "not allowed" in answer.text or answer.code == 62, (name, answer.text)


def test_the_owner_of_the_engine_has_no_rights_outside_either(reading: Served) -> None:
    grants = reading.ask("SHOW GRANTS").text
    assert "SOURCES" not in grants
    assert "FILE" not in grants
    assert "ON *.*" not in grants
