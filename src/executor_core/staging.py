"""Staged exposure, decided: a hidden index waits for old transactions, is asked about, and is published.

A transaction whose snapshot is older than an index gets error 1412 as soon as one of its plans takes that index. So
an index is built out of the optimizer's sight, and published only when every transaction is gone that was open
when the build had ended. Those that began since then see an index that is as old as their snapshot.
"""

from dataclasses import dataclass
from datetime import timedelta

from executor_core.actions import Action, AskKillSwitch, Drain, ForeseePlans, Move, Postpone, PublishIndex, Wait
from executor_core.errors import Refused
from executor_core.lifecycle import Event
from executor_core.look import Look
from executor_core.model import FailReason
from executor_core.state import Stop

DRAIN_POLL = timedelta(milliseconds=500)
"""How far looks at the open transactions are apart: servers don't refresh what they show at any rate."""
NAMED_TRANSACTIONS = 3


@dataclass(frozen=True, slots=True)
class Staged(Look):
    """The rules for an index that is hidden."""

    def drain(self) -> Action:
        """Wait until every transaction is gone that was open when the build had ended."""
        latest = self.reading()
        if latest is None:
            return AskKillSwitch()
        if (killed := self.stopped(latest)) is not None:
            return killed
        facts = self.sight.target
        if facts is None:
            return self.inspect()
        built = self.ours(facts)
        if built is None:
            return self.astray(facts)
        remaining = self.state.draining
        if built.visible or remaining == {}:  # visible: there is nothing left to wait for
            return Move(event=Event.DRAIN_FINISHED)
        if self.sight.drain_error is not None:
            return self.drain_failed(f"open transactions can't be seen any more: {self.sight.drain_error}")
        if remaining and self.state.give_up_at is not None and self.now >= self.state.give_up_at:
            return self.drain_failed(
                f"after {self.pacing.drain_patience}, {_some(remaining)} still open that had begun before the index "
                "was built, and that publishing it could have broken with error 1412"
            )
        looked_at = self.sight.drained_at
        if remaining and looked_at is not None and looked_at <= self.now < looked_at + DRAIN_POLL:
            return Wait(self.soonest(looked_at + DRAIN_POLL))
        return self.blind() or Drain()

    def drain_failed(self, why: str) -> Move:
        """Take back an index that can't be published without harm."""
        return Move(
            event=Event.DRAIN_FAILED,
            stop=Stop(reason=FailReason.EXECUTION_ERROR, sentence=why),
            error_message=why,
        )

    def publish(self) -> Action:
        """Publish the index if anything would use it; look before trying again."""
        latest = self.reading()
        if latest is None:
            return AskKillSwitch()
        if (killed := self.stopped(latest)) is not None:
            return killed
        facts = self.sight.target
        if facts is None:
            return self.inspect()
        built = self.ours(facts)
        if built is None:
            return self.astray(facts)
        if built.visible:
            return Move(event=Event.INDEX_PUBLISHED)
        if latest.engaged:  # no answer right now: publish when there is one, or when trust in the last has run out
            return Wait(latest.at + self.pacing.kill_switch_interval)
        if not self.state.useful:
            return self.unused()
        error = self.sight.publish_error
        if error is None:
            return PublishIndex()
        if not isinstance(error, Refused) and (self.state.give_up_at is None or self.now < self.state.give_up_at):
            return Postpone(str(error))
        why = f"the index could not be published: {error}"
        return Move(
            event=Event.PUBLISH_FAILED,
            stop=Stop(reason=FailReason.EXECUTION_ERROR, sentence=why),
            error_message=why,
        )

    def unused(self) -> Action:
        """Ask the optimizer; where it would not use the index, again and again for as long as a window lasts.

        The statements that it is asked about are samples of what the application runs: with other values the
        answer may be another. Meanwhile the index is hidden, and the kill switch is asked as in any window.
        """
        asked_at, give_up_at = self.sight.foreseen_at, self.state.give_up_at
        if self.state.useful is None or asked_at is None or give_up_at is None:
            return ForeseePlans()
        if asked_at >= give_up_at:
            sentence = (
                "the server's optimizer would use the index for none of the statements that it is meant for, and an "
                "index that nobody uses only costs; it was never published"
            )
            return Move(event=Event.INDEX_UNUSED, stop=Stop(reason=FailReason.VERIFICATION_FAILED, sentence=sentence))
        again_at = min(give_up_at, asked_at + self.pacing.sample_interval(self.pacing.after_window, extended=False))
        if asked_at <= self.now < again_at:
            return Wait(self.soonest(again_at))
        return ForeseePlans()


def _some(transactions: dict[str, str]) -> str:
    """Name a few transactions, with the verb that goes with their number."""
    named = "; ".join(list(transactions.values())[:NAMED_TRANSACTIONS])
    rest = len(transactions) - NAMED_TRANSACTIONS
    if len(transactions) == 1:
        return f"a transaction ({named}) was"
    return f"{len(transactions)} transactions ({named if rest <= 0 else f'{named} and {rest} more'}) were"
