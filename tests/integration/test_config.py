"""The configuration end to end: what is refused and how, reloads, `pgvigil config`."""
import os
import re
import socket
import time

from lab import ROLE, ROOT, check_json, directory, free_port, give_to_service, pgvigil, shared, target, wait_for, waits

TABLE = """CREATE TABLE t (id int PRIMARY KEY, amount int); INSERT INTO t SELECT i, i - 1 FROM generate_series(1, 100) i;
ALTER TABLE t ADD CONSTRAINT positive CHECK (amount > 0) NOT VALID;"""
GOOD = """http: {
    listen = [ "127.0.0.1:0" ];
};
targets = (
    {
        name = "shop";
        conninfo = "host=/nowhere dbname=shop";
        intervals: { activity = "5s"; };
    }
);
"""


def written(content, path=None):
    path = path or give_to_service(directory("config")) / "pgvigil.conf"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    path.chmod(0o600)
    return give_to_service(path)


def refused(path, *words):
    """Both `config` and `serve` end at once with 78 and say why, with the place."""
    for command in ("config", "serve"):
        began = time.monotonic()
        result = pgvigil(command, "-c", path, service=True)
        assert result.returncode == 78, (command, words, result.returncode, result.stderr)
        assert time.monotonic() - began < 20, (command, words)
        said = [line.removeprefix("pgvigil: ") for line in result.stderr.splitlines()]
        assert said and said[0].startswith(f"{path}:"), (command, said)
        for word in words:
            assert any(word in line for line in said), (command, word, said)


def at(line, text):
    return f":{line}: {text}" if text else f":{line}: "


def test_a_good_file_is_in_order_and_its_crlf_form_too(lab):
    for text in (GOOD, GOOD.replace("\n", "\r\n")):
        result = pgvigil("config", "-c", written(text), service=True)
        assert result.returncode == 0 and "in order, 1 target" in result.stdout, result.stderr
        assert pgvigil("config", "-q", "-c", written(text), service=True).stdout == ""


def test_c1_a_truncated_file_is_refused_with_its_line(lab):
    for name in ("unterminated string", "comment", "bracket"):
        text = {"unterminated string": GOOD.replace('"shop";\n', '"shop;\n'), "comment": GOOD.replace("targets", "/* targets"),
                "bracket": GOOD.replace("    }\n);", "")}[name]
        refused(written(text), {"unterminated string": "never closed", "comment": at(4, "this comment is never closed"),
                                "bracket": "never closed"}[name])
    path = written(GOOD)
    cuts = [*range(7, len(GOOD) - 3, 17)]
    for cut in cuts:
        written(GOOD[:cut], path)
        result = pgvigil("config", "-c", path, service=True)
        # A file cut between two settings is a shorter one; every other is told with its line.
        assert result.returncode == 78 or re.fullmatch(r"http: \{.*\};\s*(targets)?", GOOD[:cut], re.S), (cut, result.stderr)
        if result.returncode == 78:
            assert re.match(re.escape(str(path)) + r":\d+: ", result.stderr), (cut, result.stderr)


def test_c2_unknown_keys_and_wrong_types_are_all_told_at_once_with_the_nearest_key(lab):
    text = GOOD.replace("listen =", "lisen =").replace('name = "shop"', "name = 5").replace('"5s"', "5.0")
    text = text.replace("targets = (", "retentoin = \"15d\";\ntargets = (")
    refused(written(text), at(2, 'http.lisen: unknown key; did you mean "listen"?'),
            at(4, 'retentoin: unknown key; did you mean "retention"?'), at(7, "targets[1].name: expected a string, found an"),
            at(9, "targets[1].intervals.activity: expected a duration"))
    refused(written(GOOD.replace("name =", "nmae =")), "name", at(6, ""))
    refused(written(GOOD.replace('conninfo = "host=/nowhere dbname=shop"', 'conninfo = "hots=/nowhere"')), at(7, ""), "hots")
    refused(written(GOOD.replace('"127.0.0.1:0"', '"localhost"')), at(2, ""))


def test_c3_out_of_range_is_refused_with_the_limits(lab):
    for value in ("0", "-1", "65537", "2147483648", "4294967296", "4294972728", "0xFFFFFFFF", "9223372036854775807",
                  "9223372036854775808", "99999999999999999999", "1e20", "1e999", "8.0"):
        refused(written(GOOD.replace('listen =', f'max_connections = {value};\n    listen =')), at(2, ""), "max_connections")
    for value in ("8", "65536", "0x100"):
        good = written(GOOD.replace('listen =', f'max_connections = {value};\n    listen ='))
        assert pgvigil("config", "-c", good, service=True).returncode == 0, value
    for value in ("0s", "1us", "5", "five", "-5s", "99999999999999999999s", "2d", "5 parsecs", ""):
        refused(written(GOOD.replace('"5s"', f'"{value}"')), at(8, ""), "activity")


def test_c4_duplicates_name_both_lines(lab):
    twice = GOOD.replace("    }\n);", '    },\n    {\n        name = "SHOP";\n        conninfo = "dbname=b";\n    }\n);')
    refused(written(twice.replace("SHOP", "shop")), at(10, ""), "line 5")
    refused(written(twice), "line 5")
    refused(written(GOOD.replace("};\n", "};\nhttp: { };\n", 1)), at(4, ""), "line 1")
    refused(written(GOOD.replace('name = "shop";', 'name = "shop"; name = "shop2";')), at(6, "name stands already on line 6"))


def test_c5_includes_are_refused_whatever_they_name(lab):
    place = give_to_service(directory("include"))
    os.mkfifo(place / "fifo")
    (place / "loop").symlink_to(place / "loop")
    for name in (place, place / "fifo", place / "missing", place / "loop", "/etc/shadow", "/dev/zero", "pgvigil.conf"):
        refused(written(f'@include "{name}"\n' + GOOD), at(1, "'@' is not allowed"))


def test_c6_what_is_no_file_of_ours_is_refused_at_once(lab):
    place = give_to_service(directory("files"))
    os.mkfifo(place / "fifo")
    for path in (place, place / "fifo", "/dev/zero", "/dev/null", "/dev/tty"):
        refused(path)
    (place / "link").symlink_to("/dev/zero")
    refused(place / "link", "is no regular file")
    refused(place / "missing", "cannot be opened: No such file or directory")
    refused(written("x = 1;" * 400000), "larger than 1 MiB")
    refused(written(b"\xef\xbb\xbf" + GOOD.encode()), at(1, "begins with a byte order mark"))
    refused(written(GOOD.replace("shop", "sh\0op", 1)), at(6, "holds a NUL byte"))
    refused(written(GOOD.encode().replace(b"shop", b"sh\xffop", 1)), at(6, "is not valid UTF-8"))
    refused(written(os.urandom(4096)))
    refused(written("".join(f"k{i} = 1;\n" for i in range(60000))))
    refused(written("(" * 5000))
    unreadable = written(GOOD)
    unreadable.chmod(0)
    if os.getuid() == 0:
        refused(unreadable, "cannot be opened: Permission denied")
    writable = written(GOOD)
    writable.chmod(0o666)
    refused(writable, "chmod go-w")
    empty = pgvigil("config", "-c", written(""), service=True)
    assert empty.returncode in (0, 78), empty.stderr


def test_a_secret_that_others_may_read_is_refused_and_never_repeated(lab):
    path = written(GOOD.replace("dbname=shop", "dbname=shop password=geheimnis"))
    assert pgvigil("config", "-c", path, service=True).returncode == 0
    dump = pgvigil("config", "--dump", "-c", path, service=True)
    assert dump.returncode == 0 and "geheimnis" not in dump.stdout
    path.chmod(0o644)
    refused(path, at(7, ""), "chmod 0600")
    # However wrong the file, what is in it is not shown.
    for broken in ("dbname=shop password='geheimnis", "postgres://u:geheimnis@h:x/shop", "dbname=shop pasword=geheimnis",
                   "postgres://u:geheimnis@h/shop?nosuch=1"):
        result = pgvigil("config", "-c", written(GOOD.replace("host=/nowhere dbname=shop", broken)), service=True)
        assert result.returncode == 78 and "geheimnis" not in result.stderr + result.stdout, (broken, result.stderr)


def test_a_dump_parses_again_to_the_same_dump(lab):
    for source in (GOOD, (ROOT / "conf" / "pgvigil.conf").read_text(), (ROOT / "conf" / "shop.conf").read_text(),
                   GOOD.replace("dbname=shop", "dbname='sh\\\\'op \\\\\\\\ ä' application_name=\\\"x")):
        first = pgvigil("config", "--dump", "-c", written(source), service=True)
        assert first.returncode == 0, first.stderr
        second = pgvigil("config", "--dump", "-c", written(first.stdout), service=True)
        assert second.returncode == 0 and second.stdout == first.stdout, second.stderr


OTHER = """CREATE TABLE t (id int PRIMARY KEY); CREATE SCHEMA other;
CREATE TABLE other.t (id int PRIMARY KEY, amount int CONSTRAINT positive CHECK (amount > 0));
ALTER TABLE other.t DROP CONSTRAINT positive; INSERT INTO other.t VALUES (1, 0);
ALTER TABLE other.t ADD CONSTRAINT positive CHECK (amount > 0) NOT VALID;
GRANT USAGE ON SCHEMA other TO pgvigil; GRANT SELECT ON other.t TO pgvigil;"""


def test_the_schema_of_a_database_url_is_what_is_watched_wherever_it_stands(lab):
    shared.get()
    name = shared.empty(ROLE + OTHER)
    url = f"postgresql://pgvigil@127.0.0.1:{shared.cluster.port}/{name}?schema=other&connection_limit=5"
    daemon = lab.daemon([target("a", url)])
    finding = daemon.wait_reason("constraint", "positive", "violated")
    assert finding["object"] == "other.t" and not [f for f in daemon.findings() if f["object"].startswith("public")]
    assert "targets[a].conninfo: ignored, as only Prisma knows them: connection_limit" in daemon.log()
    dump = pgvigil("config", "--dump", "-c", daemon.path, service=True)
    assert 'schemas = [ "other" ]' in dump.stdout and "connection_limit" in dump.stderr, dump
    again = pgvigil("config", "--dump", "-c", written(dump.stdout), service=True)
    assert again.stdout == dump.stdout, again.stderr
    report, _ = check_json("-c", daemon.path, service=True)
    assert [f["object"] for f in report["findings"] if f["name"] == "positive"] == ["other.t"]
    # Two that differ are no choice of ours, and a reload keeps what runs.
    daemon.write([target("a", url, 'schemas = [ "public" ];')])
    refused(daemon.path, 'schemas: lacks "other", for which conninfo (line ')
    daemon.reload()
    assert "reload failed" in daemon.log() and daemon.finding("constraint", "positive")["object"] == "other.t"


def test_a_credential_that_asks_for_another_schema_is_never_green(lab):
    shared.get()
    name = shared.empty(ROLE + OTHER)
    credentials = give_to_service(directory("credentials"))
    (credentials / "url").write_text(f"postgresql://pgvigil@127.0.0.1:{shared.cluster.port}/{name}?schema=other")
    daemon = lab.daemon([target("plain", "url", credential=True), target("told", "url", 'schemas = [ "other" ];', credential=True)],
                        extra_env={"CREDENTIALS_DIRECTORY": str(credentials)})
    wait_for(lambda: daemon.finding("constraint", "positive", target="told"), "the schema that is named")
    assert daemon.wait_state("plain", "config")["status"] == "fail"
    said = [f for f in daemon.findings(target="plain") if f["kind"] == "connection"]
    assert 'set "schemas" of this target' in said[0]["summary"], said


# Reloads.

def backends(database):
    return [int(pid) for pid, in shared.cluster.sql(
        f"SELECT pid FROM pg_stat_activity WHERE datname = '{database}' AND application_name LIKE 'pgvigil%'")]


class Pair:
    """A daemon over two databases `a` and `b`, both seen."""

    def __init__(self, lab, **kwargs):
        shared.get()
        self.names = [shared.empty(TABLE) for _ in range(3)]
        self.daemon = lab.daemon([self.target("a", 0), self.target("b", 1)], **kwargs)
        for name in ("a", "b"):
            wait_for(lambda name=name: self.daemon.code(f"/health/{name}") == 200, f"the first rounds of {name}")

    def target(self, name, database, **kwargs):
        limits = kwargs.pop("limits", 'max_age = "30s";')
        return target(name, shared.cluster.conninfo(self.names[database], "pgvigil"), limits=limits, **kwargs)

    def backend(self, database=0):
        return wait_for(lambda: backends(self.names[database]), "the connection")

    def reload(self, *targets):
        self.daemon.write(list(targets))
        self.daemon.reload()

    def runs(self, name="a"):
        return self.daemon.metric("pgvigil_check_runs_total", target=name, check="connection")


def test_c8_targets_come_go_and_change_and_the_others_never_notice(lab):
    pair = Pair(lab)
    daemon, before, other = pair.daemon, pair.backend(0), pair.backend(1)
    since = pair.daemon.finding("constraint", "positive", target="a")["since"]
    pair.daemon.wait_round("a", 3)
    runs = pair.runs()

    # One comes, one changes.
    pair.reload(pair.target("a", 0), pair.target("b", 1, every="700ms"), pair.target("c", 2))
    assert pair.runs() >= runs and daemon.code("/health/a") == 200
    wait_for(lambda: daemon.code("/health/c") == 200, "the new target")
    wait_for(lambda: daemon.code("/health/b") == 200, "the changed target")
    assert pair.backend(0) == before and daemon.state("a")["state"] == "degraded"
    # Its connection is the same in the file, and so it is on the server.
    schedule = [t for t in daemon.json("/api/v1/status")["targets"] if t["name"] == "b"][0]["schedule"]
    assert pair.backend(1) == other and {run["interval_s"] for run in schedule if run["check"] == "connection"} == {0.7}
    assert daemon.finding("constraint", "positive", target="a")["since"] == since
    assert daemon.metric("pgvigil_config_last_reload_successful") == 1

    # One goes: its series and its connection with it.
    pair.reload(pair.target("a", 0), pair.target("c", 2))
    assert 'target="b"' not in daemon.metrics() and 'target="c"' in daemon.metrics()
    assert daemon.code("/health/b") == 404 and daemon.code("/health/a") == 200
    wait_for(lambda: not backends(pair.names[1]), "the connection of what went")
    assert [t["name"] for t in daemon.json("/api/v1/status")["targets"]] == ["a", "c"]

    # One is renamed.
    pair.reload(pair.target("a", 0), pair.target("d", 2))
    wait_for(lambda: daemon.code("/health/d") == 200, "the renamed target")
    assert daemon.code("/health/c") == 404 and 'target="c"' not in daemon.metrics()
    assert pair.backend(0) == before and pair.runs() >= runs

    # The order of the file is the order of the answers.
    pair.reload(pair.target("d", 2), pair.target("a", 0))
    assert [t["name"] for t in daemon.json("/api/v1/status")["targets"]] == ["d", "a"]
    assert pair.backend(0) == before

    # None is left: that is a mistake, not a wish.
    pair.reload()
    assert "no targets" in daemon.log() and daemon.code("/health/a") == 200 and pair.backend(0) == before


@waits
def test_c8_a_target_that_comes_joins_the_global_answer_after_its_first_round(lab):
    pair = Pair(lab)
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen(8)
        slow = target("slow", f"host=127.0.0.1 port={mute.getsockname()[1]} user=x sslmode=disable",
                      limits='connect_timeout = "6s";')
        pair.reload(pair.target("a", 0), slow)
        assert pair.daemon.code("/health/slow") == 503 and pair.daemon.code("/health") == 200
        assert pair.daemon.code("/readyz") == 200
        pair.daemon.wait_state("slow", "unreachable", 60)
        assert pair.daemon.code("/health") == 503


def test_c8_a_changed_port_is_served_and_the_old_one_is_closed(lab):
    pair = Pair(lab)
    before, old, new = pair.backend(0), pair.daemon.port, free_port()
    pair.daemon.port = new
    pair.reload(pair.target("a", 0), pair.target("b", 1))
    assert pair.daemon.code("/health/a") == 200 and pair.backend(0) == before
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", old)) != 0
    assert pair.daemon.metric("pgvigil_http_requests_total", path="/livez", code="200") >= 1, "counters go on"


def test_c8_an_interval_changed_during_a_running_poll_takes_effect(lab):
    pair = Pair(lab)
    patient = 'max_age = "30s"; lock_timeout = "10s"; statement_timeout = "20s";'
    pair.reload(pair.target("a", 0), pair.target("b", 1, limits=patient))
    wait_for(lambda: pair.daemon.code("/health/b") == 200, "the patient target")
    database = pair.names[1]
    with shared.cluster.session(database, "BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE;"):
        wait_for(lambda: shared.cluster.sql(f"SELECT 1 FROM pg_stat_activity WHERE datname = '{database}' AND "
                                            "application_name LIKE 'pgvigil%' AND wait_event_type = 'Lock'"), "a poll to wait")
        old = backends(database)
        pair.reload(pair.target("a", 0), pair.target("b", 1, every="600ms"))
        assert pair.daemon.code("/livez") == 200 and pair.daemon.code("/health/a") == 200
        # The new one has its own connection at once and never waits for long.
        wait_for(lambda: pair.daemon.metric("pgvigil_check_runs_total", target="b", check="connection"), "a round meanwhile")
    wait_for(lambda: pair.daemon.code("/health/b") == 200, "the changed target")
    wait_for(lambda: len(backends(database)) == 1 and backends(database) != old, "the old connection to end", deadline=60)
    schedule = [t for t in pair.daemon.json("/api/v1/status")["targets"] if t["name"] == "b"][0]["schedule"]
    assert {run["interval_s"] for run in schedule if run["check"] == "constraint"} == {0.6}, schedule


RULE = '{{ table = "t"; name = "positive"; check = "amount > 0"; {} }}'


def test_c8_a_reload_never_opens_a_gate_nor_restarts_what_is_seen(lab):
    pair = Pair(lab)
    daemon, name, conninfo = pair.daemon, pair.names[1], shared.cluster.conninfo(pair.names[1], "pgvigil")
    other = '{ table = "t"; name = "other"; check = "id > 0"; enforced = false; }'

    def put(*rules, body="", **kwargs):
        # Polls seldom, so that what is seen between a reload and its first round can be seen.
        text = f'constraints = ( {", ".join(rules)} ); {body}'
        pair.reload(pair.target("a", 0), target("b", conninfo, text, every="10min", limits='max_age = "1h";', **kwargs))

    def rounds():
        return daemon.metric("pgvigil_check_runs_total", target="b", check="constraint")

    put(RULE.format("gate = true;"))
    daemon.wait_state("b", "gated")
    before, since, codes = pair.backend(1), daemon.finding("constraint", "positive", target="b")["since"], set()
    changes = {
        "severity": ((RULE.format('gate = true; severity = "warning";'),), {}),
        "one rule more": ((RULE.format("gate = true;"), other), {}),
        "one rule less": ((RULE.format("gate = true;"),), {}),
        "in_global": ((RULE.format("gate = true;"),), {"body": "in_global = false;"}),
        "intervals": ((RULE.format("gate = true;"),), {"intervals": 'catalog = "9min";'}),
        "threshold": ((RULE.format("gate = true; threshold = 1; for = 1;"),), {}),
    }
    for what, (rules, kwargs) in changes.items():
        runs, told = rounds(), daemon.log().count("/health/b is now")
        put(*rules, **kwargs)

        def watch():
            state, code = daemon.state("b"), daemon.code("/health/b")
            codes.add((code, state["state"]))
            doing = next(t["doing"] for t in daemon.json("/api/v1/status")["targets"] if t["name"] == "b")
            return rounds() > runs and doing is None  # a run counts before its round is applied
        wait_for(watch, f"the round after {what}", every=0.01)
        assert codes == {(503, "gated")}, (what, codes)
        assert pair.backend(1) == before and daemon.log().count("/health/b is now") == told, what
        finding = daemon.finding("constraint", "positive", target="b")
        assert finding["status"] == ("warn" if what == "severity" else "fail"), (what, finding)
        assert bool(daemon.finding("constraint", "other", target="b")) == (what == "one rule more"), what
        assert daemon.finding("connection", "connection", target="b")["since"] <= since, what
    assert daemon.code("/health") == 503, "in_global again"
    # Its rule goes: the gate opens, through settling, with a line in the log.
    put()
    wait_for(lambda: daemon.code("/health/b") == 200, "the gate to open")
    assert "/health/b is now 200" in daemon.log() and not daemon.finding("constraint", "nosuch", target="b")
    # Another connection is another target, and its code is told of.
    pair.reload(pair.target("a", 0), target("b", conninfo + " application_name=x", every="10min"))
    assert "/health/b is now 503: starting" in daemon.log()


def test_c8_a_gate_stays_when_the_first_round_of_new_rules_cannot_see(lab):
    pair = Pair(lab)
    daemon, conninfo = pair.daemon, shared.cluster.conninfo(pair.names[1], "pgvigil")
    more = RULE.format("gate = true;") + ', { table = "t"; name = "other"; check = "id > 0"; enforced = false; }'

    def put(rules):
        pair.reload(pair.target("a", 0), target("b", conninfo, f"constraints = ( {rules} );", limits='max_age = "1h";'))

    put(RULE.format("gate = true;"))
    daemon.wait_state("b", "gated")
    with shared.cluster.session(pair.names[1], "BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE;"):
        put(more)
        pair.daemon.wait_round("b", 3)
        assert daemon.finding("constraint", "other", target="b")["reason"] == "locked"
        state = daemon.state("b")
        assert state["state"] == "gated" and daemon.code("/health/b") == 503, state
        assert daemon.metric("pgvigil_constraint_violations", target="b", conname="positive") in (None, 1)


def test_c8_a_hundred_reloads_cost_nothing(lab):
    pair = Pair(lab)
    daemon, before = pair.daemon, pair.backend(0)
    changing = [pair.target("b", 1), pair.target("b", 1, every="700ms"), pair.target("b2", 1)]
    for i in range(6):
        pair.reload(pair.target("a", 0), changing[i % 3])
    # Rested: every target connected, nothing on its way.
    wait_for(lambda: daemon.code("/health/b2") == 200, "the last one")
    fds, memory, runs = daemon.fds(), daemon.rss(), pair.runs()
    for i in range(102):
        pair.reload(pair.target("a", 0), changing[i % 3])
    wait_for(lambda: daemon.code("/health/b2") == 200, "the last one")
    wait_for(lambda: daemon.fds() <= fds, "the descriptors to be those of before")
    assert pair.backend(0) == before and pair.runs() >= runs
    # The sanitizer keeps 16 MB of freed memory, and its own books; a leak is told at the end of the process.
    assert daemon.rss() < memory + 64 * 1024 * 1024, (memory, daemon.rss())
    wait_for(lambda: len(backends(pair.names[1])) == 1, "one connection to each")


def test_c9_a_reload_that_fails_keeps_everything(lab):
    pair = Pair(lab)
    daemon, before = pair.daemon, pair.backend(0)
    good = daemon.path.read_text()
    own = f"127.0.0.1:{daemon.port}"
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        in_use, free = f"127.0.0.1:{taken.getsockname()[1]}", f"127.0.0.1:{free_port()}"
        wrongs = {
            "port in use": good.replace(own, in_use),
            "one free, one in use": good.replace(f'"{own}"', f'"{free}", "{in_use}"'),
            "also a target less": good.replace(own, in_use).replace('name = "b"', 'name = "x"'),
            "syntax": good[:len(good) // 2],
            "unknown key": good.replace("state_dir", "state_dri"),
            "empty name": good.replace('name = "b"', 'name = ""'),
            "token file": good.replace("http: {", 'http: { token_file = "/nowhere/tokens";'),
        }
        for name, text in wrongs.items():
            assert text != good, name
            written(text, daemon.path)
            daemon.reload()
            assert "reload failed: the running configuration is kept" in daemon.log(), name
            assert daemon.metric("pgvigil_config_last_reload_successful") == 0, name
            assert daemon.code("/health/a") == 200 and daemon.code("/health/b") == 200, name
            assert daemon.code("/health/x") == 404 and daemon.code("/metrics") == 200, name
            assert pair.backend(0) == before, name
            with socket.socket() as probe:
                assert probe.connect_ex(("127.0.0.1", int(free.split(":")[1]))) != 0, name
    daemon.path.unlink()
    daemon.reload()
    assert daemon.code("/health/a") == 200 and "No such file" in daemon.log()
    written(good, daemon.path)
    daemon.reload()
    assert daemon.metric("pgvigil_config_last_reload_successful") == 1 and pair.backend(0) == before
