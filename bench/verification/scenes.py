"""What happens in recordings of known truth, how much of it is recorded, and which verdicts are then right.

A *scene* says what happened between the windows: nothing, a disturbance, or an index of some kind, with the numbers
that real servers showed. A *shape* says how much was recorded: from two snapshots with the bare counters to thirty
with histograms, CPU time and plans.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from executor_core.model import VerificationStatus

FAILED, INCONCLUSIVE, SUCCESS = VerificationStatus.FAILED, VerificationStatus.INCONCLUSIVE, VerificationStatus.SUCCESS
HARMLESS = frozenset({SUCCESS, INCONCLUSIVE})
HARMFUL = frozenset({FAILED})
DOUBTFUL = frozenset({FAILED, INCONCLUSIVE})


@dataclass(frozen=True)
class Statement:
    """One statement of the application before anything happened: per minute, and per execution."""

    name: str
    role: str
    per_minute: float
    ms: float
    spread: float = 0.6
    rows: float = 20.0
    sent: float = 5.0
    affected: float = 0.0
    unindexed: float = 0.0
    scans: float = 0.0
    lock_ms: float = 0.02


@dataclass(frozen=True)
class Turn:
    """What became of a statement, as factors of what it was; `slow_share` of its executions took `slow` times."""

    latency: float = 1.0
    cpu: float | None = None
    rows: float = 1.0
    sent: float = 1.0
    rate: float = 1.0
    unindexed: float | None = None
    scans: float | None = None
    slow_share: float = 0.0
    slow: float = 1.0
    lock_ms: float = 0.0
    errors: float = 0.0


SAME = Turn()
HELPED = Turn(latency=0.05, rows=1e-4, unindexed=0.0, scans=0.0)
"""A read that searched the whole table and now finds its rows by the index."""

SHOP = (
    Statement("orders-by-tenant", "target", 40, 6.0, rows=900, sent=5),
    Statement("orders-by-status", "target", 12, 38.0, rows=30_000, sent=1, unindexed=1.0, scans=1.0, spread=0.3),
    Statement("orders-by-email", "target", 15, 48.0, rows=60_000, sent=1, unindexed=1.0, scans=1.0, spread=0.3),
    Statement("order-by-id", "target", 300, 0.25, rows=1, sent=1),
    Statement("open-orders", "target", 90, 0.4, rows=20, sent=20),
    Statement("insert-order", "write", 120, 0.9, rows=0, sent=0, affected=1),
    Statement("update-order", "write", 80, 0.7, rows=1, sent=0, affected=1),
    Statement("carts", "control", 150, 0.8, rows=10),
    Statement("prices", "control", 90, 2.5, rows=150),
    Statement("sessions", "control", 200, 0.3, rows=1),
    Statement("stock", "control", 60, 4.0, rows=500, spread=1.0),
)
"""An application of five reads and two writes on one table, and four statements that never touch it."""

READS = tuple(s.name for s in SHOP if s.role == "target")


@dataclass(frozen=True)
class Scene:
    """What happened, and what may be said of it.

    `allowed` holds for evidence that shows how the numbers varied, `thin` for two snapshots a window, or none of
    the controls. `noise` is the machine's common log-noise by interval, `cold` how many times slower everything is at
    first (decaying in minutes), `machine` a factor common to all. `uses` names the reads whose plans use the index,
    where those are not the reads that something became of.
    """

    name: str
    turns: Mapping[str, Turn] = field(default_factory=dict[str, Turn])
    allowed: frozenset[VerificationStatus] = HARMLESS
    thin: frozenset[VerificationStatus] | None = None
    noise: float = 0.05
    own_noise: float = 0.03
    rate: float = 1.0
    machine: float = 1.0
    cold: float = 0.0
    uses: tuple[str, ...] | None = None
    restarted: bool = False

    def plans(self) -> dict[str, bool]:
        """Whether each read's plan uses the index."""
        return {name: name in (self.turns if self.uses is None else self.uses) for name in READS}


SCENES = (
    Scene("nothing, quiet", noise=0.02, own_noise=0.02),
    Scene("nothing, noisy", noise=0.15, own_noise=0.08),
    Scene("nothing, very noisy", noise=0.31, own_noise=0.11),
    Scene("useless index, quiet", noise=0.02, own_noise=0.02, uses=("orders-by-status",)),
    Scene("useless covering index", {"orders-by-status": Turn(unindexed=0.0, rows=1.0)}),
    Scene("traffic x0.3", rate=0.3, machine=0.95),
    Scene("traffic x3", rate=3.0, machine=1.08),
    Scene("busy neighbour", machine=1.8, noise=0.2),
    Scene("cold cache", cold=2.5),
    Scene("restarted between", cold=1.5, restarted=True),
    Scene(
        "mix shift",
        {
            "orders-by-tenant": Turn(rate=3.0),
            "orders-by-email": Turn(rate=0.4),
            "orders-by-status": Turn(rate=2.5),
            "order-by-id": Turn(rate=0.2),
        },
        uses=(),
    ),
    Scene(
        "row locks held by others",
        {"update-order": Turn(lock_ms=140.0), "orders-by-tenant": Turn(lock_ms=40.0)},
        noise=0.1,
        uses=(),
    ),
    Scene(
        "other parameters",
        {"orders-by-tenant": Turn(latency=2.4, rows=3.0, sent=1.0), "orders-by-status": Turn(latency=1.5, rows=1.6)},
        uses=("orders-by-email",),
    ),
    Scene("larger results", {"orders-by-tenant": Turn(latency=2.8, rows=3.0, sent=3.0)}),
    Scene("helps x20, writes a little dearer", {"orders-by-email": HELPED, "insert-order": Turn(latency=1.4)}),
    Scene(
        "helps x300, inserts x3",
        {
            "orders-by-email": Turn(latency=1 / 300, rows=2e-5, unindexed=0.0, scans=0.0),
            "insert-order": Turn(latency=3.0),
        },
    ),
    Scene(
        "walks the index for a rare tenant, x100",
        {"orders-by-tenant": Turn(latency=100, rows=160, scans=1.0, rate=0.8)},
        HARMFUL,
    ),
    Scene(
        "skip scan, x440, rows fall",
        {"open-orders": Turn(latency=440, cpu=270, rows=0.11, scans=1.0, rate=0.3)},
        HARMFUL,
        noise=0.1,
    ),
    Scene(
        "index scan for 90 % of the rows, x5.5",
        {"orders-by-status": Turn(latency=5.5, rows=0.9, unindexed=0.0, scans=0.0)},
        HARMFUL,
    ),
    Scene(
        "harms all that use it",
        {
            "orders-by-status": Turn(latency=4.0, rows=0.9, unindexed=0.0, scans=0.0),
            "orders-by-tenant": Turn(latency=8.0, rows=0.7),
        },
        HARMFUL,
    ),
    Scene("a small statement x20", {"open-orders": Turn(latency=20, cpu=12, rows=0.9, scans=1.0)}, HARMFUL),
    Scene(
        "helps one x20, harms another x10",
        {"orders-by-email": HELPED, "orders-by-tenant": Turn(latency=10, rows=0.5)},
        HARMFUL,
    ),
    Scene("new full scans", {"orders-by-tenant": Turn(latency=1.05, unindexed=1.0, scans=1.0)}, HARMFUL),
    Scene("hidden x3", {"orders-by-email": Turn(latency=3.0, rows=0.6, unindexed=0.0, scans=0.0)}, HARMFUL, DOUBTFUL),
    Scene("rows x6 at the same latency", {"orders-by-tenant": Turn(rows=6.0)}, HARMFUL),
    Scene("writes x4, no read gains", {"insert-order": Turn(latency=4.0)}, HARMFUL, DOUBTFUL),
    Scene("hardly runs any more, x400", {"orders-by-status": Turn(latency=400, rows=0.5, rate=0.03)}, DOUBTFUL),
    Scene(
        "a small one hardly runs any more, x4000", {"open-orders": Turn(latency=4000, rows=0.5, rate=0.015)}, DOUBTFUL
    ),
    Scene(
        "most faster, four in a hundred a hundred times slower",
        {"orders-by-tenant": Turn(latency=0.02, rows=0.5, slow_share=0.04, slow=5000.0)},
        DOUBTFUL,
    ),
    Scene(
        "errors in a tenth",
        {"orders-by-tenant": Turn(errors=0.1), "update-order": Turn(errors=0.1)},
        HARMFUL,
    ),
)


@dataclass(frozen=True)
class Shape:
    """How much was recorded."""

    name: str
    snapshots: int = 11
    seconds: float = 30.0
    histograms: bool = True
    cpu: bool = False
    controls: bool = True
    writes: bool = True
    plans: bool = True
    details: bool = True

    @property
    def thin(self) -> bool:
        """Whether the evidence hides how the numbers vary."""
        return self.snapshots < 9 and not (self.controls and self.snapshots > 2)


BARE = Shape(
    "bare targets, 6 snapshots",
    snapshots=6,
    seconds=60,
    histograms=False,
    controls=False,
    writes=False,
    plans=False,
    details=False,
)
SHAPES = (
    Shape("all, 11 snapshots", cpu=True),
    Shape("all, 30 snapshots", snapshots=31, seconds=60, cpu=True),
    Shape("no CPU time", snapshots=31, seconds=10),
    Shape("no histograms", histograms=False),
    Shape("no plans", plans=False),
    Shape("no controls, 30 snapshots", controls=False, snapshots=31, seconds=10),
    Shape("two snapshots", snapshots=2, seconds=300),
    Shape("three snapshots", snapshots=3, seconds=150),
    BARE,
    replace(BARE, name="bare targets, 2 snapshots", snapshots=2, seconds=300),
)


def shown(shape: Shape) -> list[Statement]:
    """The statements that are recorded."""
    return [s for s in SHOP if (shape.controls or s.role != "control") and (shape.writes or s.role != "write")]


def allowed(scene: Scene, shape: Shape) -> frozenset[VerificationStatus]:
    """The verdicts that are right for `scene` as `shape` shows it."""
    if scene.turns and not any(s.name in scene.turns for s in shown(shape)):
        return HARMLESS
    if not shape.histograms and any(turn.slow_share for turn in scene.turns.values()):
        return DOUBTFUL | {SUCCESS}
    return scene.thin if shape.thin and scene.thin is not None else scene.allowed
