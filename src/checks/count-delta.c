/* Delta: see the header.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "count-delta.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "common.h"

#define DIRTY_MAX 1000000 /* pages of one leaf */

static void dirty_list_done(DirtyList *list) {
        for (size_t i = 0; i < list->n; i++)
                free(list->items[i].pages);
        free(list->items);
        *list = (DirtyList){};
}

static void page_map_done(PageMap *map) {
        free(map->cells);
        *map = (PageMap){.n_rules = map->n_rules};
}

void delta_done(Delta *delta) {
        free(delta->fence);
        free(delta->next_fence);
        dirty_list_done(&delta->dirty);
        dirty_list_done(&delta->next_dirty);
        page_map_done(&delta->map);
        page_map_done(&delta->next);
        *delta = (Delta){};
}

void delta_look(Delta *delta, size_t n_rules) {
        dirty_list_done(&delta->next_dirty);
        page_map_done(&delta->next);
        (void)str_set(&delta->next_fence, NULL);
        delta->next.n_rules = n_rules;
}

static int parse_pages(const char *text, Dirty *ret) {
        size_t allocated = 0;

        if (!text || str_equal(text, "{}"))
                return 0;
        if (*text != '{')
                return -EINVAL;
        do {
                char *end;
                intmax_t page = strtoimax(text + 1, &end, 10);

                if (end == text + 1 || page < 0 || (ret->n > 0 && page <= ret->pages[ret->n - 1]))
                        return -EINVAL;
                if (ret->n == allocated) {
                        int64_t *grown = NULL;

                        allocated = allocated > 0 ? 2 * allocated : 64;
                        if (ret->n < DIRTY_MAX)
                                grown = reallocarray(ret->pages, allocated, sizeof(*grown));
                        if (!grown)
                                return -ENOMEM;
                        ret->pages = grown;
                }
                ret->pages[ret->n++] = page;
                text = end;
        } while (*text == ',');
        return str_equal(text, "}") ? 0 : -EINVAL;
}

int delta_add_dirty(DirtyList *list, int64_t leaf, const char *pages) {
        Dirty dirty = {.leaf = leaf};
        Dirty *grown = reallocarray(list->items, list->n + 1, sizeof(*grown));
        int r;

        if (!grown)
                return -ENOMEM;
        list->items = grown;
        r = parse_pages(pages, &dirty);
        if (r < 0) {
                free(dirty.pages);
                return r;
        }
        grown[list->n++] = dirty;
        return 0;
}

static const Dirty *find_leaf(const DirtyList *list, int64_t leaf) {
        for (size_t i = 0; i < list->n; i++)
                if (list->items[i].leaf == leaf)
                        return &list->items[i];
        return NULL;
}

static int compare_pages(const void *a, const void *b) {
        int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

        return (left > right) - (left < right);
}

static bool has_page(const Dirty *dirty, int64_t page) {
        return dirty && dirty->n > 0 && bsearch(&page, dirty->pages, dirty->n, sizeof(page), compare_pages);
}

/* Only VACUUM marks a page: one that was not marked and is now shows that it has worked, also when it
 * was cancelled before it could say so. */
static bool covers(const DirtyList *now, const DirtyList *before) {
        for (size_t i = 0; i < before->n; i++) {
                const Dirty *was = &before->items[i], *is = find_leaf(now, was->leaf);

                for (size_t k = 0; k < was->n; k++)
                        if (!has_page(is, was->pages[k]))
                                return false;
        }
        return true;
}

static size_t stride(const PageMap *map) {
        return 2 + map->n_rules;
}

int page_map_add(PageMap *map, int64_t leaf, int64_t page, const int64_t *counts) {
        int64_t *row;

        if (map->n >= DELTA_PAGES_MAX)
                return -EFBIG;
        if (map->n == map->allocated) {
                size_t allocated = map->allocated > 0 ? 2 * map->allocated : 64;
                int64_t *grown = reallocarray(map->cells, allocated * stride(map), sizeof(*grown));

                if (!grown)
                        return -ENOMEM;
                map->cells = grown;
                map->allocated = allocated;
        }
        row = map->cells + map->n++ * stride(map);
        row[0] = leaf;
        row[1] = page;
        memcpy(row + 2, counts, map->n_rules * sizeof(*counts));
        return 0;
}

int64_t page_map_total(const PageMap *map, size_t rule) {
        int64_t total = 0;

        for (size_t i = 0; i < map->n; i++)
                total += map->cells[i * stride(map) + 2 + rule];
        return total;
}

size_t delta_dirty(const Delta *delta) {
        size_t n = 0;

        for (size_t i = 0; i < delta->next_dirty.n; i++)
                n += delta->next_dirty.items[i].n;
        return n;
}

void delta_begin(Delta *delta) {
        DirtyList dirty = delta->next_dirty;
        char *fence = TAKE(delta->next_fence);
        size_t n_rules = delta->next.n_rules;

        delta->next_dirty = (DirtyList){};
        delta_done(delta);
        delta->dirty = dirty;
        delta->map.n_rules = n_rules;
        delta->fence = fence;
        delta->is_building = true;
}

bool delta_holds(const Delta *delta) {
        return delta->is_valid && delta->next_fence && str_equal(delta->fence, delta->next_fence) &&
               covers(&delta->next_dirty, &delta->dirty);
}

int delta_accept(Delta *delta) {
        PageMap map = {.n_rules = delta->map.n_rules};
        int r = 0;

        for (size_t i = 0; r >= 0 && i < delta->map.n; i++) {
                const int64_t *row = delta->map.cells + i * stride(&delta->map);

                if (!has_page(find_leaf(&delta->next_dirty, row[0]), row[1]))
                        r = page_map_add(&map, row[0], row[1], row + 2);
        }
        for (size_t i = 0; r >= 0 && i < delta->next.n; i++) {
                const int64_t *row = delta->next.cells + i * stride(&delta->next);

                r = page_map_add(&map, row[0], row[1], row + 2);
        }
        if (r < 0) {
                page_map_done(&map);
                delta_done(delta);
                return r == -EFBIG ? 0 : r;
        }
        page_map_done(&delta->map);
        page_map_done(&delta->next);
        dirty_list_done(&delta->dirty);
        free(delta->fence);
        delta->map = map;
        delta->dirty = delta->next_dirty;
        delta->next_dirty = (DirtyList){};
        delta->fence = TAKE(delta->next_fence);
        return 0;
}
