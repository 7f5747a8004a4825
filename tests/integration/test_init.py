"""`pgvigil init`: what it writes is a right configuration of the same database, or SQL that runs as it is."""
from lab import check_json, directory, pgvigil, shared


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
