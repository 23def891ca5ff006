"""Runs a program as a child and says how long it took and how much memory it held at most."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Measured:
    """What a child printed, the seconds from its start to its end, and the most memory it held (resident), MiB.

    The kernel counts the memory of the process that starts a child as the child's first, so a parent must stay small.
    """

    output: str
    seconds: float
    peak_mib: float


def run_measured(command: Sequence[str], *, environment: Mapping[str, str]) -> Measured:
    """Run a program of this Python to its end; a failed one ends the benchmark with what it said.

    What programs before it left to be written is written first, so that each pays for its own.
    """
    os.sync()
    with tempfile.TemporaryFile("w+") as errors:
        began_at = time.perf_counter()
        with subprocess.Popen(
            [sys.executable, *command],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env={**os.environ, **environment},
        ) as child:
            assert child.stdout is not None
            output = child.stdout.read()
            _, status, usage = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - began_at
        errors.seek(0)
        if child.returncode:
            sys.exit(f"{' '.join(command)} ended with {child.returncode}:\n{output}\n{errors.read()}")
    return Measured(output, seconds, usage.ru_maxrss / 1024)
