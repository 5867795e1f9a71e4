/**
 * Just enough of ZooKeeper's wire protocol for a proxy: what a request does
 * and whether a reply reports success. Every function takes one frame without
 * its length prefix and reads nothing beyond it.
 */
#ifndef TEST_WIRE_H
#define TEST_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** The op codes that are told apart here. */
enum {
    WIRE_CREATE = 1,
    WIRE_DELETE = 2,
    WIRE_EXISTS = 3,
    WIRE_GET_DATA = 4,
    WIRE_SET_DATA = 5,
    WIRE_CHECK = 13,
    WIRE_MULTI = 14,
    WIRE_CREATE2 = 15,
    WIRE_CREATE_CONTAINER = 19,
    WIRE_CREATE_TTL = 21
};

/** A request as a proxy sees it. @frame is valid during the call it is passed to only. */
typedef struct {
    int32_t xid;
    int32_t type;
    unsigned operations; /**< of a multi; else 1 */
    unsigned changes;    /**< of these, the ones that change a znode: no checks, no reads */
    const uint8_t *frame;
    size_t length;
} wire_request;

/** A big-endian number at @bytes. */
int32_t wire_int32(const uint8_t *bytes);
int64_t wire_int64(const uint8_t *bytes);

/** Parse a frame from a client, not its first one. False: malformed. */
bool wire_parse_request(const uint8_t *frame, size_t length, wire_request *ret_request);

/** Whether @request changes @path (for a multi: in one of its operations) or something below it. */
bool wire_changes_below(const wire_request *request, const char *path);

/** Whether the reply in @frame, to a request of @type, says that everything was done. */
bool wire_reply_succeeded(const uint8_t *frame, size_t length, int32_t type);

#endif
