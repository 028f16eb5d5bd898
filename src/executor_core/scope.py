"""What may be asked for: an `ADD_INDEX` of plain columns, in a schema that is the customer's own."""

from executor_core.errors import InvalidInput
from executor_core.index_definition import IndexDefinition, parse_index_definition
from executor_core.model import ExecutionAction, ExecutionRun

SYSTEM_SCHEMAS = frozenset({"mysql", "information_schema", "performance_schema", "sys", "ndbinfo"})
"""Schemas that belong to the server. A sufficiently privileged account could index them; Executor does not."""


def index_in_scope(run: ExecutionRun) -> IndexDefinition:
    """Return the index that `run` asks for, or raise `InvalidInput` saying why it is out of scope."""
    if run.action != ExecutionAction.ADD_INDEX:
        raise InvalidInput(f"the action {run.action!r} is out of scope: Executor does ADD_INDEX and nothing else")
    return parse_index_definition(run.table_name, run.index_name, run.columns)


def schema_in_scope(schema_name: str) -> str:
    """Return `schema_name`, or raise `InvalidInput` when it is one of the server's own."""
    if schema_name.lower() in SYSTEM_SCHEMAS:
        raise InvalidInput(f"the schema {schema_name} belongs to the server itself and is never changed")
    return schema_name
