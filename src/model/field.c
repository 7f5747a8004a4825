/* Field and Shape: looking a column up by its name.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "pgvigil/model/field.h"

#include "pgvigil/base/str.h"

int shape_find(const Shape *shape, const char *name) {
        for (size_t i = 0; i < shape->n_fields; i++)
                if (str_equal(shape->fields[i].name, name))
                        return (int)i;
        return -1;
}
