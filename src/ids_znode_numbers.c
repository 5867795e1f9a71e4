/*
 * ZNODE: the numbers of an operation. They come one by one, and the caller's
 * memory is not to be touched before all are there.
 */
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "ids_znode.h"

static void drop_gathered(corral_op *op)
{
    if (op->gathered != op->numbers && op->gathered != (uint64_t *)&op->value) {
        corrali_free(op->gathered);
    }
    op->gathered = NULL;
}

static int compare(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;

    return a < b ? -1 : a > b;
}

/* They are in order but for those that had to be asked for again. */
static void sort(uint64_t *numbers, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        if (numbers[i] < numbers[i - 1]) {
            qsort(numbers, count, sizeof *numbers, compare);
            return;
        }
    }
}

/* Once it has ended, without a lock. */
static void spread(corral_op *op)
{
    sort(op->gathered, op->wanted);
    if (op->gathered != op->numbers) {
        memcpy(op->numbers, op->gathered, op->wanted * sizeof *op->numbers);
    }
    drop_gathered(op);
}

int corrali_numbers_gather(corral_op *op)
{
    if (op->wanted == 1) {
        op->gathered = (uint64_t *)&op->value;
    } else {
        op->gathered = op->numbers_owned ? op->numbers : corrali_alloc(op->wanted * sizeof *op->gathered);
    }
    op->argument = op->desired = (int64_t)op->wanted;
    op->spread = spread;
    return op->gathered == NULL ? CORRAL_ENOMEM : CORRAL_OK;
}

void corrali_numbers_give_locked(corral_op *op, uint64_t number)
{
    op->gathered[op->wanted - (size_t)op->desired] = number;
    op->desired--;
    if (op->desired == 0) {
        corrali_list_remove(&op->task.link);
        corrali_ids_end_locked(op, CORRAL_OK, CORRAL_OK, NULL);
    }
}

/* One of its creations has come to nothing. */
void corrali_numbers_ask_again_locked(corrali_znodes *own, corral_op *op)
{
    if (op->place == CORRALI_BATCHED) {
        corrali_list_remove(&op->task.link);
        corrali_list_insert_before(own->queue.next, &op->task.link);
        op->place = CORRALI_QUEUED;
    }
    op->argument++;
}

/* Nobody waits for its numbers any more. */
static void forget_locked(corrali_znodes *own, const corral_op *op)
{
    for (corrali_link *link = own->waves.next; link != &own->waves; link = link->next) {
        corrali_wave *wave = CORRALI_CONTAINER(link, corrali_wave, link);

        for (size_t i = 0; wave->creating && i < wave->count; i++) {
            wave->owners[i] = wave->owners[i] == op ? NULL : wave->owners[i];
        }
    }
}

void corrali_numbers_fail_locked(corral_op *op, int status, const char *path)
{
    forget_locked(corrali_znodes_of(op), op);
    drop_gathered(op);
    corrali_list_remove(&op->task.link);
    corrali_ids_end_locked(op, status, status, path);
}
