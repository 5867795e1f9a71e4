#include "pulse.h"

#include "alloc.h"
#include "internal.h"

/* The longest interval between beats, as a part of the session timeout; and a server's usual tick. */
enum { BEATS = 4, TICK_MS = 2000 };

static int64_t period_ns(const corral_client *client)
{
    return client->session_timeout_ms * 1000000 / BEATS;
}

int64_t corrali_pulse_margin_ms(const corral_client *client)
{
    int64_t margin = client->session_timeout_ms / BEATS + TICK_MS;

    return margin < client->session_timeout_ms / 2 ? margin : client->session_timeout_ms / 2;
}

int64_t corrali_pulse_valid_until_locked(const corral_client *client, int64_t margin_ms)
{
    if (client->pulse.proven_at == 0 || client->session_id == 0) {
        return INT64_MIN;
    }
    return client->pulse.proven_at + (client->session_timeout_ms - margin_ms) * 1000000;
}

bool corrali_pulse_fresh_locked(corral_client *client)
{
    return client->pulse.proven_at != 0 && client->session_id != 0 &&
           corrali_now_locked(client) - client->pulse.proven_at < period_ns(client) * 3 / 2;
}

/* --- beats --- */

static void set_timer_locked(corral_client *client)
{
    corrali_pulse *own = &client->pulse;
    int64_t now = corrali_now_locked(client);
    /* One that was refused has proven nothing, but the next one would be refused, too. */
    int64_t last = own->beat.sent_at > own->proven_at ? own->beat.sent_at : own->proven_at;
    int64_t when = last + period_ns(client);

    corrali_timers_stop(&client->timers, &own->timer);
    if (corrali_list_empty(&own->users) || own->beating || client->session_id == 0 || client->shut) {
        return;
    }
    if (when <= now || corrali_timers_set(&client->timers, &own->timer, when) != CORRAL_OK) {
        corrali_pulse_beat_locked(client); /* also without memory for the timer: too often is safe */
    }
}

void corrali_pulse_beat_locked(corral_client *client)
{
    corrali_pulse *own = &client->pulse;
    corrali_link *first = own->users.next;

    if (own->beating || client->shut) {
        return;
    }
    corrali_free(own->path);
    own->path = NULL;
    own->checked = NULL;
    if (first != &own->users) {
        corrali_list_remove(first);
        corrali_list_append(&own->users, first);
        own->checked = CORRALI_CONTAINER(first, corrali_pulse_user, link);
        own->path = corrali_strdup(own->checked->node);
    }
    own->beat.writes[0] = (corrali_write){
        .kind = CORRALI_CHECK, .path = own->path == NULL ? "/" : own->path, .version = CORRALI_VERSION_ANY};
    own->beating = true;
    corrali_submit_locked(client, &own->beat);
}

static void beat_done(corrali_request *request)
{
    corral_client *client = CORRALI_CONTAINER(request, corral_client, pulse.beat);
    corrali_pulse *own = &client->pulse;
    corrali_pulse_user *checked = own->checked;

    own->beating = false;
    own->checked = NULL;
    if (request->status == CORRAL_ENOENT && own->path != NULL && checked != NULL) {
        checked->missing_locked(checked);
    }
    if (request->status == CORRAL_ELOST && !corrali_list_empty(&own->users)) {
        corrali_pulse_beat_locked(client); /* it waits for the next connection */
    } else {
        set_timer_locked(client);
    }
}

static void timer_fired(corrali_timer *timer)
{
    set_timer_locked(CORRALI_CONTAINER(timer, corral_client, pulse.timer));
}

/* --- users --- */

void corrali_pulse_init(corral_client *client)
{
    corrali_pulse *own = &client->pulse;

    corrali_list_init(&own->users);
    own->timer.fire = timer_fired;
    own->beat.kind = CORRALI_MULTI;
    own->beat.write_count = 1;
    own->beat.done = beat_done;
}

void corrali_pulse_destroy(corral_client *client)
{
    corrali_free(client->pulse.path);
}

void corrali_pulse_join_locked(corral_client *client, corrali_pulse_user *user)
{
    bool first = corrali_list_empty(&client->pulse.users);

    corrali_list_append(&client->pulse.users, &user->link);
    if (first) {
        set_timer_locked(client);
    }
}

void corrali_pulse_leave_locked(corral_client *client, corrali_pulse_user *user)
{
    corrali_list_remove(&user->link);
    if (client->pulse.checked == user) {
        client->pulse.checked = NULL;
    }
    if (corrali_list_empty(&client->pulse.users)) {
        corrali_timers_stop(&client->timers, &client->pulse.timer);
    }
}

void corrali_pulse_proven_locked(corral_client *client, int64_t sent_at)
{
    corrali_pulse *own = &client->pulse;
    corrali_link *link;
    corrali_link waiting;

    if (sent_at <= own->proven_at || client->session_id == 0) {
        return;
    }
    own->proven_at = sent_at;
    /* Each may leave, or join others. */
    corrali_list_init(&waiting);
    corrali_list_prepend_all(&waiting, &own->users);
    while ((link = corrali_list_pop(&waiting)) != NULL) {
        corrali_pulse_user *user = CORRALI_CONTAINER(link, corrali_pulse_user, link);

        corrali_list_append(&own->users, link);
        user->proven_locked(user);
    }
    if (own->timer.slot == 0) {
        set_timer_locked(client); /* while they were out of the list it may have been stopped */
    }
}

void corrali_pulse_stop_locked(corral_client *client)
{
    client->pulse.proven_at = 0;
    corrali_timers_stop(&client->timers, &client->pulse.timer);
}
