#!/usr/bin/env python3
"""The service as systemd sees it: what `meson install` puts where, what systemd-analyze says of the units, and a
real systemd in a throwaway guest that runs the daemon.

main.py [PATTERN…]. Closes with "N passed, N failed".
"""
import atexit
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BUILD = ROOT / os.environ.get("PGVIGIL_PLAIN", "build")
EXPOSURE = 1.1  # at most, as `systemd-analyze security` counts
UNITS = ("pgvigil.service", "pgvigil.socket")


def run(*command, check=True, **kwargs):
    result = subprocess.run([str(c) for c in command], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            stdin=subprocess.DEVNULL, check=False, **kwargs)
    assert not check or result.returncode == 0, f"{command} exited {result.returncode}\n{result.stdout}"
    return result


class Tree:
    """What `meson install` makes, below a directory of its own."""

    def __init__(self):
        self.root = Path(tempfile.mkdtemp(prefix="pgvigil-system."))
        atexit.register(shutil.rmtree, self.root, ignore_errors=True)
        self.root.chmod(0o755)
        run("meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", self.root)
        options = json.loads(run("meson", "introspect", BUILD, "--buildoptions").stdout)
        self.prefix = Path(next(option["value"] for option in options if option["name"] == "prefix"))

    def path(self, absolute):
        return self.root / str(absolute).lstrip("/")

    def unit(self, name):
        return self.path(self.prefix / "lib/systemd/system" / name)


def settings_of(unit):
    """{section: {key: [values]}} of a unit file."""
    found, section = {}, None
    for line in unit.read_text().splitlines():
        if line.startswith("["):
            section = found.setdefault(line.strip("[]"), {})
        elif line and not line.startswith("#"):
            key, _, value = line.partition("=")
            section.setdefault(key, []).append(value)
    return found


def with_systems_units(tree):
    """A copy of the tree in which systemd finds what the units refer to: its own units, and kill."""
    root = Path(tempfile.mkdtemp(prefix="pgvigil-system."))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    shutil.copytree(tree.root, root, symlinks=True, dirs_exist_ok=True)
    shutil.copytree("/usr/lib/systemd/system", root / "usr/lib/systemd/system", symlinks=True, dirs_exist_ok=True)
    (root / "bin").mkdir()
    shutil.copy("/bin/kill", root / "bin/kill")
    return root


def verify(root, unit):
    return run("systemd-analyze", "verify", "--recursive-errors=yes", "--man=no", f"--root={root}", unit, check=False)


def test_install_puts_everything_where_the_unit_expects_it(tree):
    service = settings_of(tree.unit("pgvigil.service"))["Service"]
    for key in ("ExecStart", "ExecReload"):
        for line in service[key]:
            program = line.split()[0]
            assert tree.path(program).exists() or program == "/bin/kill", line
    assert os.access(tree.path(service["ExecStart"][0].split()[0]), os.X_OK)
    share = tree.prefix / "share"
    for path in (share / "man/man1/pgvigil.1", share / "man/man1/pgvigil-serve.1", share / "man/man5/pgvigil.conf.5",
                 share / "bash-completion/completions/pgvigil", share / "doc/pgvigil/examples/pgvigil.conf",
                 share / "doc/pgvigil/examples/shop.conf", tree.prefix / "lib/sysusers.d/pgvigil.conf"):
        assert tree.path(path).is_file(), path
    # The configuration is the administrator's: an installation never overwrites it.
    assert not tree.path("/etc").exists()


def test_the_pages_that_the_units_name_are_installed(tree):
    for unit in UNITS:
        for page in " ".join(settings_of(tree.unit(unit))["Unit"]["Documentation"]).split():
            name, section = re.fullmatch(r"man:(.+)\((\d)\)", page).groups()
            assert tree.path(tree.prefix / f"share/man/man{section}/{name}.{section}").is_file(), page


def test_systemd_finds_no_fault_in_the_units(tree):
    root = with_systems_units(tree)
    for unit in UNITS:
        result = verify(root, unit)
        assert result.returncode == 0 and not result.stdout.strip(), result.stdout


def test_systemd_would_find_a_misspelt_key(tree):
    root = with_systems_units(tree)
    unit = root / tree.unit("pgvigil.service").relative_to(tree.root)
    unit.write_text(unit.read_text().replace("ProtectHome=", "ProtectHom="))
    result = verify(root, "pgvigil.service")
    assert result.returncode != 0 and "ProtectHom" in result.stdout, result.stdout


def test_the_exposure_is_small(tree):
    result = run("systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE * 10:.0f}", "--no-pager",
                 tree.unit("pgvigil.service"))
    exposure = float(re.search(r"exposure level for pgvigil\.service: ([\d.]+)", result.stdout).group(1))
    assert 0 < exposure <= EXPOSURE, exposure


def test_sysusers_makes_the_user_of_the_unit(tree):
    shown = run("systemd-sysusers", f"--root={tree.root}", "--dry-run",
                tree.path(tree.prefix / "lib/sysusers.d/pgvigil.conf")).stdout
    service = settings_of(tree.unit("pgvigil.service"))["Service"]
    assert service["User"] == service["Group"] == ["pgvigil"]
    assert "Creating user 'pgvigil'" in shown and "Creating group 'pgvigil'" in shown, shown


def test_the_examples_are_valid(tree):
    binary = tree.path(settings_of(tree.unit("pgvigil.service"))["Service"]["ExecStart"][0].split()[0])
    for name in ("pgvigil.conf", "shop.conf"):
        run(binary, "config", "-q", "-c", tree.path(tree.prefix / "share/doc/pgvigil/examples" / name))


def boot(tree):
    """[(claim, error or None)] of what the guest found."""
    result = run(HERE / "boot", tree.root, HERE / "guest", check=False)
    found = [(m.group(2), None if m.group(1) == "ok  " else m.group(3).lstrip(": "))
             for m in re.finditer(r"^(ok  |FAIL) (\w+)(.*)$", result.stdout, re.M)]
    if result.returncode != 0 or not found:
        found.append(("the_guest_comes_to_its_end", f"exited {result.returncode}\n{result.stdout}"))
    return found


def main():
    patterns = sys.argv[1:]
    tests = {name[5:]: function for name, function in globals().items() if name.startswith("test_")}
    results = []

    def report(name, error):
        results.append(not error)
        print(f"{'FAIL' if error else 'ok  '} system.{name}", flush=True)
        for line in (error or "").splitlines():
            print(f"     {line}")

    tree = Tree()
    for name, function in tests.items():
        if patterns and not any(p in name for p in patterns):
            continue
        try:
            function(tree)
            report(name, None)
        except Exception:  # every failure is reported, the rest goes on
            report(name, traceback.format_exc())
    if not patterns or "boot" in patterns:
        for name, error in boot(tree):
            report(f"boot.{name}", error)
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
    return 0 if results and all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
