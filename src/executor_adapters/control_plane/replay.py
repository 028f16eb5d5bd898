"""Idempotency keys: a request that is repeated under its key gets its first answer and is not done again."""

import hashlib
import json
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select

from executor_adapters.control_plane import tables as t
from executor_adapters.control_plane.rejections import KeyReused
from executor_core.model import Record

Answer = dict[str, Any]
"""A record as JSON: what was answered once is kept, and answered again under the same key."""


def request_hash(call: str, run_id: str, record: Record) -> str:
    """Return what tells one request from another under the same key: the fencing token is no part of it.

    What is undelivered is delivered later by another process, under a newer claim.
    """
    request = json.dumps([call, run_id, record.model_dump(mode="json")], sort_keys=True)
    return hashlib.sha256(request.encode()).hexdigest()


def answer_given(connection: Connection, key: str | None, request: str) -> Answer | None:
    """Return what was answered under `key`, or None. Raises `KeyReused` when the request was another."""
    if key is None:
        return None
    keys = t.idempotency_keys
    row = connection.execute(select(keys).where(keys.c.idempotency_key == key)).mappings().one_or_none()
    if row is None:
        return None
    if row["request_hash"] != request:
        raise KeyReused("this idempotency key was used for another request")
    answer: Answer = row["answer"]
    return answer


def answered(connection: Connection, key: str | None, request: str, record: Record, now: datetime) -> Answer:
    """Return the record as JSON, kept under `key` in the same transaction as what it answers."""
    answer: Answer = record.model_dump(mode="json")
    if key is not None:
        values = {"idempotency_key": key, "request_hash": request, "answer": answer, "created_at": now}
        connection.execute(insert(t.idempotency_keys).values(values))
    return answer
