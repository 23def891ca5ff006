"""Working directories of clients, with threads that have their own and with threads that share the process's."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from riskbridge.cli.directory import SharedDirectory, working_in
from riskbridge.errors import RetryableError


def in_thread(path: Path, found: list[str]) -> None:
    with working_in(str(path)):
        Path("here").write_text("x")
        found.append(str(Path.cwd()))


def test_a_thread_works_where_its_client_is_and_no_other_does(tmp_path: Path) -> None:
    before, found = Path.cwd(), []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    threads = [threading.Thread(target=in_thread, args=(tmp_path / n, found)) for n in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [str(tmp_path / "a"), str(tmp_path / "b")]
    assert sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("here")) == ["a/here", "b/here"]
    assert Path.cwd() == before


def test_a_shared_directory_is_one_at_a_time(tmp_path: Path) -> None:
    before, shared = Path.cwd(), SharedDirectory(wait_s=0.01)
    (tmp_path / "a").mkdir()
    try:
        with shared.entered(str(tmp_path)), shared.entered(str(tmp_path)):
            assert Path.cwd() == tmp_path
            with pytest.raises(RetryableError) as caught, shared.entered(str(tmp_path / "a")):
                pass
        with shared.entered(str(tmp_path / "a")):
            assert Path.cwd() == tmp_path / "a"
    finally:
        os.chdir(before)
    assert caught.value.code == "home.other-directory"
