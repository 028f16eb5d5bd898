"""Observers: notices for a host's logging, and several observers as one."""

import logging
from collections.abc import Sequence

from executor_core.ports import Notice, Observer

LOGGER = logging.getLogger("executor")
LOGGER.addHandler(logging.NullHandler())

_ROUTINE = frozenset({"sample.taken", "window.looked_at", "kill_switch.read", "build.progressed"})


class LoggingObserver:
    """Writes each notice to the logger ``executor``: its name, with the run and the fields as ``extra``."""

    def notice(self, notice: Notice) -> None:
        level = logging.DEBUG if notice.name in _ROUTINE else logging.INFO
        fields = {"execution_id": notice.run_id, "event": notice.name, "fields": notice.fields}
        LOGGER.log(level, "%s %s %s", notice.run_id, notice.name, _written(notice), extra=fields)


class SeveralObservers:
    """Passes each notice on to all of `observers`, in order."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._observers = tuple(observers)

    def notice(self, notice: Notice) -> None:
        for observer in self._observers:
            observer.notice(notice)


def _written(notice: Notice) -> str:
    return " ".join(f"{name}={value}" for name, value in notice.fields.items() if value is not None)
