/* Cluster: see the header. Starts the server as its own child, not through pg_ctl, so that it can
 * be ended by its pid.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "pg-cluster.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pg/conninfo.h"
#include "pgvigil/base/str.h"

static const char hba[] = "local all secret scram-sha-256\n"
                          "local all nobody reject\n"
                          "local all all trust\n"
                          "hostssl all all 127.0.0.1/32 trust\n";

static const char set_up[] = "CREATE ROLE mon LOGIN; CREATE ROLE secret LOGIN PASSWORD 'right';"
                             "CREATE ROLE full LOGIN CONNECTION LIMIT 0; CREATE ROLE nobody LOGIN;"
                             "CREATE DATABASE closed ALLOW_CONNECTIONS false; CREATE DATABASE mine;"
                             "REVOKE CONNECT ON DATABASE mine FROM PUBLIC;"
                             "CREATE TABLE public.t (a int); GRANT SELECT ON public.t TO mon";

static void die(const char *what) {
        fprintf(stderr, "cluster: %s: %s\n", what, strerror(errno));
        abort();
}

/* The newest server's directory of programs; owned, or NULL. */
static char *find_programs(void) {
        glob_t found = {};
        char *programs = NULL;
        int best = 0;
        glob("/usr/lib/postgresql/*/bin/initdb", 0, NULL, &found);
        for (size_t i = 0; i < found.gl_pathc; i++) {
                int version = (int)strtol(found.gl_pathv[i] + strlen("/usr/lib/postgresql/"), NULL, 10);
                if (version < best)
                        continue;
                best = version;
                free(programs);
                programs = strndup(found.gl_pathv[i], strlen(found.gl_pathv[i]) - strlen("/initdb"));
        }
        globfree(&found);
        return programs;
}

/* In a child: user postgres, ends with the parent, output to the log. */
static void become_postgres(const Cluster *cluster) {
        struct passwd *user = geteuid() == 0 ? getpwnam("postgres") : NULL;
        if (user && (setgroups(0, NULL) < 0 || setgid(user->pw_gid) < 0 || setuid(user->pw_uid) < 0))
                die("postgres");
        prctl(PR_SET_PDEATHSIG, SIGQUIT);
        if (chdir(cluster->directory) < 0)
                die(cluster->directory);
        int fd = open("log", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
        if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0)
                die("log");
}

static pid_t spawn(const Cluster *cluster, const char *const *arguments) {
        pid_t pid = fork();
        if (pid < 0)
                die("fork");
        if (pid > 0)
                return pid;
        become_postgres(cluster);
        execvp(arguments[0], (char *const *)arguments);
        die(arguments[0]);
        return -1;
}

static void must_succeed(pid_t pid, const char *what) {
        int status;
        if (waitpid(pid, &status, 0) < 0 || status != 0)
                die(what);
}

static void write_file(const Cluster *cluster, const char *name, const char *text) {
        _cleanup_(freep) char *path = str_format("%s/data/%s", cluster->directory, name);
        FILE *file = fopen(path, "w");
        if (!file || fputs(text, file) < 0 || fclose(file) != 0)
                die(path);
}

static int free_port(void) {
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t length = sizeof address;
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
            getsockname(fd, (struct sockaddr *)&address, &length) < 0)
                die("bind");
        close(fd);
        return ntohs(address.sin_port);
}

static void make_directory(Cluster *cluster) {
        snprintf(cluster->directory, sizeof cluster->directory, "/tmp/pgvigil-cluster-XXXXXX");
        struct passwd *user = geteuid() == 0 ? getpwnam("postgres") : NULL;
        if (!mkdtemp(cluster->directory) ||
            (user && chown(cluster->directory, user->pw_uid, user->pw_gid) < 0))
                die("directory");
}

static void init(Cluster *cluster, const char *programs) {
        _cleanup_(freep) char *initdb = str_format("%s/initdb", programs);
        const char *const make[] = {initdb, "-D",         "data", "-U",    "postgres", "-E",
                                    "UTF8", "--locale=C", "-A",   "trust", "-N",       NULL};
        const char *const certify[] = {"openssl",  "req",
                                       "-x509",    "-nodes",
                                       "-newkey",  "ec",
                                       "-pkeyopt", "ec_paramgen_curve:prime256v1",
                                       "-keyout",  "data/server.key",
                                       "-out",     "data/server.crt",
                                       "-subj",    "/CN=localhost",
                                       NULL};
        must_succeed(spawn(cluster, make), "initdb");
        must_succeed(spawn(cluster, certify), "openssl");
        write_file(cluster, "pg_hba.conf", hba);
}

static void serve(Cluster *cluster, const char *programs) {
        _cleanup_(freep) char *postgres = str_format("%s/postgres", programs);
        _cleanup_(freep) char *port = str_format("port=%d", cluster->port);
        _cleanup_(freep) char *sockets = str_format("unix_socket_directories=%s", cluster->directory);
        const char *const arguments[] = {postgres,
                                         "-D",
                                         "data",
                                         "-c",
                                         port,
                                         "-c",
                                         sockets,
                                         "-c",
                                         "listen_addresses=127.0.0.1",
                                         "-c",
                                         "ssl=on",
                                         "-c",
                                         "fsync=off",
                                         "-c",
                                         "log_statement=all",
                                         "-c",
                                         "log_line_prefix=%a|",
                                         "-c",
                                         "max_connections=20",
                                         "-c",
                                         "shared_buffers=8MB",
                                         NULL};
        cluster->server = spawn(cluster, arguments);
}

/* Waits for the line in the log that says so. */
static void wait_until_ready(const Cluster *cluster) {
        for (int i = 0; i < 2000; i++) {
                _cleanup_(freep) char *log = cluster_log(cluster);
                if (log && strstr(log, "database system is ready to accept connections"))
                        return;
                if (waitpid(cluster->server, NULL, WNOHANG) != 0)
                        die("the server ended");
                poll(NULL, 0, 10);
        }
        die("the server does not start");
}

int cluster_start(Cluster *cluster) {
        _cleanup_(freep) char *programs = find_programs();
        if (!programs)
                return -ENOENT;
        *cluster = (Cluster){.port = free_port()};
        make_directory(cluster);
        init(cluster, programs);
        serve(cluster, programs);
        wait_until_ready(cluster);
        cluster_sql(cluster, set_up);
        return 0;
}

void cluster_stop(Cluster *cluster) {
        const char *const remove[] = {"rm", "-rf", cluster->directory, NULL};
        kill(cluster->server, SIGQUIT);
        waitpid(cluster->server, NULL, 0);
        pid_t pid = fork();
        if (pid == 0) {
                execvp(remove[0], (char *const *)remove);
                _exit(1);
        }
        must_succeed(pid, "rm");
}

pid_t cluster_sql_start(const Cluster *cluster, const char *sql) {
        _cleanup_(freep) char *port = str_format("%d", cluster->port);
        const char *const arguments[] = {"psql",
                                         "-X",
                                         "-q",
                                         "-v",
                                         "ON_ERROR_STOP=1",
                                         "-h",
                                         cluster->directory,
                                         "-p",
                                         port,
                                         "-U",
                                         "postgres",
                                         "-d",
                                         "postgres",
                                         "-f",
                                         "-",
                                         NULL};
        int pipes[2];
        if (pipe2(pipes, O_CLOEXEC) < 0)
                die("pipe");
        pid_t pid = fork();
        if (pid < 0)
                die("fork");
        if (pid == 0) {
                become_postgres(cluster);
                dup2(pipes[0], STDIN_FILENO);
                execvp(arguments[0], (char *const *)arguments);
                _exit(127);
        }
        close(pipes[0]);
        if (write(pipes[1], sql, strlen(sql)) < 0)
                die("psql");
        close(pipes[1]);
        return pid;
}

void cluster_end(pid_t psql) {
        kill(psql, SIGKILL);
        waitpid(psql, NULL, 0);
}

void cluster_sql(const Cluster *cluster, const char *sql) {
        must_succeed(cluster_sql_start(cluster, sql), "psql");
}

const char *cluster_conninfo(const Cluster *cluster, const char *more) {
        static char text[512];
        snprintf(text, sizeof text, "host=%s port=%d dbname=postgres user=mon %s", cluster->directory,
                 cluster->port, more);
        return text;
}

const char *cluster_conninfo_tcp(const Cluster *cluster, const char *more) {
        static char text[512];
        snprintf(text, sizeof text, "host=127.0.0.1 port=%d dbname=postgres user=mon %s", cluster->port,
                 more);
        return text;
}

char *cluster_log(const Cluster *cluster) {
        _cleanup_(freep) char *path = str_format("%s/log", cluster->directory);
        char *text = NULL;
        return small_file_read(path, 64 << 20, &text) == 0 ? text : NULL;
}
