"""What the writers of the random world do: one function each, chosen by weight.

An op is one transaction, or one step of a transaction that stays open across polls. It may fail, where
a constraint or a lock is in its way. What comes and goes in the catalog does so under a lock that no
transaction of another writer is in the way of.
"""
import random_tables
from random_tables import FLAWS, HOLDABLE, JUDGE, TABLES, by_name

ONE = "BEGIN; {} COMMIT;"


def free_tables(world, session, names=None):
    busy = world.busy(session) | set(world.held())
    return [t for t in TABLES if not busy & {t.name, *t.family} and (names is None or t.name in names)]


def writable(world, session):
    """Any table that is not held, those with more rules and the large ones more often."""
    held = set(world.held()) - session.held
    tables = [t for t in TABLES if t.name not in held]
    return world.random.choice([t for t in tables for _ in range(1 + bool(t.flaws) + bool(t.pad))])


def where(world, table):
    """Few rows here and there, or a stretch of them, or of a large table many."""
    random = world.random
    modulus = random.choice((37, 211, 997)) if table.pad else random.choice((3, 7, 31))
    if random.random() < 0.5:
        begin, count = random.randrange(table.rows), random.choice((1, 5, 60, 400) if table.pad else (1, 4, 12))
        return f"id IN (SELECT o.id FROM {table.object} o ORDER BY o.id OFFSET {begin} LIMIT {count})"
    return f"id % {modulus} = {random.randrange(modulus)}"


def changes(world, table):
    """Of one row: mostly good, else one flaw."""
    random = world.random
    if table.flaws and random.random() < 0.5:
        return random.choice(table.flaws)
    column = random.choice(list(random.choice(table.flaws or FLAWS)))
    return {column: table.values()[column]}


def dml(world, table):
    random = world.random
    kind = random.random()
    if kind < 0.35:
        flaw = random.choice(table.flaws) if table.flaws and random.random() < 0.5 else {}
        return table.insert(random.choice((1, 3, 40 if table.pad else 10)), flaw)
    if kind < 0.8:
        return table.update(where(world, table), changes(world, table))
    if kind < 0.9 and table.name == "parts":
        return f"UPDATE parts SET id = id + 4000 WHERE {where(world, table)};"
    return f"DELETE FROM {table.object} WHERE {where(world, table)};"


def repair(world, table):
    flaw = world.random.choice(table.flaws or FLAWS)
    broken = {"amount": "{amount} <= 0", "low": "{low} > {high}", "note": "{note} = ''"}
    column = next(iter(flaw))
    condition = table.text(broken[column]) if column in broken else f"id % 2 = {world.random.randrange(2)}"
    limit = "" if world.random.random() < 0.6 else f" AND id % 3 = {world.random.randrange(3)}"
    return table.update(condition + limit, {name: table.values()[name] for name in flaw})


def write(world, session):
    table = writable(world, session)
    world.do(session, dml(world, table), table)


def mend(world, session):
    table = writable(world, session)
    world.do(session, repair(world, table), table)


def begin(world, session):
    if world.is_calm:
        return write_and_vacuum(world, session)
    session.is_open = True
    world.do(session, "BEGIN;")
    write(world, session)


def rush(world, session):
    """Several sessions write at the same time."""
    batch = [(s, writable(world, s)) for s in world.writers if not s.is_open]
    texts = [(s, dml(world, table) + dml(world, table)) for s, table in batch]
    for one, text in texts:
        one.send(text)
    for one, text in texts:
        world.note(one, text, one.finish())


def vacuum(world, session):
    table = writable(world, session)
    world.do(session, f"VACUUM {world.random.choice(('', '(INDEX_CLEANUP ON)', '(FREEZE)', '(ANALYZE)'))} {table.object};")


def write_and_vacuum(world, session):
    """Pages that change and are clean again between two polls: where no transaction is older than the change."""
    large = [t for t in TABLES if t.pad and t.flaws and t.name not in world.held()]
    table = world.random.choice(large) if world.random.random() < 0.7 else writable(world, session)
    flaw = world.random.choice(table.flaws or FLAWS)
    texts = dml(world, table), table.update(where(world, table), flaw), repair(world, table)
    world.do(session, world.random.choice(texts))
    # Without this a few dead rows are left to later, and their pages are not clean.
    world.do(session, f"VACUUM (INDEX_CLEANUP ON) {table.object};")


def exclusive(world, session, text, names=None, tables=TABLES):
    """A change that needs a table for itself: where one is free. `text` makes it of the table."""
    free = [t for t in free_tables(world, session, names) if t in tables]
    if not free:
        return
    table = world.random.choice(free)
    world.do(session, text(table))
    world.has_altered = True


def empty(world, session):
    def text(table):
        fill = table.insert(table.rows if table.pad else world.random.choice((0, 5, 30)))
        if table.name == "parent":
            return ONE.format(f"TRUNCATE public.parent CASCADE; {fill} {by_name('child').insert(by_name('child').rows)}")
        return ONE.format(f"TRUNCATE {table.object}; {fill}")
    exclusive(world, session, text)


def rewrite(world, session):
    exclusive(world, session, lambda t: f"VACUUM FULL {t.object};", tables=[t for t in TABLES if t.name != "parts"])


def negate(world, session):
    """A new heap with other values in it, and no row that was inserted, updated or deleted."""
    exclusive(world, session, lambda t: f"ALTER TABLE {t.object} ALTER amount TYPE {world.random.choice(('int', 'bigint'))}"
              " USING - amount;", ("bigless", "reborn", "swapped", "indexed", "limited"))


def constraint(world, session):
    """The table's one CHECK: dropped, made, validated, or in force from the start."""
    def text(table):
        drop = f"ALTER TABLE {table.object} DROP CONSTRAINT IF EXISTS {table.check[0]};"
        validate = f"ALTER TABLE {table.object} VALIDATE CONSTRAINT {table.check[0]};"
        columns = ("amount",) if table.check[1] == random_tables.POSITIVE else ("low", "high")
        good = table.update("true", {column: table.values()[column] for column in columns})
        return world.random.choice((drop, table.add_check(), drop + table.add_check(), validate,
                                    ONE.format(drop + good + table.add_check()), table.add_check(valid=True),
                                    ONE.format(drop + good + table.add_check(valid=True))))
    exclusive(world, session, text, tables=[t for t in TABLES if t.check])


def not_enforced(world, session):
    """18: a CHECK that is there and holds nothing."""
    if world.major < 18:
        return constraint(world, session)
    exclusive(world, session, lambda t: ONE.format(
        f"ALTER TABLE {t.object} DROP CONSTRAINT IF EXISTS {t.check[0]};"
        + t.add_check().replace("NOT VALID", "NOT ENFORCED")), ("small", "keyless", "big", "scratch"))


def not_null(world, session):
    """18: NOT NULL that is not validated. Before it there is none to count."""
    name = "judged_note"
    text = (f"ADD CONSTRAINT {name} NOT NULL note NOT VALID", f"DROP CONSTRAINT IF EXISTS {name}",
            f"VALIDATE CONSTRAINT {name}")
    if world.major >= 18:
        exclusive(world, session, lambda t: f"ALTER TABLE {t.object} {world.random.choice(text)};", ("judged",))


def spare(world, session):
    exclusive(world, session, lambda t: f"ALTER TABLE {t.object} ADD COLUMN IF NOT EXISTS spare int DEFAULT 7;"
              if world.random.random() < 0.5 else f"ALTER TABLE {t.object} DROP COLUMN IF EXISTS spare;")


def level(world, session):
    """A column that comes with a value in every row, and no row and no page of the table is touched."""
    value = world.random.choice((0, 1))
    exclusive(world, session, lambda t: ONE.format(
        f"ALTER TABLE {t.object} DROP COLUMN IF EXISTS level; ALTER TABLE {t.object} ADD COLUMN level int DEFAULT {value};")
        if world.random.random() < 0.9 else f"ALTER TABLE {t.object} DROP COLUMN IF EXISTS level;", ("layered",))


def swap(world, session):
    """The rule's column is another one from now on, and no row is touched."""
    exclusive(world, session, lambda t: ONE.format(
        f"ALTER TABLE {t.object} RENAME amount TO amount_; ALTER TABLE {t.object} RENAME low TO amount;"
        f" ALTER TABLE {t.object} RENAME amount_ TO low;"), ("swapped",))


def make_anew(world, session):
    """Another table under the same name; now and then none."""
    table = by_name("reborn")
    flaw = world.random.choice([{}, *FLAWS])
    new = table.create() + table.insert(world.random.randint(1, 60), flaw) if world.random.random() < 0.9 else ""
    exclusive(world, session, lambda t: ONE.format(f"DROP TABLE IF EXISTS {t.object}; {new}"), ("reborn",))


def attach(world, session):
    """A part of the rows leaves the table, or comes back, and no row is touched."""
    exclusive(world, session, lambda t: """DO $$ BEGIN
        IF EXISTS (SELECT FROM pg_inherits WHERE inhrelid = 'public.parts_1'::regclass)
        THEN ALTER TABLE public.parts DETACH PARTITION public.parts_1;
        ELSE ALTER TABLE public.parts DROP CONSTRAINT IF EXISTS parts_span;
         ALTER TABLE public.parts_1 DROP CONSTRAINT IF EXISTS parts_span;
         ALTER TABLE public.parts ATTACH PARTITION public.parts_1 FOR VALUES FROM (MINVALUE) TO (4000); END IF; END $$;""",
              ("parts",))


def limit(world, session):
    """Rows break a rule because of what another table says."""
    if "limits" not in world.busy(session):
        world.do(session, f"UPDATE public.limits SET top = {world.random.choice((10, 50, 95))};")


def replace_function(world, session):
    world.do(session, JUDGE.format(limit=world.random.choice((0, 20, 50))))


def expire(world, session):
    """Rows break a rule because time goes on, and nothing else happens."""
    world.do(session, by_name("clocked").insert(2, {"expires": "clock_timestamp() + interval '150 ms'"}))
    world.must_wait = True


def keys(world, session):
    """Foreign keys: without enforcement for a while, in which rows may come that have no parent."""
    child = by_name("child")
    orphans = child.insert(2, {"parent": "- i"})
    drop = "ALTER TABLE public.child DROP CONSTRAINT IF EXISTS child_parent, DROP CONSTRAINT IF EXISTS child_pair;"
    clean = "DELETE FROM public.child WHERE parent < 0;"
    free = ("DELETE FROM public.child c WHERE NOT EXISTS"
            " (SELECT FROM public.parent p WHERE p.id = c.parent AND p.low = c.low);")
    texts = [drop, drop + orphans + random_tables.KEYS, orphans, clean, random_tables.KEYS,
             "ALTER TABLE public.child VALIDATE CONSTRAINT child_parent;",
             "ALTER TABLE public.child DISABLE TRIGGER ALL;", *3 * ["ALTER TABLE public.child ENABLE TRIGGER ALL;"],
             f"ALTER TABLE public.child DISABLE TRIGGER ALL; {orphans} ALTER TABLE public.child ENABLE TRIGGER ALL;",
             f"{free} ALTER TABLE public.child VALIDATE CONSTRAINT child_parent, VALIDATE CONSTRAINT child_pair;"]
    if world.major >= 18:
        texts.append("ALTER TABLE public.child ALTER CONSTRAINT child_parent NOT ENFORCED;")
        texts.append("ALTER TABLE public.child ALTER CONSTRAINT child_parent ENFORCED;")
    exclusive(world, session, lambda t: ONE.format(world.random.choice(texts)), ("child",))


def hold(world, session):
    """A table that no one can look at until the transaction ends, and what becomes of it then."""
    if world.held() or world.is_calm:
        return
    free = free_tables(world, session, HOLDABLE)
    if not free:
        return
    table = world.random.choice(free)
    session.is_open = True
    session.held = {table.name}
    text = world.random.choice(("LOCK TABLE {0};", "TRUNCATE {0};", "ALTER TABLE {0} ADD COLUMN IF NOT EXISTS spare int;"))
    world.do(session, "BEGIN; " + text.format(table.object), table)
    world.do(session, dml(world, table), table)


def index(world, session):
    exclusive(world, session, lambda t: "DROP INDEX IF EXISTS public.indexed_amount_idx;"
              if world.random.random() < 0.4 else
              "CREATE INDEX IF NOT EXISTS indexed_amount_idx ON public.indexed (amount);", ("indexed",))


def end_prepared(world, session):
    if world.prepared:
        name = world.random.choice(sorted(world.prepared))
        world.do(session, f"{world.random.choice(('COMMIT', 'ROLLBACK'))} PREPARED '{name}';")
        del world.prepared[name]


def lose_connection(world, session):
    """The daemon's own session ends."""
    world.do(session, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'pgvigil';")


OUTSIDE = {write: 44, begin: 18, rush: 18, mend: 14, vacuum: 10, write_and_vacuum: 14, empty: 2, rewrite: 2, negate: 3,
           constraint: 7, not_enforced: 1, not_null: 3, spare: 2, level: 3, swap: 3, make_anew: 3, attach: 3, limit: 3,
           replace_function: 3, expire: 2, keys: 6, hold: 3, index: 2, end_prepared: 6, lose_connection: 1}


def end(session, world, text):
    world.do(session, text)
    world.has_altered |= bool(session.held)
    session.forget()


def commit(world, session):
    end(session, world, "COMMIT;")


def rollback(world, session):
    end(session, world, "ROLLBACK;")


def savepoint(world, session):
    table = writable(world, session)
    world.do(session, f"SAVEPOINT s; {dml(world, table)} ROLLBACK TO s; {dml(world, table)}", table)


def prepare(world, session):
    """It outlives its session and a crash."""
    if session.held or len(world.prepared) > 2:
        return rollback(world, session)
    name = f"p{len(world.journal)}"
    lines = world.do(session, f"PREPARE TRANSACTION '{name}';")
    if not any(line.startswith("ERROR") for line in lines):
        world.prepared[name] = session.touched
    # An aborted transaction cannot be prepared: it ends so.
    end(session, world, "ROLLBACK;")


def end_all(world):
    """No transaction is open or prepared."""
    began = len(world.journal)
    for session in world.writers:
        if session.is_open:
            commit(world, session)
    while world.prepared:
        end_prepared(world, world.writers[0])
    return world.journal[began:]


INSIDE = {write: 34, mend: 8, savepoint: 8, commit: 28, rollback: 14, prepare: 8}


def change_weather(world):
    """In calm weather no transaction outlives its batch, so that VACUUM can clean all that it meets."""
    world.is_calm = not world.is_calm
    if world.is_calm:
        end_all(world)


def act(world):
    """One op of one writer."""
    session = world.random.choice(world.writers)
    ops = INSIDE if session.is_open else OUTSIDE
    world.random.choices(list(ops), list(ops.values()))[0](world, session)
