#include "lib/fixture.h"

proxy *through;
corral_client *client;
corral_counter *counter;
corral_value *setting;
corral_watch *watch;
events noted;

void fixture_open_proxy(void)
{
    through = proxy_open(server_connect());
    REQUIRE(through != NULL);
    events_open(&noted);
}

void fixture_open(void)
{
    fixture_open_proxy();
    client = server_client(proxy_servers(through));
}

void fixture_close(void)
{
    proxy_hold(through, 0);
    ASSERT_STATUS(corral_watch_close(watch), CORRAL_OK);
    watch = NULL;
    ASSERT_STATUS(corral_counter_close(counter), CORRAL_OK);
    counter = NULL;
    ASSERT_STATUS(corral_value_close(setting), CORRAL_OK);
    setting = NULL;
    ASSERT_STATUS(corral_client_close(client), CORRAL_OK);
    client = NULL;
    events_close(&noted);
    proxy_close(through);
    through = NULL;
}

corral_counter *fixture_counter(const char *path)
{
    corral_counter *result = NULL;

    REQUIRE_STATUS(corral_counter_open(client, path, NULL, &result), CORRAL_OK);
    return result;
}

corral_value *fixture_value(const char *path)
{
    corral_value *result = NULL;

    REQUIRE_STATUS(corral_value_open(client, path, NULL, &result), CORRAL_OK);
    return result;
}

corral_watch *fixture_subscribe(const char *path, events *into)
{
    corral_watch *result = NULL;

    REQUIRE_STATUS(corral_watch_open(client, path, NULL, events_note, into, &result), CORRAL_OK);
    return result;
}

corral_watch *fixture_subscribe_children(const char *path, corral_watch_kind kind, events *into)
{
    corral_watch_options options = CORRAL_WATCH_OPTIONS_INIT;
    corral_watch *result = NULL;

    options.kind = kind;
    REQUIRE_STATUS(corral_watch_open(client, path, &options, events_note_children, into, &result), CORRAL_OK);
    return result;
}
