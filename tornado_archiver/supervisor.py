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
from tornado_archiver.orders import CUT, DRAIN, RETIRE

log = logging.getLogger(__name__)

_TOLD = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_EARLY_S = 1  # who dies within this has not served anybody, and the next one may fare no better
_PAUSE_S = 1
_GRACE_S = 10  # what a process has to put everything away, when its time is over
_LONG_S = 3600


@dataclass(frozen=True, slots=True)
class Role:
    """What a process is there for. `play` is called in it, with the lifeline that `orders.Orders` wants, and
    the process ends when it returns. One that `watches` goes on until the others are gone."""

    name: str
    play: Callable[[int], None]
    watches: bool = False


@dataclass(frozen=True, slots=True)
class Crew:
    """A process for each of the roles, and the seconds that these have to end once they are told to."""

    roles: Sequence[Role]
    drain_timeout: float


@dataclass(slots=True)
class _Child:
    role: Role
    born: float
    retires: bool = False


class Supervisor:
    """`reread` makes the crew that takes over on SIGHUP, or raises ArchiverError. `on_stop` is called when
    the end begins, before anybody else is told, `on_death` with the number of every process that is no more.
    """

    def __init__(
        self,
        crew: Crew,
        *,
        reread: Callable[[], Crew],
        on_stop: Callable[[], None],
        on_death: Callable[[int], None],
    ) -> None:
        self._crew = crew
        self._reread = reread
        self._on_stop = on_stop
        self._on_death = on_death
        self._children: dict[int, _Child] = {}
        self._due = [(0.0, role) for role in crew.roles]
        self._kill_at = math.inf  # finite once it stops
        self._lifeline, self._life = os.pipe()

    def run(self) -> None:
        """Returns when SIGTERM or SIGINT has come and all processes are gone."""
        signal.pthread_sigmask(signal.SIG_BLOCK, (*_TOLD, CUT))
        self._start_due()
        while self._children or not self._stops:
            told = signal.sigtimedwait(_TOLD, self._patience_s())
            self._bury()
            if told is not None:
                self._obey(signal.Signals(told.si_signo))
            self._start_due()
            if self._stops:
                self._see_to_the_end()
        log.info("stopped")

    @property
    def _stops(self) -> bool:
        return self._kill_at < math.inf

    def _patience_s(self) -> float:
        next_due = min((at for at, _ in self._due), default=math.inf)
        return max(0, min(next_due, self._kill_at, time.monotonic() + _LONG_S) - time.monotonic())

    # Being told

    def _obey(self, number: signal.Signals) -> None:
        if number == signal.SIGHUP and not self._stops:
            self._renew()
        elif number in (signal.SIGTERM, signal.SIGINT):
            if self._stops:
                self._hurry()
            else:
                self._stop()

    def _stop(self) -> None:
        log.info("stopping")
        self._due.clear()
        self._on_stop()
        self._kill_at = time.monotonic() + self._crew.drain_timeout + _GRACE_S
        self._tell(DRAIN, [pid for pid, child in self._children.items() if not child.role.watches])

    def _hurry(self) -> None:
        log.info("stopping at once")
        self._kill_at = min(self._kill_at, time.monotonic() + _GRACE_S)  # insisting gives nobody more time
        self._tell(CUT, self._children)

    def _see_to_the_end(self) -> None:
        if all(child.role.watches for child in self._children.values()):
            self._tell(DRAIN, self._children)
        if time.monotonic() >= self._kill_at:
            log.error("killing what does not end: %s", ", ".join(map(str, self._children)))
            self._kill_at += _GRACE_S
            self._tell(signal.SIGKILL, self._children)

    def _renew(self) -> None:
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
            child.retires = True
        self._due = [(0.0, role) for role in self._crew.roles]
        self._start_due()
        self._tell(RETIRE, old)

    @staticmethod
    def _tell(number: signal.Signals, pids: "Sequence[int] | dict[int, _Child]") -> None:
        for pid in pids:  # all of them are ours and not waited for, so no number is anybody else's
            os.kill(pid, number)

    # Births and deaths

    def _start_due(self) -> None:
        now = time.monotonic()
        due = [role for at, role in self._due if at <= now]
        self._due = [(at, role) for at, role in self._due if at > now]
        for role in due:
            self._start(role)

    def _start(self, role: Role) -> None:
        try:
            pid = os.fork()
        except OSError as error:
            log.error("no process can be had for a %s: %s", role.name, error.strerror)
            self._due.append((time.monotonic() + _PAUSE_S, role))
            return
        if not pid:
            self._become(role)
        self._children[pid] = _Child(role, time.monotonic())

    def _become(self, role: Role) -> NoReturn:
        """In the child: never returns into what the supervisor was about to do."""
        status = 1
        try:
            os.close(self._life)  # or the lifeline would hang on this one, too
            _name_process(f"archiver-{role.name}")
            role.play(self._lifeline)
            status = 0
        except BaseException:
            log.critical("the %s failed", role.name, exc_info=True)
        finally:
            logging.shutdown()
            os._exit(status)

    def _bury(self) -> None:
        while ended := _ended_child():
            pid, status = ended
            child = self._children.pop(pid, None)
            if child is None:
                continue  # the first process of a container has to bury everybody's orphans
            self._tell_of_death(pid)
            if not (child.retires or self._stops):
                self._replace(pid, child, status)

    def _tell_of_death(self, pid: int) -> None:
        try:
            self._on_death(pid)
        except Exception:  # whatever it is, the others have to be looked after
            log.exception("cannot put away what %d has left", pid)

    def _replace(self, pid: int, child: _Child, status: int) -> None:
        now = time.monotonic()
        is_early = now - child.born < _EARLY_S
        when = f"in {_PAUSE_S} s" if is_early else "now"
        log.error("%s %d %s; another one starts %s", child.role.name, pid, _end(status), when)
        self._due.append((now + _PAUSE_S if is_early else now, child.role))


def _ended_child() -> tuple[int, int] | None:
    """One that has ended, with its wait status; the next call does not tell it again."""
    try:
        pid, status = os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:  # there are none
        return None
    return (pid, status) if pid else None


def _end(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"


def _name_process(name: str) -> None:
    """What ps and top call it; 15 characters at most, see proc(5)."""
    with suppress(OSError), open("/proc/self/comm", "w") as file:
        file.write(name)
