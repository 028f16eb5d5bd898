"""How deep a body's JSON is nested is counted, and what is not too deep can be read wherever the stack stands."""

import json
from collections.abc import Callable
from typing import Any, TypeVar

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from executor_adapters.control_plane.json_body import DEEPEST_BODY, NestedTooDeep, nesting, read_json

T = TypeVar("T")


def on_a_deep_stack(call: Callable[[], T], frames: int = 500) -> T:
    return call() if frames == 0 else on_a_deep_stack(call, frames - 1)


@pytest.mark.parametrize("frames", [0, 500])
@pytest.mark.parametrize(("levels", "status"), [(DEEPEST_BODY, 200), (DEEPEST_BODY + 1, 400)])
def test_the_answer_does_not_depend_on_the_stack(
    client: httpx.Client, scheduled: str, levels: int, status: int, frames: int
) -> None:
    lists = levels - 1
    body = f'{{"worker_id": "w", "unknown": {"[" * lists}{"]" * lists}}}'
    headers = {"Content-Type": "application/json"}
    answer = on_a_deep_stack(
        lambda: client.post(f"/api/executions/{scheduled}/claim", content=body, headers=headers), frames
    )
    assert answer.status_code == status


@pytest.mark.parametrize(
    ("text", "levels"),
    [
        ("", 0),
        ("1", 0),
        ("[]", 1),
        ("[[], [], {}]", 2),
        ('["[[["]', 1),
        (r'["\"[[[", "\\", []]', 2),
        (r'{"\\\"[": {"]": []}}', 3),
        ('["[[[', 1),
        ('["\\', 1),
        ("]]][[", 0),
    ],
)
def test_brackets_outside_strings_are_counted(text: str, levels: int) -> None:
    assert nesting(text) == levels


@given(st.recursive(st.text() | st.none(), lambda each: st.lists(each) | st.dictionaries(st.text(), each)))
def test_the_count_is_that_of_the_reader(value: Any) -> None:
    def levels(read: Any) -> int:
        inner = read.values() if isinstance(read, dict) else read if isinstance(read, list) else None
        return 0 if inner is None else 1 + max(map(levels, inner), default=0)

    assert nesting(json.dumps(value)) == levels(value)
    assert nesting(json.dumps(value, ensure_ascii=False)) == levels(value)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32-be"])
def test_every_encoding_of_json_is_read_and_counted(encoding: str) -> None:
    assert read_json(r'{"ä": ["\""]}'.encode(encoding)) == {"ä": ['"']}
    deep = "[" * (DEEPEST_BODY + 1)
    with pytest.raises(NestedTooDeep):
        read_json((r'["\"", ' + deep).encode(encoding))
