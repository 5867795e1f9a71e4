/** `lock ls`: who holds a lock, and who waits for it. */
#include <inttypes.h>
#include <stdio.h>

#include "bytes.h"
#include "lock.h"
#include "output.h"

static void print_json(const char *path, const corral_lock_contender *each)
{
    char session[32];
    snprintf(session, sizeof session, "0x%" PRIx64, (uint64_t)each->session);
    cli_json_begin();
    cli_json_string("path", path);
    cli_json_string("state", each->holds ? "holds" : "waits");
    cli_json_string("mode", each->shared ? "shared" : "exclusive");
    cli_json_int64("token", each->token);
    cli_json_string("session", session);
    cli_json_bytes("label", each->label, each->length);
    cli_json_string("name", each->name);
    cli_json_number("sequence", each->sequence);
    cli_json_end();
}

static void print_plain(const corral_lock_contender *each)
{
    printf("%s %s %" PRId64 " 0x%" PRIx64 " ", each->holds ? "holds" : "waits",
           each->shared ? "shared" : "exclusive", each->token, (uint64_t)each->session);
    cli_print_shown(stdout, each->label, each->length);
    putchar('\n');
}

static int list(cli_session *session, const cli_call *call, const corral_lock_options *options)
{
    const char *path = call->operands[0];
    corral_lock *lock;
    corral_lock_contender *contenders = NULL;
    size_t count = 0;
    int status = corral_lock_open(session->client, path, options, &lock);
    if (status != 0) {
        return cli_open_failed(path, status);
    }
    status = corral_lock_list(lock, call->settings->timeout_ms, &contenders, &count);
    session->unanswered = status == CORRAL_ETIMEDOUT;
    for (size_t i = 0; i < count; i++) {
        if (call->settings->json) {
            print_json(path, &contenders[i]);
        } else {
            print_plain(&contenders[i]);
        }
    }
    corral_lock_contenders_free(contenders);
    corral_lock_close(lock);
    return status == 0
               ? CLI_DONE
               : cli_session_report_call(session, path, status,
                                         status == CORRAL_ECONFLICT ? cli_lock_conflict(options) : NULL);
}

int cli_lock_ls(const cli_call *call)
{
    cli_session session;
    corral_lock_options options = CORRAL_LOCK_OPTIONS_INIT;
    int status = cli_lock_kind(call->options, &options);
    if (status == 0) {
        status = cli_session_open(&session, call->settings, NULL);
    }
    if (status != 0) {
        return status;
    }
    /* Nothing is changed, so a signal may end it at once. */
    sigprocmask(SIG_SETMASK, &session.old_mask, NULL);
    return cli_session_close(&session, list(&session, call, &options));
}
