import os
import subprocess
import sys

import psutil

from library.claims import dead_workers, is_surely_dead, this_worker


def test_this_process_is_alive_and_keeps_its_name() -> None:
    assert this_worker() == this_worker()
    assert len(this_worker()) <= 200
    assert not is_surely_dead(this_worker())


def test_a_process_that_was_killed_is_dead_and_one_that_runs_is_not() -> None:
    script = "import sys; from library.claims import this_worker; print(this_worker(), flush=True); sys.stdin.read()"
    child = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with child:
        assert child.stdout is not None
        name = child.stdout.readline().strip()
        assert name != this_worker()
        assert dead_workers([name, this_worker()]) == []
        child.kill()
    assert dead_workers([name, this_worker()]) == [name]


def test_a_child_that_was_forked_has_a_name_of_its_own() -> None:
    parent = this_worker()
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(write, this_worker().encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as answer:
        assert answer.read() not in ("", parent)
    os.waitpid(pid, 0)


def test_a_number_that_another_process_has_by_now_is_not_taken_for_the_former() -> None:
    machine, boot, pid, start = this_worker().split(" ")
    assert is_surely_dead(f"{machine} {boot} {pid} {float(start) - 100:.2f}")
    assert is_surely_dead(f"{machine} an-earlier-boot {pid} {start}")


def test_what_cannot_be_known_is_not_taken_for_dead() -> None:
    _machine, boot, pid, start = this_worker().split(" ")
    gone = next(number for number in range(2**22, 1, -1) if not psutil.pid_exists(number))
    for worker in (
        "",
        "nonsense",
        "a b c d",
        f"another-machine {boot} {gone} {start}",
        f"another-machine {boot} {pid} x",
    ):
        assert not is_surely_dead(worker)
