/* A throwaway PostgreSQL cluster: own directory, unix socket and a free port on loopback with TLS.
 *
 * Runs as user postgres when the test runs as root. It dies with the test program. Logs every
 * statement as "APPLICATION|…" to its file.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include <sys/types.h>

typedef struct Cluster {
        char directory[64]; /* also the socket's */
        int port;
        pid_t server;
} Cluster;

/* 0, or -ENOENT where no PostgreSQL server is installed; aborts on everything else. */
int cluster_start(Cluster *cluster);
void cluster_stop(Cluster *cluster);

/* Runs SQL as superuser with psql; fails the program when that fails. */
void cluster_sql(const Cluster *cluster, const char *sql);

/* The same without waiting: psql's pid, to be given to cluster_end(). */
pid_t cluster_sql_start(const Cluster *cluster, const char *sql);
void cluster_end(pid_t psql);

/* "host=… port=… dbname=postgres user=… " by socket, or by loopback with TLS. Static buffers. */
const char *cluster_conninfo(const Cluster *cluster, const char *more);
const char *cluster_conninfo_tcp(const Cluster *cluster, const char *more);

/* The whole log; owned. */
char *cluster_log(const Cluster *cluster);
