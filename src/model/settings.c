/* Settings as a whole: made, grown and freed by walks over the option tables.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "pgvigil/model/settings.h"

#include <errno.h>

#include "pgvigil/model/option.h"

Settings *settings_free(Settings *settings) {
        if (!settings)
                return NULL;
        options_done(&settings_options, settings);
        free(settings);
        return NULL;
}

int settings_new(Settings **ret) {
        _cleanup_(settings_freep) Settings *settings = NULL;
        int r;

        settings = calloc(1, sizeof(*settings));
        if (!settings)
                return -ENOMEM;
        r = options_default(&settings_options, settings);
        if (r < 0)
                return r;
        *ret = TAKE(settings);
        return 0;
}

int settings_add_target(Settings *settings, const char *name, TargetSettings **ret) {
        TargetSettings *target;
        void *item;
        int r;

        r = option_list_add(&target_options, &settings->targets, &item);
        if (r < 0)
                return r;
        target = item;
        r = str_set(&target->name, name);
        if (r < 0)
                return r;
        *ret = target;
        return 0;
}

bool target_settings_equal(const TargetSettings *a, const TargetSettings *b) {
        return options_equal(&target_options, a, b);
}
