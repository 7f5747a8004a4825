"""Prisma's own command, out of npm packages: fetched once into a cache, run in a project directory of a test's."""
import fcntl
import os
import shutil
import subprocess
from pathlib import Path

from lab import ROOT, SHOP, directory, run

# The last one whose command runs on the engine that the package holds; the native one is a download.
VERSION = "6.19.3"
CACHE = Path(os.environ.get("PGVIGIL_PRISMA", "/var/cache/pgvigil-test/prisma"))
ANY_FILE = "/bin/true"  # the command wants to see its native engines, and uses none


def _modules():
    CACHE.mkdir(parents=True, exist_ok=True)
    place = CACHE / VERSION
    with open(CACHE / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.exists():
            work = CACHE / "new"
            shutil.rmtree(work, ignore_errors=True)
            work.mkdir()
            run(["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--silent", "--prefix", work,
                 f"prisma@{VERSION}", f"@prisma/adapter-pg@{VERSION}"])
            work.rename(place)
    return place / "node_modules"


class Prisma:
    """A project with the shop's migrations; `dir` / "migrations" is what its database is given."""

    def __init__(self, cluster, database):
        self.dir = directory("prisma")
        for name in ("prisma.config.ts", "schema.prisma"):
            shutil.copy(ROOT / "tests" / "prisma" / name, self.dir)
        shutil.copytree(SHOP / "migrations", self.dir / "migrations")
        (self.dir / "node_modules").symlink_to(_modules())
        run(["chmod", "-R", "a+rX", self.dir])
        self.env = {**os.environ, "PGHOST": "127.0.0.1", "PGPORT": str(cluster.port), "PGUSER": "postgres",
                    "PGDATABASE": database, "DATABASE_URL": "postgresql://unused", "CHECKPOINT_DISABLE": "1",
                    "PRISMA_HIDE_UPDATE_MESSAGE": "1", "PRISMA_QUERY_ENGINE_LIBRARY": ANY_FILE,
                    "PRISMA_SCHEMA_ENGINE_BINARY": ANY_FILE}

    def migrate(self, *arguments):
        """`prisma migrate …`: (exit code, all that it said)."""
        result = subprocess.run(["node", "node_modules/prisma/build/index.js", "migrate", *arguments], cwd=self.dir,
                                env=self.env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                stdin=subprocess.DEVNULL, timeout=300, check=False)
        return result.returncode, result.stdout
