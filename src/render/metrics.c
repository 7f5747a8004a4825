/* Tables as Prometheus text 0.0.4 or OpenMetrics 1.0: a walk over Fields.
 *
 * Families come in the order of their names, each with one HELP and one TYPE, also when two
 * shapes feed it. Knows no metric name. Never writes a sample for a cell that is NULL, and never
 * the same series twice.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "pgvigil/render.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "format.h"
#include "series-set.h"

#define LABELS_MAX 16

/* One column of one table that feeds a family. */
typedef struct Source {
        const Table *table;
        const Field *field;
        size_t order;                    /* as it came: qsort() alone is not stable */
        const Field *labels[LABELS_MAX]; /* beyond target */
        size_t n_labels;
} Source;

typedef struct MetricsWriter {
        Buffer *out;
        MetricsFormat format;
        Buffer pieces;                 /* name="value" of each label of the row */
        size_t starts[LABELS_MAX + 2]; /* of each piece in `pieces`, and the end of the last */
        size_t n_pieces;
        Buffer labels;  /* the pieces as they are written */
        Buffer key;     /* the pieces in the order of their bytes */
        SeriesSet seen; /* of the current family */
} MetricsWriter;

static void metrics_writer_done(MetricsWriter *writer) {
        buffer_done(&writer->pieces);
        buffer_done(&writer->labels);
        buffer_done(&writer->key);
        sample_set_done(&writer->seen);
}

static void write_sample_head(MetricsWriter *writer, const char *metric, const char *suffix,
                              const char *extra_name, const char *extra, size_t extra_length) {
        Buffer *out = writer->out;

        buffer_add(out, metric);
        buffer_add(out, suffix);
        if (writer->labels.length > 0 || extra_name) {
                buffer_add_char(out, '{');
                buffer_append(out, buffer_text(&writer->labels), writer->labels.length);
                if (extra_name) {
                        if (writer->labels.length > 0)
                                buffer_add_char(out, ',');
                        buffer_add(out, extra_name);
                        buffer_add(out, "=\"");
                        buffer_append(out, extra, extra_length);
                        buffer_add_char(out, '"');
                }
                buffer_add_char(out, '}');
        }
        buffer_add_char(out, ' ');
}

static void write_number(MetricsWriter *writer, const Field *field, const Value *cell) {
        double number;

        write_sample_head(writer, field->metric, "", NULL, NULL, 0);
        if (cell->kind == VALUE_INT)
                buffer_printf(writer->out, "%" PRId64, cell->integer);
        else if (value_number(cell, &number))
                buffer_add_number(writer->out, number);
        buffer_add_char(writer->out, '\n');
}

static void write_state(MetricsWriter *writer, const Field *field, const Value *cell) {
        const char *cursor = field->states, *word;
        size_t length;

        while (format_next_word(&cursor, &word, &length)) {
                write_sample_head(writer, field->metric, "", field->name, word, length);
                buffer_add(writer->out, format_word_equal(word, length, cell->text) ? "1\n" : "0\n");
        }
}

static void write_histogram(MetricsWriter *writer, const Field *field, const Value *cell) {
        const Histogram *histogram = cell->histogram;
        uint64_t count = 0;

        for (size_t i = 0; i <= HISTOGRAM_BUCKETS; i++) {
                _cleanup_(buffer_done) Buffer bound = {};
                buffer_add_number(&bound, i < HISTOGRAM_BUCKETS ? histogram_bounds[i] : INFINITY);
                count += histogram->buckets[i];
                write_sample_head(writer, field->metric, "_bucket", "le", buffer_text(&bound), bound.length);
                buffer_printf(writer->out, "%" PRIu64 "\n", count);
        }
        write_sample_head(writer, field->metric, "_sum", NULL, NULL, 0);
        buffer_add_number(writer->out, histogram->sum);
        buffer_add_char(writer->out, '\n');
        write_sample_head(writer, field->metric, "_count", NULL, NULL, 0);
        buffer_printf(writer->out, "%" PRIu64 "\n", count);
}

/* By FieldRole; a role without a type has no samples. */
static const struct {
        const char *type;
        void (*write)(MetricsWriter *writer, const Field *field, const Value *cell);
} roles[] = {
        [FIELD_GAUGE] = {"gauge", write_number},
        [FIELD_COUNTER] = {"counter", write_number},
        [FIELD_HISTOGRAM] = {"histogram", write_histogram},
        [FIELD_STATE] = {"gauge", write_state},
        [FIELD_HIDDEN] = {},
};

static bool is_family(const Field *field) {
        return field->metric && roles[field->role].write;
}

static bool state_is_known(const Field *field, const char *text) {
        const char *cursor = field->states, *word;
        size_t length;

        while (format_next_word(&cursor, &word, &length))
                if (format_word_equal(word, length, text))
                        return true;
        return false;
}

/* Absent knowledge has no sample; nor has a state that the Field does not list. */
static bool has_sample(const Field *field, const Value *cell) {
        double ignored;

        if (field->role == FIELD_HISTOGRAM)
                return cell->kind == VALUE_HISTOGRAM;
        if (field->role == FIELD_STATE)
                return cell->kind == VALUE_TEXT && state_is_known(field, cell->text);
        return value_number(cell, &ignored);
}

/* OpenMetrics names a counter's family without the _total of its samples. */
static void write_family_head(MetricsWriter *writer, const Field *field) {
        bool is_open = writer->format == METRICS_OPENMETRICS;
        size_t length = strlen(field->metric);

        if (field->role == FIELD_COUNTER) {
                assert(length > 6 && str_equal(field->metric + length - 6, "_total"));
                length -= is_open ? 6 : 0;
        }
        buffer_add(writer->out, "# HELP ");
        buffer_append(writer->out, field->metric, length);
        buffer_add_char(writer->out, ' ');
        buffer_add_help(writer->out, field->help, is_open);
        buffer_add(writer->out, "\n# TYPE ");
        buffer_append(writer->out, field->metric, length);
        buffer_printf(writer->out, " %s\n", roles[field->role].type);
}

static void add_cell_text(Buffer *out, const Value *cell) {
        double number;

        if (cell->kind == VALUE_TEXT)
                buffer_add_label_value(out, cell->text);
        else if (cell->kind == VALUE_INT)
                buffer_printf(out, "%" PRId64, cell->integer);
        else if (cell->kind == VALUE_BOOL)
                buffer_add(out, cell->boolean ? "true" : "false");
        else if (value_number(cell, &number))
                buffer_add_number(out, number);
}

/* An empty label is no label, in Prometheus' eyes too: NULL and "" leave it out. */
static void add_piece(MetricsWriter *writer, const char *name, const Value *cell) {
        Buffer *pieces = &writer->pieces;

        if (cell->kind == VALUE_NULL || (cell->kind == VALUE_TEXT && str_is_empty(cell->text)))
                return;
        buffer_add(pieces, name);
        buffer_add(pieces, "=\"");
        add_cell_text(pieces, cell);
        buffer_add_char(pieces, '"');
        writer->starts[++writer->n_pieces] = pieces->length;
}

static void join_pieces(const MetricsWriter *writer, const size_t *order, Buffer *out) {
        buffer_clear(out);
        for (size_t i = 0; i < writer->n_pieces; i++) {
                size_t start = writer->starts[order[i]], end = writer->starts[order[i] + 1];
                if (i > 0)
                        buffer_add_char(out, ',');
                buffer_append(out, buffer_text(&writer->pieces) + start, end - start);
        }
}

/* The labels as written, and as a key that is the same in whatever order a shape lists them. */
static void render_labels(MetricsWriter *writer, const Source *source, size_t row) {
        const Value *cells = source->table->cells + row * source->table->shape->n_fields;
        size_t order[LABELS_MAX + 1];
        Value target = {.kind = VALUE_TEXT, .text = source->table->target};

        buffer_clear(&writer->pieces);
        writer->n_pieces = 0;
        if (source->table->target)
                add_piece(writer, "target", &target);
        for (size_t i = 0; i < source->n_labels; i++)
                add_piece(writer, source->labels[i]->name,
                          &cells[source->labels[i] - source->table->shape->fields]);
        for (size_t i = 0; i < writer->n_pieces; i++)
                order[i] = i;
        join_pieces(writer, order, &writer->labels);
        const char *pieces = buffer_text(&writer->pieces);
        for (size_t i = 1; i < writer->n_pieces; i++)
                for (size_t j = i; j > 0; j--) {
                        if (strcmp(pieces + writer->starts[order[j - 1]],
                                   pieces + writer->starts[order[j]]) <= 0)
                                break;
                        size_t swap = order[j];
                        order[j] = order[j - 1];
                        order[j - 1] = swap;
                }
        join_pieces(writer, order, &writer->key);
}

static int write_row(MetricsWriter *writer, const Source *source, size_t row) {
        const Shape *shape = source->table->shape;
        const Value *cell = &source->table
                                     ->cells[row * shape->n_fields + (size_t)(source->field - shape->fields)];

        if (!has_sample(source->field, cell) || (source->table->is_cut && source->table->is_cut[row]))
                return 0;
        render_labels(writer, source, row);
        if (buffer_error(&writer->labels) < 0 || buffer_error(&writer->key) < 0)
                return -ENOMEM;
        int r = sample_set_add(&writer->seen, buffer_text(&writer->key), writer->key.length);
        if (r > 0)
                roles[source->field->role].write(writer, source->field, cell);
        return r < 0 ? r : 0;
}

static void source_add_label(Source *source, const Field *label) {
        assert(source->n_labels < LABELS_MAX);
        source->labels[source->n_labels++] = label;
}

static void source_find_labels(Source *source) {
        const Shape *shape = source->table->shape;
        const char *cursor = source->field->labels, *word;
        size_t length;

        if (!cursor)
                for (size_t i = 0; i < shape->n_fields; i++)
                        if (shape->fields[i].role == FIELD_LABEL)
                                source_add_label(source, &shape->fields[i]);
        while (format_next_word(&cursor, &word, &length)) {
                size_t i = 0;
                while (i < shape->n_fields && !format_word_equal(word, length, shape->fields[i].name))
                        i++;
                assert(i < shape->n_fields);
                source_add_label(source, &shape->fields[i]);
        }
}

static int compare_sources(const void *a, const void *b) {
        const Source *left = a, *right = b;
        int r = strcmp(left->field->metric, right->field->metric);

        if (r != 0)
                return r;
        return left->order < right->order ? -1 : left->order > right->order;
}

/* Every column that feeds a family, families side by side. */
static int collect_sources(const Table *const *tables, size_t n_tables, Source **ret, size_t *ret_n) {
        _cleanup_(freep) Source *sources = NULL;
        size_t n = 0, n_columns = 0;

        for (size_t i = 0; i < n_tables; i++)
                n_columns += tables[i]->shape->n_fields;
        sources = calloc(n_columns + 1, sizeof(Source));
        if (!sources)
                return -ENOMEM;
        for (size_t i = 0; i < n_tables; i++) {
                const Shape *shape = tables[i]->shape;
                for (size_t f = 0; f < shape->n_fields; f++) {
                        if (!is_family(&shape->fields[f]))
                                continue;
                        sources[n] = (Source){.table = tables[i], .field = &shape->fields[f], .order = n};
                        source_find_labels(&sources[n++]);
                }
        }
        qsort(sources, n, sizeof(Source), compare_sources);
        *ret = TAKE(sources);
        *ret_n = n;
        return 0;
}

int render_metrics(const Table *const *tables, size_t n_tables, MetricsFormat format, Buffer *out) {
        _cleanup_(metrics_writer_done) MetricsWriter writer = {.out = out, .format = format};
        _cleanup_(freep) Source *sources = NULL;
        const Field *family = NULL;
        size_t n = 0;
        int r = collect_sources(tables, n_tables, &sources, &n);

        if (r < 0)
                return r;
        for (size_t i = 0; i < n; i++) {
                if (!family || !str_equal(family->metric, sources[i].field->metric)) {
                        family = sources[i].field;
                        sample_set_clear(&writer.seen);
                        write_family_head(&writer, family);
                }
                /* Two shapes that feed one family must agree on what it is. */
                assert(roles[family->role].write == roles[sources[i].field->role].write);
                for (size_t row = 0; row < sources[i].table->n_rows; row++) {
                        r = write_row(&writer, &sources[i], row);
                        if (r < 0)
                                return r;
                }
        }
        return buffer_error(out);
}

void render_metrics_end(MetricsFormat format, Buffer *out) {
        if (format == METRICS_OPENMETRICS)
                buffer_add(out, "# EOF\n");
}

size_t render_metrics_row_samples(const Shape *shape) {
        size_t samples = 0;

        for (size_t i = 0; i < shape->n_fields; i++) {
                const Field *field = &shape->fields[i];
                const char *cursor = field->states, *word;
                size_t length;

                if (!is_family(field))
                        continue;
                if (field->role == FIELD_HISTOGRAM)
                        samples += HISTOGRAM_BUCKETS + 1 + 2; /* +Inf, _sum, _count */
                else if (field->role != FIELD_STATE)
                        samples++;
                else
                        while (format_next_word(&cursor, &word, &length))
                                samples++;
        }
        return samples;
}
