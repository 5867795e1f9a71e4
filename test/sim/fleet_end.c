/*
 * How a run of any workload ends.
 */
#include <string.h>

#include "fleet.h"

static bool all_left(void *arg)
{
    const fleet *f = arg;

    for (int i = 0; i < f->member_count; i++) {
        if (!f->members[i].finished) {
            return false;
        }
    }
    return true;
}

void fleet_leave_all(fleet *f)
{
    for (int i = 0; i < f->member_count; i++) {
        fleet_leave(&f->members[i]);
    }
    if (!fleet_step_until(f, f->world.now + 60 * SIM_S, all_left, f)) {
        fleet_fail(f, "a client does not close");
    }
}

void fleet_count_paths(fleet *f)
{
    uint64_t *rare = f->world.rare;

    for (int i = 0; i < f->member_count; i++) {
        corral_client_stats stats;

        if (f->members[i].client != NULL &&
            corral_client_get_stats(f->members[i].client, &stats) == CORRAL_OK) {
            rare[RARE_RESEND_APPLIED] += stats.resends_applied;
            rare[RARE_RESEND_NOT_APPLIED] += stats.resends_not_applied;
            rare[RARE_LOST_RACE] += stats.lost_races;
        }
    }
}

void fleet_tell(const fleet *f, uint64_t operations, sim_result *ret_result)
{
    *ret_result = (sim_result){.digest = f->world.digest,
                               .operations = operations,
                               .faults = f->faults,
                               .clients = f->member_count,
                               .steps = f->world.steps};
    memcpy(ret_result->rare, f->world.rare, sizeof ret_result->rare);
    memcpy(ret_result->failure, f->failure, sizeof ret_result->failure);
}
