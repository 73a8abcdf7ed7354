"""For how long something has waited, by a clock that may be set back."""

import time
from collections.abc import Callable


class Waits:
    """Watches the oldest entry that waits.

    Entries are dated by the clock of the machine. If that is set back, they seem to have been
    waiting for less time, or to come from the future; so what this process has seen waiting counts
    by a clock that is never set. If it is set forward, they seem to have been waiting for longer.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        """`clock` gives the seconds since 1970; `steady` gives seconds and never goes back."""
        self._clock = clock
        self._steady = steady
        self._seen: tuple[int, float] | None = None
        """The date of the oldest entry, and since when something as old has been seen to wait."""

    def age(self, since: int | None) -> float:
        """Return for how many seconds what is dated `since` has waited; None if nothing waits.

        An earlier date than before is that of an entry that has come in after the clock was set
        back, while those seen before go on waiting.
        """
        if since is None:
            self._seen = None
            return 0.0
        now = self._steady()
        began = now if self._seen is None or since > self._seen[0] else self._seen[1]
        self._seen = since, began
        return max(self._clock() - since / 1000, now - began)
