"""What follows when a run is looked at: the record says, the database says, the control plane says; one next step.

The table holds for a worker that is just starting, for one that takes over, and between any two actions: it is the
same question each time. `next_step` answers it for every combination. Where the steps of a phase follow from more
than this (the kill switch, the windows, the verdict), it says `GO_ON`, and the planner's rules for the phase go on.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from executor_core.index_definition import IndexDefinition
from executor_core.lifecycle import TERMINAL_PHASES, Phase
from executor_core.model import RunId
from executor_core.target import TargetFacts


class There(StrEnum):
    """What the database shows of a run: the first of these that is true, in this order."""

    UNSEEN = "not seen"
    """Nobody has looked yet, or the look failed."""
    INDEX_AND_STATEMENT = "our index, and our statement still"
    STATEMENT = "our statement, no index"
    """A statement of this run is under way, whichever process sent it."""
    INDEX = "our index"
    """The name, the columns and the marker are this run's."""
    NO_TABLE = "no table"
    ANOTHER_INDEX = "another's index"
    """An index has the name, and is not this run's."""
    UNKNOWN_STATEMENT = "somebody's statement"
    """The table's advisory lock is held, and whose it is can't be seen."""
    ANOTHER_STATEMENT = "another run's statement"
    NOTHING = "nothing"


class Authority(StrEnum):
    """What the control plane says of our right to act."""

    GRANTED = "granted"
    REFUSED = "refused"
    """The run is somebody else's, or over."""
    UNKNOWN = "no answer"
    LOST = "lost"
    """It was ours; it is not any more, or that can't be shown."""


class Next(StrEnum):
    """The step that follows."""

    GO_ON = "go on"
    """Record and database agree: the rules of the phase decide."""
    LOOK = "look"
    TAKE_OVER = "take over"
    """This run was begun already, by a worker whose record is not ours: go on from what is there."""
    AWAIT_STATEMENT = "await it"
    """A statement of ours, or one that may be, is under way: look again when it has ended."""
    COUNT_AS_BUILT = "built"
    TABLE_IS_GONE = "fail: no table"
    NAME_IS_TAKEN = "fail: name taken"
    LET_OTHERS_FINISH = "try later"
    STOP_STATEMENT = "stop it"
    COUNT_AS_STOPPED = "stopped"
    DROP = "drop it"
    COUNT_AS_DROPPED = "dropped"
    INDEX_IS_LOST = "fail: index lost"
    ASK_A_PERSON = "ask a person"
    END_OWN_STATEMENT = "end our statement"
    """Only what this very process has sent; then leave."""
    LEAVE = "leave"
    """Touch nothing; the run stays as it is."""
    TELL_THE_END = "tell the end"
    """The run is over: deliver what the control plane has not been told."""


_T, _N = There, Next

_BEFORE_THE_BUILD: Mapping[There, Next] = {
    _T.INDEX_AND_STATEMENT: _N.TAKE_OVER,
    _T.STATEMENT: _N.TAKE_OVER,
    _T.INDEX: _N.TAKE_OVER,
    _T.NO_TABLE: _N.GO_ON,
    _T.ANOTHER_INDEX: _N.GO_ON,
    _T.UNKNOWN_STATEMENT: _N.GO_ON,
    _T.ANOTHER_STATEMENT: _N.GO_ON,
    _T.NOTHING: _N.GO_ON,
}
"""Preflight itself speaks of a table that is missing and of a name that is taken."""

_WITH_THE_INDEX: Mapping[There, Next] = {
    _T.INDEX_AND_STATEMENT: _N.GO_ON,
    _T.STATEMENT: _N.AWAIT_STATEMENT,
    _T.INDEX: _N.GO_ON,
    _T.NO_TABLE: _N.INDEX_IS_LOST,
    _T.ANOTHER_INDEX: _N.INDEX_IS_LOST,
    _T.UNKNOWN_STATEMENT: _N.INDEX_IS_LOST,
    _T.ANOTHER_STATEMENT: _N.INDEX_IS_LOST,
    _T.NOTHING: _N.INDEX_IS_LOST,
}

FOUND: Mapping[Phase, Mapping[There, Next]] = MappingProxyType(
    {
        Phase.SCHEDULED: dict.fromkeys(There, _N.GO_ON),  # the claim comes first, then the look
        Phase.CLAIMED: dict.fromkeys(There, _N.GO_ON) | {_T.UNSEEN: _N.LOOK},  # what is there is announced
        Phase.CHECKING: {_T.UNSEEN: _N.LOOK, **_BEFORE_THE_BUILD},
        Phase.SAMPLING_BASELINE: {_T.UNSEEN: _N.LOOK, **_BEFORE_THE_BUILD},
        Phase.BUILDING: {
            _T.UNSEEN: _N.LOOK,
            _T.INDEX_AND_STATEMENT: _N.AWAIT_STATEMENT,
            _T.STATEMENT: _N.AWAIT_STATEMENT,
            _T.INDEX: _N.COUNT_AS_BUILT,
            _T.NO_TABLE: _N.TABLE_IS_GONE,
            _T.ANOTHER_INDEX: _N.NAME_IS_TAKEN,
            _T.UNKNOWN_STATEMENT: _N.LET_OTHERS_FINISH,
            _T.ANOTHER_STATEMENT: _N.LET_OTHERS_FINISH,
            _T.NOTHING: _N.GO_ON,
        },
        Phase.STOPPING_BUILD: {
            _T.UNSEEN: _N.LOOK,
            _T.INDEX_AND_STATEMENT: _N.STOP_STATEMENT,
            _T.STATEMENT: _N.STOP_STATEMENT,
            _T.INDEX: _N.COUNT_AS_BUILT,  # it was quicker: then it is taken back
            _T.NO_TABLE: _N.COUNT_AS_STOPPED,
            _T.ANOTHER_INDEX: _N.COUNT_AS_STOPPED,
            _T.UNKNOWN_STATEMENT: _N.AWAIT_STATEMENT,
            _T.ANOTHER_STATEMENT: _N.COUNT_AS_STOPPED,
            _T.NOTHING: _N.COUNT_AS_STOPPED,
        },
        Phase.BUILT: {_T.UNSEEN: _N.LOOK, **_WITH_THE_INDEX},
        Phase.DRAINING: {_T.UNSEEN: _N.LOOK, **_WITH_THE_INDEX},
        Phase.PUBLISHING: {_T.UNSEEN: _N.LOOK, **_WITH_THE_INDEX},
        Phase.WATCHING: {_T.UNSEEN: _N.LOOK, **_WITH_THE_INDEX},
        Phase.ROLLING_BACK: {
            _T.UNSEEN: _N.LOOK,
            _T.INDEX_AND_STATEMENT: _N.DROP,
            _T.STATEMENT: _N.STOP_STATEMENT,  # or it would bring back what was taken back
            _T.INDEX: _N.DROP,
            _T.NO_TABLE: _N.COUNT_AS_DROPPED,
            _T.ANOTHER_INDEX: _N.ASK_A_PERSON,
            _T.UNKNOWN_STATEMENT: _N.COUNT_AS_DROPPED,
            _T.ANOTHER_STATEMENT: _N.COUNT_AS_DROPPED,
            _T.NOTHING: _N.COUNT_AS_DROPPED,
        },
        **{phase: dict.fromkeys(There, _N.TELL_THE_END) for phase in Phase if phase in TERMINAL_PHASES},
    }
)
"""What follows under a lease, by what the record says and what the database says."""


def next_step(phase: Phase, there: There, authority: Authority) -> Next:
    """Return the one right step for what the record, the database and the control plane say together.

    >>> next_step(Phase.CHECKING, There.INDEX, Authority.GRANTED)
    <Next.TAKE_OVER: 'take over'>
    >>> next_step(Phase.WATCHING, There.INDEX, Authority.REFUSED)
    <Next.LEAVE: 'leave'>
    """
    if phase in TERMINAL_PHASES or authority is Authority.GRANTED:
        return FOUND[phase][there]
    return Next.END_OWN_STATEMENT if authority is Authority.LOST else Next.LEAVE


def what_is_there(facts: TargetFacts | None, index: IndexDefinition, run_id: RunId) -> There:
    """Return what one look at the database shows of the run."""
    if facts is None:
        return There.UNSEEN
    named = None if facts.table is None else facts.table.index_named(index.index_name)
    ours = named is not None and named.is_built_by(run_id, index)
    if facts.running is not None and facts.running.belongs_to(run_id):
        return There.INDEX_AND_STATEMENT if ours else There.STATEMENT
    if ours:
        return There.INDEX
    if facts.table is None:
        return There.NO_TABLE
    if named is not None:
        return There.ANOTHER_INDEX
    if facts.running is not None:
        return There.UNKNOWN_STATEMENT if facts.running.marker is None else There.ANOTHER_STATEMENT
    return There.NOTHING


def reconciliation_table() -> str:
    """Return the table for a run whose claim was granted, as Markdown."""
    lines = [f"| record | {' | '.join(There)} |", f"|---|{'---|' * len(There)}"]
    for phase, found in FOUND.items():
        lines.append(f"| `{phase}` | {' | '.join(found[there] for there in There)} |")
    return "\n".join(lines) + "\n"
