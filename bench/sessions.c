#include "sessions.h"

#include "common.h"
#include "config.h"

/* So long that pings are few. */
enum { SESSION_TIMEOUT_MS = 30000, PATIENCE_MS = 60000 };

static const char *servers;
static corral_client *clients[SESSIONS_MAX];
static unsigned connected;
static raw *raws[SESSIONS_BARE];

const char *sessions_servers(void)
{
    return servers;
}

corral_client *sessions_client(unsigned number)
{
    return clients[number];
}

static int read_by(corral_client *client, const char *path, corral_read level)
{
    corral_value *value;
    void *data;
    size_t length;
    int status = corral_value_open(client, path, NULL, &value);

    if (status == CORRAL_OK) {
        status = corral_value_get(value, level, PATIENCE_MS, &data, &length, NULL);
        if (status == CORRAL_OK) {
            corral_value_free(data);
        }
        corral_value_close(value);
    }
    return status;
}

int sessions_read(const char *path, corral_read level)
{
    return read_by(clients[0], path, level);
}

bool sessions_connect(unsigned count)
{
    corral_client_options options = CORRAL_CLIENT_OPTIONS_INIT;
    unsigned first = connected;

    options.session_timeout_ms = SESSION_TIMEOUT_MS;
    for (; connected < count; connected++) {
        int status = corral_client_open(servers, &options, &clients[connected]);

        if (status != CORRAL_OK) {
            return bench_fail(servers, "open", status);
        }
    }
    /* A read comes back when the client is connected, if only to say that there is nothing. */
    for (unsigned i = first; i < connected; i++) {
        int status = read_by(clients[i], "/corral-bench/none", CORRAL_READ_LOCAL);

        if (status != CORRAL_ENOENT) {
            return bench_fail(servers, "no connection", status);
        }
    }
    return true;
}

bool sessions_open(const char *of)
{
    servers = of;
    return sessions_connect(1);
}

raw *sessions_bare(unsigned number, bool tuned)
{
    if (raws[number] == NULL) {
        raws[number] = raw_open(servers);
    }
    if (raws[number] == NULL) {
        bench_fail(servers, "no connection", 0);
        return NULL;
    }
#ifdef HAVE_ZOO_SET_SERVERS_RESOLUTION_DELAY
    (void)zoo_set_servers_resolution_delay(raw_handle(raws[number]), tuned ? -1 : 0);
#else
    (void)tuned;
#endif
    return raws[number];
}

bool sessions_bare_make(raw *r, const char *path)
{
    int result = raw_create(r, path, "", 0);

    return result == ZOK || result == ZNODEEXISTS || bench_fail(path, "create", result);
}

void sessions_close(void)
{
    for (unsigned i = 0; i < connected; i++) {
        corral_client_close(clients[i]);
    }
    for (unsigned i = 0; i < SESSIONS_BARE; i++) {
        raw_close(raws[i]);
    }
}
