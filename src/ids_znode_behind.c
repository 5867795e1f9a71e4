/* ZNODE: deleting behind. What is left in spite of it goes with the session. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "ids_znode.h"

static void delete_locked(corrali_wave *wave);
static void deleted(corrali_request *request);

/* --- waves --- */

corrali_wave *corrali_wave_new_locked(corrali_ids_directory *directory, size_t count, size_t before)
{
    size_t path_size = strlen(directory->prefix) + CORRALI_SEQUENCE_SIZE;
    size_t writes = (before + count) * sizeof(corrali_write);
    corrali_wave *wave = corrali_alloc(sizeof *wave + writes + count * (sizeof *wave->owners + path_size));

    if (wave == NULL) {
        return NULL;
    }
    wave->directory = directory;
    wave->count = count;
    wave->owners = (corral_op **)&wave->writes[before + count];
    wave->paths = (char *)&wave->owners[count];
    wave->path_size = path_size;
    wave->request.kind = CORRALI_MULTI;
    wave->request.more = wave->writes;
    directory->uses++;
    corrali_list_append(&directory->owner->waves, &wave->link);
    corrali_znodes_keep_locked(directory->owner);
    return wave;
}

void corrali_wave_end_locked(corrali_wave *wave)
{
    corrali_znodes *own = wave->directory->owner;

    corrali_list_remove(&wave->link);
    corrali_ids_directory_leave_locked(wave->directory);
    corrali_free(wave);
    corrali_znodes_drop_locked(own);
}

static void spell(corrali_wave *wave, size_t i, int32_t sequence)
{
    (void)snprintf(wave->paths + i * wave->path_size, wave->path_size, "%s%010" PRId32,
                   wave->directory->prefix, sequence);
}

/* --- deleting --- */

static void delete_locked(corrali_wave *wave)
{
    corral_client *client = corrali_znodes_client(wave->directory->owner);

    for (size_t i = 0; i < wave->count; i++) {
        wave->writes[i] = (corrali_write){.kind = CORRALI_DELETE,
                                          .path = wave->paths + i * wave->path_size,
                                          .version = CORRALI_VERSION_ANY};
    }
    wave->session = client->session_id;
    wave->request.write_count = wave->count;
    wave->request.done = deleted;
    corrali_submit_locked(client, &wave->request);
}

/* Somebody else has deleted the one that was refused: let the others go without it. False: there are none. */
static bool leave_one_out(corrali_wave *wave)
{
    corrali_request *request = &wave->request;

    request->write_count--;
    wave->writes[request->failed] = wave->writes[request->write_count];
    return request->write_count > 0;
}

static void deleted(corrali_request *request)
{
    corrali_wave *wave = CORRALI_CONTAINER(request, corrali_wave, request);
    corral_client *client = corrali_znodes_client(wave->directory->owner);

    if (request->status == CORRAL_ENOENT && wave->session == client->session_id && leave_one_out(wave)) {
        corrali_submit_locked(client, request);
        return;
    }
    if (request->status == CORRAL_ELOST) {
        corrali_ids_directory_search_locked(wave->directory);
    }
    corrali_wave_end_locked(wave);
}

void corrali_wave_delete_locked(corrali_wave *wave, size_t before)
{
    wave->first = wave->writes[before].sequence;
    for (size_t i = 0; i < wave->count; i++) {
        spell(wave, i, wave->writes[before + i].sequence);
    }
    delete_locked(wave);
}

/* --- those that we do not know of --- */

/* Is it being deleted already? */
static bool known(const corrali_znodes *own, const corrali_ids_directory *directory, int64_t sequence)
{
    for (corrali_link *link = own->waves.next; link != &own->waves; link = link->next) {
        const corrali_wave *wave = CORRALI_CONTAINER(link, corrali_wave, link);

        if (wave->directory == directory && !wave->creating && sequence >= wave->first &&
            sequence - wave->first < (int64_t)wave->count) {
            return true;
        }
    }
    return false;
}

/* One of our znodes that is left; its number goes to @ret_sequence. */
static bool left_over(const corrali_ids_directory *directory, const char *name, int32_t *ret_sequence)
{
    const char *ours = directory->prefix + strlen(directory->path) + 1;
    size_t length = strlen(ours);

    if (strncmp(name, ours, length) != 0) {
        return false;
    }
    *ret_sequence = (int32_t)strtol(name + length, NULL, 10);
    return !known(directory->owner, directory, *ret_sequence);
}

/* Delete those of @sequences; without memory they stay. */
static void delete_some_locked(corrali_ids_directory *directory, const int32_t *sequences, size_t count)
{
    corrali_wave *wave = count == 0 ? NULL : corrali_wave_new_locked(directory, count, 0);

    if (wave == NULL) {
        return;
    }
    wave->first = INT64_MAX; /* they do not follow one another */
    for (size_t i = 0; i < count; i++) {
        spell(wave, i, sequences[i]);
    }
    delete_locked(wave);
}

static void delete_left_over_locked(corrali_ids_directory *directory, const corrali_request *found)
{
    int32_t sequences[CORRALI_WAVE_MAX];
    size_t count = 0;

    for (size_t i = 0; i < found->length; i++) {
        count += left_over(directory, found->names[i], &sequences[count]);
        if (count == CORRALI_WAVE_MAX) {
            delete_some_locked(directory, sequences, count);
            count = 0;
        }
    }
    delete_some_locked(directory, sequences, count);
}

static void send_locked(corrali_ids_directory *directory, void (*done)(corrali_request *))
{
    directory->request.done = done;
    corrali_submit_locked(corrali_znodes_client(directory->owner), &directory->request);
}

static void search_again_locked(corrali_ids_directory *directory);

static void listed(corrali_request *request)
{
    corrali_ids_directory *directory = CORRALI_CONTAINER(request, corrali_ids_directory, request);
    corrali_znodes *own = directory->owner;

    if (request->status == CORRAL_ELOST) {
        directory->doubtful = true;
    } else if (request->status == CORRAL_OK) {
        delete_left_over_locked(directory, request);
    }
    if (directory->doubtful && request->status != CORRAL_ECLOSED) {
        search_again_locked(directory);
        return;
    }
    directory->searching = false;
    corrali_ids_directory_leave_locked(directory);
    corrali_znodes_drop_locked(own);
}

static void agreed(corrali_request *request)
{
    corrali_ids_directory *directory = CORRALI_CONTAINER(request, corrali_ids_directory, request);

    if (request->status == CORRAL_ELOST) {
        search_again_locked(directory);
        return;
    }
    request->kind = CORRALI_CHILDREN;
    request->path = directory->path;
    send_locked(directory, listed);
}

/* A quorum first: a server that lags could hide them. */
static void search_again_locked(corrali_ids_directory *directory)
{
    directory->doubtful = false;
    directory->request.kind = CORRALI_MULTI;
    directory->request.write_count = 1;
    directory->request.writes[0] = (corrali_write){
        .kind = CORRALI_CHECK, .path = directory->owner->ids->path, .version = CORRALI_VERSION_ANY};
    send_locked(directory, agreed);
}

void corrali_ids_directory_search_locked(corrali_ids_directory *directory)
{
    directory->doubtful = true;
    if (!directory->searching) {
        directory->searching = true;
        directory->uses++;
        corrali_znodes_keep_locked(directory->owner);
        search_again_locked(directory);
    }
}
