"""What is kept in the cache is whole or absent, and made once."""

import threading
from pathlib import Path

import pytest

from executor_adapters.local_server.cache import cache_folder, make_once


def test_the_cache_is_where_the_variable_says(monkeypatch, tmp_path):
    monkeypatch.setenv("EXECUTOR_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("EXECUTOR_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == Path(tmp_path) / ".cache" / "executor"


def test_what_is_there_is_not_made_again(tmp_path):
    made = make_once(tmp_path / "a" / "thing", lambda folder: (folder / "content").touch())
    assert [file.name for file in made.iterdir()] == ["content"]
    assert make_once(made, lambda folder: pytest.fail("made twice")) == made


def test_a_making_that_fails_leaves_nothing_and_can_be_repeated(tmp_path):
    def fail(folder):
        (folder / "half").touch()
        raise RuntimeError("broken off")

    with pytest.raises(RuntimeError, match="broken off"):
        make_once(tmp_path / "thing", fail)
    assert [path.name for path in tmp_path.iterdir()] == [".thing.lock"]
    assert list(make_once(tmp_path / "thing", lambda folder: None).iterdir()) == []


def test_of_two_at_once_one_makes_and_the_other_waits(tmp_path):
    made, begun, release = [], threading.Event(), threading.Event()

    def slow(folder):
        made.append(folder)
        begun.set()
        release.wait(60)
        (folder / "content").touch()

    found = []
    workers = [
        threading.Thread(target=lambda: found.append((make_once(tmp_path / "thing", slow) / "content").exists()))
        for _ in range(2)
    ]
    for worker in workers:
        worker.start()
    assert begun.wait(60)
    release.set()
    for worker in workers:
        worker.join(60)
    assert found == [True, True]
    assert len(made) == 1
