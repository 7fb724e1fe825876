"""What curl and other plain HTTP clients get."""

import gzip
import json
import zlib
from base64 import b64encode

import lz4.frame
import pytest
import zstandard

from sinks.clickhouse.served.compression import packer, unpack
from tests.sinks.clickhouse.served.conftest import TOKEN, Served

KEY = {"X-ClickHouse-User": "anybody", "X-ClickHouse-Key": TOKEN}


def test_ping_and_root_say_ok_without_credentials(writing: Served) -> None:
    assert writing.ask(method="GET").text == "Ok.\n"
    answer = writing._http.request("GET", f"{writing.url}/ping")
    assert (answer.status, answer.data) == (200, b"Ok.\n")


@pytest.mark.parametrize(
    "headers",
    [
        KEY,
        {"Authorization": "Basic " + b64encode(f"me:{TOKEN}".encode()).decode()},
        {"Authorization": f"Bearer {TOKEN}"},
    ],
    ids=["key", "basic", "bearer"],
)
def test_the_token_opens_by_any_of_the_ways(writing: Served, headers: dict[str, str]) -> None:
    assert writing.ask("SELECT 1", headers=headers).text == "1\n"


def test_the_token_opens_by_the_url(writing: Served) -> None:
    assert writing.ask(method="GET", query="SELECT 1", user="x", password=TOKEN).text == "1\n"


@pytest.mark.parametrize("wrong", ["", "x", TOKEN + "x", TOKEN[:-1], "é"])
def test_a_wrong_token_is_refused(writing: Served, wrong: str) -> None:
    answer = writing.ask("SELECT 1", password=wrong)
    assert (answer.status, answer.code) == (403, 516)
    assert TOKEN not in answer.text


def test_web_pages_get_nothing_from_a_store_without_a_token(reading: Served) -> None:
    assert reading.ask("SELECT 1", headers={"Origin": "http://evil.example"}).status == 403
    assert reading.ask("SELECT 1", headers={"Host": "evil.example"}).status == 403
    assert reading.ask("SELECT 1", headers={"Host": "localhost:8123"}).status == 200


def test_query_in_url_body_and_both(reading: Served) -> None:
    assert reading.ask(method="GET", query="SELECT 1").text == "1\n"
    assert reading.ask("SELECT 2").text == "2\n"
    assert reading.ask("+ 4", query="SELECT 3").text == "7\n"


def test_parameters_are_bound_by_the_engine(reading: Served) -> None:
    text = "it's `x` -- \\\\ /*"
    answer = reading.ask(
        "SELECT {s:String}, {n:UInt8} + 1, {a:Array(String)}", param_s=text, param_n="4", param_a="['b']"
    )
    assert answer.text == "it\\'s `x` -- \\\\ /*\t5\t['b']\n"
    assert reading.ask("SELECT {s:String}").code == 456
    assert reading.ask("SELECT count() FROM {t:Identifier}", param_t="cdr").text == "0\n"


def test_formats(reading: Served) -> None:
    assert reading.ask("SELECT 1 AS x FORMAT JSONEachRow").text == '{"x":1}\n'
    answer = reading.ask("SELECT 1 AS x", default_format="JSON")
    assert json.loads(answer.body)["data"] == [{"x": 1}]
    assert answer.headers["Content-Type"] == "application/json; charset=UTF-8"
    assert answer.headers["X-ClickHouse-Format"] == "JSON"
    answer = reading.ask("SELECT 1 AS x", headers={"X-ClickHouse-Format": "CSVWithNames"})
    assert answer.text == '"x"\n1\n'
    assert reading.ask("SELECT 'FORMAT JSON' AS `x FORMAT CSV`").text == "FORMAT JSON\n"


def test_answers_say_who_and_how_much(reading: Served) -> None:
    answer = reading.ask("SELECT number FROM numbers(7)", query_id="my-id", default_format="JSON")
    assert answer.headers["X-ClickHouse-Query-Id"] == "my-id"
    assert answer.headers["X-ClickHouse-Timezone"] == "UTC"
    assert json.loads(answer.headers["X-ClickHouse-Summary"])["result_rows"] == "7"


@pytest.mark.parametrize(
    ("statement", "status", "code"),
    [
        ("SELECT garb FROM cdr", 404, 47),
        ("SELEC 1", 400, 62),
        ("", 400, 62),
        ("SELECT * FROM nothere", 404, 60),
        ("SELECT nosuch(1)", 404, 46),
        ("SELECT 1; SELECT 2", 400, 62),
        ("SELECT 1 FORMAT NoSuch", 404, 73),
        ("SELECT count() FROM numbers(100000000000) WHERE number % 7 = 3", 408, 159),
        ("SELECT groupArray(number) FROM numbers(100000000)", 500, 241),
        ("SELECT 1 SETTINGS max_execution_time = 0", 403, 452),
        (b"\xff\xfe", 400, 36),
        ("SELECT " + "1," * 200_000 + "1", 413, 307),
    ],
)
def test_errors_have_clickhouses_codes(reading: Served, statement: str, status: int, code: int) -> None:
    answer = reading.ask(statement, max_execution_time="2", max_memory_usage="50000000")
    assert (answer.status, answer.code) == (status, code), answer.text
    assert answer.text.startswith(f"Code: {code}. DB::Exception: ")
    assert "offhook:" not in answer.text


def test_an_unknown_database_is_said(reading: Served) -> None:
    assert reading.ask("SELECT 1", database="other").code == 81
    assert reading.ask("SELECT currentDatabase()", database="default").text == "offhook\n"
    assert reading.ask("SELECT currentDatabase()", database="system").text == "system\n"


@pytest.mark.parametrize(
    "format_name",
    [
        "TabSeparated",
        "TSVWithNames",
        "TabSeparatedWithNamesAndTypes",
        "CSV",
        "JSONEachRow",
        "JSONCompactEachRowWithNamesAndTypes",
        "RowBinary",
        "RowBinaryWithNames",
        "RowBinaryWithNamesAndTypes",
    ],
)
def test_a_streamed_answer_is_the_whole_answer(reading: Served, format_name: str) -> None:
    """`max_block_size` decides the chunks: one for all rows, or many."""
    sql = f"SELECT number, toString(number) AS s FROM numbers(150000) FORMAT {format_name}"
    one = reading.ask(sql, max_block_size="1000000")
    many = reading.ask(sql, max_block_size="1000")
    assert one.status == many.status == 200
    assert one.body == many.body


@pytest.mark.parametrize(
    "format_name", ["TSVWithNames", "RowBinaryWithNamesAndTypes", "CSVWithNames", "JSON"]
)
def test_an_answer_without_rows_has_its_head(reading: Served, format_name: str) -> None:
    answer = reading.ask(f"SELECT 1 AS colname WHERE 0 FORMAT {format_name}")
    assert b"colname" in answer.body


def test_totals_come_once(reading: Served) -> None:
    answer = reading.ask("SELECT number % 3 AS k, count() FROM numbers(9) GROUP BY k WITH TOTALS ORDER BY k")
    assert answer.text == "0\t3\n1\t3\n2\t3\n\n0\t9\n"


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "lz4", "zstd"])
def test_answers_are_packed_as_asked(reading: Served, encoding: str) -> None:
    plain = reading.ask("SELECT number FROM numbers(100000)").body
    answer = reading.ask("SELECT number FROM numbers(100000)", headers={"Accept-Encoding": encoding})
    assert answer.headers["Content-Encoding"] == encoding
    unpacked = {
        "gzip": gzip.decompress,
        "deflate": zlib.decompress,
        "lz4": lz4.frame.decompress,
        "zstd": lambda data: zstandard.ZstdDecompressor().decompressobj().decompress(data),
    }[encoding](answer.body)
    assert unpacked == plain
    assert len(answer.body) < len(plain)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "lz4", "zstd"])
def test_packed_statements_are_read(reading: Served, encoding: str) -> None:
    packed = packer(encoding, blocks=False)
    body = packed.pack(b"SELECT 'packed'") + packed.end()
    assert reading.ask(body, headers={"Content-Encoding": encoding}).text == "packed\n"
    assert reading.ask(b"junk", headers={"Content-Encoding": encoding}).code == 271


def test_clickhouses_own_blocks_both_ways(reading: Served) -> None:
    blocks = packer(None, blocks=True)
    answer = reading.ask(blocks.pack(b"SELECT number FROM numbers(500000)"), compress="1", decompress="1")
    plain = reading.ask("SELECT number FROM numbers(500000)").body
    assert unpack(answer.body, "", blocks=True) == plain
    assert reading.ask(b"\0" * 40, decompress="1").code == 271


def test_a_failure_in_the_middle_breaks_the_body_off(reading: Served) -> None:
    import urllib3

    with pytest.raises(urllib3.exceptions.ProtocolError):
        reading.ask("SELECT throwIf(number = 300000) FROM numbers(400000)", max_block_size="1000")


def test_a_get_writes_nothing(writing: Served) -> None:
    answer = writing.ask(method="GET", query="DROP TABLE cdr", password=TOKEN)
    assert (answer.status, answer.code) == (403, 164)
    assert writing.value("EXISTS TABLE cdr", password=TOKEN) == 1


def test_rows_come_in_by_body_and_url(writing: Served) -> None:
    def post(body: str | bytes, **values: str) -> None:
        answer = writing.ask(body, headers=KEY, **values)
        assert answer.status == 200, answer.text

    post("CREATE TABLE rows_in (a UInt32, b String) ENGINE = MergeTree ORDER BY a")
    post("INSERT INTO rows_in VALUES (1, 'one'), (2, 'it''s; SELECT 2')")
    post('INSERT INTO rows_in (a, b) FORMAT JSONEachRow {"a": 3, "b": "three"}\n{"a": 4, "b": "; four"}')
    post("5,five\n6,six\n", query="INSERT INTO offhook.rows_in FORMAT CSV")
    post(b"\x07\0\0\0\x03\xff\xfe\x00", query="INSERT INTO `rows_in` (`a`, b) FORMAT RowBinary")
    post("INSERT INTO rows_in SELECT number + 8, 'n' FROM numbers(2)")
    answer = writing.ask("INSERT INTO rows_in FORMAT TSV\n10\tten\n", headers=KEY, async_insert="0")
    assert json.loads(answer.headers["X-ClickHouse-Summary"])["written_rows"] == "1"
    rows = writing.ask("SELECT a, hex(b) FROM rows_in ORDER BY a FORMAT CSV", headers=KEY).text.splitlines()
    assert [int(row.split(",")[0]) for row in rows] == list(range(1, 11))
    assert rows[6] == '7,"FFFE00"'
    assert writing.ask("INSERT INTO rows_in FORMAT CSV\nx,y\n", headers=KEY).status == 400
    assert writing.ask("INSERT INTO nowhere VALUES (1)", headers=KEY).code == 60
    post("ALTER TABLE rows_in ADD COLUMN c UInt8 DEFAULT 1")
    post("ALTER TABLE rows_in DELETE WHERE a > 5")
    post("DROP TABLE rows_in")
