"""The life of a run: phases, events, and the one table that says which event leads where.

A *phase* is what the executor is doing; a *status* is what the control plane is told. Each phase has one
status. A pair of phase and event that the table does not hold is an error, so nothing ever leaves a terminal
phase: the terminal phases are those that the table never leaves. What a person may do after that is a table of its own.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from executor_core.errors import IllegalTransition
from executor_core.model import ExecutionStatus


class Phase(StrEnum):
    """What the executor is doing for a run."""

    SCHEDULED = "scheduled"
    CLAIMED = "claimed"
    CHECKING = "checking"
    SAMPLING_BASELINE = "sampling_baseline"
    BUILDING = "building"
    STOPPING_BUILD = "stopping_build"
    BUILT = "built"
    DRAINING = "draining"
    PUBLISHING = "publishing"
    WATCHING = "watching"
    ROLLING_BACK = "rolling_back"
    COMPLETED = "completed"
    FAILED = "failed"
    ROLLED_BACK = "rolled_back"
    REQUIRES_MANUAL = "requires_manual"


class Event(StrEnum):
    """What happened to a run."""

    SCOPE_REFUSED = "scope_refused"
    CLAIM_GRANTED = "claim_granted"
    RUN_STARTED = "run_started"
    KILL_SWITCH_ENGAGED = "kill_switch_engaged"
    PREFLIGHT_PASSED = "preflight_passed"
    PREFLIGHT_REFUSED = "preflight_refused"
    BUILD_FOUND = "build_found"
    BASELINE_COLLECTED = "baseline_collected"
    BUILD_FINISHED = "build_finished"
    BUILD_FAILED = "build_failed"
    BUILD_GIVEN_UP = "build_given_up"
    BUILD_STOPPED = "build_stopped"
    ONLINE_BUILD_REFUSED = "online_build_refused"
    POSTCHECK_PASSED = "postcheck_passed"
    POSTCHECK_FAILED = "postcheck_failed"
    DRAIN_BEGUN = "drain_begun"
    DRAIN_FINISHED = "drain_finished"
    DRAIN_FAILED = "drain_failed"
    INDEX_PUBLISHED = "index_published"
    PUBLISH_FAILED = "publish_failed"
    INDEX_UNUSED = "index_unused"
    VERIFICATION_SUCCEEDED = "verification_succeeded"
    VERIFICATION_INCONCLUSIVE = "verification_inconclusive"
    VERIFICATION_FAILED = "verification_failed"
    INDEX_LOST = "index_lost"
    INDEX_DROPPED = "index_dropped"
    DROP_FAILED = "drop_failed"
    PERSON_NEEDED = "person_needed"


P, E = Phase, Event

TRANSITIONS: Mapping[tuple[Phase, Event], Phase] = MappingProxyType(
    {
        (P.SCHEDULED, E.SCOPE_REFUSED): P.FAILED,
        (P.SCHEDULED, E.CLAIM_GRANTED): P.CLAIMED,
        (P.CLAIMED, E.RUN_STARTED): P.CHECKING,
        (P.CLAIMED, E.PREFLIGHT_REFUSED): P.FAILED,
        # Before the build: nothing has been changed, so every end leaves the database as it was.
        (P.CHECKING, E.KILL_SWITCH_ENGAGED): P.FAILED,
        (P.CHECKING, E.PREFLIGHT_REFUSED): P.FAILED,
        (P.CHECKING, E.PERSON_NEEDED): P.REQUIRES_MANUAL,
        (P.CHECKING, E.PREFLIGHT_PASSED): P.SAMPLING_BASELINE,
        (P.SAMPLING_BASELINE, E.KILL_SWITCH_ENGAGED): P.FAILED,
        (P.SAMPLING_BASELINE, E.PREFLIGHT_REFUSED): P.FAILED,
        (P.SAMPLING_BASELINE, E.PERSON_NEEDED): P.REQUIRES_MANUAL,
        (P.SAMPLING_BASELINE, E.BASELINE_COLLECTED): P.BUILDING,
        # A worker that takes over may find what its dead predecessor had begun or made.
        (P.CHECKING, E.BUILD_FOUND): P.BUILDING,
        (P.SAMPLING_BASELINE, E.BUILD_FOUND): P.BUILDING,
        # The build.
        (P.BUILDING, E.BUILD_FINISHED): P.BUILT,
        (P.BUILDING, E.BUILD_FAILED): P.FAILED,
        (P.BUILDING, E.ONLINE_BUILD_REFUSED): P.REQUIRES_MANUAL,
        (P.BUILDING, E.PERSON_NEEDED): P.REQUIRES_MANUAL,
        (P.BUILDING, E.KILL_SWITCH_ENGAGED): P.STOPPING_BUILD,
        (P.BUILDING, E.BUILD_GIVEN_UP): P.STOPPING_BUILD,
        (P.STOPPING_BUILD, E.BUILD_STOPPED): P.FAILED,
        (P.STOPPING_BUILD, E.BUILD_FINISHED): P.ROLLING_BACK,
        (P.STOPPING_BUILD, E.PERSON_NEEDED): P.REQUIRES_MANUAL,
        # From here on there is an index of ours.
        (P.BUILT, E.KILL_SWITCH_ENGAGED): P.ROLLING_BACK,
        (P.BUILT, E.POSTCHECK_FAILED): P.ROLLING_BACK,
        (P.BUILT, E.POSTCHECK_PASSED): P.WATCHING,
        (P.BUILT, E.DRAIN_BEGUN): P.DRAINING,
        (P.BUILT, E.INDEX_LOST): P.FAILED,
        (P.BUILT, E.PERSON_NEEDED): P.REQUIRES_MANUAL,
        # A hidden index: first every transaction goes that its publication would break.
        (P.DRAINING, E.KILL_SWITCH_ENGAGED): P.ROLLING_BACK,
        (P.DRAINING, E.DRAIN_FINISHED): P.PUBLISHING,
        (P.DRAINING, E.DRAIN_FAILED): P.ROLLING_BACK,
        (P.DRAINING, E.INDEX_LOST): P.FAILED,
        (P.DRAINING, E.PERSON_NEEDED): P.REQUIRES_MANUAL,
        (P.PUBLISHING, E.KILL_SWITCH_ENGAGED): P.ROLLING_BACK,
        (P.PUBLISHING, E.INDEX_PUBLISHED): P.WATCHING,
        (P.PUBLISHING, E.INDEX_UNUSED): P.ROLLING_BACK,
        (P.PUBLISHING, E.PUBLISH_FAILED): P.ROLLING_BACK,
        (P.PUBLISHING, E.INDEX_LOST): P.FAILED,
        (P.PUBLISHING, E.PERSON_NEEDED): P.REQUIRES_MANUAL,
        (P.WATCHING, E.KILL_SWITCH_ENGAGED): P.ROLLING_BACK,
        (P.WATCHING, E.VERIFICATION_SUCCEEDED): P.COMPLETED,
        (P.WATCHING, E.VERIFICATION_INCONCLUSIVE): P.COMPLETED,
        (P.WATCHING, E.VERIFICATION_FAILED): P.ROLLING_BACK,
        (P.WATCHING, E.INDEX_LOST): P.FAILED,
        (P.WATCHING, E.PERSON_NEEDED): P.REQUIRES_MANUAL,
        (P.ROLLING_BACK, E.INDEX_DROPPED): P.ROLLED_BACK,
        (P.ROLLING_BACK, E.DROP_FAILED): P.FAILED,
        (P.ROLLING_BACK, E.PERSON_NEEDED): P.REQUIRES_MANUAL,
    }
)

STATUS: Mapping[Phase, ExecutionStatus] = MappingProxyType(
    {
        P.SCHEDULED: ExecutionStatus.SCHEDULED,
        P.CLAIMED: ExecutionStatus.SCHEDULED,
        P.CHECKING: ExecutionStatus.RUNNING,
        P.SAMPLING_BASELINE: ExecutionStatus.RUNNING,
        P.BUILDING: ExecutionStatus.RUNNING,
        P.STOPPING_BUILD: ExecutionStatus.RUNNING,
        P.BUILT: ExecutionStatus.RUNNING,
        P.DRAINING: ExecutionStatus.RUNNING,
        P.PUBLISHING: ExecutionStatus.RUNNING,
        P.WATCHING: ExecutionStatus.RUNNING,
        P.ROLLING_BACK: ExecutionStatus.RUNNING,
        P.COMPLETED: ExecutionStatus.COMPLETED,
        P.FAILED: ExecutionStatus.FAILED,
        P.ROLLED_BACK: ExecutionStatus.ROLLED_BACK,
        P.REQUIRES_MANUAL: ExecutionStatus.REQUIRES_MANUAL,
    }
)

BY_HAND: Mapping[tuple[Phase, Event], Phase] = MappingProxyType(
    {
        (P.COMPLETED, E.INDEX_DROPPED): P.ROLLED_BACK,
        (P.FAILED, E.INDEX_DROPPED): P.ROLLED_BACK,
        (P.REQUIRES_MANUAL, E.INDEX_DROPPED): P.ROLLED_BACK,
    }
)
"""What a person may still do with a run that has ended: take its index back. No worker goes one of these ways."""

TERMINAL_PHASES: frozenset[Phase] = frozenset(Phase) - {phase for phase, _ in TRANSITIONS}

STATUS_TRANSITIONS: frozenset[tuple[ExecutionStatus, ExecutionStatus]] = frozenset(
    (STATUS[before], STATUS[after]) for (before, _), after in TRANSITIONS.items() if STATUS[before] != STATUS[after]
)
"""The status changes that a control plane may see; every other one is refused."""

STATUS_TRANSITIONS_BY_HAND: frozenset[tuple[ExecutionStatus, ExecutionStatus]] = frozenset(
    (STATUS[before], STATUS[after]) for (before, _), after in BY_HAND.items()
)
"""Those that a control plane may see once a manual rollback of the run is on record as completed."""

TERMINAL_STATUSES: frozenset[ExecutionStatus] = frozenset(STATUS[phase] for phase in TERMINAL_PHASES)


def next_phase(phase: Phase, event: Event) -> Phase:
    """Return the phase that `event` leads to; raise `IllegalTransition` when the table has no such row."""
    try:
        return TRANSITIONS[phase, event]
    except KeyError:
        raise IllegalTransition(f"{event} can't happen to a run that is {phase}") from None


def state_diagram() -> str:
    """Return the table as a Mermaid state diagram, one line for each pair of phases."""
    events: dict[tuple[Phase, Phase], list[Event]] = {}
    for (before, event), after in TRANSITIONS.items():
        events.setdefault((before, after), []).append(event)
    lines = ["stateDiagram-v2", f"    [*] --> {Phase.SCHEDULED}"]
    for (before, after), labels in events.items():
        lines.append(f"    {before} --> {after}: {', '.join(labels)}")
    lines.extend(f"    {phase} --> [*]" for phase in Phase if phase in TERMINAL_PHASES)
    return "\n".join(lines)
