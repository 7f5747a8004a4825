/* KeptHealth as text, and whether it may be believed.
 *
 *   pgvigil-health 1
 *   boot BOOT-ID
 *   target NAME FINGERPRINT HEARTBEAT BOOTTIME REALTIME STATUS 0011
 *   sha256 DIGEST-OF-ALL-BEFORE
 *
 * The last word of a target: for each fail_on 1 where the answer was 503.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "pgvigil/model/kept-health.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "pgvigil/base/line.h"

#define HEAD "pgvigil-health 1\n"

/* Both clocks go on while the machine sleeps: what they are apart is a step of one of them. */
#define CLOCKS_APART (5 * USEC_PER_SEC)

void kept_healths_done(KeptHealths *list) {
        for (size_t i = 0; i < list->count; i++)
                free(list->items[i].target);
        free(list->items);
        *list = (KeptHealths){};
}

const KeptHealth *kept_healths_find(const KeptHealths *list, const char *target) {
        for (size_t i = 0; i < list->count; i++)
                if (str_equal(list->items[i].target, target))
                        return &list->items[i];
        return NULL;
}

static bool do_clocks_agree(const KeptHealth *kept, usec_t boottime, usec_t realtime) {
        usec_t by_boottime = boottime - kept->boottime, by_realtime = realtime - kept->realtime;

        return realtime >= kept->realtime &&
               (by_boottime > by_realtime ? by_boottime - by_realtime : by_realtime - by_boottime) <=
                       CLOCKS_APART;
}

const char *kept_health_refusal(const KeptHealth *kept, const char *fingerprint, usec_t max_age,
                                usec_t boottime, usec_t realtime) {
        if (str_is_empty(fingerprint) || !str_equal(kept->fingerprint, fingerprint))
                return "its definition has changed";
        if (kept->answers.heartbeat == 0 || kept->answers.heartbeat > kept->boottime ||
            kept->boottime > boottime)
                return "it is of the future";
        if (!do_clocks_agree(kept, boottime, realtime))
                return "the clock was set meanwhile";
        if (boottime - kept->answers.heartbeat > max_age)
                return "it is too old";
        return NULL;
}

static int add_digest(Buffer *out) {
        char hex[DIGEST_HEX_MAX];
        int r = digest_hex(DIGEST_SHA256, out->data, out->length, hex);

        if (r >= 0)
                buffer_printf(out, "sha256 %s\n", hex);
        return r < 0 ? r : buffer_error(out);
}

int kept_healths_format(const KeptHealths *list, const char *boot_id, Buffer *out) {
        buffer_printf(out, HEAD "boot %s\n", boot_id);
        for (size_t i = 0; i < list->count; i++) {
                const KeptHealth *kept = &list->items[i];

                buffer_printf(out, "target %s %s %" PRIu64 " %" PRIu64 " %" PRIu64 " %s ", kept->target,
                              kept->fingerprint, kept->answers.heartbeat, kept->boottime, kept->realtime,
                              status_name(kept->answers.status));
                for (FailOn fail_on = 0; fail_on < N_FAIL_ON; fail_on++)
                        buffer_add_char(out, kept->answers.is_503[fail_on] ? '1' : '0');
                buffer_add_char(out, '\n');
        }
        return buffer_error(out) < 0 ? -ENOMEM : add_digest(out);
}

static int read_answers(const char *text, Restored *ret) {
        if (!text || strlen(text) != N_FAIL_ON || text[strspn(text, "01")])
                return -EINVAL;
        for (FailOn fail_on = 0; fail_on < N_FAIL_ON; fail_on++)
                ret->is_503[fail_on] = text[fail_on] == '1';
        return 0;
}

static int read_target(char *line, KeptHealths *list) {
        KeptHealth kept = {}, *items;
        const char *key = line_take_word(&line), *target = line_take_word(&line),
                   *fingerprint = line_take_word(&line);
        int status;

        if (!str_equal(key, "target") || !fingerprint || strlen(fingerprint) >= sizeof(kept.fingerprint) ||
            line_take_number(&line, &kept.answers.heartbeat) < 0 ||
            line_take_number(&line, &kept.boottime) < 0 || line_take_number(&line, &kept.realtime) < 0)
                return -EINVAL;
        status = status_from_name(line_take_word(&line));
        if (status < 0 || read_answers(line, &kept.answers) < 0)
                return -EINVAL;
        kept.answers.status = (Status)status;
        memcpy(kept.fingerprint, fingerprint, strlen(fingerprint));
        items = reallocarray(list->items, list->count + 1, sizeof(*items));
        if (!items)
                return -ENOMEM;
        list->items = items;
        if (str_set(&kept.target, target) < 0)
                return -ENOMEM;
        items[list->count++] = kept;
        return 0;
}

/* Everything in front of the last line, which is the digest of it. -EINVAL: it is not. */
static int check_digest(char *text) {
        size_t length = strlen(text);
        char *last, hex[DIGEST_HEX_MAX];
        int r;

        if (length == 0 || text[length - 1] != '\n')
                return -EINVAL;
        text[length - 1] = '\0';
        last = strrchr(text, '\n');
        if (!last || !str_starts_with(last + 1, "sha256 "))
                return -EINVAL;
        r = digest_hex(DIGEST_SHA256, text, (size_t)(last + 1 - text), hex);
        if (r < 0)
                return r;
        if (!str_equal(last + 1 + strlen("sha256 "), hex))
                return -EINVAL;
        *last = '\0';
        return 0;
}

static int read_lines(char *text, const char *boot_id, KeptHealths *list) {
        char *line;
        int r = check_digest(text);

        if (r < 0)
                return r;
        if (!str_starts_with(text, HEAD))
                return -EINVAL;
        text += strlen(HEAD);
        line = strsep(&text, "\n");
        if (!str_starts_with(line, "boot "))
                return -EINVAL;
        if (str_is_empty(boot_id) || !str_equal(line + strlen("boot "), boot_id))
                return -ESTALE;
        while (r >= 0 && (line = strsep(&text, "\n")))
                r = read_target(line, list);
        return r;
}

int kept_healths_parse(const char *text, const char *boot_id, KeptHealths *ret) {
        _cleanup_(freep) char *copy = NULL;
        int r;

        *ret = (KeptHealths){};
        if (str_set(&copy, text) < 0)
                return -ENOMEM;
        r = read_lines(copy, boot_id, ret);
        if (r < 0)
                kept_healths_done(ret);
        return r;
}
