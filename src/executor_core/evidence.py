"""The evidence document: everything a verdict was reached from, readable with no server.

Reading tolerates added fields and needs only the two windows; writing is exact. A malformed document raises
`EvidenceError` with the path of the field, in one line.
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from executor_core.metrics import BUCKETS, Counter, EvidenceError, Flag, Snapshot
from executor_core.model import Name, Record
from executor_core.policy import Policy


def _ascending(bounds: tuple[int, ...]) -> tuple[int, ...]:
    if bounds[0] == 0 or any(low >= high for low, high in pairwise(bounds)):
        raise ValueError("the bounds must be positive and ascend")
    return bounds


UpperBounds = Annotated[tuple[Counter, ...], Field(min_length=2, max_length=BUCKETS), AfterValidator(_ascending)]
"""Each histogram bucket's upper bound in picoseconds; the last bucket is open."""


class EvidenceRun(BaseModel):
    """The run that the evidence belongs to; all its fields are kept, `query_digests` are the targets."""

    model_config = ConfigDict(frozen=True, extra="allow")

    query_digests: tuple[Name, ...] = ()


class EvidenceServer(BaseModel):
    """The server that the snapshots were taken on."""

    model_config = ConfigDict(frozen=True, extra="allow")

    flavor: str | None = None
    version: str | None = None
    server_uuid: str | None = None


class EvidenceIndex(Record):
    """The index under judgement, and whether it was there when the after window ended (None: not known)."""

    schema_name: str | None = None
    table_name: str | None = None
    index_name: str | None = None
    exists: Flag | None = None


class Evidence(Record):
    """What a verdict was reached from: enough to reach it again.

    `final` tells an early look from the last, `interim` one inside a window that can only convict; `verdict` is
    what the run concluded, kept as it was written and never read when judging anew.
    """

    format: Literal[1] = 1
    run: EvidenceRun = EvidenceRun()
    server: EvidenceServer = EvidenceServer()
    policy: Policy = Policy()
    histogram_upper_bounds_ps: UpperBounds | None = None
    baseline: tuple[Snapshot, ...]
    after: tuple[Snapshot, ...]
    window_minutes: Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)] | None = None
    index: EvidenceIndex = EvidenceIndex()
    uses_index: Mapping[str, Flag] | None = None
    final: Flag = True
    interim: Flag = False
    verdict: Mapping[str, Any] | None = None

    @classmethod
    def from_json(cls, document: bytes | str) -> "Evidence":
        """The evidence that a JSON document holds.

        Raises:
            EvidenceError: it is not JSON, or a field is missing or wrong; the error names the field.
        """
        try:
            return cls.model_validate_json(document)
        except ValidationError as invalid:
            raise _first_error(invalid) from None

    def to_json(self, *, indent: int | None = None) -> str:
        """The evidence as a JSON document, without the fields that are unknown."""
        return self.model_dump_json(exclude_none=True, indent=indent)


def _first_error(invalid: ValidationError) -> EvidenceError:
    """The first of a model's errors, with its location as a path and its text in one line."""
    errors = invalid.errors(include_url=False, include_context=False, include_input=False)
    error = errors[0]
    path = ""
    for step in error["loc"]:
        if isinstance(step, int):
            path += f"[{step}]"
        elif step != "[key]":
            path += f".{step}" if path else step
    problem = error["msg"].removeprefix("Value error, ")
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return EvidenceError(path, " ".join(problem.split()) + more)
