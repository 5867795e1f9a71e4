#include "pulse.h"

#include "alloc.h"
#include "internal.h"

/* Parts of the session timeout: between beats, before the end as a margin (at most), between requests
 * remembered. */
enum { BEATS = 8, MARGIN = 8, MARGIN_MAX = 4, SIGNS = 32 };

/* Who waits for a proof has beats sent so much more often. */
enum { HURRY = 4 };

static int64_t timeout_ns(const corral_client *client)
{
    return client->session_timeout_ms * 1000000;
}

/* The longest time that a server takes to tell the leader who has spoken: half a tick, and no session is
 * shorter than two. */
static int64_t relay_ns(const corral_client *client)
{
    return timeout_ns(client) / 4;
}

/* What was proven last may be three eighths of a timeout old when the next proof is due, and a little more.
 */
int64_t corrali_pulse_margin_max_ms(const corral_client *client)
{
    return client->session_timeout_ms / MARGIN_MAX;
}

int64_t corrali_pulse_valid_until_locked(const corral_client *client, int64_t margin_ms)
{
    if (client->pulse.heard_at == 0 || client->session_id == 0) {
        return INT64_MIN;
    }
    return client->pulse.heard_at + timeout_ns(client) -
           (margin_ms == 0 ? timeout_ns(client) / MARGIN : margin_ms * 1000000);
}

bool corrali_pulse_fresh_locked(corral_client *client, int64_t margin_ms)
{
    int64_t until = corrali_pulse_valid_until_locked(client, margin_ms);

    return until != INT64_MIN && until - corrali_now_locked(client) > timeout_ns(client) / BEATS / 2;
}

/* --- beats --- */

static void beat_locked(corral_client *client);

static bool is_wanted(const corrali_pulse *own)
{
    return !corrali_list_empty(&own->users) || own->keepers > 0;
}

static void set_timer_locked(corral_client *client)
{
    corrali_pulse *own = &client->pulse;
    int64_t now = corrali_now_locked(client);
    /* One that was refused has proven nothing, but the next one would be refused, too. */
    int64_t last = own->beat.sent_at > own->proven_at ? own->beat.sent_at : own->proven_at;
    int64_t when = last + timeout_ns(client) / (own->hurried ? HURRY * BEATS : BEATS);

    corrali_timers_stop(&client->timers, &own->timer);
    if (!is_wanted(own) || own->beating || client->session_id == 0 || client->shut) {
        return;
    }
    if (when <= now || corrali_timers_set(&client->timers, &own->timer, when) != CORRAL_OK) {
        beat_locked(client); /* also without memory for the timer: too often is safe */
    }
}

static void beat_locked(corral_client *client)
{
    corrali_pulse *own = &client->pulse;
    corrali_link *first = own->users.next;

    if (own->beating || client->shut) {
        return;
    }
    corrali_free(own->path);
    own->path = NULL;
    own->checked = NULL;
    own->beat.kind = CORRALI_EXISTS;
    own->beat.path = "/";
    if (first != &own->users) {
        corrali_list_remove(first);
        corrali_list_append(&own->users, first);
        own->checked = CORRALI_CONTAINER(first, corrali_pulse_user, link);
        own->path = corrali_strdup(own->checked->node);
        own->beat.kind = CORRALI_MULTI;
        own->beat.writes[0] = (corrali_write){.kind = CORRALI_CHECK,
                                              .path = own->path == NULL ? "/" : own->path,
                                              .version = CORRALI_VERSION_ANY};
    }
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
    if (request->status == CORRAL_ELOST && is_wanted(own)) {
        beat_locked(client); /* it waits for the next connection */
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
    if (!is_wanted(&client->pulse)) {
        corrali_timers_stop(&client->timers, &client->pulse.timer);
    }
}

void corrali_pulse_keep_locked(corral_client *client)
{
    if (client->pulse.keepers++ == 0) {
        set_timer_locked(client);
    }
}

void corrali_pulse_drop_locked(corral_client *client)
{
    if (--client->pulse.keepers == 0 && !is_wanted(&client->pulse)) {
        corrali_timers_stop(&client->timers, &client->pulse.timer);
    }
}

void corrali_pulse_hurry_locked(corral_client *client)
{
    client->pulse.hurried = true;
    set_timer_locked(client);
}

/* --- what the session tells --- */

static const corrali_sign *last_sign(const corrali_pulse *own)
{
    return own->sign_count == 0 ? NULL : &own->signs[(own->sign_count - 1) % CORRALI_SIGNS];
}

void corrali_pulse_answered_locked(corral_client *client, int64_t sent_at)
{
    corrali_pulse *own = &client->pulse;
    const corrali_sign *last = last_sign(own);

    if (client->session_id != 0 && (last == NULL || sent_at - last->sent_at >= timeout_ns(client) / SIGNS)) {
        own->signs[own->sign_count++ % CORRALI_SIGNS] =
            (corrali_sign){.sent_at = sent_at, .answered_at = corrali_now_locked(client)};
    }
}

void corrali_pulse_began_locked(corral_client *client, int64_t asked_at)
{
    client->pulse.heard_at = asked_at;
    set_timer_locked(client);
}

void corrali_pulse_resumed_locked(corral_client *client)
{
    corrali_pulse *own = &client->pulse;
    const corrali_sign *last = last_sign(own);

    if (last != NULL) {
        own->claimed = (corrali_sign){.sent_at = last->sent_at, .answered_at = corrali_now_locked(client)};
    }
    set_timer_locked(client);
}

static void learn_sign(corrali_pulse *own, const corrali_sign *sign, int64_t until)
{
    if (sign->answered_at <= until && sign->sent_at > own->heard_at) {
        own->heard_at = sign->sent_at;
    }
}

/* What had been answered half a tick before @sent_at has been heard of. */
static void learn_locked(corral_client *client, int64_t sent_at)
{
    corrali_pulse *own = &client->pulse;
    size_t count = own->sign_count < CORRALI_SIGNS ? own->sign_count : CORRALI_SIGNS;

    for (size_t i = 0; i < count; i++) {
        learn_sign(own, &own->signs[i], sent_at - relay_ns(client));
    }
    learn_sign(own, &own->claimed, sent_at);
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
    learn_locked(client, sent_at);
    own->hurried = own->hurried && !corrali_pulse_fresh_locked(client, 0);
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
    client->pulse.heard_at = 0;
    client->pulse.proven_at = 0;
    client->pulse.sign_count = 0;
    client->pulse.claimed = (corrali_sign){.sent_at = 0};
    corrali_timers_stop(&client->timers, &client->pulse.timer);
}
