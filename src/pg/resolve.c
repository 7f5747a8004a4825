/* Resolve: see the header. The job owns all that its thread touches.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "resolve.h"

#include <errno.h>
#include <netdb.h>
#include <string.h>

#include "pgvigil/base/buffer.h"

typedef struct ResolveJob {
        AddressBook found;
        ResolveDone done;
        void *userdata;
} ResolveJob;

void address_book_done(AddressBook *book) {
        for (size_t i = 0; book->addresses && i < strv_length(book->names); i++)
                strv_free(book->addresses[i]);
        free(book->addresses);
        strv_free(book->names);
        *book = (AddressBook){};
}

static char **address_book_get(const AddressBook *book, const char *name) {
        for (size_t i = 0; i < strv_length(book->names); i++)
                if (str_equal(book->names[i], name))
                        return book->addresses[i];
        return NULL;
}

bool address_book_has_all(const AddressBook *book, char *const *names) {
        for (size_t i = 0; i < strv_length(names); i++)
                if (!address_book_get(book, names[i]))
                        return false;
        return true;
}

int address_book_update(AddressBook *book, AddressBook *found) {
        for (size_t i = 0; i < strv_length(found->names); i++) {
                if (found->addresses[i])
                        continue;
                int r = strv_copy(address_book_get(book, found->names[i]), &found->addresses[i]);
                if (r < 0)
                        return r;
        }
        address_book_done(book);
        *book = *found;
        *found = (AddressBook){};
        return 0;
}

static bool needs_resolving(const char *host, const char *address) {
        const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM};
        if (*address || !*host || *host == '/' || *host == '@')
                return false;
        struct addrinfo *numeric = NULL;
        bool is_name = getaddrinfo(host, NULL, &hints, &numeric) != 0; /* looks at the text only */
        if (numeric)
                freeaddrinfo(numeric);
        return is_name;
}

/* The three lists of the parameters, each as long as there are hosts. */
typedef struct Hosts {
        char **hosts, **addresses, **ports;
        size_t count;
} Hosts;

static void hosts_done(Hosts *hosts) {
        strv_free(hosts->hosts);
        strv_free(hosts->addresses);
        strv_free(hosts->ports);
}

static const char *hosts_port(const Hosts *hosts, size_t i) {
        return hosts->ports[strv_length(hosts->ports) == 1 ? 0 : i];
}

/* A list that was absent reads as "" for every host. */
static const char *nth(char *const *list, size_t i) {
        return i < strv_length(list) ? list[i] : "";
}

static int hosts_split(const Parameters *parameters, Hosts *ret) {
        int r = list_split(parameters_get(parameters, "host"), &ret->hosts);
        if (r >= 0)
                r = list_split(parameters_get(parameters, "hostaddr"), &ret->addresses);
        if (r >= 0)
                r = list_split(parameters_get(parameters, "port"), &ret->ports);
        if (r < 0)
                return r;
        size_t n_hosts = strv_length(ret->hosts), n_addresses = strv_length(ret->addresses);
        ret->count = n_hosts > n_addresses ? n_hosts : n_addresses;
        return 0;
}

int resolve_names(const Parameters *parameters, char ***ret) {
        _cleanup_(hosts_done) Hosts hosts = {};
        _cleanup_(strv_freep) char **names = NULL;
        int r = hosts_split(parameters, &hosts);
        for (size_t i = 0; r >= 0 && i < hosts.count; i++) {
                const char *host = nth(hosts.hosts, i);
                if (needs_resolving(host, nth(hosts.addresses, i)) && !strv_contains(names, host))
                        r = strv_add(&names, host);
        }
        if (r < 0)
                return r;
        *ret = TAKE(names);
        return 0;
}

static void freeaddrinfop(struct addrinfo **list) {
        if (*list)
                freeaddrinfo(*list);
}

/* NULL: not found. AI_ADDRCONFIG does not count loopback addresses as configured. */
static char **look_up(const char *name) {
        const struct addrinfo hints = {
                .ai_flags = str_equal(name, "localhost") ? 0 : AI_ADDRCONFIG,
                .ai_socktype = SOCK_STREAM,
        };
        _cleanup_(freeaddrinfop) struct addrinfo *found = NULL;
        _cleanup_(strv_freep) char **addresses = NULL;
        if (getaddrinfo(name, NULL, &hints, &found) != 0)
                return NULL;
        for (struct addrinfo *a = found; a; a = a->ai_next) {
                char text[NI_MAXHOST];
                if (getnameinfo(a->ai_addr, a->ai_addrlen, text, sizeof text, NULL, 0, NI_NUMERICHOST) != 0 ||
                    strv_contains(addresses, text))
                        continue;
                if (strv_add(&addresses, text) < 0)
                        return NULL;
        }
        return TAKE(addresses);
}

static void resolve_run(void *data) {
        ResolveJob *job = data;
        for (size_t i = 0; i < strv_length(job->found.names); i++)
                job->found.addresses[i] = look_up(job->found.names[i]);
}

static void resolve_complete(void *data) {
        ResolveJob *job = data;
        job->done(job->userdata, &job->found);
}

static void resolve_free(void *data) {
        ResolveJob *job = data;
        address_book_done(&job->found);
        free(job);
}

int resolve_start(Worker *worker, char *const *names, ResolveDone done, void *userdata, WorkerJob **ret_job) {
        ResolveJob *job = calloc(1, sizeof *job);
        if (!job)
                return -ENOMEM;
        *job = (ResolveJob){.done = done, .userdata = userdata};
        int r = strv_copy(names, &job->found.names);
        if (r >= 0) {
                job->found.addresses = calloc(strv_length(names) + 1, sizeof(char **));
                r = job->found.addresses ? 0 : -ENOMEM;
        }
        if (r >= 0)
                r = worker_submit(worker, resolve_run, resolve_complete, resolve_free, job, ret_job);
        if (r < 0)
                resolve_free(job);
        return r;
}

static int add_endpoint(Hosts *out, const char *host, const char *address, const char *port) {
        int r = strv_add(&out->hosts, host);
        if (r >= 0)
                r = strv_add(&out->addresses, address);
        if (r >= 0)
                r = strv_add(&out->ports, port);
        return r;
}

static int expand_host(const Hosts *in, size_t i, const AddressBook *book, Hosts *out) {
        const char *host = nth(in->hosts, i), *address = nth(in->addresses, i);
        if (!needs_resolving(host, address))
                return add_endpoint(out, host, address, hosts_port(in, i));
        char **addresses = address_book_get(book, host);
        int r = 0;
        for (size_t a = 0; r >= 0 && a < strv_length(addresses); a++)
                r = add_endpoint(out, host, addresses[a], hosts_port(in, i));
        return r;
}

/* Joins beginning at `rotation`; a list of nothing but "" is absent. */
static int set_list(Parameters *parameters, const char *keyword, char *const *list, size_t rotation) {
        size_t n = strv_length(list);
        Buffer joined = BUFFER_NULL;
        bool is_absent = true;
        for (size_t i = 0; i < n; i++) {
                const char *item = list[(i + rotation) % n];
                is_absent &= !*item;
                buffer_printf(&joined, "%s%s", i > 0 ? "," : "", item);
        }
        _cleanup_(freep) char *text = buffer_take(&joined);
        if (!text)
                return -ENOMEM;
        return parameters_set(parameters, keyword, is_absent ? NULL : text);
}

int resolve_expand(Parameters *parameters, const AddressBook *book, size_t rotation) {
        _cleanup_(hosts_done) Hosts in = {}, out = {};
        int r = hosts_split(parameters, &in);
        for (size_t i = 0; r >= 0 && i < in.count; i++)
                r = expand_host(&in, i, book, &out);
        if (r < 0)
                return r;
        if (strv_length(out.hosts) == 0)
                return -ENOENT;
        r = set_list(parameters, "host", out.hosts, rotation);
        if (r >= 0)
                r = set_list(parameters, "hostaddr", out.addresses, rotation);
        if (r >= 0)
                r = set_list(parameters, "port", out.ports, rotation);
        return r;
}
