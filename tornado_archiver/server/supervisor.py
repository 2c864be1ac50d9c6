"""The process that serves nobody itself: it starts those that do, replaces them when they die, and passes on
what it is told.

It has no event loop and no threads, so that it may fork at any time. Its signals are blocked and taken
one by one with sigtimedwait(2): none comes between two lines, or is lost between looking and waiting.
"""

import logging
import math
import os
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import NoReturn

from tornado_archiver.errors import ArchiverError
from tornado_archiver.runtime.signals import ABORT, QUIESCE, TERMINATE

log = logging.getLogger(__name__)

_SIGNALS = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_MIN_UPTIME_S = 1  # who dies within this has not served anybody, and the next one may fare no better
_RESTART_DELAY_S = 1
_KILL_AFTER_S = 10  # what a process has to put everything away, when its time is over
_MAX_WAIT_S = 3600


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """What a process is there for. `target` is called in it, with the lifeline that `orders.Orders` wants,
    and the process ends when it returns. One that `stops_last` goes on until the others are gone."""

    name: str
    target: Callable[[int], None]
    stops_last: bool = False


@dataclass(frozen=True, slots=True)
class Generation:
    """A process for each of the roles, and the seconds that these have to end once they are told to."""

    specs: Sequence[ProcessSpec]
    drain_timeout: float


@dataclass(slots=True)
class _Child:
    role: ProcessSpec
    started_at: float
    quiescing: bool = False


class Supervisor:
    """`reload` makes the crew that takes over on SIGHUP, or raises ArchiverError. `on_stop` is called when
    the end begins, before anybody else is told, `on_exit` with the number of every process that is no more.
    """

    def __init__(
        self,
        crew: Generation,
        *,
        reload: Callable[[], Generation],
        on_stop: Callable[[], None],
        on_exit: Callable[[int], None],
    ) -> None:
        self._crew = crew
        self._reread = reload
        self._on_stop = on_stop
        self._on_death = on_exit
        self._children: dict[int, _Child] = {}
        self._spawn_queue = [(0.0, role) for role in crew.specs]
        self._kill_at = math.inf  # finite once it stops
        self._lifeline, self._parent_sentinel_w = os.pipe()

    def run(self) -> None:
        """Returns when SIGTERM or SIGINT has come and all processes are gone."""
        signal.pthread_sigmask(signal.SIG_BLOCK, (*_SIGNALS, ABORT))
        self._spawn_due()
        while self._children or not self._stopping:
            told = signal.sigtimedwait(_SIGNALS, self._wait_timeout())
            self._reap()
            if told is not None:
                self._handle_signal(signal.Signals(told.si_signo))
            self._spawn_due()
            if self._stopping:
                self._finish_shutdown()
        log.info("stopped")

    @property
    def _stopping(self) -> bool:
        return self._kill_at < math.inf

    def _wait_timeout(self) -> float:
        next_due = min((at for at, _ in self._spawn_queue), default=math.inf)
        return max(0, min(next_due, self._kill_at, time.monotonic() + _MAX_WAIT_S) - time.monotonic())

    # Being told

    def _handle_signal(self, number: signal.Signals) -> None:
        if number == signal.SIGHUP and not self._stopping:
            self._reload()
        elif number in (signal.SIGTERM, signal.SIGINT):
            if self._stopping:
                self._stop_now()
            else:
                self._stop()

    def _stop(self) -> None:
        log.info("stopping")
        self._spawn_queue.clear()
        self._on_stop()
        self._kill_at = time.monotonic() + self._crew.drain_timeout + _KILL_AFTER_S
        self._kill(TERMINATE, [pid for pid, child in self._children.items() if not child.role.stops_last])

    def _stop_now(self) -> None:
        log.info("stopping at once")
        self._kill_at = min(
            self._kill_at, time.monotonic() + _KILL_AFTER_S
        )  # insisting gives nobody more time
        self._kill(ABORT, self._children)

    def _finish_shutdown(self) -> None:
        if all(child.role.stops_last for child in self._children.values()):
            self._kill(TERMINATE, self._children)
        if time.monotonic() >= self._kill_at:
            log.error("killing what does not end: %s", ", ".join(map(str, self._children)))
            self._kill_at += _KILL_AFTER_S
            self._kill(signal.SIGKILL, self._children)

    def _reload(self) -> None:
        """Others take over on the same sockets, and those before them end what they have begun."""
        try:
            self._crew = self._reread()
        except ArchiverError as error:
            log.error("cannot take over the settings, the old ones stay: %s", error)
            return
        except Exception:  # nobody foresaw it, and those who serve know nothing of it
            log.exception("cannot take over the settings, the old ones stay")
            return
        log.info("the settings are read again")
        old = list(self._children)
        for child in self._children.values():
            child.quiescing = True
        self._spawn_queue = [(0.0, role) for role in self._crew.specs]
        self._spawn_due()
        self._kill(QUIESCE, old)

    @staticmethod
    def _kill(number: signal.Signals, pids: "Sequence[int] | dict[int, _Child]") -> None:
        for pid in pids:  # all of them are ours and not waited for, so no number is anybody else's
            os.kill(pid, number)

    # Births and deaths

    def _spawn_due(self) -> None:
        now = time.monotonic()
        due = [role for at, role in self._spawn_queue if at <= now]
        self._spawn_queue = [(at, role) for at, role in self._spawn_queue if at > now]
        for role in due:
            self._spawn(role)

    def _spawn(self, role: ProcessSpec) -> None:
        try:
            pid = os.fork()
        except OSError as error:
            log.error("no process can be had for a %s: %s", role.name, error.strerror)
            self._spawn_queue.append((time.monotonic() + _RESTART_DELAY_S, role))
            return
        if not pid:
            self._run_child(role)
        self._children[pid] = _Child(role, time.monotonic())

    def _run_child(self, role: ProcessSpec) -> NoReturn:
        """In the child: never returns into what the supervisor was about to do."""
        status = 1
        try:
            os.close(self._parent_sentinel_w)  # or the lifeline would hang on this one, too
            _set_process_name(f"archiver-{role.name}")
            role.target(self._lifeline)
            status = 0
        except BaseException:
            log.critical("the %s failed", role.name, exc_info=True)
        finally:
            logging.shutdown()
            os._exit(status)

    def _reap(self) -> None:
        while ended := _wait_any():
            pid, status = ended
            child = self._children.pop(pid, None)
            if child is None:
                continue  # the first process of a container has to bury everybody's orphans
            self._notify_exit(pid)
            if not (child.quiescing or self._stopping):
                self._schedule_restart(pid, child, status)

    def _notify_exit(self, pid: int) -> None:
        try:
            self._on_death(pid)
        except Exception:  # whatever it is, the others have to be looked after
            log.exception("cannot put away what %d has left", pid)

    def _schedule_restart(self, pid: int, child: _Child, status: int) -> None:
        now = time.monotonic()
        is_early = now - child.started_at < _MIN_UPTIME_S
        when = f"in {_RESTART_DELAY_S} s" if is_early else "now"
        log.error("%s %d %s; another one starts %s", child.role.name, pid, _describe_status(status), when)
        self._spawn_queue.append((now + _RESTART_DELAY_S if is_early else now, child.role))


def _wait_any() -> tuple[int, int] | None:
    """One that has ended, with its wait status; the next call does not tell it again."""
    try:
        pid, status = os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:  # there are none
        return None
    return (pid, status) if pid else None


def _describe_status(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"


def _set_process_name(name: str) -> None:
    """What ps and top call it; 15 characters at most, see proc(5)."""
    with suppress(OSError), open("/proc/self/comm", "w") as file:
        file.write(name)
