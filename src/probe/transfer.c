/* Transfer: the options of a request, the bounds of its answer, the library's codes as results.
 *
 * Nothing of an answer leaves this file but its status: the body is searched and forgotten.
 *
 * SPDX-License-Identifier: PostgreSQL */
#include "transfer.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "pgvigil/base/str.h"

/* The library gives up a connection after five minutes, and then joins the thread of a look-up: our own
 * deadlines are always earlier. */
#define LIBRARY_TIMEOUT_MSEC (60 * 60 * 1000L)

/* A connection of its own for each request, for one that is kept tells nothing of the next; no session of
 * TLS is resumed, for that skips the certificate, which may have expired. */
static const struct {
        CURLoption option;
        long value;
} numbers[] = {
        {CURLOPT_NOSIGNAL, 1},
        {CURLOPT_HTTPGET, 1},
        {CURLOPT_FOLLOWLOCATION, 0},
        {CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1},
        {CURLOPT_HTTP09_ALLOWED, 0},
        {CURLOPT_FRESH_CONNECT, 1},
        {CURLOPT_FORBID_REUSE, 1},
        {CURLOPT_DNS_CACHE_TIMEOUT, 0},
        {CURLOPT_CONNECTTIMEOUT_MS, LIBRARY_TIMEOUT_MSEC},
        {CURLOPT_SSL_VERIFYPEER, 1},
        {CURLOPT_SSL_VERIFYHOST, 2},
        {CURLOPT_SSL_SESSIONID_CACHE, 0},
        {CURLOPT_NETRC, CURL_NETRC_IGNORED},
#if LIBCURL_VERSION_NUM >= 0x075700
        {CURLOPT_QUICK_EXIT, 1}, /* do not join the thread of a look-up */
#endif
#if LIBCURL_VERSION_NUM < 0x075500
        {CURLOPT_PROTOCOLS, CURLPROTO_HTTP | CURLPROTO_HTTPS},
#endif
};

static const struct {
        CURLoption option;
        const char *value;
} texts[] = {
        {CURLOPT_PROXY, ""}, /* nor one of the environment */
        {CURLOPT_USERAGENT, "pgvigil/" PGVIGIL_VERSION},
#if LIBCURL_VERSION_NUM >= 0x075500
        {CURLOPT_PROTOCOLS_STR, "http,https"},
#endif
};

static const struct {
        CURLcode code;
        ProbeEnd end;
} ends[] = {
        {CURLE_OK, PROBE_OK},
        {CURLE_COULDNT_RESOLVE_HOST, PROBE_DNS},
        {CURLE_COULDNT_CONNECT, PROBE_REFUSED},
        {CURLE_INTERFACE_FAILED, PROBE_REFUSED},
        {CURLE_OPERATION_TIMEDOUT, PROBE_TIMEOUT},
        {CURLE_SSL_CONNECT_ERROR, PROBE_TLS},
        {CURLE_PEER_FAILED_VERIFICATION, PROBE_TLS},
        {CURLE_SSL_CERTPROBLEM, PROBE_TLS},
        {CURLE_SSL_CIPHER, PROBE_TLS},
        {CURLE_SSL_ISSUER_ERROR, PROBE_TLS},
        {CURLE_SSL_INVALIDCERTSTATUS, PROBE_TLS},
        {CURLE_OUT_OF_MEMORY, PROBE_ERROR},
        {CURLE_FAILED_INIT, PROBE_ERROR},
        {CURLE_SSL_CACERT_BADFILE, PROBE_ERROR}, /* of this machine */
        {CURLE_SSL_ENGINE_INITFAILED, PROBE_ERROR},
};

static size_t on_head(char *bytes, size_t size, size_t n, void *userdata) {
        Transfer *transfer = userdata;

        transfer->head_size += size * n;
        transfer->is_head_cut = transfer->head_size > PROBE_READ_MAX;
        return transfer->is_head_cut ? 0 : size * n;
}

/* Past the bound the transfer is over: whatever follows changes nothing. */
static size_t on_body(char *bytes, size_t size, size_t n, void *userdata) {
        Transfer *transfer = userdata;
        size_t left = PROBE_READ_MAX - transfer->body_size, length = size * n;

        transfer->is_body_cut = length > left;
        length = length > left ? left : length;
        transfer->body_size += length;
        if (transfer->expect_body)
                buffer_append(&transfer->body, bytes, length);
        return transfer->is_body_cut ? 0 : length;
}

static bool is_shortage(int error) {
        return error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS;
}

static curl_socket_t on_socket(void *userdata, curlsocktype purpose, struct curl_sockaddr *address) {
        Transfer *transfer = userdata;
        int fd;

        if (transfer->is_given_up)
                return CURL_SOCKET_BAD;
        fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
        if (fd < 0 && is_shortage(errno))
                transfer->own_error = errno;
        return fd < 0 ? CURL_SOCKET_BAD : fd;
}

static int set_options(Transfer *transfer, const ProbeRequest *request) {
        CURL *easy = transfer->easy;
        CURLcode code = curl_easy_setopt(easy, CURLOPT_URL, request->url);

        for (size_t i = 0; code == CURLE_OK && i < ELEMENTS(numbers); i++)
                code = curl_easy_setopt(easy, numbers[i].option, numbers[i].value);
        for (size_t i = 0; code == CURLE_OK && i < ELEMENTS(texts); i++)
                code = curl_easy_setopt(easy, texts[i].option, texts[i].value);
        if (code != CURLE_OK)
                return code == CURLE_OUT_OF_MEMORY ? -ENOMEM : -EOPNOTSUPP;

        (void)curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->text);
        (void)curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_head);
        (void)curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
        (void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
        (void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
        (void)curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_socket);
        (void)curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, transfer);
        return 0;
}

static int url_part(CURLU *url, CURLUPart part, char **ret) {
        char *text;
        int r;

        if (curl_url_get(url, part, &text, 0) != CURLUE_OK)
                return -EINVAL;
        r = str_set(ret, text);
        curl_free(text);
        return r;
}

static int read_url(Transfer *transfer, const char *text) {
        _cleanup_(freep) char *scheme = NULL;
        CURLU *url = curl_url();
        int r;

        if (!url)
                return -ENOMEM;
        r = curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK ? 0 : -EINVAL;
        if (r >= 0)
                r = url_part(url, CURLUPART_SCHEME, &scheme);
        if (r >= 0)
                r = url_part(url, CURLUPART_HOST, &transfer->host);
        curl_url_cleanup(url);
        if (r < 0)
                return r;
        return str_equal(scheme, "http") || str_equal(scheme, "https") ? 0 : -EINVAL;
}

int transfer_init(Transfer *transfer, const ProbeRequest *request) {
        int r;

        *transfer = (Transfer){.expect_status = request->expect_status};
        r = read_url(transfer, request->url);
        if (r < 0)
                return r;
        r = str_set(&transfer->expect_body, str_is_empty(request->expect_body) ? NULL : request->expect_body);
        if (r < 0)
                return r;
        transfer->easy = curl_easy_init();
        return transfer->easy ? set_options(transfer, request) : -ENOMEM;
}

void transfer_done(Transfer *transfer) {
        if (transfer->easy)
                curl_easy_cleanup(transfer->easy);
        free(transfer->host);
        free(transfer->expect_body);
        buffer_done(&transfer->body);
        *transfer = (Transfer){};
}

static curl_off_t time_of(const Transfer *transfer, CURLINFO info) {
        curl_off_t usec = 0;

        (void)curl_easy_getinfo(transfer->easy, info, &usec);
        return usec;
}

static long number_of(const Transfer *transfer, CURLINFO info) {
        long number = 0;

        (void)curl_easy_getinfo(transfer->easy, info, &number);
        return number;
}

bool transfer_is_resolving(const Transfer *transfer) {
        return time_of(transfer, CURLINFO_NAMELOOKUP_TIME_T) == 0;
}

void transfer_progress(const Transfer *transfer, ProbeResult *ret) {
        ret->status = (int)number_of(transfer, CURLINFO_RESPONSE_CODE);
        if (transfer_is_resolving(transfer))
                ret->step = PROBE_AT_NAME;
        else if (time_of(transfer, CURLINFO_CONNECT_TIME_T) == 0)
                ret->step = PROBE_AT_CONNECT;
        else
                ret->step = ret->status == 0 ? PROBE_AT_ANSWER : PROBE_AT_BODY;
}

static ProbeEnd end_of_answer(const Transfer *transfer, int status) {
        const char *wanted = transfer->expect_body;

        if (status != transfer->expect_status)
                return PROBE_STATUS;
        if (!wanted)
                return PROBE_OK;
        if (buffer_error(&transfer->body) < 0)
                return PROBE_ERROR;
        return transfer->body.length > 0 &&
                               memmem(transfer->body.data, transfer->body.length, wanted, strlen(wanted))
                       ? PROBE_OK
                       : PROBE_BODY;
}

/* A header line that never ends is kept by the library up to a bound of its own. */
static bool is_head_too_large(const Transfer *transfer, CURLcode code, ProbeStep step) {
        return transfer->is_head_cut || (code == CURLE_OUT_OF_MEMORY && step >= PROBE_AT_ANSWER);
}

static ProbeEnd end_of_code(const Transfer *transfer, CURLcode code) {
        if (transfer->own_error != 0)
                return PROBE_ERROR;
        for (size_t i = 0; i < ELEMENTS(ends); i++)
                if (ends[i].code == code)
                        return ends[i].end;
        return PROBE_BROKEN;
}

static int error_of(const Transfer *transfer, ProbeEnd end) {
        if (transfer->own_error != 0)
                return transfer->own_error;
        return end == PROBE_REFUSED ? (int)number_of(transfer, CURLINFO_OS_ERRNO) : 0;
}

/* The library's own words, as one line. */
static void keep_detail(const char *text, ProbeResult *ret) {
        size_t i;

        for (i = 0; text[i] && i + 1 < sizeof(ret->detail); i++)
                ret->detail[i] = isprint((unsigned char)text[i]) ? text[i] : '?';
        ret->detail[i] = '\0';
}

void transfer_result(const Transfer *transfer, CURLcode code, ProbeResult *ret) {
        transfer_progress(transfer, ret);
        ret->is_cut = transfer->is_body_cut;
        if (is_head_too_large(transfer, code, ret->step))
                ret->end = PROBE_TOO_LARGE;
        else if (code == CURLE_OK || transfer->is_body_cut)
                ret->end = end_of_answer(transfer, ret->status);
        else
                ret->end = end_of_code(transfer, code);
        ret->error = error_of(transfer, ret->end);
        if (ret->end == PROBE_TLS || ret->end == PROBE_ERROR)
                keep_detail(*transfer->text ? transfer->text : curl_easy_strerror(code), ret);
}
