"""The master process: spawns workers, restarts them when they exit, and forwards signals.

It does not serve requests. It has no event loop and no threads, so that it can fork at any time. Its signals
are blocked and read with sigtimedwait(2), so that none is lost between a check and a wait.
"""

import logging
import math
import os
import signal
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import NoReturn

from tornado_archiver.errors import ArchiverError
from tornado_archiver.runtime.signals import ABORT, QUIESCE, TERMINATE

log = logging.getLogger(__name__)

_SIGNALS = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_MIN_UPTIME_S = 1  # after a shorter uptime the next process is likely to fail as well, so it starts later
_RESTART_DELAY_S = 1
_KILL_AFTER_S = 10  # time for cleanup after the drain timeout
_MAX_WAIT_S = 3600


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """Name and main function of a child process.

    `target` is called in the child with the parent sentinel that `signals.WorkerSignals` reads; the child
    exits when it returns. A child with `stops_last` runs until all others have exited.
    """

    name: str
    target: Callable[[int], None]
    stops_last: bool = False


@dataclass(frozen=True, slots=True)
class Generation:
    """Processes started with the same settings; `drain_timeout` in seconds."""

    specs: Sequence[ProcessSpec]
    drain_timeout: float


@dataclass(slots=True)
class _Child:
    spec: ProcessSpec
    started_at: float
    quiescing: bool = False


class Supervisor:
    """Parent of all workers and of the admin process.

    `reload` returns the generation that takes over on SIGHUP, or raises ArchiverError. `on_stop` is called
    when a shutdown begins, before the children are signalled. `on_exit` is called with the pid of each child
    that has exited.
    """

    def __init__(
        self,
        generation: Generation,
        *,
        reload: Callable[[], Generation],
        on_stop: Callable[[], None],
        on_exit: Callable[[int], None],
    ) -> None:
        self._generation = generation
        self._load_generation = reload
        self._on_stop = on_stop
        self._on_exit = on_exit
        self._children: dict[int, _Child] = {}
        self._spawn_queue = [(0.0, spec) for spec in generation.specs]
        self._kill_at = math.inf  # finite during a shutdown
        self._parent_sentinel, self._parent_sentinel_w = os.pipe()

    def run(self) -> None:
        """Return when SIGTERM or SIGINT has arrived and all children have exited."""
        signal.pthread_sigmask(signal.SIG_BLOCK, (*_SIGNALS, ABORT))
        self._spawn_due()
        while self._children or not self._stopping:
            received = signal.sigtimedwait(_SIGNALS, self._wait_timeout())
            self._reap()
            if received is not None:
                self._handle_signal(signal.Signals(received.si_signo))
            self._spawn_due()
            if self._stopping:
                self._finish_shutdown()
        log.info("stopped")

    @property
    def _stopping(self) -> bool:
        return self._kill_at < math.inf

    def _wait_timeout(self) -> float:
        next_spawn = min((at for at, _ in self._spawn_queue), default=math.inf)
        return max(0, min(next_spawn, self._kill_at, time.monotonic() + _MAX_WAIT_S) - time.monotonic())

    # Signals

    def _handle_signal(self, number: signal.Signals) -> None:
        if number == signal.SIGHUP and not self._stopping:
            self._reload()
        elif number in (signal.SIGTERM, signal.SIGINT):
            if self._stopping:
                self._stop_now()
            else:
                self._stop()

    def _stop(self) -> None:
        log.info("shutting down")
        self._spawn_queue.clear()
        self._on_stop()
        self._kill_at = time.monotonic() + self._generation.drain_timeout + _KILL_AFTER_S
        self._kill(TERMINATE, [pid for pid, child in self._children.items() if not child.spec.stops_last])

    def _stop_now(self) -> None:
        log.info("forced shutdown")
        # min, so that repeated signals do not move the deadline
        self._kill_at = min(self._kill_at, time.monotonic() + _KILL_AFTER_S)
        self._kill(ABORT, self._children)

    def _finish_shutdown(self) -> None:
        if all(child.spec.stops_last for child in self._children.values()):
            self._kill(TERMINATE, self._children)
        if time.monotonic() >= self._kill_at:
            log.error(
                "workers did not exit in time, sending SIGKILL: %s", ", ".join(map(str, self._children))
            )
            self._kill_at += _KILL_AFTER_S
            self._kill(signal.SIGKILL, self._children)

    def _reload(self) -> None:
        """Spawn a new generation on the same sockets and quiesce the old one."""
        try:
            self._generation = self._load_generation()
        except ArchiverError as error:
            log.error("reload failed, keeping the current settings: %s", error)
            return
        except Exception:  # a bug, which must not stop a service that works
            log.exception("reload failed, keeping the current settings")
            return
        log.info("settings reloaded")
        old = list(self._children)
        for child in self._children.values():
            child.quiescing = True
        self._spawn_queue = [(0.0, spec) for spec in self._generation.specs]
        self._spawn_due()
        self._kill(QUIESCE, old)

    @staticmethod
    def _kill(number: signal.Signals, pids: Iterable[int]) -> None:
        for pid in pids:  # none is reaped yet, so its pid cannot belong to another process
            os.kill(pid, number)

    # Child processes

    def _spawn_due(self) -> None:
        now = time.monotonic()
        due = [spec for at, spec in self._spawn_queue if at <= now]
        self._spawn_queue = [(at, spec) for at, spec in self._spawn_queue if at > now]
        for spec in due:
            self._spawn(spec)

    def _spawn(self, spec: ProcessSpec) -> None:
        try:
            pid = os.fork()
        except OSError as error:
            log.error("fork failed for %s: %s", spec.name, error.strerror)
            self._spawn_queue.append((time.monotonic() + _RESTART_DELAY_S, spec))
            return
        if not pid:
            self._run_child(spec)
        self._children[pid] = _Child(spec, time.monotonic())

    def _run_child(self, spec: ProcessSpec) -> NoReturn:
        """Run the target in the child and exit, so that the child never runs the supervisor's code."""
        status = 1
        try:
            os.close(self._parent_sentinel_w)  # or the sentinel would not read EOF while this child runs
            _set_process_name(f"archiver-{spec.name}")
            spec.target(self._parent_sentinel)
            status = 0
        except BaseException:
            log.critical("%s crashed", spec.name, exc_info=True)
        finally:
            logging.shutdown()
            os._exit(status)

    def _reap(self) -> None:
        while exited := _wait_any():
            pid, status = exited
            child = self._children.pop(pid, None)
            if child is None:
                continue  # because PID 1 of a container must reap orphans that it did not spawn
            self._notify_exit(pid)
            if not (child.quiescing or self._stopping):
                self._schedule_restart(pid, child, status)

    def _notify_exit(self, pid: int) -> None:
        try:
            self._on_exit(pid)
        except Exception:  # any error, because the other children still need the supervisor
            log.exception("cleanup after pid %d failed", pid)

    def _schedule_restart(self, pid: int, child: _Child, status: int) -> None:
        now = time.monotonic()
        delay = _RESTART_DELAY_S if now - child.started_at < _MIN_UPTIME_S else 0
        when = f" in {delay} s" if delay else ""
        log.error("%s (pid %d) %s; restarting%s", child.spec.name, pid, _describe_status(status), when)
        self._spawn_queue.append((now + delay, child.spec))


def _wait_any() -> tuple[int, int] | None:
    """Reap one child that has exited; return its pid and wait status, or None."""
    try:
        pid, status = os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:  # there are no children
        return None
    return (pid, status) if pid else None


def _describe_status(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exited with code {code}"


def _set_process_name(name: str) -> None:
    """Set the name in ps and top, at most 15 characters: proc(5)."""
    with suppress(OSError), open("/proc/self/comm", "w") as file:
        file.write(name)
