#include "lib/wire.h"

#include <string.h>

/* A cursor over one frame. Reading past the end sets `bad` and yields nothing. */
typedef struct {
    const uint8_t *at;
    size_t left;
    bool bad;
} cursor;

typedef struct {
    const char *path; /* not terminated */
    size_t path_length;
    bool changes;
} operation;

int32_t wire_int32(const uint8_t *bytes)
{
    return (int32_t)((uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
                     bytes[3]);
}

int64_t wire_int64(const uint8_t *bytes)
{
    return (int64_t)((uint64_t)(uint32_t)wire_int32(bytes) << 32 | (uint32_t)wire_int32(bytes + 4));
}

static const uint8_t *take(cursor *c, size_t length)
{
    const uint8_t *at = c->at;

    if (c->bad || c->left < length) {
        c->bad = true;
        return NULL;
    }
    c->at += length;
    c->left -= length;
    return at;
}

static int32_t take_int32(cursor *c)
{
    const uint8_t *bytes = take(c, 4);

    return bytes != NULL ? wire_int32(bytes) : 0;
}

/* A string or buffer: a length, -1 for null, and that many bytes. */
static const uint8_t *take_bytes(cursor *c, size_t *ret_length)
{
    int32_t length = take_int32(c);

    *ret_length = length > 0 ? (size_t)length : 0;
    return take(c, *ret_length);
}

static void take_acl(cursor *c)
{
    int32_t entries = take_int32(c);
    size_t length;

    for (int32_t i = 0; i < entries && !c->bad; i++) {
        take_int32(c);
        take_bytes(c, &length);
        take_bytes(c, &length);
    }
}

static void take_operation(cursor *c, int32_t type, operation *op)
{
    size_t length;

    op->changes = type != WIRE_CHECK;
    op->path = (const char *)take_bytes(c, &op->path_length);
    switch (type) {
    case WIRE_CHECK:
    case WIRE_DELETE:
        take_int32(c);
        break;
    case WIRE_SET_DATA:
        take_bytes(c, &length);
        take_int32(c);
        break;
    case WIRE_CREATE:
    case WIRE_CREATE2:
    case WIRE_CREATE_CONTAINER:
    case WIRE_CREATE_TTL:
        take_bytes(c, &length);
        take_acl(c);
        take_int32(c);
        if (type == WIRE_CREATE_TTL)
            take(c, 8);
        break;
    default:
        c->bad = true;
    }
}

/* The next operation of a multi; false at its end. */
static bool next_operation(cursor *c, operation *op)
{
    int32_t type = take_int32(c);
    const uint8_t *done = take(c, 1);

    take_int32(c);
    if (c->bad || *done != 0)
        return false;
    take_operation(c, type, op);
    return !c->bad;
}

static bool is_change(int32_t type)
{
    return type == WIRE_CREATE || type == WIRE_DELETE || type == WIRE_SET_DATA || type == WIRE_CREATE2 ||
           type == WIRE_CREATE_CONTAINER || type == WIRE_CREATE_TTL;
}

bool wire_parse_request(const uint8_t *frame, size_t length, wire_request *ret_request)
{
    cursor c = {frame, length, false};
    wire_request request = {.operations = 1, .frame = frame, .length = length};
    operation op;

    request.xid = take_int32(&c);
    request.type = take_int32(&c);
    if (request.type == WIRE_MULTI) {
        request.operations = 0;
        while (next_operation(&c, &op)) {
            request.operations++;
            request.changes += op.changes;
        }
    } else {
        request.changes = is_change(request.type);
    }
    if (c.bad)
        return false;
    *ret_request = request;
    return true;
}

static bool is_below(const operation *op, const char *path)
{
    size_t length = strlen(path);

    return op->changes && op->path_length >= length && memcmp(op->path, path, length) == 0 &&
           (op->path_length == length || op->path[length] == '/');
}

bool wire_changes_below(const wire_request *request, const char *path)
{
    cursor c = {request->frame + 8, request->length - 8, false};
    operation op;

    if (request->type == WIRE_MULTI) {
        while (next_operation(&c, &op)) {
            if (is_below(&op, path))
                return true;
        }
        return false;
    }
    if (!is_change(request->type))
        return false;
    take_operation(&c, request->type, &op);
    return !c.bad && is_below(&op, path);
}

bool wire_reply_succeeded(const uint8_t *frame, size_t length, int32_t type)
{
    cursor c = {frame, length, false};

    take(&c, 12);
    if (take_int32(&c) != 0 || c.bad)
        return false;
    /* A multi that failed has no error in its header: its results are all of type -1. */
    return type != WIRE_MULTI || take_int32(&c) != -1 || c.bad;
}
