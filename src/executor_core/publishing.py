"""Staged exposure, performed: looking at open transactions, asking the optimizer, and publishing the index.

Like the effects of every run, each leaves the run's state stored and returns an instant when nothing more can be
done before it, or None.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from executor_core.carrying import Carried
from executor_core.ddl import publish_index
from executor_core.effects import Effects
from executor_core.errors import CALL_FAILED, OutcomeUnknown, Refused, Unavailable
from executor_core.messages import Draft
from executor_core.model import AuditAction
from executor_core.state import RunState, WindowKind
from executor_core.target import WatchedDigest


@dataclass(frozen=True, slots=True)
class Publishing:
    """Performs the actions of a hidden index."""

    effects: Effects

    def drain(self, carried: Carried) -> datetime | None:
        """Look which transactions are left; the first look says which there are to wait for."""
        sight, state, now = carried.sight, carried.state, self.effects.ports.clock.now()
        try:
            seen = carried.target.open_transactions()
        except Unavailable as error:
            return self.effects.could_not_look(carried, error)
        except (Refused, OutcomeUnknown) as error:
            sight.drain_error = Refused(str(error))
            return None
        sight.look_error = sight.unreachable_since = None
        sight.drained_at = now
        awaited = seen if state.draining is None else state.draining
        remaining = {name: words for name, words in seen.items() if name in awaited}
        give_up_at = state.give_up_at or now + self.effects.rules.pacing.drain_patience
        changes = {"draining": remaining, "give_up_at": give_up_at}
        self.effects.record(carried, Draft(state.model_copy(update=changes)))
        if remaining:
            self.effects.end_idle_transactions(carried)
            self.effects.tell(carried, "drain.progressed", remaining=len(remaining), give_up_at=give_up_at)
        return None

    def foresee_plans(self, carried: Carried) -> None:
        """Ask the optimizer what it would do; the index is useless only if it says so of statements that matter.

        That is known if the run names its digests (else nobody knows what its index is for), if each of them can be
        explained, and if each ran often enough both before the build and while the index was hidden.
        """
        state, now = carried.state, self.effects.ports.clock.now()
        asked = {digest.casefold() for digest in state.run.query_digests}
        targets = [watched for watched in state.digests or () if watched.key.digest.casefold() in asked]
        plans: dict[str, bool] = {}
        try:
            plans = carried.target.plans_using(carried.index, targets)
            snapshot = carried.target.snapshot(carried.index, targets)
            self.effects.ports.checkpoints.add_sample(state.run_id, WindowKind.HIDDEN, snapshot)
        except CALL_FAILED:
            pass  # what can't be explained speaks against nothing
        explained = {digest.casefold() for digest in plans}
        known = bool(asked) and asked <= explained and self._ran_enough(state, targets, WindowKind.BASELINE)
        give_up_at = state.give_up_at or now + self.effects.rules.pacing.after_window
        if known and now >= give_up_at:
            known = self._ran_enough(state, targets, WindowKind.HIDDEN)
        useful = not known or any(plans.values())
        # A useless index has a window's time to be found useful; a useful one is then published with full patience.
        changes = {"useful": useful, "give_up_at": None if useful else give_up_at}
        carried.sight.foreseen_at = now
        self.effects.record(carried, Draft(state.model_copy(update=changes)))
        self.effects.tell(carried, "plans.foreseen", plans=plans, useful=useful)

    def _ran_enough(self, state: RunState, targets: Sequence[WatchedDigest], kind: WindowKind) -> bool:
        """Whether each target ran often enough in a window to be judged; one that was reset ran less than never."""
        samples = self.effects.ports.checkpoints.samples(state.run_id, kind)
        if not samples:
            return False
        before = {row.key: row.count_star for row in samples[0].digests}
        ran = {row.key: row.count_star - before.get(row.key, 0) for row in samples[-1].digests}
        return all(ran.get(watched.key, 0) >= self.effects.rules.verification.min_samples for watched in targets)

    def publish_index(self, carried: Carried) -> None:
        """Write down that the index is published, then publish it; whatever came of it is looked at afterwards."""
        facts, pacing, now = carried.sight.target, self.effects.rules.pacing, self.effects.ports.clock.now()
        if facts is None:
            raise AssertionError("an index is published after a look")
        index = carried.index
        sql = publish_index(carried.target.schema_name, index.table_name, index.index_name, facts.server.flavor)
        give_up_at = carried.state.give_up_at or now + pacing.build_patience
        draft = Draft(carried.state.model_copy(update={"give_up_at": give_up_at}))
        self.effects.record(carried, draft.audited(AuditAction.PUBLISH_STARTED, now, {"executed_sql": sql}))
        try:
            carried.target.publish_index(
                index, carried.state.run_id, pacing.lock_wait, self.effects.still_ours(carried)
            )
        except CALL_FAILED as error:
            carried.sight.publish_error = error
            self.effects.tell(carried, "publish.failed", error=str(error))
        else:
            carried.sight.publish_error = None
        carried.sight.target = None
