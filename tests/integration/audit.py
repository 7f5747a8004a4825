"""The audit: every statement that pgvigil ran is one that `pgvigil check --explain` lists.

What --explain printed, while the tests ran, of every configuration and command that they used is
gathered here; at the end it must hold everything that the servers' logs say pgvigil ran. Statements
are compared whole, white space aside: there is no pattern that a foreign statement could match.
"""
import re

APPLICATION = "pgvigil"
# The other name that may be seen: `pgvigil init` reads the catalog and is no check.
OTHERS = {"pgvigil init"}
LISTED = set()
# Of what a log line holds: a statement that ran, or one that failed before it could run.
RAN = re.compile(r"(?:execute [^:]*|statement): (.*)", re.S)
HEAD = re.compile(r"\d{4}-\d\d-\d\d [^|]*\|\d+\|([^|]*)\|([^|]*)\|(\w+): +(.*)")


def normal(text):
    return " ".join(text.split())


def text_of(line):
    """A server writes its log in the encoding of the session's database."""
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode("latin-1")


def statements_of(output):
    """The statements in what --explain prints: each ends in a semicolon at the end of a block or line."""
    found = set()
    for block in output.strip("\n").split("\n\n-- target "):
        head, _, body = block.partition("\n")
        while body.startswith("-- "):
            body = body.partition("\n")[2]
        # Around every statement: several, a line each.
        parts = body.split(";\n") if head.endswith(": around every statement") else [body]
        found.update(normal(part.strip().rstrip(";")) for part in parts if part.strip())
    return found


def logged(cluster, database=None, begin=0):
    """{statement: database} of what pgvigil sent, run or refused, out of the server's log from byte `begin` on."""
    found, current, place = {}, None, None

    def keep():
        if current is not None:
            found[normal(current)] = place

    if not cluster.log.exists():
        return found
    for line in map(text_of, cluster.log.read_bytes()[begin:].split(b"\n")):
        head = HEAD.match(line)
        if not head:
            current = None if current is None else current + "\n" + line
            continue
        keep()
        current, place = None, head.group(2)
        if not head.group(1).startswith(APPLICATION) or head.group(1) in OTHERS or database not in (None, place):
            continue
        if head.group(3) == "STATEMENT":
            current = head.group(4)
        elif head.group(3) == "LOG" and (ran := RAN.match(head.group(4))):
            current = ran.group(1)
    keep()
    return found


def ran(clusters):
    """{statement: database} of everything that these servers saw of pgvigil."""
    return {text: database for cluster in clusters for text, database in logged(cluster).items()}
