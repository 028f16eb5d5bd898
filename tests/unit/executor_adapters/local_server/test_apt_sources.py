"""The machine's apt sources are read as apt reads them, and the right archive is picked."""

import pytest

from executor_adapters.local_server.apt_sources import (
    AptSource,
    main_archive,
    parse_deb822,
    parse_one_line,
    read_sources,
)

DEB822 = """\
# The system's own.
Types: deb deb-src
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/archive.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
# A comment inside a stanza.
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mQINBF

Types: deb
Enabled: no
URIs: http://off.example/debian
Suites: bookworm
Components: main

Types: deb-src
URIs: http://source.example/debian
Suites: bookworm
Components: main
"""

ONE_LINE = """\
# deb http://commented.example/debian bookworm main
deb http://mirror.example/debian/ bookworm main contrib  # trailing words
deb-src http://mirror.example/debian/ bookworm main
deb [arch=amd64 signed-by=/etc/keys/other.gpg] https://other.example/linux bookworm stable
deb [ trusted=yes ] file:/srv/flat ./

deb incomplete
"""


def test_deb822_gives_each_address_and_suite_that_is_enabled():
    assert list(parse_deb822(DEB822)) == [
        AptSource("http://mirror.example/debian", suite, components, keyring)
        for suite, components, keyring in [
            ("bookworm", ("main", "contrib"), "/usr/share/keyrings/archive.gpg"),
            ("bookworm-updates", ("main", "contrib"), "/usr/share/keyrings/archive.gpg"),
        ]
    ] + [AptSource("http://mirror.example/debian-security", "bookworm-security", ("main",), None)]


def test_one_line_form_gives_each_binary_source():
    assert list(parse_one_line(ONE_LINE)) == [
        AptSource("http://mirror.example/debian/", "bookworm", ("main", "contrib")),
        AptSource("https://other.example/linux", "bookworm", ("stable",), "/etc/keys/other.gpg"),
        AptSource("file:/srv/flat", "./", ()),
    ]


def test_all_files_that_apt_reads_are_read_and_no_others(tmp_path):
    parts = tmp_path / "sources.list.d"
    parts.mkdir()
    (tmp_path / "sources.list").write_text("deb http://a.example/debian sid main\n")
    (parts / "b.list").write_text("deb http://b.example/debian sid main\n")
    (parts / "c.sources").write_text("Types: deb\nURIs: http://c.example/debian\nSuites: sid\nComponents: main\n")
    (parts / "d.list.disabled").write_text("deb http://d.example/debian sid main\n")

    assert [source.address for source in read_sources(tmp_path)] == [f"http://{name}.example/debian" for name in "abc"]


def test_a_machine_without_apt_has_no_sources(tmp_path):
    assert read_sources(tmp_path / "nowhere") == []


MAIN = AptSource("http://mirror.example/debian", "bookworm", ("main",))


@pytest.mark.parametrize(
    "other",
    [
        AptSource("http://mirror.example/debian-security", "bookworm-security", ("main",)),
        AptSource("http://security.example/debian", "bookworm", ("main",)),
        AptSource("http://mirror.example/debian", "bookworm-updates", ("main",)),
        AptSource("http://mirror.example/debian", "bookworm/updates", ("main",)),
        AptSource("https://vendor.example/apt", "bookworm", ("main",)),
        AptSource("https://vendor.example/debian/12/prod", "bookworm", ("main",)),
        AptSource("https://vendor.example/debian", "bookworm", ("stable",)),
        AptSource("cdrom:[disc]/debian", "bookworm", ("main",)),
    ],
)
def test_the_main_archive_goes_before_every_other_source(other):
    assert main_archive([other, MAIN], distribution="debian") == MAIN


def test_of_two_mirrors_the_first_is_taken():
    second = AptSource("http://second.example/debian/", "bookworm", ("main",))
    assert main_archive([MAIN, second], distribution="debian") == MAIN
    assert main_archive([second, MAIN], distribution="debian") == second


def test_a_dated_copy_of_the_archive_is_one_too():
    dated = AptSource("http://copy.example/archive/debian/20260101T000000Z", "bookworm", ("main",))
    assert main_archive([dated], distribution="debian") == dated


def test_without_a_main_archive_there_is_none():
    assert main_archive([], distribution="debian") is None
    assert main_archive([AptSource("file:/srv", "./", ())], distribution="debian") is None
