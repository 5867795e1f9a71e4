/**
 * ZooKeeper as it is, by libzookeeper alone: to confirm what Corral left
 * behind without asking Corral, and to put znodes there that Corral must
 * refuse. Results are ZOO_ERRORS, 0 being success.
 *
 * A handle belongs to one thread. Reads are repeated when the connection was
 * lost; changes are not.
 */
#ifndef TEST_RAW_H
#define TEST_RAW_H

#include <stdbool.h>
#include <stdint.h>

#ifndef THREADED
#define THREADED /* else the header hides the calls that wait */
#endif
#include <zookeeper/zookeeper.h>

typedef struct raw raw;

/** A connected client of @servers. NULL: no connection within TESTING_PATIENCE_MS. */
raw *raw_open(const char *servers);
void raw_close(raw *r);

/** Authenticate; waits for the answer. */
int raw_auth(raw *r, const char *scheme, const char *credential);

/** The data of @path as a string, cut to @size; @ret_stat may be NULL. */
int raw_get(raw *r, const char *path, char *buffer, size_t size, struct Stat *ret_stat);

/** The number that the data of @path spells; ZMARSHALLINGERROR when it is none. */
int raw_get_number(raw *r, const char *path, int64_t *ret_value);

int raw_exists(raw *r, const char *path, struct Stat *ret_stat);

/** Free with deallocate_String_vector(). */
int raw_children(raw *r, const char *path, struct String_vector *ret_children);

/** Set @length bytes, whatever the version is. */
int raw_set(raw *r, const char *path, const char *data, int length);

/** Make a znode open to everybody, with the parents it lacks. */
int raw_create(raw *r, const char *path, const char *data, int length);
int raw_delete(raw *r, const char *path);

/** Delete all that is below @path, leaving it. */
int raw_delete_below(raw *r, const char *path);

/** How many znodes there are below @path; -1 if it cannot be read. */
int raw_count_below(raw *r, const char *path);

int raw_set_acl(raw *r, const char *path, const struct ACL_vector *acl);
/** Free with deallocate_ACL_vector(). */
int raw_get_acl(raw *r, const char *path, struct ACL_vector *ret_acl);

/**
 * End somebody else's session at @servers. Its owner must be cut off, else the
 * two take the session's connection away from each other. False: there is no
 * such session.
 */
bool raw_expire(const char *servers, int64_t session, const char password[16]);

/** libzookeeper's own handle, for what is not above. */
zhandle_t *raw_handle(raw *r);

#endif
