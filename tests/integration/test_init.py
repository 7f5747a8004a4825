"""`pgvigil init`: what it writes is a right configuration of the same database, or SQL that runs as it is."""
import os
import re

from lab import PG_BIN, check_json, directory, pgvigil, run, shared, target, wait_for


def written(text):
    """A file of `init`, which `config` must accept."""
    path = directory("init") / "pgvigil.conf"
    path.write_text(text)
    path.chmod(0o600)
    result = pgvigil("config", "-c", path)
    assert result.returncode == 0, result.stderr + text
    return path


ALIKE = """CREATE TABLE u (id int PRIMARY KEY, a text, b text, "C" text, was int);
CREATE INDEX plain ON u (a, b); CREATE INDEX covering ON u (a, b) INCLUDE (id); CREATE INDEX twin ON u (a, b);
CREATE UNIQUE INDEX single ON u (b, a); CREATE INDEX beside ON u (b, a);
CREATE INDEX down ON u (a DESC); CREATE INDEX up ON u (a); CREATE INDEX hashed ON u USING hash (a);
CREATE INDEX pattern ON u (a text_pattern_ops); CREATE INDEX "Upper" ON u ("C");
CREATE INDEX alone ON u (b, id); CREATE INDEX twice ON u (id, id); CREATE INDEX renamed ON u (was);
ALTER TABLE u RENAME was TO renewed;"""


def test_indexes_that_share_their_columns_are_told_apart_by_name(lab):
    name = shared.get() and shared.empty(ALIKE)
    text = pgvigil("init", shared.cluster.conninfo(name, "pgvigil"), check=True).stdout
    path = written(text)
    for index in ("plain", "covering", "twin", "single", "beside", "down", "up", "hashed", "pattern"):
        assert f'name = "{index}";' in text, (index, text)
    for index in ("Upper", "alone", "twice", "renamed"):
        assert f'name = "{index}";' not in text, (index, text)
    report, _ = check_json("-c", path)
    wrong = [f for f in report["findings"] if f["kind"] == "index" and f["status"] != "pass"]
    assert not wrong and report["scope"]["checked"] == report["scope"]["total"], wrong
    shared.cluster.sql("DROP INDEX renamed", name)
    report, _ = check_json("-c", path)
    assert [f["reason"] for f in report["findings"] if f["name"] == "(renewed)"] == ["missing"], report


def test_the_conninfo_that_is_written_reaches_the_same_database_in_the_daemon(lab):
    cluster, table = shared.get(), "CREATE TABLE seen (id int); CREATE SCHEMA other; CREATE TABLE other.t (id int PRIMARY KEY);"
    name = shared.empty(table + "GRANT USAGE ON SCHEMA other TO PUBLIC; GRANT SELECT ON other.t TO PUBLIC;")
    odd = f"""it's \\ "{name}\""""
    quoted = odd.replace('"', '""')
    cluster.sql(f'CREATE DATABASE "{quoted}" TEMPLATE {name}')
    service = directory("service") / "services"
    service.write_text(f"[seen]\nhost={cluster.dir}\nport={cluster.port}\ndbname={name}\npassword=GEHEIM\n")
    libpq = odd.replace("\\", "\\\\").replace("'", "\\'")
    for conninfo, env, database, schema in (
            ("user=pgvigil", {"PGHOST": str(cluster.dir), "PGPORT": str(cluster.port), "PGDATABASE": name}, name, "public"),
            (f"host={cluster.dir} port={cluster.port}", {"PGDATABASE": odd, "PGUSER": "pgvigil", "PGPASSWORD": "GEHEIM"}, odd, "public"),
            (f"host={cluster.dir} port={cluster.port} user=pgvigil dbname='{libpq}' options='-c work_mem=5MB' passfile='/a b'",
             {}, odd, "public"),
            ("service=seen user=pgvigil", {"PGSERVICEFILE": str(service)}, name, "public"),
            (f"postgresql://pgvigil:GEHEIM@127.0.0.1:{cluster.port}/{name}?schema=other&target_session_attrs=any", {}, name, "other")):
        result = pgvigil("init", conninfo, check=True, env={**os.environ, **env})
        text = result.stdout
        path = written(text)
        assert "GEHEIM" not in text and f'schemas = [ "{schema}" ]' in text + 'schemas = [ "public" ]', text
        assert ("is not whole" in text) == ("GEHEIM" in conninfo + str(env) or "service" in conninfo), text
        assert ("work_mem=5MB" in text and "passfile='/a b'" in text) == ("work_mem" in conninfo), text
        assert ("target_session_attrs=any" in text) == ("target_session" in conninfo), text
        daemon = lab.daemon([], start=False)
        daemon.write(re.search(r"targets = \(\n(.*)\n\);", text, re.S).group(1))
        daemon.start()
        wait_for(lambda: daemon.get("/readyz")[0] == 200, "the first round")
        backends = cluster.sql("SELECT datname FROM pg_stat_activity WHERE application_name LIKE 'pgvigil%'")
        assert backends == [[database]], (backends, text)
        daemon.stop()


def test_a_configuration_of_several_targets_stays_one_file(lab):
    cluster, names = shared.get(), [shared.empty("CREATE TABLE t (id int CHECK (id > 0))") for _ in range(2)]
    path = directory("several") / "pgvigil.conf"
    path.write_text("targets = (" + ",".join(target(f"t{i}", cluster.conninfo(name, "pgvigil")) for i, name in enumerate(names)) + ");")
    path.chmod(0o600)
    text = pgvigil("init", "-c", path, check=True).stdout
    report, _ = check_json("-c", written(text))
    assert {f["target"] for f in report["findings"] if f["kind"] == "constraint"} == {"t0", "t1"}, text


def apply(cluster, grants, database, user="postgres"):
    """As one transaction that ends at the first error."""
    path = directory("grants") / "grants.sql"
    path.write_text(grants)
    run([PG_BIN / "psql", "-X", "-1", "-v", "ON_ERROR_STOP=1", "-f", path, cluster.conninfo(database, user)])


def green(cluster, database, role):
    report, _ = check_json("--conninfo", cluster.conninfo(database, role))
    bad = [f for f in report["findings"] if f["status"] not in ("pass", "skipped")]
    assert not bad and report["scope"]["checked"] == report["scope"]["total"] > 0, bad


def test_grants_run_again_and_in_a_second_database(lab):
    cluster = lab.cluster().start()
    for name in ("first", "Second db"):
        cluster.sql(f'CREATE DATABASE "{name}"')
        database = f"'{name}'"
        cluster.sql('CREATE TABLE t (id int CHECK (id > 0)); CREATE TABLE "T t" (id int PRIMARY KEY)', database)
        grants = pgvigil("init", "--grants", cluster.conninfo(database), check=True).stdout
        apply(cluster, grants, database)
        apply(cluster, grants, database)
        green(cluster, database, "pgvigil")
    # The owner of a second database needs no right over roles.
    cluster.sql("CREATE ROLE app LOGIN; CREATE DATABASE third OWNER app")
    cluster.sql("ALTER SCHEMA public OWNER TO app; SET ROLE app; CREATE TABLE t (id int CHECK (id > 0))", "third")
    grants = pgvigil("init", "--grants", cluster.conninfo("third", "app"), check=True).stdout
    assert " TO app" not in grants and "ROLE app" not in grants, grants
    apply(cluster, grants, "third", "app")
    green(cluster, "third", "pgvigil")


def test_grants_are_for_the_role_that_the_configuration_watches_with(lab):
    cluster = lab.cluster().start()
    odd = 'Mon "x" $$;--'
    quoted = '"' + odd.replace('"', '""') + '"'
    cluster.sql(f"CREATE TABLE t (id int CHECK (id > 0)); CREATE ROLE {quoted} LOGIN; CREATE ROLE mon LOGIN")
    for role, name in (("mon", "mon"), (f"'{odd}'", quoted)):
        path = directory("watch") / "pgvigil.conf"
        path.write_text(f"targets = ({target('a', cluster.conninfo(user=role))});")
        path.chmod(0o600)
        grants = pgvigil("init", "--grants", "-c", path, check=True).stdout
        assert "CREATE ROLE" not in grants and " TO pgvigil" not in grants and f" TO {name};" in grants, grants
        apply(cluster, grants, "postgres")
        apply(cluster, pgvigil("init", "--grants", "-c", path, check=True).stdout, "postgres")
        green(cluster, "postgres", role)


def test_a_check_as_the_application_or_a_superuser_tells_to_make_a_role_and_takes_nothing(lab):
    cluster = lab.cluster().start()
    cluster.sql("CREATE ROLE app LOGIN; CREATE ROLE worker LOGIN; CREATE DATABASE shop OWNER app")
    cluster.sql("CREATE TABLE t (id int); GRANT ALL ON t TO worker; ALTER TABLE t OWNER TO app", "shop")
    for role, word in (("app", "owns watched tables (1)"), ("worker", "may write watched tables (1)"), ("postgres", "SUPERUSER")):
        report, _ = check_json(f"postgresql://{role}@127.0.0.1:{cluster.port}/shop?schema=public")
        finding = [f for f in report["findings"] if f["kind"] == "privilege" and f["name"] == "role"][0]
        assert finding["status"] == "warn" and word in finding["summary"], finding
        assert "pgvigil init --grants" in finding["hint"], finding
        assert not re.search("REVOKE|ALTER ROLE", str(finding)), finding
