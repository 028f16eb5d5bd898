from pathlib import Path

import pytest

from executor_adapters.connections import Connections, read_connections
from executor_adapters.memory import FakeClock
from executor_adapters.mysql.database import MySQLTarget
from executor_adapters.mysql.url import MySQLUrl
from executor_core.errors import InvalidInput
from executor_core.model import ConnectionId

SHOP = "mysql://app:s3cret@db/shop"
STOCK = "mysql://app:s3cret@db/stock"


class Opened:
    """Opens targets that connect to nothing, and counts them."""

    def __init__(self) -> None:
        self.urls: list[MySQLUrl] = []

    def __call__(self, url: MySQLUrl) -> MySQLTarget:
        self.urls.append(url)
        return MySQLTarget(url, clock=FakeClock())


@pytest.fixture
def opened() -> Opened:
    return Opened()


def schema(connections: Connections, connection_id: str) -> str:
    return connections(ConnectionId(connection_id)).schema_name


def test_each_id_has_its_database(opened: Opened) -> None:
    connections = Connections({"conn-1": SHOP, "conn-2": STOCK}, open_target=opened)
    assert (schema(connections, "conn-1"), schema(connections, "conn-2")) == ("shop", "stock")


def test_nothing_is_opened_before_its_first_use_and_then_once_a_url(opened: Opened) -> None:
    connections = Connections({"conn-1": SHOP, "conn-2": SHOP}, default=STOCK, open_target=opened)
    assert opened.urls == []
    assert connections(ConnectionId("conn-1")) is connections(ConnectionId("conn-2"))
    assert len(opened.urls) == 1


def test_other_ids_have_the_default(opened: Opened) -> None:
    connections = Connections({"conn-1": SHOP}, default=STOCK, open_target=opened)
    assert schema(connections, "conn-9") == "stock"


def test_an_id_that_is_not_configured_is_refused(opened: Opened) -> None:
    connections = Connections({"conn-1": SHOP}, open_target=opened)
    with pytest.raises(InvalidInput, match="'conn-9' is not configured: give --mysql-url, or name it in --connections"):
        connections(ConnectionId("conn-9"))


def test_a_wrong_url_is_found_at_once_and_its_id_is_named(opened: Opened) -> None:
    with pytest.raises(InvalidInput, match="the connection 'conn-2': the MySQL URL names no database") as wrong:
        Connections({"conn-1": SHOP, "conn-2": "mysql://app:s3cret@db"}, open_target=opened)
    assert "s3cret" not in str(wrong.value)


def test_after_closing_a_target_is_opened_anew(opened: Opened) -> None:
    connections = Connections({"conn-1": SHOP}, open_target=opened)
    first = connections(ConnectionId("conn-1"))
    connections.close()
    assert connections(ConnectionId("conn-1")) is not first


@pytest.mark.parametrize("heading", ["", "[connections]\n"])
def test_a_file_maps_ids_to_urls(tmp_path: Path, heading: str) -> None:
    file = tmp_path / "connections.toml"
    file.write_text(f'{heading}conn-1 = "{SHOP}"\n"conn 2" = "{STOCK}"\n')
    assert read_connections(file) == {"conn-1": SHOP, "conn 2": STOCK}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"conn-1 = mysql://app:s3cret@db/shop", "is not TOML: Invalid value"),
        (b"\xff", "is not TOML"),
        (b"", "names no connections"),
        (b"connections = 3", "names no connections"),
        (b"conn-1 = 3", "the URL of 'conn-1' is not text"),
        (b'[other]\nconn-1 = "mysql://app@db/shop"', "the URL of 'other' is not text"),
    ],
)
def test_a_file_that_is_wrong_is_refused_in_one_line(tmp_path: Path, content: bytes, sentence: str) -> None:
    file = tmp_path / "connections.toml"
    file.write_bytes(content)
    with pytest.raises(InvalidInput, match=sentence) as wrong:
        read_connections(file)
    assert "\n" not in str(wrong.value)
    assert "s3cret" not in str(wrong.value)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="can't be read: No such file"):
        read_connections(tmp_path / "nowhere.toml")
