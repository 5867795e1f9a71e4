/** IDs on standard output, as fast as seq(1) prints numbers. */
#include <string.h>

#include "id.h"
#include "output.h"

void cli_id_printer_init(cli_id_printer *printer)
{
    printer->last = 0;
    printer->digit = '0';
    printer->start = CLI_ID_DIGITS - 1;
    printer->used = 0;
    memset(printer->line, '0', CLI_ID_DIGITS);
    memset(printer->line + CLI_ID_DIGITS, '\n', sizeof printer->line - CLI_ID_DIGITS);
}

/** Have the line say @id. */
static void spell(cli_id_printer *printer, uint64_t id)
{
    memset(printer->line, '0', CLI_ID_DIGITS);
    printer->last = id;
    printer->digit = (char)('0' + id % 10);
    printer->start = CLI_ID_DIGITS - 1;
    for (id /= 10; id > 0; id /= 10) {
        printer->line[--printer->start] = (char)('0' + id % 10);
    }
}

/** Have it say the next number. */
static void count_on(cli_id_printer *printer)
{
    printer->last++;
    if (printer->digit++ < '9') {
        return;
    }
    printer->digit = '0';
    size_t carry = CLI_ID_DIGITS - 2;
    while (printer->line[carry] == '9') {
        printer->line[carry--] = '0';
    }
    printer->line[carry]++;
    printer->start = carry < printer->start ? carry : printer->start;
}

static void put_number(cli_id_printer *printer, uint64_t id)
{
    if (id - printer->last == 1) {
        count_on(printer);
    } else {
        spell(printer, id);
    }
    /* A length that is known is copied at once; what is too much of it is overwritten. */
    memcpy(printer->buffer + printer->used, printer->line + printer->start, CLI_ID_LINE);
    printer->used += CLI_ID_LINE - printer->start;
    printer->buffer[printer->used - 2] = printer->digit;
}

static void put_text(cli_id_printer *printer, uint64_t id)
{
    corral_id_format(id, printer->buffer + printer->used);
    printer->used += CORRAL_ID_TEXT_SIZE;
    printer->buffer[printer->used - 1] = '\n';
}

static bool write_out(cli_id_printer *printer)
{
    size_t length = printer->used;
    printer->used = 0;
    return cli_write_output(printer->buffer, length);
}

bool cli_id_print(cli_id_printer *printer, const uint64_t *ids, size_t count, bool text)
{
    for (size_t i = 0; i < count; i++) {
        if (printer->used > CLI_ID_BUFFER - CLI_ID_LINE && !write_out(printer)) {
            return false;
        }
        if (text) {
            put_text(printer, ids[i]);
        } else {
            put_number(printer, ids[i]);
        }
    }
    return write_out(printer);
}
