/*
 * SEQUENCE: the numbers that a counter comes to. Calls that are under way at
 * the same time are combined as its adds are, and applied exactly once.
 */
#include "ids.h"

/* --- for BLOCK, too: counting in the generator's znode --- */

int corrali_ids_count_locked(corral_ids *ids)
{
    corral_client *client = ids->counter.object.client;
    char prefix[CORRALI_IDS_CONFIG_SIZE];

    (void)corrali_ids_config_spell(&ids->config, prefix);
    ids->counter.cell = corrali_cell_get_locked(client, ids->path + client->chroot_length, 0,
                                                CORRAL_ENCODING_DECIMAL, prefix);
    ids->counter.min = 0;
    ids->counter.max = INT64_MAX;
    return ids->counter.cell == NULL ? CORRAL_ENOMEM : CORRAL_OK;
}

void corrali_ids_add_locked(corral_op *op, int64_t count)
{
    corrali_cell *cell = corrali_counter_of(op)->cell;

    op->kind = CORRALI_ADD;
    op->argument = count;
    op->place = CORRALI_QUEUED;
    corrali_list_append(&cell->queue, &op->task.link);
    corrali_batch_wake_locked(cell);
}

void corrali_ids_spread(corral_op *op)
{
    uint64_t last = (uint64_t)op->value;

    for (size_t i = 0; i < op->wanted; i++) {
        op->numbers[i] = last - (op->wanted - 1 - i);
    }
}

/* --- the kind --- */

static void submit_locked(corral_op *op)
{
    op->spread = corrali_ids_spread;
    corrali_ids_add_locked(op, (int64_t)op->wanted);
}

static void abort_all_locked(corral_ids *ids, int cause)
{
    corrali_counter_abort_all_locked(&ids->counter, cause);
}

const corrali_ids_kind corrali_ids_sequence = {.start_locked = corrali_ids_count_locked,
                                               .submit_locked = submit_locked,
                                               .abort_locked = corrali_counter_abort_locked,
                                               .abort_all_locked = abort_all_locked};
