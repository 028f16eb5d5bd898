"""Checks of the server and of the account: may we write, will the verdict have numbers, is it the server itself?"""

from collections.abc import Iterator

from executor_core.finding import Case
from executor_core.flavor import Flavor
from executor_core.surroundings import Cluster, Privilege

PREPARED_SHARE = 0.01
"""From which part of prepared statements on they are told."""


def server_is_writable(case: Case) -> Iterator[str]:
    """A read-only server refuses the change; so does this check, before it is asked."""
    if case.facts.server.read_only:
        yield "the server is read-only for this account: connect to the primary server"


def server_answers_itself(case: Case) -> Iterator[str]:
    """A proxy may send our statements to different servers, and then neither locks nor statistics mean anything."""
    if case.surroundings.proxied:
        yield (
            "a proxy answers for the server (its greeting has another connection id): connect to the primary server "
            "itself"
        )


def no_galera_stands_still(case: Case) -> Iterator[str]:
    """Galera runs an ALTER on all nodes at once and lets nobody write meanwhile, whatever LOCK=NONE says."""
    if case.surroundings.cluster is Cluster.GALERA:
        yield (
            "this is a node of a Galera cluster, all of which would stand still during the build: add the index by "
            "hand, node by node (wsrep_OSU_method=RSU)"
        )


def group_members_agree(case: Case) -> Iterator[str]:
    """Members of group replication apply the change one after the other, each for as long as it takes here."""
    if case.surroundings.cluster is Cluster.GROUP_REPLICATION:
        yield (
            "this is a member of a replication group: the others build the index after this one and may fall behind; "
            "in multi-primary mode, let nobody write to the table on another member meanwhile"
        )


def replicas_keep_up(case: Case) -> Iterator[str]:
    """Replicas build the index when this server has ended, and are behind by as long as that takes."""
    if case.surroundings.replicas:
        yield (
            f"{case.surroundings.replicas} replicas read from this server: each may fall behind by the whole time of "
            "the build; their lag can't be seen from here"
        )


def account_may_alter(case: Case) -> Iterator[str]:
    """Building, publishing and taking back an index are ALTER TABLE statements."""
    account = case.surroundings.account
    if account is not None and account.lacks(Privilege.ALTER):
        yield f"the server would answer with error 1142: this account may not ALTER the table; {grant('ALTER', case)}"


def account_may_read_columns(case: Case) -> Iterator[str]:
    """The server shows a table's columns only to those who may do something with them."""
    account = case.surroundings.account
    if case.table is None or case.table.columns or account is None:
        return
    if account.lacks(Privilege.SELECT):
        yield f"this account may not SELECT from the table, so its columns can't be seen; {grant('SELECT', case)}"


def privileges_are_clear(case: Case) -> Iterator[str]:
    """Grants that can't be read for certain block nothing, but the change may be refused half-way."""
    account = case.surroundings.account
    if account is None:
        return
    unclear = [privilege for privilege in Privilege if account.lacks(privilege) is None]
    if unclear:
        yield (
            f"whether this account has {' and '.join(unclear)} on the table can't be told from SHOW GRANTS: "
            f"{grant(', '.join(unclear), case)} if the change is refused"
        )


def grant(privileges: str, case: Case) -> str:
    """What to do about missing privileges."""
    table = case.facts.table
    place = case.index.table_name if table is None else f"{table.schema_name}.{table.table_name}"
    return f"GRANT {privileges} ON {place}"


def statistics_are_on(case: Case) -> Iterator[str]:
    """Without performance_schema no verdict could be reached."""
    if not case.facts.server.performance_schema:
        yield (
            "performance_schema is off, so the index could not be verified: start the server with performance_schema=ON"
        )


def digests_are_collected(case: Case) -> Iterator[str]:
    """Without the statement digests no verdict could be reached."""
    if case.facts.server.performance_schema and not case.facts.server.statement_digests:
        yield (
            "the consumer statements_digest is off, so the index could not be verified: "
            "set it to YES in performance_schema.setup_consumers"
        )


def digests_have_room(case: Case) -> Iterator[str]:
    """A full digest table counts no statement that is new to it."""
    if case.surroundings.digests_lost:
        yield (
            f"the digest table is full and has left out {case.surroundings.digests_lost} statements: raise "
            "performance_schema_digests_size, or truncate events_statements_summary_by_digest, lest the verdict be "
            "inconclusive"
        )


def statements_are_counted(case: Case) -> Iterator[str]:
    """Prepared statements are counted under other digests, or on MariaDB not at all."""
    share = case.surroundings.prepared_share
    if share is None or share < PREPARED_SHARE:
        return
    told = (
        "MariaDB counts those under no digest"
        if case.facts.server.flavor is Flavor.MARIADB
        else "MySQL counts those under digests of their own (EXECUTE …)"
    )
    yield (
        f"{share:.0%} of the statements are executed as prepared ones: {told}, so see that query_digests names what is "
        "counted"
    )
