/*
 * What the two files of a writer share:
 *
 *     writer.c        the directory with LIVE: registration, barrier, farewell
 *     writer_lane.c   the lanes, and who borrows them
 */
#ifndef CORRALI_WRITER_INTERNAL_H
#define CORRALI_WRITER_INTERNAL_H

#include "writer.h"

/* --- writer.c --- */

/* Make the directory, LIVE and @lane; it is returned then. */
void corrali_writer_register_locked(corral_client *client, corrali_lane *lane);
/* If the farewell waits for the last lane, and that is gone: delete the directory. */
void corrali_writer_farewell_check_locked(corral_client *client);

/* --- writer_lane.c --- */

/* The write that makes @lane's znode. */
corrali_write corrali_lane_creation(const corrali_lane *lane);
/* Make @lane's znode, then return it. */
void corrali_lane_make_locked(corrali_lane *lane);
/* Count @lane no longer, and free it: there is no such znode, or we are not to delete it. */
void corrali_lane_drop_locked(corrali_lane *lane);
void corrali_lane_free(corrali_lane *lane);
/* Tell all who wait that there will be no lane, and why: @status, of the znode at @path. */
void corrali_lanes_refuse_locked(corral_client *client, int status, const char *path);

#endif
