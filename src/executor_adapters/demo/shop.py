"""The shop: its tables, how their rows are distributed, and the statements of its application. Pure data.

The orders are laid so that both changes come out the same on every server and at any speed:

- Nothing serves ``customer_id``, of which each value has ten rows: an index on it saves a whole scan.
- Half of the tenants joined after the other half's orders were written. A new tenant's first order is found
  through ``tenant_id`` among its 1,000 rows. An index on ``created_at`` looks cheaper to an optimizer that takes
  tenants to be spread evenly (it expects to meet one after 200 rows), but its walk passes the 100,000 rows of
  the old tenants first. It serves the report of a day very well, which is why somebody may recommend it.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

ORDERS = 200_000
CUSTOMERS = 20_000
OLD_TENANTS, NEW_TENANTS = range(1, 101), range(101, 201)
OPENED = date(2026, 1, 1)
DAYS = tuple(OPENED + timedelta(days=day) for day in range(10, 130))
"""Days on which orders were written, one a minute since the shop opened."""
REGIONS = 50
CHUNK = 10_000

TABLES = (
    """
    CREATE TABLE orders (
      id INT NOT NULL AUTO_INCREMENT PRIMARY KEY,
      tenant_id INT NOT NULL,
      customer_id INT NOT NULL,
      state VARCHAR(12) NOT NULL,
      amount DECIMAL(10, 2) NOT NULL,
      created_at DATETIME NOT NULL,
      note VARCHAR(100) NOT NULL,
      KEY idx_orders_tenant (tenant_id)
    ) ENGINE = InnoDB
    """,
    """
    CREATE TABLE customers (
      id INT NOT NULL AUTO_INCREMENT PRIMARY KEY,
      region INT NOT NULL,
      name VARCHAR(40) NOT NULL,
      KEY idx_customers_region (region)
    ) ENGINE = InnoDB
    """,
    "CREATE TABLE digits (d INT NOT NULL PRIMARY KEY) ENGINE = InnoDB",
    "INSERT INTO digits VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)",
)

# The rows number themselves: left to the server, each chunk would leave a gap behind it.
_NUMBERS = """
  (SELECT %s + 1000 * a.d + 100 * b.d + 10 * c.d + e.d AS n
   FROM digits a, digits b, digits c, digits e ORDER BY n) numbers
"""
_CUSTOMERS = f"""
INSERT INTO customers (id, region, name)
SELECT n + 1, n MOD {REGIONS}, CONCAT('Customer ', n)
FROM {_NUMBERS}
"""  # noqa: S608 -- numbers of this file
_ORDERS = f"""
INSERT INTO orders (id, tenant_id, customer_id, state, amount, created_at, note)
SELECT n + 1,
       IF(n < {ORDERS // 2}, {OLD_TENANTS.start}, {NEW_TENANTS.start}) + n MOD {len(NEW_TENANTS)},
       n * 7919 MOD {CUSTOMERS},
       ELT(1 + n MOD 4, 'paid', 'shipped', 'returned', 'open'),
       5 + n MOD 9973 / 100,
       '{OPENED}' + INTERVAL n MINUTE,
       RPAD('', 40 + n MOD 20, 'parcel ')
FROM {_NUMBERS}
"""  # noqa: S608 -- numbers of this file

FINISHING = ("DROP TABLE digits", "ANALYZE TABLE orders, customers")


def filling() -> Iterator[tuple[str, int, int]]:
    """Give each statement that fills the tables, its parameter, and how many orders are there after it."""
    for first in range(0, CUSTOMERS, CHUNK):
        yield _CUSTOMERS, first, 0
    for first in range(0, ORDERS, CHUNK):
        yield _ORDERS, first, first + CHUNK


_VALUE = re.compile(r"%s|\b[0-9]+\b")
Arguments = Callable[[Random], Sequence[object]]


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of the application, how often it runs, and what it is run with."""

    sql: str
    per_second: float
    arguments: Arguments

    @property
    def shape(self) -> str:
        """The statement as `shape_of` sees its digest text."""
        return shape_of(self.text)

    @property
    def text(self) -> str:
        """The statement with a question mark for each value."""
        return _VALUE.sub("?", self.sql)


def shape_of(digest_text: str) -> str:
    """Return what is left of a digest text when the servers' spacing, quoting and capitals are taken away.

    >>> shape_of("SELECT `id` , COUNT ( * ) FROM `orders` WHERE `id` = ?")
    'selectid,count(*)fromorderswhereid=?'
    """
    return "".join(digest_text.replace("`", "").split()).casefold()


def _customer(random: Random) -> Sequence[object]:
    return (random.randrange(CUSTOMERS),)


def _region(random: Random) -> Sequence[object]:
    return (random.randrange(REGIONS),)


def _day(random: Random) -> Sequence[object]:
    day = random.choice(DAYS)
    return (day, day + timedelta(days=1))


ORDERS_OF_CUSTOMER = Statement("SELECT id, state, amount FROM orders WHERE customer_id = %s", 2.0, _customer)
OPEN_ORDERS_OF_CUSTOMER = Statement(
    "SELECT COUNT(*), MAX(created_at) FROM orders WHERE customer_id = %s AND state = %s",
    1.5,
    lambda random: (random.randrange(CUSTOMERS), "open"),
)
FIRST_ORDER_OF_TENANT = Statement(
    "SELECT id, amount, created_at FROM orders WHERE tenant_id = %s ORDER BY created_at LIMIT 1",
    1.5,
    lambda random: (random.choice(NEW_TENANTS),),
)
REPORT_OF_DAY = Statement(
    "SELECT COUNT(*), SUM(amount) FROM orders WHERE created_at >= %s AND created_at < %s",
    1.5,
    _day,
)
ORDER = Statement("SELECT * FROM orders WHERE id = %s", 5.0, lambda random: (random.randrange(1, ORDERS),))
NEW_ORDER = Statement(
    "INSERT INTO orders (tenant_id, customer_id, state, amount, created_at, note)"
    " VALUES (%s, %s, %s, %s, UTC_TIMESTAMP(), %s)",
    4.0,
    lambda random: (random.choice(OLD_TENANTS), random.randrange(CUSTOMERS), "open", random.randrange(5, 100), "new"),
)
ORDER_SHIPPED = Statement(
    "UPDATE orders SET state = %s WHERE id = %s", 4.0, lambda random: ("shipped", random.randrange(1, ORDERS))
)
CONTROLS = (
    Statement("SELECT name FROM customers WHERE id = %s", 5.0, lambda random: (random.randrange(1, CUSTOMERS),)),
    Statement("SELECT COUNT(*) FROM customers WHERE region = %s", 5.0, _region),
    Statement("SELECT id, name FROM customers WHERE region = %s ORDER BY id DESC LIMIT 20", 5.0, _region),
    Statement("SELECT MAX(name) FROM customers WHERE region = %s AND id < %s", 5.0, lambda r: (*_region(r), 10_000)),
)

CLIENTS: Sequence[Sequence[Statement]] = (
    (ORDERS_OF_CUSTOMER, OPEN_ORDERS_OF_CUSTOMER),
    (FIRST_ORDER_OF_TENANT,),
    (REPORT_OF_DAY,),
    (ORDER, NEW_ORDER, ORDER_SHIPPED, *CONTROLS),
)
"""The application's connections and what each runs: a slow statement holds up those of its own connection only."""
