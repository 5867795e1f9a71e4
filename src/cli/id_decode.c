/** `id decode`: snowflake IDs taken apart, and any ID in both spellings. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "id.h"
#include "output.h"
#include "session.h"

typedef struct {
    const cli_call *call;
    const char *path; /**< NULL: no server is asked */
    bool text;
    corral_ids_options layout; /**< only of SNOWFLAKE there are parts */
} decode_call;

/* ---- reading ---- */

/**
 * Digits alone are a number, unless they are as many as a text has and begin with a 0, as no number does and
 * most texts do.
 */
static bool is_text(const decode_call *d, const char *word)
{
    size_t digits = strspn(word, "0123456789");
    return d->text || digits == 0 || word[digits] != '\0' ||
           (digits == CORRAL_ID_TEXT_SIZE - 1 && *word == '0');
}

/** Returns 0, or a CLI_USAGE error that has been reported. */
static int parse_id(const decode_call *d, const char *word, uint64_t *ret_id)
{
    uint64_t id;
    int64_t number;
    if (!is_text(d, word)) {
        int status = cli_parse_int64("ID", word, &number);
        *ret_id = status == 0 ? (uint64_t)number : *ret_id;
        return status;
    }
    if (corral_id_parse(word, &id) != 0 || id > (uint64_t)INT64_MAX) {
        cli_error("not an ID: %.100s", word);
        return CLI_USAGE;
    }
    *ret_id = id;
    return 0;
}

static int read_call(decode_call *d)
{
    const cli_option_set *given = d->call->options;
    bool layout = false;
    d->path = cli_option_value(given, "path");
    d->text = cli_option_value(given, "text") != NULL;
    int status = cli_id_layout(given, &d->layout, &layout);
    if (status == 0 && layout && d->path != NULL) {
        cli_error("with --path, there is no --epoch, --worker-bits or --sequence-bits");
        status = CLI_USAGE;
    }
    for (int i = 0; status == 0 && i < d->call->operand_count; i++) {
        uint64_t id;
        status = parse_id(d, d->call->operands[i], &id);
    }
    return status;
}

/* ---- asking ---- */

static const char *explain(int status)
{
    return status == CORRAL_ENOENT     ? "no such generator"
           : status == CORRAL_ECORRUPT ? "holds no ID generator"
                                       : NULL;
}

static int ask_session(decode_call *d, cli_session *session)
{
    corral_ids_options options = CORRAL_IDS_OPTIONS_INIT;
    corral_ids *ids = NULL;
    options.kind = CORRAL_IDS_STORED;
    int exit_status = cli_id_open(session->client, d->path, &options, &ids);
    if (exit_status == 0) {
        int status = corral_ids_info(ids, d->call->settings->timeout_ms, &d->layout);
        session->unanswered = status == CORRAL_ETIMEDOUT;
        exit_status = status == 0 ? 0 : cli_session_report_call(session, d->path, status, explain(status));
    }
    corral_ids_close(ids);
    return exit_status;
}

/** Learn the layout from the generator. */
static int ask(decode_call *d)
{
    cli_session session;
    int status = cli_session_open(&session, d->call->settings, NULL);
    if (status != 0) {
        return status;
    }
    /* Nothing is changed, so a signal may end it at once. */
    sigprocmask(SIG_SETMASK, &session.old_mask, NULL);
    return cli_session_close(&session, ask_session(d, &session));
}

/* ---- printing ---- */

/** As 2026-11-21T17:12:00.123Z. */
static void format_time(int64_t time_ms, char *ret_text, size_t size)
{
    time_t seconds = (time_t)(time_ms / 1000);
    struct tm parts;
    char day[64];
    gmtime_r(&seconds, &parts); /* never fails: all years of 63 bits of milliseconds fit an int */
    strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(ret_text, size, "%s.%03dZ", day, (int)(time_ms % 1000));
}

static void print_json(uint64_t id, const char *text, const char *when, const corral_snowflake *parts)
{
    cli_json_begin();
    cli_json_int64("id", (int64_t)id);
    cli_json_string("text", text);
    if (parts != NULL) {
        cli_json_string("time", when);
        cli_json_int64("time_ms", parts->time_ms);
        cli_json_number("worker", parts->worker);
        cli_json_number("sequence", parts->sequence);
    }
    cli_json_end();
}

/** Returns 0, or an exit status that has been reported. */
static int print(const decode_call *d, uint64_t id)
{
    char text[CORRAL_ID_TEXT_SIZE];
    char when[96] = "";
    corral_snowflake parts;
    bool snowflake = d->layout.kind == CORRAL_IDS_SNOWFLAKE;
    if (snowflake && corral_snowflake_decode(id, &d->layout, &parts) != 0) {
        cli_error("%" PRIu64 ": its time is out of range", id);
        return CLI_USAGE;
    }
    corral_id_format(id, text);
    if (snowflake) {
        format_time(parts.time_ms, when, sizeof when);
    }
    if (d->call->settings->json) {
        print_json(id, text, when, snowflake ? &parts : NULL);
    } else if (snowflake) {
        printf("%" PRIu64 " %s %s %" PRIu32 " %" PRIu32 "\n", id, text, when, parts.worker, parts.sequence);
    } else {
        printf("%" PRIu64 " %s\n", id, text);
    }
    return 0;
}

int cli_id_decode(const cli_call *call)
{
    decode_call d = {.call = call, .layout = CORRAL_IDS_OPTIONS_INIT};
    d.layout.kind = CORRAL_IDS_SNOWFLAKE;
    int status = read_call(&d);
    if (status == 0 && d.path != NULL) {
        status = ask(&d);
    }
    for (int i = 0; status == 0 && i < call->operand_count; i++) {
        uint64_t id = 0;
        status = parse_id(&d, call->operands[i], &id);
        if (status == 0) {
            status = print(&d, id);
        }
    }
    return status;
}
