/* What `pgvigil check` prints.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "fixture.h"

static const TextOptions plain = {}, quiet = {.quiet = true}, verbose = {.verbose = true},
                         coloured = {.colour = true};

static void add_shop(Fixture *fixture) {
        TargetView *shop = fixture_add_target(fixture, "shop");

        fixture_add(shop, PASSING(KIND_CONNECTION, "shop", "connection"));
        fixture_add(shop, VIOLATED("public.orders", "c", 3));
        fixture_add(shop, PASSING(KIND_CONSTRAINT, "public.orders", "d"));
        fixture_add(shop, VIOLATED("public.items", "noted", 1))->status = STATUS_PASS;
        fixture_add(shop, PASSING(KIND_INDEX, "public.orders", "(a, b)"));
        Finding *fail = fixture_add(shop, PASSING(KIND_CONSTRAINT, "public.items", "gone"));
        fail->status = STATUS_FAIL;
        fail->summary = (char *)"The constraint does not exist.";
        Finding *skipped = fixture_add(shop, PASSING(KIND_BACKUP, NULL, "nightly"));
        skipped->status = STATUS_SKIPPED;
        skipped->seen = SEEN_SKIPPED;
        skipped->summary = (char *)"Nothing is configured.";
        skipped->checked_at = 0;
        skipped->method = NULL;
}

#define CHECKLIST                                                                                            \
        "shop: PostgreSQL 15.18, primary: fail\n"                                                            \
        "\n"                                                                                                 \
        "  ✔ Connection:    PostgreSQL 15.18, primary, as pgvigil\n"                                       \
        "  ✘ Constraints:   1 of 4 in order; 1 noted only, 1 fail, 1 warn\n"                               \
        "  ✔ Indexes:       1 of 1 in order: in place and valid\n"                                         \
        "  - Backups:       1 skipped\n"

START_TEST(checklist_then_what_does_not_pass_worst_first) {
        _cleanup_(fixture_done) Fixture fixture = {};
        _cleanup_(buffer_done) Buffer out = {};

        add_shop(&fixture);
        ck_assert_int_eq(render_text(&fixture.view, &plain, NOW, &out), 0);
        expect_text(&out, CHECKLIST "\n"
                                    "  ✘ constraint public.items gone\n"
                                    "      The constraint does not exist.\n"
                                    "\n"
                                    "  ! constraint public.orders c\n"
                                    "      3 rows break total_amount > 0.\n"
                                    "      → Repair the rows, then validate the constraint:\n"
                                    "        ALTER TABLE public.orders VALIDATE CONSTRAINT c;\n"
                                    "\n"
                                    "6 of 6 checked: 1 warn, 0 unknown, 1 fail (status: fail)\n");
}
END_TEST

START_TEST(quiet_leaves_out_the_checklist) {
        _cleanup_(fixture_done) Fixture fixture = {};
        _cleanup_(buffer_done) Buffer out = {};

        add_shop(&fixture);
        fixture_add(fixture_add_target(&fixture, "bank"), PASSING(KIND_INDEX, "public.orders", "i"));
        ck_assert_int_eq(render_text(&fixture.view, &quiet, NOW, &out), 0);
        ck_assert_ptr_nonnull(strstr(buffer_text(&out), "✘ constraint public.items gone"));
        ck_assert_ptr_null(strstr(buffer_text(&out), "✔"));
        ck_assert_ptr_null(strstr(buffer_text(&out), "bank"));
}
END_TEST

START_TEST(quiet_says_nothing_when_everything_passes) {
        _cleanup_(fixture_done) Fixture fixture = {};
        _cleanup_(buffer_done) Buffer out = {};

        fixture_add(fixture_add_target(&fixture, "shop"), PASSING(KIND_INDEX, "public.orders", "i"));
        ck_assert_int_eq(render_text(&fixture.view, &quiet, NOW, &out), 0);
        expect_text(&out, "");
}
END_TEST

START_TEST(quiet_still_names_a_target_of_which_nothing_is_known) {
        _cleanup_(fixture_done) Fixture fixture = {};
        _cleanup_(buffer_done) Buffer out = {};
        TargetView *shop = fixture_add_target(&fixture, "shop");

        shop->reach = REACH_UNREACHABLE;
        shop->cause = CAUSE_REFUSED;
        ck_assert_int_eq(render_text(&fixture.view, &quiet, NOW, &out), 0);
        expect_text(&out, "shop: not connected (refused): unknown\n\n"
                          "0 of 0 checked: 0 warn, 0 unknown, 0 fail (status: unknown)\n");
}
END_TEST

#define UNREAD "2 applied; no directory was read: pending, modified and missing ones are not known."

START_TEST(the_green_of_migrations_says_how_far_it_goes) {
        _cleanup_(fixture_done) Fixture fixture = {};
        _cleanup_(buffer_done) Buffer out = {};
        TargetView *shop = fixture_add_target(&fixture, "shop");

        fixture_add(shop, PASSING(KIND_MIGRATION, "prisma", "status"))->summary = (char *)UNREAD;
        ck_assert_int_eq(render_text(&fixture.view, &plain, NOW, &out), 0);
        ck_assert_ptr_nonnull(strstr(buffer_text(&out), "  ✔ Migrations:    1 of 1 in order: " UNREAD "\n"));

        Finding *noted = fixture_add(shop, PASSING(KIND_MIGRATION, "prisma", "1_add"));
        noted->seen = SEEN_BREACH;
        buffer_clear(&out);
        ck_assert_int_eq(render_text(&fixture.view, &plain, NOW, &out), 0);
        ck_assert_ptr_nonnull(strstr(buffer_text(&out), "1 of 2 in order; 1 noted only: " UNREAD "\n"));

        noted->status = STATUS_WARN;
        buffer_clear(&out);
        ck_assert_int_eq(render_text(&fixture.view, &plain, NOW, &out), 0);
        ck_assert_ptr_nonnull(strstr(buffer_text(&out), "  ! Migrations:    1 of 2 in order; 1 warn\n"));
}
END_TEST

START_TEST(verbose_lists_what_passes_aligned_with_method_and_age) {
        _cleanup_(fixture_done) Fixture fixture = {};
        _cleanup_(buffer_done) Buffer out = {};

        add_shop(&fixture);
        ck_assert_int_eq(render_text(&fixture.view, &verbose, NOW, &out), 0);
        ck_assert_ptr_nonnull(strstr(buffer_text(&out), "  ! constraint public.orders c (violated, full)\n"));
        ck_assert_ptr_nonnull(
                strstr(buffer_text(&out),
                       "\n"
                       "  ✔ connection shop connection     catalog, 12 s ago: All is well.\n"
                       "  ✔ constraint public.orders d     catalog, 12 s ago: All is well.\n"
                       "  ✔ constraint public.items noted  full, 12 s ago: 3 rows break total_amount > 0.\n"
                       "      → Repair the rows, then validate the constraint:\n"
                       "        ALTER TABLE public.orders VALIDATE CONSTRAINT c;\n"
                       "  ✔ index public.orders (a, b)     catalog, 12 s ago: All is well.\n"
                       "  - backup nightly                 Nothing is configured.\n"
                       "\n"));
}
END_TEST

START_TEST(verbose_takes_the_width_of_the_longest_name_up_to_a_limit) {
        static const char *const names[] = {"short", "wholesaler_products_wholesaler_id_fkey",
                                            "sixty_two_bytes_sixty_two_bytes_sixty_two_bytes_sixty_two_byte"};
        _cleanup_(fixture_done) Fixture fixture = {};
        _cleanup_(buffer_done) Buffer out = {};
        TargetView *shop = fixture_add_target(&fixture, "shop");

        for (size_t i = 0; i < ELEMENTS(names); i++)
                fixture_add(shop, PASSING(KIND_FOREIGN_KEY, "public.wholesaler_products", names[i]));
        ck_assert_int_eq(render_text(&fixture.view, &verbose, NOW, &out), 0);
        for (size_t i = 0; i < ELEMENTS(names); i++) {
                _cleanup_(freep) char *line = NULL;
                char subject[256];

                snprintf(subject, sizeof(subject), "foreign_key public.wholesaler_products %s", names[i]);
                ck_assert_int_gt(asprintf(&line, "\n  ✔ %-80s  catalog, 12 s ago: All is well.\n", subject),
                                 0);
                ck_assert_ptr_nonnull(strstr(buffer_text(&out), line));
        }
}
END_TEST

static Finding *add_advice(TargetView *shop, const char *name) {
        Finding *advice = fixture_add(shop, PASSING(KIND_FOREIGN_KEY, "public.orders", name));

        advice->seen = SEEN_BREACH;
        advice->reason = REASON_MISSING;
        advice->is_advice = true;
        return advice;
}

START_TEST(advice_is_noted_and_is_none_of_the_objects) {
        _cleanup_(fixture_done) Fixture fixture = {};
        _cleanup_(buffer_done) Buffer out = {};
        TargetView *shop = fixture_add_target(&fixture, "shop");

        fixture_add(shop, PASSING(KIND_FOREIGN_KEY, "public.orders", "orders_retailer_id_fkey"));
        add_advice(shop, "(order_id) references orders");
        add_advice(shop, "(user_id) references users")->seen = SEEN_UNKNOWN; /* its last result stays */
        ck_assert_int_eq(render_text(&fixture.view, &plain, NOW, &out), 0);
        expect_text(&out, "shop: PostgreSQL 15.18, primary: pass\n\n"
                          "  ✔ Foreign keys:  1 of 1 in order; 2 noted only\n\n"
                          "1 of 1 checked: 0 warn, 0 unknown, 0 fail (status: pass)\n");
}
END_TEST

START_TEST(keys_of_violating_rows_are_one_a_line) {
        _cleanup_(fixture_done) Fixture fixture = {};
        _cleanup_(buffer_done) Buffer out = {};
        TargetView *shop = fixture_add_target(&fixture, "shop");

        fixture_add(shop, VIOLATED("public.orders", "c", 2))->keys = (char *[]){(char *)"id=7",
                                                                                (char *)"id=9", NULL};
        ck_assert_int_eq(render_text(&fixture.view, &plain, NOW, &out), 0);
        ck_assert_ptr_nonnull(strstr(buffer_text(&out), "      rows: id=7\n            id=9\n"));
}
END_TEST

START_TEST(colour_only_when_asked_for) {
        _cleanup_(fixture_done) Fixture fixture = {};
        _cleanup_(buffer_done) Buffer with = {}, without = {};

        add_shop(&fixture);
        ck_assert_int_eq(render_text(&fixture.view, &coloured, NOW, &with), 0);
        ck_assert_int_eq(render_text(&fixture.view, &plain, NOW, &without), 0);
        ck_assert_ptr_nonnull(strstr(buffer_text(&with), "\033[31m✘\033[0m constraint"));
        ck_assert_ptr_null(strchr(buffer_text(&without), '\033'));
}
END_TEST

START_TEST(d26_names_and_row_data_cannot_drive_the_terminal) {
        _cleanup_(fixture_done) Fixture fixture = {};
        _cleanup_(buffer_done) Buffer out = {};
        TargetView *shop = fixture_add_target(&fixture, "shop");
        static char evil[] = "\033]0;x\007\n\r\xc2\x9b"
                             "2J%s";
        Finding *finding = fixture_add(shop, VIOLATED(evil, evil, 1));

        finding->keys = (char *[]){evil, NULL};
        finding->summary = finding->hint = finding->repair = evil;
        fixture.servers[0].role = evil;
        fixture_add(shop, PASSING(KIND_CONNECTION, evil, evil));
        ck_assert_int_eq(render_text(&fixture.view, &verbose, NOW, &out), 0);
        for (const char *c = buffer_text(&out); *c; c++)
                ck_assert(*c == '\n' || ((unsigned char)*c >= 0x20 && *c != 0x7f));
        ck_assert_ptr_null(strstr(buffer_text(&out), "\xc2\x9b"));
        ck_assert_ptr_nonnull(strstr(buffer_text(&out), "\\x1b]0;x\\x07\\n\\x0d"));
}
END_TEST

START_TEST(nothing_to_check_is_unknown) {
        _cleanup_(buffer_done) Buffer out = {};
        View view = {};

        ck_assert_int_eq(render_text(&view, &plain, NOW, &out), 0);
        expect_text(&out, "0 of 0 checked: 0 warn, 0 unknown, 0 fail (status: unknown)\n");
}
END_TEST

int main(void) {
        const TTest *const tests[] = {
                checklist_then_what_does_not_pass_worst_first,
                quiet_leaves_out_the_checklist,
                quiet_says_nothing_when_everything_passes,
                quiet_still_names_a_target_of_which_nothing_is_known,
                the_green_of_migrations_says_how_far_it_goes,
                verbose_lists_what_passes_aligned_with_method_and_age,
                verbose_takes_the_width_of_the_longest_name_up_to_a_limit,
                advice_is_noted_and_is_none_of_the_objects,
                keys_of_violating_rows_are_one_a_line,
                colour_only_when_asked_for,
                d26_names_and_row_data_cannot_drive_the_terminal,
                nothing_to_check_is_unknown,
        };

        return run_suite("text", tests, ELEMENTS(tests));
}
