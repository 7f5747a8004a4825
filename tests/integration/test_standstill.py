"""A disk that hangs, a process that is stopped, a machine that sleeps: nothing waits, and nothing is made up of it."""
import datetime
import os
import signal
import time

from lab import directory, pgvigil, run, shared, target, wait_for, waits

TABLE = """CREATE TABLE t (id int PRIMARY KEY, amount int); INSERT INTO t SELECT i, i FROM generate_series(1, 100) i;"""
GATE = 'constraints = ( { table = "t"; name = "above"; check = "amount > 0"; gate = true; enforced = false; } );'
PHASE = 'phase: { duration = "90d"; };'

# While the file "hang" is there, whoever writes to the history or forces anything to the disk waits, and the file
# "waits" is there.
DISK = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int is_history(int fd) {
        char link[64], path[4096];
        ssize_t n;

        snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        n = readlink(link, path, sizeof(path) - 1);
        path[n > 0 ? n : 0] = 0;
        return strstr(path, "/history.sqlite") || strstr(path, "/health.new");
}

static void hang(void) {
        const char *hang = getenv("DISK_HANG"), *waits = getenv("DISK_WAITS");

        if (access(hang, F_OK) < 0)
                return;
        close(open(waits, O_CREAT | O_WRONLY, 0666));
        while (access(hang, F_OK) == 0)
                usleep(10000);
        unlink(waits);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

int fsync(int fd) { hang(); return REAL(fsync)(fd); }
int fdatasync(int fd) { hang(); return REAL(fdatasync)(fd); }
ssize_t pwrite(int fd, const void *data, size_t n, off_t at) {
        if (is_history(fd))
                hang();
        return REAL(pwrite)(fd, data, n, at);
}
ssize_t pwrite64(int fd, const void *data, size_t n, off64_t at) {
        if (is_history(fd))
                hang();
        return REAL(pwrite64)(fd, data, n, at);
}
ssize_t write(int fd, const void *data, size_t n) {
        if (is_history(fd))
                hang();
        return REAL(write)(fd, data, n);
}
"""

# The machine has slept for as many seconds as the file says: the clocks that count sleep are on by so much. Times
# that are asked of the kernel from then on are told without it.
SLEEP = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

static unsigned char counts_sleep[65536]; /* descriptors of timers */

static long slept(void) {
        char text[32] = "";
        int fd = (int)syscall(SYS_openat, AT_FDCWD, getenv("SLEPT"), O_RDONLY);

        if (fd >= 0) {
                (void)!syscall(SYS_read, fd, text, sizeof(text) - 1);
                syscall(SYS_close, fd);
        }
        return atol(text);
}

int clock_gettime(clockid_t clock, struct timespec *ret) {
        int r = (int)syscall(SYS_clock_gettime, clock, ret);

        if (clock == CLOCK_BOOTTIME || clock == CLOCK_REALTIME)
                ret->tv_sec += slept();
        return r;
}

int timerfd_create(clockid_t clock, int flags) {
        int fd = (int)syscall(SYS_timerfd_create, clock, flags);

        if (fd >= 0)
                counts_sleep[fd] = clock == CLOCK_BOOTTIME || clock == CLOCK_REALTIME;
        return fd;
}

int timerfd_settime(int fd, int flags, const struct itimerspec *value, struct itimerspec *old) {
        struct itimerspec real = *value;

        if ((flags & TFD_TIMER_ABSTIME) && counts_sleep[fd] && real.it_value.tv_sec < 1L << 40 && real.it_value.tv_sec > 0) {
                real.it_value.tv_sec -= slept();
                if (real.it_value.tv_sec <= 0)
                        real.it_value = (struct timespec){0, 1};
        }
        return (int)syscall(SYS_timerfd_settime, fd, flags, &real, old);
}
"""


def shim(name, code, **env):
    """Environment of a daemon that lives with it, and where its files are."""
    path = directory(name)
    path.chmod(0o777)
    (path / "shim.c").write_text(code)
    run(["cc", "-shared", "-fPIC", "-o", path / "shim.so", path / "shim.c", "-ldl"])
    files = {key: str(path / value) for key, value in env.items()}
    return path, {"LD_PRELOAD": str(path / "shim.so"), **files,
                  "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0:exitcode=99:verify_asan_link_order=0"}


def database():
    name = shared.empty(TABLE)
    return name, shared.cluster.conninfo(name, "pgvigil")


def answers(daemon):
    for path in ("/livez", "/health", "/health/shop", "/metrics", "/api/v1/status", "/api/v1/history?target=shop", "/",
                 "/target/shop"):
        assert daemon.code(path) == 200, path


def test_s7_a_disk_that_hangs_delays_nobody_and_takes_nothing(lab):
    path, env = shim("disk", DISK, DISK_HANG="hang", DISK_WAITS="waits")
    name, conninfo = database()
    daemon = lab.daemon(target("shop", conninfo, GATE + PHASE, limits='max_age = "30s";'), extra_env=env)
    wait_for(lambda: daemon.code("/health/shop") == 200, "the first rounds")
    wait_for(lambda: (daemon.dir / "history.sqlite").exists(), "the history")
    hang, hangs = path / "hang", path / "waits"
    hang.write_text("")
    began = wait_for(lambda: hangs.exists() and hangs.stat().st_mtime_ns, "somebody to wait for the disk")
    # All of this within one and the same wait.
    daemon.wait_round("shop", 5)
    for _ in range(5):
        answers(daemon)
    shared.cluster.sql("UPDATE t SET amount = 0 WHERE id = 1", name)
    assert daemon.wait_state("shop", "gated") and daemon.code("/health/shop") == 503
    daemon.reload()
    daemon.wait_round("shop", 2)
    assert daemon.code("/health/shop") == 503 and daemon.code("/livez") == 200
    assert hangs.stat().st_mtime_ns == began, "the disk was waited for twice"
    hang.unlink()
    shared.cluster.sql("UPDATE t SET amount = 1 WHERE id = 1", name)
    wait_for(lambda: daemon.code("/health/shop") == 200, "the gate to open")
    daemon.stop()
    # What happened meanwhile is on the disk.
    daemon.start()
    events = wait_for(lambda: daemon.json("/api/v1/history?target=shop")["events"], "what was kept")
    assert any("gated" in event["text"] for event in events), events


@waits
def test_s7_a_disk_that_hangs_holds_up_neither_the_start_nor_the_end(lab):
    path, env = shim("disk", DISK, DISK_HANG="hang", DISK_WAITS="waits")
    daemon = lab.daemon(target("shop", database()[1], PHASE, limits='max_age = "30s";'), start=False, extra_env=env)
    hang, hangs = path / "hang", path / "waits"
    daemon.explain()
    hang.write_text("")
    daemon.start()
    wait_for(lambda: daemon.code("/health/shop") == 200, "the first rounds")
    wait_for(hangs.exists, "somebody to wait for the disk")
    daemon.wait_round("shop", 3)
    # What an earlier process has kept is not known: nothing is begun, and nothing is said of it.
    status = daemon.json("/api/v1/status")["targets"][0]
    assert status["phase"] is None and status["rehearsal"] is None, status
    answer = pgvigil("phase", "start", "-t", "shop", "-c", daemon.path, service=True)
    assert answer.returncode != 0, answer.stdout
    daemon.process.send_signal(signal.SIGTERM)
    # Some seconds for the disk, and no more.
    assert daemon.process.wait(20) == 0
    assert hang.exists() and "stopping" in daemon.log()


def started_by_hand(daemon):
    pgvigil("phase", "start", "-t", "shop", "-c", daemon.path, check=True, service=True)
    wait_for(lambda: daemon.json("/api/v1/phase/shop")["state"] == "watching", "the phase")
    daemon.wait_round("shop", 2)


def seconds_of(gap):
    start, end = (datetime.datetime.fromisoformat(gap[key].replace("Z", "+00:00")) for key in ("from", "to"))
    return (end - start).total_seconds()


@waits
def test_r6_what_was_not_seen_while_it_stood_still_is_void(lab):
    daemon = lab.daemon(target("shop", database()[1], PHASE, limits='max_age = "2s";'))
    wait_for(lambda: daemon.code("/health/shop") == 200, "the first rounds")
    wait_for(lambda: daemon.json("/api/v1/phase/shop"), "the history")
    started_by_hand(daemon)
    assert not daemon.json("/api/v1/phase/shop")["gaps"]
    daemon.process.send_signal(signal.SIGSTOP)
    stopped = time.monotonic()
    wait_for(lambda: time.monotonic() > stopped + 5, "the standstill to last")
    daemon.process.send_signal(signal.SIGCONT)
    gaps = wait_for(lambda: daemon.json("/api/v1/phase/shop")["gaps"], "the gap")
    assert len(gaps) == 1 and 4 <= seconds_of(gaps[0]), gaps
    wait_for(lambda: daemon.code("/health/shop") == 200, "a fresh round")


def test_r7_after_a_sleep_of_a_day_everything_is_a_day_old_at_once(lab):
    path, env = shim("sleep", SLEEP, SLEPT="slept")
    name, conninfo = database()

    def shop(every):
        return target("shop", conninfo, PHASE, limits='max_age = "1h"; statement_timeout = "60s";', every=every)

    daemon = lab.daemon(shop("500ms"), extra_env=env)
    wait_for(lambda: daemon.code("/health/shop") == 200, "the first rounds")
    started_by_hand(daemon)

    # Seldom from here on, and what wakes with the machine gets no answer: nothing fresh comes before we have looked.
    def runs(check="statements"):
        return daemon.metric("pgvigil_check_runs_total", target="shop", check=check)

    begun = runs()
    daemon.write(shop("10min"))
    daemon.reload()
    wait_for(lambda: runs() > begun, "the round of the new settings")
    assert daemon.code("/health/shop") == 200
    before = daemon.json("/api/v1/status")["targets"][0]["rehearsal"]["observed_s"]
    backend = int(shared.cluster.value(f"SELECT pid FROM pg_stat_activity WHERE datname = '{name}' AND usename = 'pgvigil'"))
    os.kill(backend, signal.SIGSTOP)
    (path / "slept").write_text("86400")
    state = daemon.state("shop")
    assert state["state"] == "stale" and state["status"] == "unknown" and state["age_s"] >= 86400, state
    assert daemon.code("/health/shop") == 503 and daemon.code("/health") == 503
    assert daemon.metric("pgvigil_health_code", target="shop") == 503
    assert daemon.metric("pgvigil_snapshot_age_seconds", target="shop") >= 86400
    wait_for(lambda: "/health/shop is now 503: stale" in daemon.log(), "it to be told")
    # Nobody looked for a day: that is no time of which anything is known.
    assert daemon.json("/api/v1/status")["targets"][0]["rehearsal"]["observed_s"] < before + 3600
    begun = runs("connection")
    os.kill(backend, signal.SIGCONT)
    wait_for(lambda: daemon.code("/health/shop") == 200, "fresh rounds")
    assert runs("connection") >= begun + 2, "one good round does not take a 503 back"
    assert daemon.metric("pgvigil_snapshot_age_seconds", target="shop") < 3600
    gaps = wait_for(lambda: daemon.json("/api/v1/phase/shop")["gaps"], "the gap")
    assert any(seconds_of(gap) >= 86000 for gap in gaps), gaps
    assert daemon.json("/api/v1/phase/shop")["state"] == "watching"
    # What was kept a day ago is not restored either.
    daemon.kill()
    (path / "slept").write_text("172800")
    daemon.start()
    wait_for(lambda: daemon.code("/health/shop") == 200, "the first rounds")
    assert "is not restored: it is too old" in daemon.log(), daemon.log()
