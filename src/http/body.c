/* Body: bytes and headers as one libmicrohttpd response, shared by any number of answers.
 *
 * The library counts the answers that are being sent; the count here is of our own holders. The
 * bytes go when both are gone.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "body.h"

#include <errno.h>
#include <stdint.h>

#include <microhttpd.h>

struct HttpBody {
        unsigned references;
        struct MHD_Response *response; /* owns `data` */
        const char *data;
        size_t length;
};

static int response_add(struct MHD_Response *response, const char *name, const char *value) {
        return MHD_add_response_header(response, name, value) == MHD_YES ? 0 : -ENOMEM;
}

static int response_add_all(struct MHD_Response *response, const char *const *pairs) {
        int r = 0;
        for (size_t i = 0; r == 0 && pairs && pairs[i]; i += 2)
                r = response_add(response, pairs[i], pairs[i + 1]);
        return r;
}

static int body_add_headers(HttpBody *body, const char *content_type, const char *encoding,
                            const char *const *headers) {
        const char *const common[] = {
                "Content-Type", content_type, "Cache-Control", "no-store", "X-Content-Type-Options",
                "nosniff",      NULL,
        };
        int r = response_add_all(body->response, common);
        if (r == 0 && encoding)
                r = response_add(body->response, "Content-Encoding", encoding);
        if (r == 0)
                r = response_add_all(body->response, headers);
        return r;
}

int http_body_new(Buffer *bytes, const char *content_type, const char *encoding, const char *const *headers,
                  HttpBody **ret) {
        size_t length = bytes->length;
        _cleanup_(freep) char *data = buffer_take(bytes);
        _cleanup_(http_body_unrefp) HttpBody *body = calloc(1, sizeof(*body));
        if (!data || !body)
                return -ENOMEM;
        *body = (HttpBody){.references = 1, .data = data, .length = length};
        body->response = MHD_create_response_from_buffer(length, data, MHD_RESPMEM_MUST_FREE);
        if (!body->response)
                return -ENOMEM;
        (void)TAKE(data);
        int r = body_add_headers(body, content_type, encoding, headers);
        if (r < 0)
                return r;
        *ret = TAKE(body);
        return 0;
}

HttpBody *http_body_ref(HttpBody *body) {
        if (body)
                body->references++;
        return body;
}

HttpBody *http_body_unref(HttpBody *body) {
        if (!body || --body->references > 0)
                return NULL;
        if (body->response)
                MHD_destroy_response(body->response);
        free(body);
        return NULL;
}

struct MHD_Response *body_response(HttpBody *body) {
        return body->response;
}

static void release_body(void *body) {
        http_body_unref(body);
}

typedef struct HeaderCopy {
        struct MHD_Response *to;
        int error;
} HeaderCopy;

static enum MHD_Result copy_header(void *cls, enum MHD_ValueKind kind, const char *name, const char *value) {
        HeaderCopy *copy = cls;
        copy->error = response_add(copy->to, name, value);
        return copy->error == 0 ? MHD_YES : MHD_NO;
}

struct MHD_Response *body_response_with_allow(HttpBody *body, const char *allow, bool closes) {
        struct MHD_Response *response = MHD_create_response_from_buffer_with_free_callback_cls(
                body->length, (void *)(uintptr_t)body->data, release_body, http_body_ref(body));
        if (!response) {
                http_body_unref(body);
                return NULL;
        }
        HeaderCopy copy = {.to = response};
        MHD_get_response_headers(body->response, copy_header, &copy);
        if (copy.error == 0)
                copy.error = response_add(response, "Allow", allow);
        if (copy.error == 0 && closes)
                copy.error = response_add(response, "Connection", "close");
        if (copy.error < 0) {
                MHD_destroy_response(response); /* drops the reference */
                return NULL;
        }
        return response;
}
