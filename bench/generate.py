"""
Writes SQLite files that look like a shop's, of any size, the same bytes for the same seed.

    python -m bench.generate FILE --megabytes 600

Six tables: wide and narrow, text, JSON, decimals, epoch-millisecond datetimes, ISO
dates and timestamps, floats, blobs, NULLs, a key of two columns, unique columns,
indexes and foreign keys. About five thousand rows a megabyte. Rows are made as they
are written, so memory does not grow with the file.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

#: Rows of a table in a file of one megabyte; found by measuring, so that sizes come out right.
ROWS_PER_MEGABYTE = {
    "customers": 160,
    "products": 210,
    "orders": 1130,
    "order_items": 1720,
    "events": 1640,
    "product_tags": 420,
}

SCHEMA = """
CREATE TABLE customers (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  external_id CHAR(36) NOT NULL,
  email VARCHAR(255) NOT NULL,
  first_name VARCHAR(60) NOT NULL,
  last_name VARCHAR(60) NOT NULL,
  company VARCHAR(120),
  phone VARCHAR(32),
  street VARCHAR(120),
  city VARCHAR(80),
  postcode VARCHAR(16),
  country CHAR(2) NOT NULL DEFAULT 'DE',
  latitude DOUBLE,
  longitude DOUBLE,
  birthday DATE,
  newsletter BOOLEAN NOT NULL DEFAULT 0,
  blocked BOOLEAN NOT NULL DEFAULT 0,
  credit DECIMAL(12,2) NOT NULL DEFAULT 0,
  preferences JSON,
  biography TEXT,
  created_at DATETIME NOT NULL,
  updated_at DATETIME NOT NULL
);
CREATE TABLE products (
  id INTEGER PRIMARY KEY,
  sku VARCHAR(20) NOT NULL UNIQUE,
  name VARCHAR(120) NOT NULL,
  price DECIMAL(10,2) NOT NULL CHECK (price >= 0),
  weight FLOAT,
  description TEXT,
  attributes JSON,
  thumbnail BLOB
);
CREATE TABLE orders (
  id INTEGER PRIMARY KEY,
  customer_id INTEGER NOT NULL REFERENCES customers (id),
  number VARCHAR(20) NOT NULL,
  status VARCHAR(12) NOT NULL,
  total DECIMAL(10,2) NOT NULL,
  note TEXT,
  ordered_at DATETIME NOT NULL,
  shipped_at DATETIME
);
CREATE TABLE order_items (
  id INTEGER PRIMARY KEY,
  order_id INTEGER NOT NULL REFERENCES orders (id),
  product_id INTEGER NOT NULL REFERENCES products (id),
  quantity INTEGER NOT NULL,
  price DECIMAL(10,2) NOT NULL
);
CREATE TABLE events (
  id INTEGER PRIMARY KEY,
  customer_id INTEGER REFERENCES customers (id),
  kind VARCHAR(24) NOT NULL,
  at DATETIME NOT NULL,
  payload JSON NOT NULL,
  score FLOAT
);
CREATE TABLE product_tags (
  product_id INTEGER NOT NULL REFERENCES products (id),
  tag VARCHAR(24) NOT NULL,
  PRIMARY KEY (product_id, tag)
) WITHOUT ROWID;
"""

INDEXES = """
CREATE UNIQUE INDEX customers_email ON customers (email);
CREATE INDEX customers_name ON customers (last_name, first_name);
CREATE INDEX orders_customer ON orders (customer_id);
CREATE INDEX orders_ordered_at ON orders (ordered_at);
CREATE INDEX orders_open ON orders (customer_id) WHERE status = 'open';
CREATE INDEX order_items_order ON order_items (order_id);
CREATE INDEX order_items_product ON order_items (product_id);
CREATE INDEX events_customer ON events (customer_id);
"""

#: 2020-01-01 in milliseconds, and four years of them.
_EPOCH, _SPAN = 1_577_836_800_000, 126_230_400_000
_STATUSES = ("open", "paid", "shipped", "returned")
_KINDS = ("page.view", "cart.add", "cart.remove", "checkout.start", "checkout.done", "login", "search")
_TAGS = tuple(f"tag-{letter}{number:02}" for letter in "abcdefgh" for number in range(12))

Row = tuple[object, ...]


class Pools:
    """Texts, documents and blobs to draw from: making each anew would be what is measured."""

    def __init__(self, seed: int) -> None:
        random = Random(f"{seed}/pools")
        letters = "abcdefghijklmnopqrstuvwxyzäöüéñ"
        self.words = [
            "".join(random.choices(letters, k=random.randint(3, 10))).capitalize() for _ in range(2000)
        ]
        self.sentences = [" ".join(random.choices(self.words, k=random.randint(4, 55))) for _ in range(4001)]
        self.documents = [self._make_document(random) for _ in range(4003)]
        self.blobs = [random.randbytes(random.randint(80, 1200)) for _ in range(997)]
        self.days = [
            time.strftime("%Y-%m-%d", time.gmtime(random.randrange(0, 1_100_000_000))) for _ in range(3001)
        ]
        self.stamps = [
            time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(1_577_836_800 + random.randrange(126_230_400)))
            for _ in range(5003)
        ]

    def _make_document(self, random: Random) -> str:
        document = {
            "path": "/" + "/".join(random.choices(self.words, k=3)),
            "count": random.randrange(10**6),
            "ratios": [round(random.random(), 6) for _ in range(3)],
            "flags": {"beta": random.random() < 0.5, "plan": random.choice(("free", "pro", None))},
        }
        return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


@dataclass(frozen=True, kw_only=True)
class Generation:
    """What was written."""

    path: Path
    seed: int
    rows: dict[str, int]
    size: int
    seconds: float


def generate(path: Path, megabytes: float, *, seed: int = 1) -> Generation:
    """Write a file of about `megabytes` (1,000,000 bytes each) at `path`, replacing what is there."""
    began = time.perf_counter()
    counts = {table: max(1, round(rate * megabytes)) for table, rate in ROWS_PER_MEGABYTE.items()}
    # A key of two columns: tags are handed out product by product.
    counts["product_tags"] = min(counts["product_tags"], counts["products"] * len(_TAGS))
    pools = Pools(seed)
    path.unlink(missing_ok=True)
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        # Nobody else reads the file before it is finished.
        connection.executescript(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -65536;"
        )
        connection.executescript(SCHEMA)
        for table, make_rows in _MAKERS.items():
            width = len(connection.execute(f"PRAGMA table_info({table})").fetchall())
            marks = ", ".join("?" * width)
            rows = make_rows(Random(f"{seed}/{table}").random, pools, counts)
            connection.execute("BEGIN")
            connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)
            connection.execute("COMMIT")
        connection.executescript(INDEXES)
    finally:
        connection.close()
    return Generation(
        path=path,
        seed=seed,
        rows=counts,
        size=path.stat().st_size,
        seconds=time.perf_counter() - began,
    )


def _make_customers(random: Callable[[], float], pools: Pools, counts: dict[str, int]) -> Iterator[Row]:
    words, sentences, documents = pools.words, pools.sentences, pools.documents
    for number in range(1, counts["customers"] + 1):
        first, last = words[int(random() * 2000)], words[int(random() * 2000)]
        created = _EPOCH + int(random() * _SPAN)
        filled = random() < 0.7
        yield (
            number,
            f"{int(random() * 2**32):08x}-{number & 0xFFFF:04x}-4{number % 4096:03x}-a{number % 3583:03x}-"
            f"{int(random() * 2**48):012x}",
            f"{first.lower()}.{number}@example.com",
            first,
            last,
            words[number % 2000] + " GmbH" if filled else None,
            f"+49 {int(random() * 10**9):09d}" if filled else None,
            f"{words[(number * 7) % 2000]}straße {number % 200 + 1}",
            words[(number * 13) % 2000],
            f"{int(random() * 10**5):05d}",
            ("DE", "FR", "PL", "ES")[number & 3],
            random() * 180 - 90,
            random() * 360 - 180,
            pools.days[number % 3001],
            number & 1,
            int(random() < 0.01),
            round(random() * 10_000, 2),
            documents[number % 4003],
            sentences[number % 4001] if filled else None,
            created,
            f"{pools.stamps[number % 5003]}.{number % 1000:03d}Z",
        )


def _make_products(random: Callable[[], float], pools: Pools, counts: dict[str, int]) -> Iterator[Row]:
    for number in range(1, counts["products"] + 1):
        yield (
            number,
            f"SKU-{number:010d}",
            f"{pools.words[int(random() * 2000)]} {pools.words[int(random() * 2000)]}",
            round(random() * 1000, 2),
            random() * 50 if number % 9 else None,
            pools.sentences[int(random() * 4001)],
            pools.documents[int(random() * 4003)],
            pools.blobs[int(random() * 997)] if number % 4 else None,
        )


def _make_orders(random: Callable[[], float], pools: Pools, counts: dict[str, int]) -> Iterator[Row]:
    customers = counts["customers"]
    for number in range(1, counts["orders"] + 1):
        ordered = _EPOCH + int(random() * _SPAN)
        status = _STATUSES[int(random() * random() * 4)]
        yield (
            number,
            1 + int(random() * customers),
            f"2020-{number:09d}",
            status,
            round(random() * 5000, 2),
            pools.sentences[int(random() * 4001)] if number % 3 else None,
            ordered,
            ordered + int(random() * 864_000_000) if status in ("shipped", "returned") else None,
        )


def _make_order_items(random: Callable[[], float], pools: Pools, counts: dict[str, int]) -> Iterator[Row]:
    orders, products = counts["orders"], counts["products"]
    for number in range(1, counts["order_items"] + 1):
        yield (
            number,
            1 + int(random() * orders),
            1 + int(random() * products),
            1 + int(random() * 9),
            round(random() * 1000, 2),
        )


def _make_events(random: Callable[[], float], pools: Pools, counts: dict[str, int]) -> Iterator[Row]:
    customers, documents = counts["customers"], pools.documents
    for number in range(1, counts["events"] + 1):
        yield (
            number,
            1 + int(random() * customers) if number % 10 else None,
            _KINDS[int(random() * 7)],
            _EPOCH + int(random() * _SPAN),
            documents[int(random() * 4003)],
            random() if number % 3 else None,
        )


def _make_product_tags(random: Callable[[], float], pools: Pools, counts: dict[str, int]) -> Iterator[Row]:
    products = counts["products"]
    for number in range(counts["product_tags"]):
        # Every product has its first tag before one has its second: no pair comes twice.
        yield 1 + number % products, _TAGS[(number // products + number % products * 5) % len(_TAGS)]


_MAKERS = {
    "customers": _make_customers,
    "products": _make_products,
    "orders": _make_orders,
    "order_items": _make_order_items,
    "events": _make_events,
    "product_tags": _make_product_tags,
}


def main() -> None:
    """Write a file as the command line asks and say what is in it."""
    parser = argparse.ArgumentParser(prog="python -m bench.generate", description=__doc__.split("\n\n")[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--megabytes", type=float, default=600)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    made = generate(arguments.file, arguments.megabytes, seed=arguments.seed)
    for table, rows in made.rows.items():
        print(f"{table:<14}{rows:>12,} rows")
    print(f"{made.path}: {made.size / 1e6:,.0f} MB, {sum(made.rows.values()):,} rows in {made.seconds:.1f} s")


if __name__ == "__main__":
    main()
