"""What DuckDB makes of the same events.

Reads a JSON file: {"events": [...], "questions": [...]}. An event is what was sent, duplicates
included, in the order of sending: {"source", "id", "time", "runner", "user", "seconds", "costMicros"}.
A question is {"size", "zone", "group", "from", "to", "rows": [[window start, group, count, seconds,
min, max, latest, unique runners, cost in micros]]}, rows as the service answered them. Every number
is compared as DECIMAL; the difference must be none. Prints how many rows were compared.
"""

import json
import sys

import duckdb

with open(sys.argv[1], encoding="utf-8") as file:
    given = json.load(file)

db = duckdb.connect()
db.execute("SET TimeZone = 'UTC'")
db.execute(
    """CREATE TABLE sent (n BIGINT, source TEXT, id TEXT, uev TEXT, time TIMESTAMPTZ, runner TEXT,
       "user" TEXT, seconds DECIMAL(38, 9), cost DECIMAL(38, 0))"""
)
with open(sys.argv[1] + ".csv", "w", encoding="utf-8") as file:
    for n, it in enumerate(given["events"]):
        row = [str(n), it["source"], it["id"], it["uev"], it["time"], it["runner"], it["user"]]
        file.write(",".join(row + [it["seconds"], str(it["costMicros"])]) + "\n")
db.execute(f"COPY sent FROM '{sys.argv[1]}.csv' (FORMAT csv, HEADER false)")
# The first one of a key stands; the organization is one.
db.execute(
    """CREATE TABLE events AS SELECT * FROM sent
       QUALIFY row_number() OVER (PARTITION BY source, id ORDER BY n) = 1"""
)

compared = 0
for question in given["questions"]:
    size, zone = question["size"], question["zone"]
    group = {"runner": "runner", "user": '"user"', "": "''"}[question["group"]]
    if size == "hour":
        # The hour that comes twice is two windows: it is told apart by its instant.
        offset = f"(timezone('{zone}', time) - timezone('UTC', time))"
        window = f"timezone('UTC', date_trunc('hour', timezone('UTC', time) + {offset}) - {offset})"
    elif size == "":
        window = f"TIMESTAMPTZ '{question['from']}'"
    else:
        window = f"timezone('{zone}', date_trunc('{size}', timezone('{zone}', time)))"
    found = db.execute(
        f"""SELECT strftime(timezone('UTC', {window}), '%Y-%m-%dT%H:%M:%S.000Z') AS w, {group} AS g,
              CAST(count(*) AS TEXT), CAST(sum(seconds) AS DECIMAL(38, 9)),
              min(seconds), max(seconds), arg_max(seconds, strftime(timezone('UTC', time), '%Y-%m-%dT%H:%M:%S.%g') || uev),
              CAST(count(DISTINCT runner) AS TEXT), CAST(sum(cost) AS TEXT)
            FROM events WHERE time >= TIMESTAMPTZ '{question["from"]}' AND time < TIMESTAMPTZ '{question["to"]}'
            GROUP BY w, g ORDER BY w, g"""
    ).fetchall()

    def plain(value):
        """As the service shows it: without zeros at the end."""
        text = str(value)
        return (text.rstrip("0").rstrip(".") if "." in text else text) or "0"

    wanted = {(row[0], row[1]): [plain(value) for value in row[2:]] for row in found}
    told = {}
    for row in question["rows"]:
        # Windows in which nothing happened are told, too.
        if row[2] != "0":
            told[(row[0], row[1])] = [plain(value) for value in row[2:]]
    for key in sorted(set(wanted) | set(told)):
        mine, theirs = told.get(key), wanted.get(key)
        if mine is not None and theirs is not None:
            # What a question did not ask for is empty.
            theirs = [b if a != "" else "" for a, b in zip(mine, theirs)]
        if mine != theirs:
            sys.exit(f"{size} in {zone} by {question['group']}: {key}: {mine}, DuckDB says {theirs}")
        compared += 1

print(f"{compared} rows")
