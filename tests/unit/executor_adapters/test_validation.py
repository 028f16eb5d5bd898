import pytest
from pydantic import ValidationError

from executor_adapters.validation import first_problem
from executor_core.model import StatusChange


def test_it_is_one_line_that_names_the_field_and_not_the_input() -> None:
    with pytest.raises(ValidationError) as error:
        StatusChange.model_validate({"status": "s3cret"})
    problem = first_problem(error.value)
    assert problem.startswith("status: Input should be 'scheduled'")
    assert "s3cret" not in problem
