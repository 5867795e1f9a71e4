#include "lib/history.h"

const char *history_check(history_op *ops, size_t count, const history_ends *ends)
{
    (void)ops;
    (void)count;
    (void)ends;
    return HISTORY_REFUSED "no judge yet";
}
