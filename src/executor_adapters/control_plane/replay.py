"""Idempotency keys: a request that is repeated under its key gets its first answer and is not done again.

A key belongs to its run: who may not touch the run can't use its keys up.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, insert, select

from executor_adapters.control_plane import tables as t
from executor_adapters.control_plane.rejections import KeyReused
from executor_core.model import Record

Answer = dict[str, Any]
"""A record as JSON: what was answered once is kept, and answered again under the same key."""


@dataclass(frozen=True, slots=True)
class KeyedRequest:
    """A request as it is told from others: `key` is None where it came without one."""

    key: str | None
    fingerprint: str


def keyed(key: str | None, call: str, run_id: str, record: Record) -> KeyedRequest:
    """Return what tells one request from another: the fencing token is no part of it.

    What is undelivered is delivered later by another process, under a newer claim.
    """
    return KeyedRequest(
        key=None if key is None else _hash([run_id, key]),
        fingerprint=_hash([call, run_id, record.model_dump(mode="json")]),
    )


def answer_given(connection: Connection, request: KeyedRequest) -> Answer | None:
    """Return what was answered under the key, or None. Raises `KeyReused` when the request was another."""
    if request.key is None:
        return None
    keys = t.idempotency_keys
    row = connection.execute(select(keys).where(keys.c.idempotency_key == request.key)).mappings().one_or_none()
    if row is None:
        return None
    if row["request_hash"] != request.fingerprint:
        raise KeyReused("this idempotency key was used for another request")
    answer: Answer = row["answer"]
    return answer


def answered(connection: Connection, request: KeyedRequest, record: Record, now: datetime) -> Answer:
    """Return the record as JSON, kept under the key in the same transaction as what it answers."""
    answer: Answer = record.model_dump(mode="json")
    if request.key is not None:
        values = {
            "idempotency_key": request.key,
            "request_hash": request.fingerprint,
            "answer": answer,
            "created_at": now,
        }
        connection.execute(insert(t.idempotency_keys).values(values))
    return answer


def _hash(parts: list[Any]) -> str:
    return sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
