"""What a failed validation means to a person: its first problem, in one line and without the input."""

from pydantic import ValidationError


def first_problem(error: ValidationError) -> str:
    """Return where the first problem is and what it is, such as ``columns.0: Input should be a valid string``."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = ".".join(str(step) for step in first["loc"])
    return f"{place}: {first['msg']}" if place else first["msg"]
