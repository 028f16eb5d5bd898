"""What can happen between a client and its server, on a clock that moves when it is told to."""

from datetime import timedelta

import pytest

from executor_adapters.memory import FakeClock, FakeDatabase, FakeServer
from executor_core.ddl import Marker
from executor_core.errors import OutcomeUnknown, Refused, Unavailable
from executor_core.index_definition import parse_index_definition
from executor_core.model import RunId
from executor_core.target import BuildOrder, BuildOutcome, BuildReport

RUN = RunId("run-1")
INDEX = parse_index_definition("orders", "idx", ["customer_id"])
ORDER = BuildOrder(schema_name="shop", index=INDEX, marker=Marker(RUN, 1), lock_wait=timedelta(seconds=2))
SECOND = timedelta(seconds=1)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def server(clock: FakeClock) -> FakeServer:
    server = FakeServer(clock, build_time=10 * SECOND)
    server.add_table("orders", {"id": "int", "customer_id": "int", "place": "point"})
    return server


@pytest.fixture
def database(server: FakeServer) -> FakeDatabase:
    return FakeDatabase(server)


def outcome(database: FakeDatabase) -> BuildOutcome:
    report = database.build_report(INDEX)
    assert isinstance(report, BuildReport)
    return report.outcome


def test_a_build_takes_its_time(clock: FakeClock, database: FakeDatabase) -> None:
    database.start_build(ORDER)
    clock.advance(9 * SECOND)
    assert database.build_report(INDEX) is None
    change = database.running_change(INDEX)
    assert change is not None
    assert change.progress == 0.9
    clock.advance(SECOND)
    report = database.build_report(INDEX)
    assert report is not None
    assert (report.outcome, report.elapsed) == (BuildOutcome.DONE, 10 * SECOND)


def test_a_lock_at_the_commit_throws_the_work_away(
    clock: FakeClock, server: FakeServer, database: FakeDatabase
) -> None:
    database.start_build(ORDER)
    clock.advance(5 * SECOND)
    with server.holding_lock("orders"):
        clock.advance(6 * SECOND)
        assert database.build_report(INDEX) is None
        clock.advance(SECOND)
        assert outcome(database) is BuildOutcome.BUSY
    assert set(server.indexes("orders")) == {"PRIMARY"}


def test_a_lock_that_is_given_back_in_time_only_delays(
    clock: FakeClock, server: FakeServer, database: FakeDatabase
) -> None:
    with server.holding_lock("orders"):
        database.start_build(ORDER)
        clock.advance(SECOND)
    clock.advance(9 * SECOND)
    assert database.build_report(INDEX) is None
    clock.advance(SECOND)
    assert outcome(database) is BuildOutcome.DONE


@pytest.mark.parametrize("place", ["orders", "orders.customer_id"])
def test_what_can_not_be_done_online_is_not_done(server: FakeServer, database: FakeDatabase, place: str) -> None:
    server.not_online.add(place)
    database.start_build(ORDER)
    report = database.build_report(INDEX)
    assert report is not None
    assert (report.outcome, report.error_number) == (BuildOutcome.NOT_ONLINE, 1846)


def test_a_build_outlives_the_process_that_began_it(
    clock: FakeClock, server: FakeServer, database: FakeDatabase
) -> None:
    database.start_build(ORDER)
    database.crash()
    heir = FakeDatabase(server)
    with pytest.raises(Refused):
        heir.build_report(INDEX)
    change = heir.running_change(INDEX)
    assert change is not None
    assert change.marker == ORDER.marker
    heir.start_build(ORDER)
    assert outcome(heir) is BuildOutcome.BUSY
    clock.advance(10 * SECOND)
    assert heir.running_change(INDEX) is None
    assert server.indexes("orders")["idx"].is_built_by(RUN, INDEX)
    assert len(server.statements) == 1


@pytest.mark.parametrize("happened", [True, False])
def test_a_connection_lost_at_the_start_leaves_the_build_unknown(
    clock: FakeClock, server: FakeServer, database: FakeDatabase, happened: bool
) -> None:
    database.lose_connection("start_build", happened=happened)
    database.start_build(ORDER)
    assert outcome(database) is BuildOutcome.UNKNOWN
    assert (database.running_change(INDEX) is not None) is happened
    clock.advance(10 * SECOND)
    assert ("idx" in server.indexes("orders")) is happened
    assert len(server.statements) == happened


def test_a_connection_lost_meanwhile_leaves_the_build_unknown(
    clock: FakeClock, server: FakeServer, database: FakeDatabase
) -> None:
    database.start_build(ORDER)
    clock.advance(SECOND)
    database.lose_build_connection()
    assert outcome(database) is BuildOutcome.UNKNOWN
    clock.advance(9 * SECOND)
    assert "idx" in server.indexes("orders")


@pytest.mark.parametrize("happened", [True, False])
def test_a_connection_lost_while_dropping(server: FakeServer, database: FakeDatabase, happened: bool) -> None:
    server.add_index("orders", "idx", ["customer_id"], comment=str(ORDER.marker))
    database.lose_connection("drop_index", happened=happened)
    with pytest.raises(OutcomeUnknown):
        database.drop_index(INDEX, RUN, SECOND)
    assert ("idx" not in server.indexes("orders")) is happened
    database.drop_index(INDEX, RUN, SECOND)
    assert "idx" not in server.indexes("orders")


def test_a_drop_waits_for_the_lock_as_long_as_told(
    clock: FakeClock, server: FakeServer, database: FakeDatabase
) -> None:
    server.add_index("orders", "idx", ["customer_id"], comment=str(ORDER.marker))
    before = clock.monotonic()
    with server.holding_lock("orders"), pytest.raises(Unavailable):
        database.drop_index(INDEX, RUN, 3 * SECOND)
    assert clock.monotonic() - before == 3 * SECOND


def test_a_restart_loses_builds_and_leaves_nothing(
    clock: FakeClock, server: FakeServer, database: FakeDatabase
) -> None:
    database.start_build(ORDER)
    clock.advance(SECOND)
    server.restart()
    assert outcome(database) is BuildOutcome.UNKNOWN
    clock.advance(20 * SECOND)
    assert set(server.indexes("orders")) == {"PRIMARY"}


def test_calls_fail_and_are_noticed_as_a_test_asks(database: FakeDatabase) -> None:
    seen: list[str] = []
    database.on("inspect", lambda: seen.append("inspected"))
    database.fail("inspect", Unavailable("no connection"), times=1, after=1)
    database.inspect(INDEX)
    with pytest.raises(Unavailable):
        database.inspect(INDEX)
    database.inspect(INDEX)
    assert seen == ["inspected", "inspected"]
    database.fail("inspect", Unavailable("no connection"))
    with pytest.raises(Unavailable):
        database.inspect(INDEX)
    database.faults.heal()
    database.inspect(INDEX)
