from datetime import timedelta

import pytest

from executor_adapters.saas import HttpControlPlane
from executor_core.errors import InvalidInput


def test_the_token_is_in_no_repr() -> None:
    plane = HttpControlPlane("http://localhost:3000", "s3cret-token")
    assert repr(plane) == "HttpControlPlane('http://localhost:3000')"
    plane.close()


@pytest.mark.parametrize("token", ["with space", "line\nbreak", "ümlaut", "tab\t"])
def test_a_token_that_no_header_can_carry(token: str) -> None:
    with pytest.raises(InvalidInput) as error:
        HttpControlPlane("http://localhost:3000", token)
    assert token not in str(error.value)


def test_a_token_does_not_travel_readable() -> None:
    with pytest.raises(InvalidInput, match="https"):
        HttpControlPlane("http://saas.example", "s3cret")
    HttpControlPlane("http://saas.example", "s3cret", allow_insecure=True).close()
    HttpControlPlane("http://saas.example").close()


@pytest.mark.parametrize("url", ["http://xn--\u00e4/", "http://[::g]"])
def test_a_host_that_is_no_name(url: str) -> None:
    with pytest.raises(InvalidInput, match="malformed"):
        HttpControlPlane(url)


def test_a_time_out_must_be_positive() -> None:
    with pytest.raises(InvalidInput):
        HttpControlPlane("http://localhost:3000", timeout=timedelta())
