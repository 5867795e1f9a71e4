#include "lib/lock_history_make.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { TOKENS = 8, STEP = 10, PERIOD = 100, FIRST_CZXID = 100000 };

/* --- a history that is right --- */

/* With @committed it is in the log. */
static void make_write(lock_history_made *m, const lock_note *hold, uint32_t number, int status,
                       bool committed)
{
    lock_note *write = &m->notes[m->count++];
    int64_t place = (int64_t)m->slot_count + 1;

    *write = (lock_note){.kind = LOCK_WRITE,
                         .by = hold->by,
                         .status = status,
                         .turn = hold->turn,
                         .token = hold->token,
                         .invoked = m->now + STEP,
                         .returned = m->now + 2 * STEP,
                         .place = place};
    write->by.write = number;
    m->now = write->returned;
    if (committed) {
        m->slots[m->slot_count++] = (lock_slot){write->by, hold->turn, hold->token, FIRST_CZXID + place};
    }
}

/* @second: how its second write ends. */
static void make_grant(lock_history_made *m, uint32_t number, uint32_t turn, int second, bool committed)
{
    lock_note *hold = &m->notes[m->count++];

    *hold = (lock_note){.kind = LOCK_HOLD,
                        .by = {number % 3, turn, number, 0},
                        .turn = turn,
                        .token = number * 1000,
                        .handoffs = number % 2,
                        .invoked = m->now - PERIOD,
                        .returned = m->now + STEP};
    m->now = hold->returned;
    make_write(m, hold, 1, CORRAL_OK, true);
    make_write(m, hold, 2, second, committed);
    hold->promised = m->now + PERIOD;
    if (second == CORRAL_ELOST) {
        hold->promised = m->now - 8;
        hold->doubted = m->now - 5;
        hold->lost = m->now - 4;
    }
    m->now += STEP;
    hold->released = m->now;
}

void lock_history_make(lock_history_made *m)
{
    *m = (lock_history_made){.now = 1000};
    for (uint32_t i = 1; i <= TOKENS; i++) {
        for (uint32_t turn = 0; turn <= i % 2; turn++) {
            int second = i == 3 || i == 5 ? CORRAL_EUNCERTAIN : i == 6 ? CORRAL_ELOST : CORRAL_OK;

            make_grant(m, i, turn, second, second == CORRAL_OK || i == 3);
        }
    }
    m->notes[m->count++] = (lock_note){
        .kind = LOCK_HOLD, .by = {1, 3, 1, 0}, .status = CORRAL_EBUSY, .invoked = 1010, .returned = 1020};
}

/* --- parts of it --- */

lock_note *lock_history_note(lock_history_made *m, int64_t token, uint32_t turn, uint32_t write)
{
    for (size_t i = 0; i < m->count; i++) {
        if (m->notes[i].token == token && m->notes[i].turn == turn && m->notes[i].by.write == write) {
            return &m->notes[i];
        }
    }
    abort();
}

lock_slot *lock_history_slot(lock_history_made *m, int64_t token, uint32_t turn, uint32_t write)
{
    return &m->slots[lock_history_note(m, token, turn, write)->place - 1];
}

void lock_history_rename(lock_history_made *m, int64_t token, uint32_t turn, int64_t new_token,
                         uint32_t new_turn)
{
    for (size_t i = 0; i < m->count; i++) {
        if (m->notes[i].token == token && m->notes[i].turn == turn) {
            m->notes[i].token = new_token;
            m->notes[i].turn = new_turn;
        }
    }
    for (size_t i = 0; i < m->slot_count; i++) {
        if (m->slots[i].token == token && m->slots[i].turn == turn) {
            m->slots[i].token = new_token;
            m->slots[i].turn = new_turn;
        }
    }
}

void lock_history_drop(lock_history_made *m, int64_t token, uint32_t turn, uint32_t write)
{
    lock_slot *slot = lock_history_slot(m, token, turn, write);
    int64_t place = slot - m->slots + 1;

    memmove(slot, slot + 1, (size_t)(m->slots + --m->slot_count - slot) * sizeof *slot);
    for (size_t i = 0; i < m->count; i++) {
        m->notes[i].place -= m->notes[i].place > place;
    }
}

void lock_history_insert(lock_history_made *m, const lock_note *write, lock_slot slot)
{
    lock_slot *at = &m->slots[write->place];

    memmove(at + 1, at, (size_t)(m->slots + m->slot_count++ - at) * sizeof *at);
    *at = slot;
    for (size_t i = 0; i < m->count; i++) {
        m->notes[i].place += m->notes[i].place > write->place;
    }
    for (size_t i = 0; i < m->slot_count; i++) {
        m->slots[i].czxid = FIRST_CZXID + (int64_t)i;
    }
}

const char *lock_history_check_made(lock_history_made *m)
{
    return lock_history_check(m->notes, m->count, m->slots, m->slot_count);
}
