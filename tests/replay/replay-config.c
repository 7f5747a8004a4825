/* Replays a directory of configuration files: those that begin with good- must parse, all others
 * must be refused, at once, with a problem that has its place. None may hang, crash or exit.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "pgvigil/base/str.h"
#include "pgvigil/config.h"

#ifdef __SANITIZE_ADDRESS__
#define MAX_SECONDS 15.0
#else
#define MAX_SECONDS 0.2
#endif

static int is_file(const struct dirent *entry) {
        return entry->d_name[0] != '.';
}

static int read_file(const char *path, Buffer *ret) {
        char chunk[4096];
        FILE *file;
        size_t n;

        file = fopen(path, "re");
        if (!file)
                return -errno;
        while ((n = fread(chunk, 1, sizeof(chunk), file)) > 0)
                buffer_append(ret, chunk, n);
        (void)fclose(file);
        return buffer_error(ret);
}

static double cpu_seconds(void) {
        struct timespec now;

        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
        return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* NULL, or what is wrong with the outcome. */
static const char *judge(int r, bool is_good, const Problems *problems, const Settings *settings) {
        if (r != 0 && r != -EINVAL)
                return "neither parsed nor refused";
        if ((r == 0) != (settings != NULL) || (r == 0) != (problems->count == 0))
                return "the outcome contradicts itself";
        if ((r == 0) != is_good)
                return is_good ? "was refused" : "was accepted";
        for (size_t i = 0; i < problems->count; i++)
                if (problems->items[i].line == 0 || str_is_empty(problems->items[i].text))
                        return "a problem has no line or no text";
        return NULL;
}

/* 0 when the file's outcome is right. */
static int replay(const char *directory, const char *name) {
        _cleanup_(problems_done) Problems problems = {};
        _cleanup_(settings_freep) Settings *settings = NULL;
        _cleanup_(buffer_done) Buffer text = BUFFER_NULL;
        _cleanup_(freep) char *path = str_format("%s/%s", directory, name), *said = NULL;
        const char *why;
        double start;
        int r;

        if (!path || read_file(path, &text) < 0)
                return -1;
        start = cpu_seconds();
        r = config_parse(buffer_text(&text), text.length, name, NULL, &problems, &settings);
        why = judge(r, str_starts_with(name, "good-"), &problems, settings);
        if (!why && cpu_seconds() - start > MAX_SECONDS)
                why = "took too long";
        if (!why)
                return 0;
        said = problems_format(&problems);
        printf("%s: %s\n%s", name, why, said ? said : "");
        return -1;
}

int main(int argc, char **argv) {
        struct dirent **entries;
        int n, failed = 0;

        if (argc != 2)
                return EXIT_FAILURE;
        n = scandir(argv[1], &entries, is_file, alphasort);
        for (int i = 0; i < n; i++) {
                if (replay(argv[1], entries[i]->d_name) < 0)
                        failed++;
                free(entries[i]);
        }
        if (n >= 0)
                free(entries);
        printf("%d passed, %d failed\n", n - failed, failed);
        return n > 0 && failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
