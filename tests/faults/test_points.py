"""The faults strike where they are said to."""

import subprocess
import sys

from tests.faults.installation import ROOT

TIMES = 20
STOPPED = f"""
import os, signal, threading
from tests.faults.points import stop_here

def go_on(told):
    stop_here()
    os.write(told, b"!")

for _ in range({TIMES}):
    heard, told = os.pipe()
    child = os.fork()
    if not child:
        threading.Thread(target=go_on, args=(told,)).start()
        threading.Event().wait()
    os.close(told)
    os.waitpid(child, os.WUNTRACED)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    print(os.read(heard, 1).decode(), end="")
    os.close(heard)
"""
"""Threads that stop their process, and write if they are not stopped with it."""


def test_a_stop_holds_the_very_thread_that_came_by() -> None:
    said = subprocess.run([sys.executable, "-c", STOPPED], cwd=ROOT, capture_output=True, text=True, check=True)
    assert said.stdout == ""
