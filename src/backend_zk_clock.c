/*
 * The backend's clocks. The steady one is CLOCK_BOOTTIME, which runs on while the machine is
 * suspended, as a session's time does at the servers: so what a lock's holder
 * is told of its validity holds when it wakes up. A timerfd wakes on it, too.
 */
#include "backend_zk.h"

#include <corral/status.h>

#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "thread.h"
#include "timer.h"

static int64_t read_clock(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t corrali_zk_now(corrali_backend *base)
{
    (void)base;
    return read_clock(CLOCK_BOOTTIME);
}

int64_t corrali_zk_calendar(corrali_backend *base)
{
    (void)base;
    return read_clock(CLOCK_REALTIME);
}

static void set_alarm_locked(corrali_zk *self, int64_t when)
{
    int64_t at = when > 0 ? when : 1; /* 0 would be never, and less is refused */
    struct itimerspec alarm = {
        .it_value = {.tv_sec = (time_t)(at / 1000000000), .tv_nsec = (long)(at % 1000000000)}};

    self->alarm = at;
    (void)timerfd_settime(self->clock_fd, TFD_TIMER_ABSTIME, &alarm, NULL);
}

void corrali_zk_wake_at(corrali_backend *base, int64_t when)
{
    corrali_zk *self = (corrali_zk *)base;

    pthread_mutex_lock(&self->mutex);
    if (when < self->alarm) {
        set_alarm_locked(self, when);
    }
    pthread_mutex_unlock(&self->mutex);
}

static void *clock_main(void *context)
{
    corrali_zk *self = context;
    uint64_t expirations;

    pthread_mutex_lock(&self->mutex);
    while (!self->stopped) {
        if (corrali_zk_now(&self->base) >= self->alarm) {
            self->alarm = CORRALI_NEVER;
            pthread_mutex_unlock(&self->mutex);
            self->events->timer(self->owner);
        } else {
            pthread_mutex_unlock(&self->mutex);
            (void)!read(self->clock_fd, &expirations, sizeof expirations);
        }
        pthread_mutex_lock(&self->mutex);
    }
    pthread_mutex_unlock(&self->mutex);
    return NULL;
}

int corrali_zk_start_clock(corrali_zk *self)
{
    int status;

    self->clock_fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC);
    if (self->clock_fd < 0) {
        return CORRAL_ENOMEM;
    }
    status = corrali_thread_start(&self->clock, clock_main, self);
    if (status != CORRAL_OK) {
        (void)close(self->clock_fd);
    }
    return status;
}

void corrali_zk_stop_clock(corrali_zk *self)
{
    pthread_mutex_lock(&self->mutex);
    self->stopped = true;
    set_alarm_locked(self, 1);
    pthread_mutex_unlock(&self->mutex);
    pthread_join(self->clock, NULL);
    (void)close(self->clock_fd);
}
