"""What a test wants to go wrong, or to happen, when a port is called."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from executor_core.errors import ExecutorError


@dataclass(slots=True)
class _Fault:
    error: ExecutorError
    after: int
    times: int | None

    def strikes(self) -> bool:
        if self.after > 0:
            self.after -= 1
            return False
        if self.times is None:
            return True
        self.times -= 1
        return self.times >= 0


class Faults:
    """Faults and callbacks by the name of the port's method; shared by the fakes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: dict[str, list[_Fault]] = {}
        self._callbacks: dict[str, list[Callable[[], None]]] = {}

    def fail(self, call: str, error: ExecutorError, *, times: int | None = None, after: int = 0) -> None:
        """Make `call` raise `error`, `times` times (None: from then on), after `after` more calls went well."""
        with self._lock:
            self._faults.setdefault(call, []).append(_Fault(error, after, times))

    def heal(self) -> None:
        """Forget every fault; callbacks stay."""
        with self._lock:
            self._faults.clear()

    def on(self, call: str, callback: Callable[[], None]) -> None:
        """Have `callback` called whenever `call` has taken effect, before it returns."""
        with self._lock:
            self._callbacks.setdefault(call, []).append(callback)

    def strike(self, call: str) -> None:
        """Raise the first fault that is due for this call."""
        with self._lock:
            error = next((fault.error for fault in self._faults.get(call, []) if fault.strikes()), None)
        if error is not None:
            raise error

    def took_effect(self, call: str) -> None:
        """Call what waits for this call."""
        with self._lock:
            callbacks = list(self._callbacks.get(call, []))
        for callback in callbacks:
            callback()
