"""What the tasks of the last month cost, by agent."""

import sqlite3

QUERY = """
    SELECT assigned_agent, strftime('%Y-%m', created_at / 1000, 'unixepoch') AS month, COUNT(*)
      FROM tasks
     WHERE published_at IS NOT NULL
       AND created_at / 1000 > CAST(strftime('%s', datetime('now', '-1 month')) AS INTEGER)
     GROUP BY 1, 2
"""


def main() -> None:
    connection = sqlite3.connect("/data/data.db")
    connection.execute("PRAGMA query_only = ON")
    for row in connection.execute(QUERY):
        print(*row, sep="\t")


if __name__ == "__main__":
    main()
