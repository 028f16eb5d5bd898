import pytest

from executor_adapters.saas.base_url import BaseUrl
from executor_core.errors import InvalidInput


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("", "http://"),
        ("localhost:3000", "http://"),
        ("ftp://host", "http://"),
        ("http://", "no host"),
        ("http://user@host", "user name"),
        ("http://user:hunter2@host", "user name"),
        ("http://host:port", "malformed"),
        ("http://host:99999", "malformed"),
        ("http://[::1", "malformed"),
        ("http://host/?a=b", "without"),
        ("http://host/#a", "without"),
        ("http://ho st", "space"),
        ("http://host/\n", "space"),
    ],
)
def test_an_unusable_url_is_refused_with_the_reason(url: str, complaint: str) -> None:
    with pytest.raises(InvalidInput, match=complaint) as error:
        BaseUrl.parse(url)
    assert "hunter2" not in str(error.value)


def test_a_path_in_front_of_the_calls_is_kept() -> None:
    assert BaseUrl.parse("https://host/saas/v1/").of("api", "audit") == "https://host/saas/v1/api/audit"


@pytest.mark.parametrize(
    ("segment", "written"),
    [
        ("a/b", "a%2Fb"),
        ("..", "%2E%2E"),
        (".", "%2E"),
        ("a?b#c", "a%3Fb%23c"),
        ("50%", "50%25"),
        ("ä", "%C3%A4"),
    ],
)
def test_an_id_is_one_segment_whatever_is_in_it(segment: str, written: str) -> None:
    assert BaseUrl.parse("http://host").of("api", segment, "claim") == f"http://host/api/{written}/claim"


@pytest.mark.parametrize(
    ("url", "private"),
    [
        ("http://localhost:3000", True),
        ("http://127.0.0.1", True),
        ("http://[::1]:3000", True),
        ("https://saas.example", True),
        ("http://saas.example", False),
        ("http://10.0.0.1", False),
        ("http://localhost.example", False),
    ],
)
def test_what_can_be_read_on_the_way(url: str, private: bool) -> None:
    assert BaseUrl.parse(url).is_private is private


@pytest.mark.parametrize(
    ("location", "followed"),
    [
        ("/api/executions/1/lease", "http://host:3000/api/executions/1/lease"),
        ("http://host:3000/x", "http://host:3000/x"),
        ("http://host/x", None),
        ("https://host:3000/x", None),
        ("//elsewhere/x", None),
        ("http://elsewhere:3000/x", None),
        ("http://user@host:3000/x", None),
        ("http://host:3000x/", None),
        ("file:///etc/passwd", None),
    ],
)
def test_only_addresses_on_the_same_server_are_followed(location: str, followed: str | None) -> None:
    assert BaseUrl.parse("http://host:3000").same_origin(location) == followed
