"""The random world: sessions that write what a seed says, and the truth by plain counts.

The test drives every session itself, one step of a batch after the other, so that it knows the moments
at which nothing commits. Statements may fail: what is true is read afterwards, never computed here.
"""
import contextlib
import os
import random
import select
import signal
import subprocess
import time

import random_tables
from lab import PG_BIN, wait_for
from random_compare import Expected

DATABASE, NEIGHBOUR = "world", "neighbour"
PATIENCE = 90  # seconds for any one answer
# Conflicts are found at once: nobody is there who would end the other transaction meanwhile.
SETUP = "SET lock_timeout = '300ms'; SET statement_timeout = '60s'; SET client_min_messages = error;"
# Plain counts; errors with their SQLSTATE.
PLAIN = ("\\set VERBOSITY verbose\n"
         "SET enable_indexscan = off; SET enable_bitmapscan = off; SET enable_indexonlyscan = off;"
         "SET constraint_exclusion = off; SET default_transaction_read_only = on;")


class Session:
    """A psql that is told one text after the other; `send` does not wait, `finish` does."""

    def __init__(self, cluster, database, setup=""):
        self.cluster, self.database, self.setup = cluster, database, SETUP + setup
        self.process = None
        self.start()

    def start(self):
        self.close()
        command = [PG_BIN / "psql", "-X", "-q", "-At", "-F", "\x1f", self.cluster.conninfo(self.database)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        env={**os.environ, "PGAPPNAME": "random"})
        self.marks, self.rest, self.is_alive = 0, b"", True
        self.forget()
        lines = self.run(self.setup + " SELECT pg_backend_pid();")
        self.pid = int(lines[0]) if self.is_alive and lines and lines[0].isdigit() else 0
        return self.pid > 0

    def forget(self):
        """The transaction is over."""
        self.is_open, self.touched, self.held = False, set(), set()

    def send(self, text):
        self.marks += 1
        try:
            self.process.stdin.write(f"{text}\n\\echo mark {self.marks}\n".encode())
            self.process.stdin.flush()
        except BrokenPipeError:
            self.is_alive = False

    def line(self, end):
        """The next line; None when psql is gone."""
        while b"\n" not in self.rest:
            left = end - time.monotonic()
            assert left > 0 and select.select([self.process.stdout], [], [], left)[0], "a session does not answer"
            chunk = os.read(self.process.stdout.fileno(), 65536)
            if not chunk:
                self.is_alive = False
                return None
            self.rest += chunk
        line, _, self.rest = self.rest.partition(b"\n")
        return line.decode()

    def finish(self):
        lines, end = [], time.monotonic() + PATIENCE
        while (line := self.line(end)) is not None and line != f"mark {self.marks}":
            lines.append(line)
        return lines

    def run(self, text):
        self.send(text)
        return self.finish()

    def close(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            with contextlib.suppress(BrokenPipeError):  # what it was not told in time
                self.process.stdin.close()
            self.process.stdout.close()
        self.process = None


CATALOG = """SELECT k.contype, quote_ident(n.nspname) || '.' || quote_ident(c.relname), k.conname,
 CASE k.contype WHEN 'c' THEN pg_get_expr(k.conbin, k.conrelid)
  WHEN 'n' THEN (SELECT format('%I IS NOT NULL', attname) FROM pg_attribute
    WHERE attrelid = conrelid AND attnum = conkey[1])
  ELSE (SELECT string_agg(format('r.%I IS NOT NULL', a.attname), ' AND ')
     || format(' AND NOT EXISTS (SELECT FROM %s p WHERE ', k.confrelid::regclass)
     || string_agg(format('p.%I = r.%I', b.attname, a.attname), ' AND ') || ')'
    FROM unnest(k.conkey, k.confkey) u(x, y) JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = x
    JOIN pg_attribute b ON b.attrelid = k.confrelid AND b.attnum = y) END,
 k.contype = 'c' AND k.connoinherit,
 k.convalidated AND coalesce((to_jsonb(k)->>'conenforced')::bool, true)
  AND NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgconstraint = k.oid AND t.tgenabled NOT IN ('O', 'A'))
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' AND (k.contype IN ('c', 'f') OR k.contype = 'n' AND NOT k.convalidated) AND k.coninhcount = 0
AND NOT quote_ident(c.relname) = ANY (string_to_array('{locked}', '|')) ORDER BY 2, 3;"""
CHECKED = "SELECT '{mark}', count(*) FILTER (WHERE ({expression}) IS FALSE) FROM {only} {object};"
COUNTS = {"f": "SELECT '{mark}', count(*) FROM {object} r WHERE {expression};"}


# Without expressions in words: those need the table's lock.
SHAPES = """SELECT c.relname, c.relkind, md5(coalesce((SELECT string_agg(concat_ws(' ', attnum, attname, atttypid,
  attnotnull), ',' ORDER BY attnum) FROM pg_attribute a WHERE a.attrelid = c.oid AND attnum > 0 AND NOT attisdropped), '')
 || coalesce((SELECT string_agg(concat_ws(' ', conname, contype, convalidated, coninhcount, conbin), ',' ORDER BY conname)
  FROM pg_constraint k WHERE k.conrelid = c.oid), '')
 || coalesce((SELECT string_agg(i.indexrelid::regclass::text, ',' ORDER BY 1) FROM pg_index i WHERE i.indrelid = c.oid), ''))
FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p');"""
NO_SUCH = ("42703", "42P01")  # a column, a table that is not there: nobody can count that


class Truth:
    """What is so, by its own plain SQL, as a superuser, in a session of its own."""

    def __init__(self, cluster):
        self.session = Session(cluster, DATABASE, PLAIN)

    def wanted(self, locked):
        """[(contype, object, name, expression, only, in order)] of the catalog, then of the configuration."""
        lines = self.session.run(CATALOG.replace("{locked}", "|".join(locked)))
        assert not any(line.startswith("ERROR") for line in lines), lines
        for line in lines:
            contype, object_, name, expression, only, in_order = line.split("\x1f")
            yield contype, object_, name, expression, "ONLY" if only == "t" else "", in_order == "t"
        for table in random_tables.TABLES:
            for name, expression in table.rules.items():
                yield "c", table.object, name, table.text(expression), "", True

    def read(self, locked):
        """[Expected]; tables that an open transaction holds are not looked at."""
        wanted = list(self.wanted(locked))
        hidden = [f"public.{name}" for name in locked]
        text = "\n".join(COUNTS.get(contype, CHECKED).format(mark=f"rule {i}", expression=expression, only=only,
                                                             object=object_)
                         for i, (contype, object_, _, expression, only, _) in enumerate(wanted) if object_ not in hidden)
        lines = self.session.run(text)
        answers = dict(line.split("\x1f") for line in lines if line.startswith("rule "))
        errors = [line for line in lines if line.startswith(("ERROR", "FATAL")) and not line[8:].startswith(NO_SUCH)]
        assert self.session.is_alive and not errors, f"the truth cannot be told: {errors}"
        return [Expected("foreign_key" if contype == "f" else "constraint", object_, name,
                         int(answers[f"rule {i}"]) if f"rule {i}" in answers else None, in_order, object_ in hidden)
                for i, (contype, object_, name, _, _, in_order) in enumerate(wanted)]


class World:
    """Four writers on one database, a neighbour on another, and what is known of their transactions."""

    def __init__(self, cluster, major, seed, has_visibility):
        self.cluster, self.major, self.random = cluster, major, random.Random(seed)
        self.journal, self.refused, self.crashes, self.prepared = [], 0, 0, {}
        self.has_altered = self.must_wait = self.is_calm = False
        self.shapes = set()
        cluster.sql("ALTER ROLE postgres SET log_statement = none;"
                    f"CREATE DATABASE {DATABASE}; CREATE DATABASE {NEIGHBOUR};")
        cluster.sql(random_tables.world_sql() + self.plant(), DATABASE)
        if has_visibility:
            cluster.sql("CREATE EXTENSION pg_visibility", DATABASE)
        self.truth = Truth(cluster)
        self.writers = [Session(cluster, DATABASE, "SET synchronous_commit = off;" if i == 0 else "") for i in range(4)]
        self.neighbour = Session(cluster, NEIGHBOUR)

    def plant(self):
        """Rows that break each rule are there before any constraint is."""
        return "".join(table.insert(self.random.randint(1, 4), flaw) for table in random_tables.TABLES
                       for flaw in table.flaws)

    def sessions(self):
        return [*self.writers, self.neighbour, self.truth.session]

    def close(self):
        for session in self.sessions():
            session.close()

    def do(self, session, text, *tables):
        """One op: its text, and the tables whose locks an open transaction keeps."""
        lines = session.run(text)
        self.note(session, text, lines)
        if session.is_open:
            session.touched.update(name for table in tables for name in (table.name, *table.family))
        return lines

    def note(self, session, text, lines):
        assert session.is_alive, f"a session was lost: {text}: {lines}"
        errors = [line for line in lines if line.startswith(("ERROR", "FATAL"))]
        self.refused += bool(errors)
        where = self.writers.index(session) if session in self.writers else "truth"
        self.journal.append(f"{where}: {text}" + (f"  -- {errors[0]}" if errors else ""))

    def busy(self, but=None):
        """Tables that an open or a prepared transaction of others has touched."""
        return set().union(*(s.touched for s in self.writers if s is not but), *self.prepared.values())

    def has_new_shape(self):
        """Whether a table is, in the catalog, as none was before: its statements are then others."""
        if not self.has_altered:
            return False
        self.has_altered = False
        shapes = set(self.truth.session.run(SHAPES))
        is_new, self.shapes = not shapes <= self.shapes, self.shapes | shapes
        return is_new

    def held(self):
        """Tables that nobody can look at now."""
        return sorted(set().union(*(s.held for s in self.writers)))

    def crash(self):
        """kill -9 of a backend: the server ends every session and begins anew."""
        victim = self.random.choice([s for s in self.writers if s.is_open] or self.writers)
        began = self.cluster.log.stat().st_size
        assert victim.pid > 0, "0 would be ourselves"
        os.kill(victim.pid, signal.SIGKILL)
        self.crashes += 1

        def is_back():
            with open(self.cluster.log, errors="replace") as log:
                log.seek(began)
                text = log.read()
            return "reinitializing" in text and "ready to accept connections" in text.rpartition("reinitializing")[2]
        wait_for(is_back, "the server to begin anew", PATIENCE)
        for session in self.sessions():
            wait_for(session.start, "a session after the crash", PATIENCE)
        return "kill -9 of a backend"
