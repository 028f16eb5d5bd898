"""The URL of a target: what it may say, what is wrong with it, and that it never shows its password."""

import pytest

from executor_adapters.mysql.url import MySQLUrl, TlsMode
from executor_core.errors import InvalidInput


def test_the_whole_of_a_url_is_read():
    url = MySQLUrl.parse(
        "mysql://my%20app:p%40s%2Fs%C3%A9@db.example:3307/my%2Fshop?ssl_ca=/etc/ca%20x.pem&ssl=required"
    )
    assert url == MySQLUrl(
        host="db.example",
        port=3307,
        user="my app",
        password="p@s/sé",
        database="my/shop",
        tls=TlsMode.REQUIRED,
        ssl_ca="/etc/ca x.pem",
    )


def test_the_port_the_password_and_tls_have_defaults():
    url = MySQLUrl.parse("mysql://app@localhost/shop")
    assert (url.port, url.password, url.tls, url.ssl_ca) == (3306, "", TlsMode.PREFERRED, None)


def test_an_ipv6_host_is_read_and_shown():
    url = MySQLUrl.parse("mysql://app@[::1]:3307/shop")
    assert url.host == "::1"
    assert str(url) == "mysql://app@[::1]:3307/shop"


@pytest.mark.parametrize("mode", ["disabled", "preferred", "required"])
def test_the_tls_mode_is_read(mode):
    assert MySQLUrl.parse(f"mysql://app@h/shop?ssl={mode}").tls == mode


def test_a_certificate_file_asks_for_encryption():
    assert MySQLUrl.parse("mysql://app@h/shop?ssl_ca=ca.pem").tls is TlsMode.REQUIRED


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("postgres://app:secret@h/shop", "mysql://"),
        ("app:secret@h/shop", "mysql://"),
        ("", "mysql://"),
        ("mysql://:secret@h/shop", "no user"),
        ("mysql://h/shop", "no user"),
        ("mysql://app:secret@/shop", "no host"),
        ("mysql://app:secret@h", "no database"),
        ("mysql://app:secret@h/", "no database"),
        ("mysql://app:secret@h/shop/orders", "behind its database"),
        ("mysql://app:secret@h/%20shop%20", "ends with a space"),
        ("mysql://app:secret@h/" + "s" * 65, "65 characters"),
        ("mysql://app:secret@h:0/shop", "port"),
        ("mysql://app:secret@h:65536/shop", "port"),
        ("mysql://app:secret@h:three/shop", "port"),
        ("mysql://app:secret/x@h/shop", "no user"),
        ("mysql://app:secret#x@h/shop", "#"),
        ("mysql://app:sec%FFret@h/shop", "UTF-8"),
        ("mysql://app:secret%00@h/shop", "NUL"),
        ("mysql://app:secret@[::1/shop", "can't be read"),
        ("mysql://app:secret@h/shop?ssl=maybe", "disabled, preferred, required"),
        ("mysql://app:secret@h/shop?ssl_ca=", "path of a file"),
        ("mysql://app:secret@h/shop?charset=latin1", "ssl and ssl_ca"),
        ("mysql://app:secret@h/shop?ssl_ca=ca.pem&ssl=disabled", "drop one"),
    ],
)
def test_what_is_wrong_is_said_in_one_line_without_the_password(text, complaint):
    with pytest.raises(InvalidInput) as raised:
        MySQLUrl.parse(text)
    assert complaint in str(raised.value)
    assert "\n" not in str(raised.value)
    assert "secret" not in str(raised.value)
    assert raised.value.__cause__ is None


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("mysql://app:s%40cret@h/shop", "mysql://app:***@h:3306/shop"),
        ("mysql://a%2Fb@h/my%2Fshop?ssl=disabled", "mysql://a%2Fb@h:3306/my%2Fshop?ssl=disabled"),
        ("mysql://app:secret@h/shop?ssl_ca=/ca.pem", "mysql://app:***@h:3306/shop?ssl_ca=/ca.pem"),
    ],
)
def test_a_url_is_shown_without_its_password(text, shown):
    url = MySQLUrl.parse(text)
    assert url.masked() == str(url) == f"{url}" == shown
    assert "cret" not in repr(url)


def test_what_is_shown_of_a_url_without_a_password_can_be_read_again():
    url = MySQLUrl.parse("mysql://a%2Fb@[::1]:3307/my%2Fshop?ssl_ca=/a%20b.pem")
    assert MySQLUrl.parse(url.masked()) == url
