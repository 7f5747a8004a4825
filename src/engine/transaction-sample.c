/* See the header.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "transaction-sample.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "pgvigil/base/line.h"
#include "pgvigil/base/str.h"

void transaction_sample_done(TransactionSample *sample) {
        free(sample->epoch);
        *sample = (TransactionSample){};
}

bool transaction_sample_since(const TransactionSample *before, const TransactionSample *after, usec_t longest,
                              int64_t *ret_commits, int64_t *ret_rollbacks) {
        *ret_commits = after->commits - before->commits;
        *ret_rollbacks = after->rollbacks - before->rollbacks;
        return before->at > 0 && before->at < after->at && after->at - before->at <= longest &&
               str_equal(before->epoch, after->epoch) && *ret_commits >= 0 && *ret_rollbacks >= 0;
}

int transaction_sample_format(const TransactionSample *sample, Buffer *out) {
        buffer_printf(out, "%" PRIu64 " %" PRId64 " %" PRId64 " ", sample->at, sample->commits,
                      sample->rollbacks);
        line_add_text(out, sample->epoch ? sample->epoch : "");
        return buffer_error(out);
}

static int read_line(char *line, TransactionSample *sample) {
        uint64_t commits, rollbacks;

        if (line_take_number(&line, &sample->at) < 0 || line_take_number(&line, &commits) < 0 ||
            line_take_number(&line, &rollbacks) < 0 || commits > INT64_MAX || rollbacks > INT64_MAX || !line)
                return -EINVAL;
        sample->commits = (int64_t)commits;
        sample->rollbacks = (int64_t)rollbacks;
        return str_set(&sample->epoch, line_take_text(line));
}

int transaction_sample_parse(const char *text, TransactionSample *ret) {
        const char *end = strchr(text, '\n');
        _cleanup_(freep) char *line = end ? strndup(text, (size_t)(end - text)) : NULL;
        int r;

        *ret = (TransactionSample){};
        if (!line)
                return end ? -ENOMEM : -EINVAL;
        r = read_line(line, ret);
        if (r < 0)
                transaction_sample_done(ret);
        return r;
}
