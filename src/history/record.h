/* Record: one thing on its way to the file, and the queue of those that are not written.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#include <stddef.h>

#include "pgvigil/history/records.h"
#include "series.h"

typedef enum RecordKind {
        RECORD_SERIES, /* id `series` is called (target, key) */
        RECORD_POINT,
        RECORD_VALUE, /* text NULL: removed */
        RECORD_EVENT, /* key: its kind */
        RECORD_STATEMENTS,
        N_RECORD_KINDS,
} RecordKind;

/* Owns its strings and lists. */
typedef struct Record {
        RecordKind kind;
        SeriesLevel level;
        uint32_t series;
        char *target, *key, *text;
        usec_t at;
        size_t n; /* of the list */
        union {
                SeriesPoint point;
                HistoryStatement *statements;
        };
} Record;

void record_done(Record *record);

/* The oldest first. Past `max` the oldest leave: memory is bounded while a disk is full. */
typedef struct Records {
        Record *items;
        size_t count, size;
        size_t max; /* 0: no limit */
} Records;

void records_done(Records *records);

/* Takes the record over, also on failure. *dropped counts what left or found no memory. */
int records_add(Records *records, Record *record, uint64_t *dropped);

/* A value of that key that waits gets this text instead (NULL: it goes): a key that is set again and again
 * while a disk is full waits once. 1: one did; 0: none waits; -ENOMEM. */
int records_set_value(Records *records, const char *target, const char *key, const char *text);

/* `older` before `records`, which has all of both afterwards. */
int records_put_back(Records *records, Records *older, uint64_t *dropped);

/* Drops all but statements: memory has the rest. */
void records_drop_kept(Records *records);
