"""A process that has imported all of Lockstep, and forks a child for each command that it is sent.

A child is a process of its own, and can be killed like any other; only the second that Python takes
to import everything is saved, which is what lets a test start a service a hundred times.

One JSON object a line comes in, one goes out. `{"start": [arguments], "environment": {…}, "output": path}`
is answered by `{"pid": n}`, `{"poll": pid}` by `{"code": exit code, minus the signal, or null}`.
When its standard input ends it stops the children that are left (SIGTERM, then SIGKILL) and ends too.
"""

import json
import os
import signal
import subprocess
import sys
import time
import traceback
from datetime import timedelta
from functools import partial
from pathlib import Path

import uvicorn.loops.auto
import uvicorn.protocols.http.auto
from starlette import applications, responses, routing

import lockstep.app.demo
import lockstep.rtgs.door
from lockstep.app import loops, processes, supervising
from lockstep.chain.artifacts import artifact
from lockstep.cli import commands, main
from lockstep.flow import engine, recovering
from lockstep.flow.sharing import SharingWorker
from lockstep.iso20022 import peek, read

LOADED = (uvicorn, applications, responses, routing, lockstep.rtgs.door, lockstep.app.demo, commands, processes)
SAMPLE = Path(__file__).resolve().parents[2] / "examples/first-day/1-opening/010-t01-fabl-delivers.xml"
GRACE_SECONDS = 10
PAUSE_SECONDS = 0.05
"""The processes' own pause is made for people; here somebody waits for the end."""
SOON = timedelta(seconds=2)
"""As it is with what a trade's records lost, and cannot be looked at yet."""
LEASES = "LEASE_SECONDS"
"""Environment of a service whose leases, and claims, are for so many seconds."""


class Grandchild:
    """What `lockstep up` needs of a Popen, for a lockstep process of its own: forked too."""

    def __init__(self, arguments: list[str]) -> None:
        self.pid, self.returncode = start(arguments, {}, f"/proc/{os.getpid()}/fd/1"), None

    def poll(self) -> int | None:
        if self.returncode is None:
            ended, status = os.waitpid(self.pid, os.WNOHANG)
            self.returncode = os.waitstatus_to_exitcode(status) if ended else None
        return self.returncode

    def wait(self, timeout: float = 60) -> int | None:
        deadline = time.monotonic() + timeout
        while self.poll() is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(str(self.pid), timeout)
            time.sleep(PAUSE_SECONDS)
        return self.returncode

    def terminate(self) -> None:
        if self.poll() is None:
            os.kill(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)


POPEN = subprocess.Popen


def popen(command: list[str]) -> "Grandchild | subprocess.Popen[bytes]":
    own = [sys.executable, "-m", "lockstep.cli"]
    return Grandchild(command[3:]) if command[:3] == own else POPEN(command)


def child(arguments: list[str], environment: dict[str, str], output: str) -> int:
    """The `lockstep` command, as a new process would run it; returns its exit code."""
    descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for target in (1, 2):
        os.dup2(descriptor, target)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    os.environ.update(environment)
    loops.PAUSE_SECONDS = supervising.PAUSE_SECONDS = PAUSE_SECONDS
    recovering.SOON = SOON
    if LEASES in environment:
        seconds = engine.CLAIM_SECONDS = int(environment[LEASES])
        processes.SharingWorker = partial(SharingWorker, seconds=seconds)
    if "HIDE_ANVIL" in environment:
        supervising.find_anvil = lambda: None
    supervising.subprocess.Popen = popen
    sys.argv = ["lockstep", *arguments]
    try:
        main()
    except SystemExit as exit_:
        return exit_.code if isinstance(exit_.code, int) else int(exit_.code is not None)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def start(arguments: list[str], environment: dict[str, str], output: str) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        code = child(arguments, environment, output)
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def warm_up() -> None:
    """Schemas and ABIs, which each process reads once, are read before the first child."""
    data = SAMPLE.read_bytes()
    assert peek(data) is not None and read(data).body is not None
    for name in ("DvP", "SecurityToken", "ParticipantRegistry"):
        artifact(name)


def end(pids: set[int]) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + GRACE_SECONDS
    while pids and time.monotonic() < deadline:
        pids -= {pid for pid in pids if os.waitpid(pid, os.WNOHANG)[0]}
        time.sleep(PAUSE_SECONDS)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def serve() -> None:
    warm_up()
    running: set[int] = set()
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    try:
        for line in iter(sys.stdin.readline, ""):
            asked = json.loads(line)
            if "start" in asked:
                pid = start(asked["start"], asked["environment"], asked["output"])
                running.add(pid)
                answer = {"pid": pid}
            else:
                ended, status = os.waitpid(asked["poll"], os.WNOHANG)
                running.discard(ended)
                answer = {"code": os.waitstatus_to_exitcode(status) if ended else None}
            answers.write(json.dumps(answer) + "\n")
    finally:
        end(running)


if __name__ == "__main__":
    serve()
