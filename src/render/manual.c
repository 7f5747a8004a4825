/* The references of the manual, as mdoc lists, out of the tables that the code itself reads.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "pgvigil/render.h"

#include <errno.h>
#include <string.h>

#include "format.h"
#include "pgvigil/model/option.h"

/* A text line: no request at its start, no escape inside. */
static void add_text(Buffer *out, const char *text) {
        if (text && (*text == '.' || *text == '\''))
                buffer_add(out, "\\&");
        for (const char *c = text; c && *c; c++)
                if (*c == '\\')
                        buffer_add(out, "\\e");
                else
                        buffer_add_char(out, *c);
        buffer_add_char(out, '\n');
}

static void add_item(Buffer *out, const char *name, const char *text) {
        buffer_printf(out, ".It Cm %s\n", name);
        add_text(out, text);
}

static void manual_reasons(const Shape *const *shapes, Buffer *out) {
        for (Reason reason = 0; reason < N_REASONS; reason++)
                add_item(out, reason_name(reason), reason_help(reason));
}

static void manual_findings(const Shape *const *shapes, Buffer *out) {
#define FINDING_KIND(id, name, help) add_item(out, (name), (help));
#include "pgvigil/model/finding-kinds.def"
#undef FINDING_KIND
}

static const char *const role_types[] = {
        [FIELD_GAUGE] = "Gauge",         [FIELD_COUNTER] = "Counter",
        [FIELD_HISTOGRAM] = "Histogram", [FIELD_STATE] = "Gauge, 1 for the current one and 0 for the others",
        [FIELD_HIDDEN] = NULL,
};

static bool is_described_before(const Shape *const *shapes, const Shape *const *shape, size_t field) {
        const char *metric = (*shape)->fields[field].metric;

        for (const Shape *const *earlier = shapes; earlier <= shape; earlier++)
                for (size_t i = 0; i < (earlier == shape ? field : (*earlier)->n_fields); i++)
                        if (str_equal((*earlier)->fields[i].metric, metric))
                                return true;
        return false;
}

static void add_labels(Buffer *out, const Shape *shape, const Field *field) {
        const char *separator = "; labels beyond the target: ", *cursor = field->labels, *word;
        size_t length;

        for (size_t i = 0; !cursor && i < shape->n_fields; i++)
                if (shape->fields[i].role == FIELD_LABEL) {
                        buffer_printf(out, "%s%s", separator, shape->fields[i].name);
                        separator = ", ";
                }
        while (format_next_word(&cursor, &word, &length)) {
                buffer_printf(out, "%s%.*s", separator, (int)length, word);
                separator = ", ";
        }
        if (field->role == FIELD_STATE)
                buffer_printf(out, "%s%s (%s)", separator, field->name, field->states);
}

static void add_metric(Buffer *out, const Shape *shape, const Field *field) {
        buffer_printf(out, ".It Ic %s\n%s", field->metric, role_types[field->role]);
        if (field->unit)
                buffer_printf(out, ", in %s", field->unit);
        add_labels(out, shape, field);
        buffer_add(out, ".\n");
        add_text(out, field->help);
}

static void manual_metrics(const Shape *const *shapes, Buffer *out) {
        for (const Shape *const *shape = shapes; shape && *shape; shape++)
                for (size_t i = 0; i < (*shape)->n_fields; i++) {
                        const Field *field = &(*shape)->fields[i];
                        if (field->metric && role_types[field->role] &&
                            !is_described_before(shapes, shape, i))
                                add_metric(out, *shape, field);
                }
}

/* Sorted. */
static const struct {
        const char *what;
        void (*add_items)(const Shape *const *shapes, Buffer *out);
} manuals[] = {
        {"findings", manual_findings},
        {"metrics", manual_metrics},
        {"reasons", manual_reasons},
};

int render_manual(const char *what, const Shape *const *shapes, Buffer *out) {
        if (str_equal(what, "options")) {
                options_manual(&settings_options, out);
                return buffer_error(out);
        }
        for (size_t i = 0; i < ELEMENTS(manuals); i++) {
                if (!str_equal(manuals[i].what, what))
                        continue;
                buffer_add(out, ".Bl -tag -width Ds\n");
                manuals[i].add_items(shapes, out);
                buffer_add(out, ".El\n");
                return buffer_error(out);
        }
        return -EINVAL;
}
