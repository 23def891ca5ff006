import json
import os
import signal
import stat
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from riskbridge.errors import ConfigError, FatalError, RetryableError
from riskbridge.security.home import HomeLock, ServedHomeError

_OWNER = """
import sys, pathlib
from riskbridge.security.home import HomeLock, ServedHomeError
lock = HomeLock(pathlib.Path(sys.argv[1]), command="riskbridge run Lab")
lock.acquire()
print("owned", flush=True)
sys.stdin.read()
"""


_WAITING = """
import sys, pathlib
from riskbridge.security.home import HomeLock, ServedHomeError
print("asks", flush=True)
HomeLock(pathlib.Path(sys.argv[1]), command="b", wait_s=60).acquire()
print("owns", flush=True)
"""


def start_owner(home: Path) -> subprocess.Popen[str]:
    owner = subprocess.Popen(
        [sys.executable, "-c", _OWNER, home], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout is not None
    assert owner.stdout.readline() == "owned\n"
    return owner


def end(owner: subprocess.Popen[str]) -> None:
    owner.communicate()


def test_a_home_is_made_private_and_names_its_owner(tmp_path: Path) -> None:
    home = tmp_path / "a" / "home"
    with HomeLock(home, command="riskbridge init"):
        owner = json.loads((home / "owner.lock").read_text())
    assert (owner["pid"], owner["command"]) == (os.getpid(), "riskbridge init")
    assert datetime.fromisoformat(owner["since"]).utcoffset() == timedelta(0)
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert stat.S_IMODE((home / "owner.lock").stat().st_mode) == 0o600


def test_a_directory_that_was_there_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    HomeLock(tmp_path, command="x").acquire()
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755


def test_a_second_process_is_told_who_owns_the_home(tmp_path: Path) -> None:
    owner = start_owner(tmp_path)
    with pytest.raises(RetryableError) as caught:
        HomeLock(tmp_path, command="riskbridge assets").acquire()
    end(owner)
    assert caught.value.code == "home.in-use"
    assert caught.value.context == {"pid": owner.pid}
    assert f"in use by process {owner.pid} (riskbridge run Lab) since 20" in caught.value.message


def test_one_process_cannot_own_a_home_twice(tmp_path: Path) -> None:
    with HomeLock(tmp_path, command="a"), pytest.raises(RetryableError, match=f"process {os.getpid()} "):
        HomeLock(tmp_path, command="b").acquire()


def test_acquiring_again_is_harmless(tmp_path: Path) -> None:
    lock = HomeLock(tmp_path, command="a")
    lock.acquire()
    lock.acquire()
    lock.release()
    lock.release()
    with HomeLock(tmp_path, command="b"):
        assert json.loads((tmp_path / "owner.lock").read_text())["command"] == "b"


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=["terminated", "killed"])
def test_death_gives_the_home_back(tmp_path: Path, how: signal.Signals) -> None:
    owner = start_owner(tmp_path)
    owner.send_signal(how)
    end(owner)
    with HomeLock(tmp_path, command="riskbridge assets"):
        assert json.loads((tmp_path / "owner.lock").read_text())["pid"] == os.getpid()


def test_a_program_started_by_the_owner_does_not_keep_the_home(tmp_path: Path) -> None:
    lock = HomeLock(tmp_path, command="a")
    lock.acquire()
    child = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    lock.release()
    with HomeLock(tmp_path, command="b"):
        child.communicate()


def test_waiting_gets_the_home_once_its_owner_ends(tmp_path: Path) -> None:
    owner = start_owner(tmp_path)
    waiting = subprocess.Popen(
        [
            sys.executable,
            "-c",
            _WAITING,
            tmp_path,
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert waiting.stdout is not None
    assert waiting.stdout.readline() == "asks\n"
    end(owner)
    assert waiting.communicate()[0] == "owns\n"


def test_waiting_ends(tmp_path: Path) -> None:
    with HomeLock(tmp_path, command="a"), pytest.raises(RetryableError, match="in use by"):
        HomeLock(tmp_path, command="b", wait_s=0.01).acquire()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b"\xff"], ids=["empty", "cut", "list", "bare", "bytes"])
def test_an_owner_that_left_no_name_is_another_process(tmp_path: Path, content: bytes) -> None:
    with HomeLock(tmp_path, command="a"):
        (tmp_path / "owner.lock").write_bytes(content)
        with pytest.raises(RetryableError, match="in use by another process"):
            HomeLock(tmp_path, command="b").acquire()


@pytest.mark.parametrize("inside", ["", "deeper/still"], ids=["is a file", "below a file"])
def test_a_home_that_cannot_be_made_is_told(tmp_path: Path, inside: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError) as caught:
        HomeLock(tmp_path / "file" / inside, command="a").acquire()
    assert (caught.value.code, str(tmp_path / "file") in caught.value.message) == ("home.unusable", True)


def test_a_full_disk_is_told_and_the_home_is_given_back(tmp_path: Path) -> None:
    (tmp_path / "owner.lock").symlink_to("/dev/full")
    for _ in range(2):
        with pytest.raises(FatalError) as caught:
            HomeLock(tmp_path, command="a").acquire()
        assert caught.value.code == "home.disk"


def test_a_server_is_told_with_its_address_and_is_not_waited_for(tmp_path: Path) -> None:
    lock = HomeLock(tmp_path, command="riskbridge serve")
    with lock:
        lock.announce("127.0.0.1:4711")
        with pytest.raises(ServedHomeError) as caught:
            HomeLock(tmp_path, command="b", wait_s=60).acquire()
    assert (caught.value.code, caught.value.address, caught.value.context) == (
        "home.served",
        "127.0.0.1:4711",
        {"pid": os.getpid()},
    )


def test_an_owner_after_a_server_is_not_taken_for_one(tmp_path: Path) -> None:
    with HomeLock(tmp_path, command="riskbridge serve") as lock:
        lock.announce("127.0.0.1:4711")
    with HomeLock(tmp_path, command="a"), pytest.raises(RetryableError) as caught:
        HomeLock(tmp_path, command="b").acquire()
    assert caught.value.code == "home.in-use"


def test_who_waits_for_long_says_for_whom(tmp_path: Path) -> None:
    told: list[str] = []
    with HomeLock(tmp_path, command="a"), pytest.raises(RetryableError):
        HomeLock(tmp_path, command="b", wait_s=1.3, on_wait=told.append).acquire()
    assert [f"process {os.getpid()} (a)" in text for text in told] == [True]
