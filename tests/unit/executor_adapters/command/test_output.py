import io
import json
import os
import sys

import pytest

from executor_adapters.command.output import say, say_object


def test_one_object_in_one_line_of_ascii(capsys: pytest.CaptureFixture[str]) -> None:
    say_object({"message": "idx_größe\n", "evidence": None})
    out = capsys.readouterr().out
    assert out.isascii()
    assert out.count("\n") == 1
    assert json.loads(out) == {"message": "idx_größe\n", "evidence": None}


def test_what_the_encoding_can_not_show_is_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(shown, encoding="ascii"))
    say("größe\n")
    assert shown.getvalue() == b"gr\\xf6\\xdfe\n"


def test_a_reader_that_went_away_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as closed:
        monkeypatch.setattr(sys, "stdout", closed)
        say("nobody hears this\n")
        say("nor this\n")


def test_a_disk_that_is_full_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    class Full(io.StringIO):
        def write(self, text: str, /) -> int:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(sys, "stdout", Full())
    say("too much\n")
    assert capsys.readouterr().err == "executor: the result can't be written: No space left on device\n"
