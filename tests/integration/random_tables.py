"""The tables of the random world and the rules on them, as data and the SQL that it makes.

Every table has the same columns, so that one generator writes to all, and at most one CHECK of the
catalog that comes and goes: the statements of a poll are then the same few, whatever it meets, and the
audit can know them all. All other rules are configured, without a constraint.
"""
from dataclasses import dataclass, field

from lab import quote

# What a row holds where nothing breaks a rule; {n} is a number of the row.
GOOD = {"amount": "1 + {n} % 90", "low": "{n} % 10", "high": "{n} % 10 + 1", "note": "'n' || {n}"}
TYPES = {"amount": "int", "low": "int", "high": "int", "note": "text"}
# What breaks one, and what looks as if it did: NULL breaks nothing.
FLAWS = [{"amount": "- {n}"}, {"amount": "- {n}"}, {"low": "9", "high": "1"}, {"note": "''"},
         {"amount": "NULL"}, {"low": "NULL", "high": "-5"}, {"note": "NULL"}]
POSITIVE, SPAN, NOTE = "{amount} > 0", "{low} <= {high}", "{note} <> '' AND char_length({note}) < 20"
SEQUENCE = "public.ids"


@dataclass(frozen=True)
class Made:
    """One table. Names are SQL, quoted where they must be."""
    name: str
    rules: dict = field(default_factory=dict)   # configured: name → expression
    check: tuple = ()                           # the one CHECK that comes and goes: name, expression, ending
    rows: int = 60
    key: str = "PRIMARY KEY"
    head: str = "CREATE TABLE"
    tail: str = ""
    after: str = ""                             # more SQL, when it is made
    pad: int = 0                                # bytes that make a row wide
    names: dict = field(default_factory=dict)   # of columns that are called otherwise
    extra: dict = field(default_factory=dict)   # column → type, good value
    good: dict = field(default_factory=dict)    # what differs from GOOD
    own_flaws: tuple = ()                       # of the extra columns
    family: tuple = ()                          # tables whose locks it shares

    @property
    def object(self):
        return f"public.{self.name}"

    def column(self, name):
        return self.names.get(name, name)

    def text(self, expression):
        return expression.format(**{name: self.column(name) for name in GOOD})

    @property
    def flaws(self):
        """Changes of a row that one of its rules may see."""
        rules = "".join(self.rules.values()) + "".join(self.check[1:2])
        return [flaw for flaw in FLAWS if any(f"{{{name}}}" in rules for name in flaw)] + list(self.own_flaws)

    def values(self, *changes):
        """{column: expression of {n}}"""
        good = {**GOOD, **{name: value for name, (_, value) in self.extra.items()}, **self.good}
        for change in changes:
            good.update(change)
        return good

    def create(self):
        columns = [f"id int DEFAULT nextval('{SEQUENCE}') {self.key}"]
        columns += [f"{self.column(name)} {type_of}" for name, type_of in TYPES.items()]
        columns += [f"{name} {type_of}" for name, (type_of, _) in self.extra.items()]
        if self.pad:
            columns.append(f"pad text DEFAULT repeat('x', {self.pad})")
        plain = f"ALTER TABLE {self.object} ALTER pad SET STORAGE PLAIN; " if self.pad else ""
        return f"{self.head} {self.object} ({', '.join(columns)}) {self.tail}; {self.after}{plain}"

    def insert(self, rows, *changes):
        values = {self.column(name): value.format(n="i") for name, value in self.values(*changes).items()}
        return (f"INSERT INTO {self.object} ({', '.join(values)}) SELECT {', '.join(values.values())}"
                f" FROM generate_series(1, {rows}) i;")

    def update(self, where, changes):
        number = f"{self.name}.id"
        sets = ", ".join(f"{self.column(name)} = {value.format(n=number)}" for name, value in changes.items())
        return f"UPDATE {self.object} SET {sets} WHERE {where};"

    def add_check(self, valid=False):
        name, expression, ending = self.check
        return (f"ALTER TABLE {self.object} ADD CONSTRAINT {name} CHECK ({self.text(expression)}) {ending}"
                f"{'' if valid else ' NOT VALID'};")


# Made first: its rows have the first numbers, later ones go to the default.
LEAVES = """CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (MINVALUE) TO (4000);
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (4000) TO (20000);
CREATE TABLE parts_3 PARTITION OF parts DEFAULT;"""
KEYS = """ALTER TABLE public.child ADD CONSTRAINT child_parent FOREIGN KEY (parent) REFERENCES public.parent NOT VALID;
ALTER TABLE public.child ADD CONSTRAINT child_pair FOREIGN KEY (parent, low) REFERENCES public.parent (id, low) NOT VALID;"""
PARENT = "(SELECT {} FROM public.parent ORDER BY id OFFSET {{n}} % 20 LIMIT 1)"
PARENT_KEYS = "CREATE UNIQUE INDEX parent_pair ON public.parent (id, low); "
JUDGE = "CREATE OR REPLACE FUNCTION public.judge(int) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT $1 > {limit}';"
# One constraint that is valid from the start: there is always something to prove.
LIMITS = "CREATE TABLE limits (top int CONSTRAINT limits_top CHECK (top > 0)); INSERT INTO limits VALUES (95);"
BEFORE = f"CREATE SEQUENCE {SEQUENCE}; {LIMITS} {JUDGE.format(limit=0)}\n"
LARGE, WIDE = 11000, 1500  # five rows a page, less what fillfactor leaves free: over 2,048 pages

TABLES = [
    Made("parts", {"parts_amount": POSITIVE}, ("parts_span", SPAN, ""), tail="PARTITION BY RANGE (id)", after=LEAVES,
         rows=LARGE, pad=WIDE),
    Made("small", {"small_span": SPAN, "small_note": NOTE}, ("small_amount", POSITIVE, "")),
    Made("keyless", {}, ("keyless_amount", POSITIVE, ""), key=""),
    Made("big", {"big_span": SPAN, "big_note": NOTE}, ("big_amount", POSITIVE, ""), rows=LARGE, pad=WIDE,
         tail="WITH (fillfactor = 80)"),
    Made("bigless", {"bigless_amount": POSITIVE}, ("bigless_span", SPAN, ""), rows=LARGE, pad=WIDE, key="",
         tail="WITH (fillfactor = 60)"),
    Made("indexed", {"indexed_amount": POSITIVE}, rows=LARGE, pad=WIDE,
         after="CREATE INDEX indexed_amount_idx ON public.indexed (amount);"),
    Made("ancestor", {"ancestor_span": SPAN}, ("ancestor_amount", POSITIVE, "NO INHERIT"),
         after="CREATE TABLE heir () INHERITS (ancestor);"
         " INSERT INTO heir (amount, low, high, note) VALUES (-1, 9, 1, ''), (1, 0, 1, 'n');"),
    Made("scratch", {"scratch_note": NOTE}, ("scratch_amount", POSITIVE, ""), head="CREATE UNLOGGED TABLE"),
    Made('"or""ders; -- é%s\\"', {'"span; ""of"" é"': SPAN}, ('"amount\'s %d"', POSITIVE, ""),
         names={"amount": '"a""mount; --"', "low": '"Low"', "high": '"hi gh"'}),
    Made("layered", {"layered_level": "level > 0"}),
    Made("reborn", {"reborn_amount": POSITIVE}),
    Made("swapped", {"swapped_amount": POSITIVE}),
    Made("clocked", {"clocked_expires": "expires > now()"}, extra={"expires": ("timestamptz", "now() + '1 day'")},
         own_flaws=({"expires": "now() - interval '1 day'"},)),
    Made("limited", {"limited_amount": "{amount} <= (SELECT max(top) FROM public.limits)"}, family=("limits",),
         own_flaws=({"amount": "1000"},)),
    Made("judged", {"judged_amount": "public.judge({amount})"}, own_flaws=({"note": "NULL"},)),
    Made("parent", {}, rows=200, after=PARENT_KEYS, family=("child",)),
    Made("child", {}, rows=LARGE, pad=WIDE, extra={"parent": ("int", PARENT.format("id"))},
         good={"low": PARENT.format("low")}, own_flaws=({"parent": "- {n}"}, {"parent": "NULL"}, {"low": "-1"}),
         family=("parent",)),
]
# Tables in which nothing hangs on another: an open transaction may hold them across polls.
HOLDABLE = ("small", "keyless", "bigless", "scratch", "judged")


def by_name(name):
    return next(table for table in TABLES if table.name == name)


def world_sql():
    """All tables and rows; without constraints. Rows are planted by the generator."""
    return BEFORE + "\n".join(table.create() + table.insert(table.rows) for table in TABLES)


def constraints_sql():
    return "\n".join(table.add_check() for table in TABLES if table.check) + KEYS


def configuration():
    """The rules of the configuration, for a target's body."""
    rules = [f"{{ table = {quote(table.name)}; name = {quote(name)}; check = {quote(table.text(expression))};"
             " enforced = false; }" for table in TABLES for name, expression in table.rules.items()]
    return f"constraints = ( {', '.join(rules)} );"
