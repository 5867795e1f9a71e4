#include "operation.h"

#include "output.h"

static int refuse(const cli_operation *o, int status)
{
    const char *reason = o->explain(o, status);
    cli_error("%s: %s", o->path, reason != NULL ? reason : corral_strerror(status));
    return cli_exit_status(status);
}

/** Print what came of it, or say what did not. */
static int tell(cli_operation *o, const corral_op *op)
{
    if (o->status == 0 || (o->status == CORRAL_ECONFLICT && o->conflict_is_answer)) {
        o->print(o);
        return o->status == 0 ? CLI_DONE : CLI_NO;
    }
    if (o->status == CORRAL_ENOMEM && corral_op_status(op) == 0) {
        cli_error("out of memory"); /* it was done, but what it gave cannot be kept */
        return CLI_UNREACHABLE;
    }
    return cli_session_report(&o->session, op, o->path, o->explain(o, o->status));
}

int cli_operation_run(cli_operation *o)
{
    corral_op *op;
    int status = o->submit(o, &op);
    if (status != 0) {
        return refuse(o, status);
    }
    cli_session_wait(&o->session, op);
    status = tell(o, op);
    /* Now, not after the session has been closed: that may take its time. */
    cli_flush_output();
    corral_op_unref(op);
    return status;
}

void cli_operation_end(cli_operation *o, int status, const corral_stamp *stamp)
{
    o->status = status;
    if (stamp != NULL) {
        o->stamp = *stamp;
    }
    cli_session_wake(&o->session);
}

void cli_operation_on_status(int status, void *operation)
{
    cli_operation_end(operation, status, NULL);
}

void cli_operation_on_stamp(int status, const corral_stamp *stamp, void *operation)
{
    cli_operation_end(operation, status, stamp);
}

void cli_operation_print_removed(const cli_operation *o)
{
    if (o->call->settings->json) {
        cli_json_begin();
        cli_json_string("path", o->path);
        cli_json_bool("removed", true);
        cli_json_end();
    }
}
