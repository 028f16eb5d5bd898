import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from executor_adapters.command.inputs import LARGEST_RUN, read_document, read_run
from executor_core.errors import InvalidInput

RUN: dict[str, Any] = {
    "id": "run-1",
    "connection_id": "conn-1",
    "action": "ADD_INDEX",
    "table_name": "orders",
    "index_name": "idx_customer",
    "columns": ["customer_id"],
    "query_digests": [],
}


@pytest.fixture
def written(tmp_path: Path) -> Any:
    def write(content: bytes | dict[str, Any]) -> str:
        file = tmp_path / "run.json"
        file.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        return str(file)

    return write


def test_reads_a_run_from_a_file_with_or_without_a_byte_order_mark(written: Any) -> None:
    assert read_run(written(RUN)).index_name == "idx_customer"
    assert read_run(written(b"\xef\xbb\xbf" + json.dumps(RUN).encode())).index_name == "idx_customer"


def test_reads_a_run_from_the_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(json.dumps(RUN).encode())))
    assert read_run("-").id == "run-1"


def test_fields_that_a_newer_control_plane_adds_are_ignored(written: Any) -> None:
    assert read_run(written({**RUN, "priority": "high"})).id == "run-1"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", r"run\.json: Invalid JSON: EOF while parsing"),
        (b"{", r"run\.json: Invalid JSON"),
        (b"[]", r"run\.json: Input should be an object"),
        (b"\xff\xfe", r"run\.json is not UTF-8 text"),
        ({}, r"run\.json: id: Field required \(and 6 more\)"),
        ({**RUN, "columns": "customer_id"}, r"columns: Input should be a valid"),
        ({**RUN, "columns": [1]}, r"columns\.0: Input should be a valid string"),
        ({**RUN, "status": "sleeping"}, r"status: Input should be 'scheduled'"),
        ({**RUN, "created_at": "yesterday"}, r"created_at: Input should be a valid datetime"),
        ({**RUN, "id": "a/b"}, r"id: .*an id may hold letters"),
        ({**RUN, "id": ""}, r"id: String should have at least 1 character"),
        (b" " * (LARGEST_RUN + 1), r"larger than a run can be"),
    ],
)
def test_a_run_that_is_malformed_is_refused_in_one_line(
    written: Any, content: bytes | dict[str, Any], sentence: str
) -> None:
    with pytest.raises(InvalidInput, match=sentence) as wrong:
        read_run(written(content))
    assert "\n" not in str(wrong.value)


def test_what_is_not_there_or_is_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="can't be read: No such file"):
        read_document(str(tmp_path / "nowhere.json"))
    with pytest.raises(InvalidInput, match="can't be read: Is a directory"):
        read_document(str(tmp_path))


def test_the_standard_input_is_called_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"{")))
    with pytest.raises(InvalidInput, match=r"^the standard input: Invalid JSON"):
        read_run("-")
