/*
 * Delivery of callbacks. What is due is taken all at once, run in order
 * without a lock, and then released together; or by a callback that asks for
 * more, so that its operation takes the memory of one that has just ended. Only
 * what is urgent, that a lock was lost, does not wait until a batch is done. Two
 * modes:
 *
 * CORRAL_DISPATCH_THREAD: a thread per client does nothing else.
 *
 * CORRAL_DISPATCH_FD: there is no such thread. An eventfd is readable while
 * something is due, and who calls corral_client_dispatch() runs it: one thread
 * at a time. A call that waits for a callback helps, lest it wait for itself.
 */
#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "internal.h"
#include "thread.h"

_Thread_local corrali_frame *corrali_innermost;

bool corrali_dispatching(const corral_client *client)
{
    const corrali_frame *each = corrali_innermost;

    while (each != NULL && each->client != client) {
        each = each->outer;
    }
    return each != NULL;
}

/* The descriptor tells whether there are tasks: under the mutex, so that the two always agree. */
static void show_due_locked(const corrali_dispatch *own, bool due)
{
    uint64_t count = 1;

    if (own->fd >= 0) {
        (void)!(due ? write(own->fd, &count, sizeof count) : read(own->fd, &count, sizeof count));
    }
}

static void add_before_locked(corral_client *client, corrali_link *position, corrali_task *task)
{
    corrali_dispatch *own = &client->dispatch;

    if (corrali_list_empty(&own->tasks)) {
        show_due_locked(own, true);
    }
    corrali_list_insert_before(position, &task->link);
}

void corrali_dispatch_add_locked(corral_client *client, corrali_task *task)
{
    add_before_locked(client, &client->dispatch.tasks, task);
}

void corrali_dispatch_add_first_locked(corral_client *client, corrali_task *task)
{
    corrali_dispatch *own = &client->dispatch;
    corrali_link *position = own->tasks.next;

    for (unsigned i = atomic_load(&own->urgent); i > 0; i--) {
        position = position->next;
    }
    add_before_locked(client, position, task);
    atomic_fetch_add(&own->urgent, 1);
}

/* What has become urgent while a batch is run is put before the rest of it. */
static void take_urgent(corral_client *client, corrali_link *due)
{
    corrali_dispatch *own = &client->dispatch;
    corrali_link urgent;

    corrali_list_init(&urgent);
    corrali_lock(client);
    for (unsigned i = atomic_exchange(&own->urgent, 0); i > 0; i--) {
        corrali_list_append(&urgent, corrali_list_pop(&own->tasks));
    }
    if (corrali_list_empty(&own->tasks)) {
        show_due_locked(own, false);
    }
    corrali_unlock(client);
    corrali_list_prepend_all(due, &urgent);
}

static int run_all(corral_client *client, corrali_link *due, corrali_frame *here)
{
    corrali_link *link;
    int count = 0;

    while ((link = corrali_list_pop(due)) != NULL) {
        corrali_task *task = CORRALI_CONTAINER(link, corrali_task, link);
        bool keep = task->release_locked != NULL;

        task->run(task);
        if (keep) {
            corrali_list_append(&here->done, link);
        }
        count++;
        if (atomic_load(&client->dispatch.urgent) > 0) {
            take_urgent(client, due);
        }
    }
    return count;
}

static void release_all_locked(corrali_frame *frame)
{
    corrali_link *link;

    while ((link = corrali_list_pop(&frame->done)) != NULL) {
        corrali_task *task = CORRALI_CONTAINER(link, corrali_task, link);

        task->release_locked(task);
    }
}

void corrali_dispatch_release_locked(const corral_client *client)
{
    if (corrali_innermost != NULL && corrali_innermost->client == client) {
        release_all_locked(corrali_innermost);
    }
}

/* Run what is due now on this thread; unlocks meanwhile. Returns how many tasks that were. */
static int run_batch_locked(corral_client *client)
{
    corrali_dispatch *own = &client->dispatch;
    corrali_frame here = {.client = client, .outer = corrali_innermost};
    corrali_link due;
    int count;

    if (corrali_list_empty(&own->tasks)) {
        return 0;
    }
    corrali_list_init(&due);
    corrali_list_init(&here.done);
    corrali_list_prepend_all(&due, &own->tasks);
    atomic_store(&own->urgent, 0);
    show_due_locked(own, false);
    corrali_innermost = &here;
    corrali_unlock(client);
    count = run_all(client, &due, &here);
    corrali_lock(client);
    release_all_locked(&here);
    corrali_innermost = here.outer;
    return count;
}

/* --- CORRAL_DISPATCH_THREAD --- */

static void *dispatch_main(void *context)
{
    corral_client *client = context;
    corrali_dispatch *own = &client->dispatch;

    corrali_lock(client);
    for (;;) {
        while (corrali_list_empty(&own->tasks) && !own->stopping) {
            own->idle = true;
            pthread_cond_wait(&own->wake, &client->mutex);
        }
        own->idle = false;
        if (run_batch_locked(client) == 0) {
            break;
        }
    }
    corrali_unlock(client);
    return NULL;
}

static void stop_thread(corral_client *client)
{
    corrali_lock(client);
    client->dispatch.stopping = true;
    client->dispatch.idle = false;
    pthread_cond_signal(&client->dispatch.wake);
    corrali_unlock(client);
    pthread_join(client->dispatch.thread, NULL);
}

/* --- CORRAL_DISPATCH_FD --- */

static int open_descriptor(corral_client *client)
{
    client->dispatch.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return client->dispatch.fd >= 0 ? CORRAL_OK : CORRAL_ENOMEM;
}

/* Wait for a change that dispatch.wake tells of; false: @until has come first. */
static bool wait_locked(corral_client *client, const struct timespec *until)
{
    corrali_dispatch *own = &client->dispatch;

    own->idle = true;
    if (until == NULL) {
        return pthread_cond_wait(&own->wake, &client->mutex) == 0;
    }
    return pthread_cond_timedwait(&own->wake, &client->mutex, until) != ETIMEDOUT;
}

/* The one thread that may: run what is due. */
static int run_here_locked(corral_client *client)
{
    corrali_dispatch *own = &client->dispatch;
    int count;

    own->running = true;
    count = run_batch_locked(client);
    own->running = false;
    if (own->idle) {
        own->idle = false;
        pthread_cond_broadcast(&own->wake);
    }
    return count;
}

/* Have the thread that does so finish, then run what is due. */
static int run_next_locked(corral_client *client)
{
    while (client->dispatch.running) {
        (void)wait_locked(client, NULL);
    }
    return run_here_locked(client);
}

bool corrali_dispatch_help_locked(corral_client *client, const struct timespec *until)
{
    if (client->dispatch.running || corrali_list_empty(&client->dispatch.tasks)) {
        return wait_locked(client, until);
    }
    (void)run_here_locked(client);
    return true;
}

int corral_client_fd(corral_client *client)
{
    int status = client == NULL ? CORRAL_EINVAL : corrali_enter(client);

    if (status != CORRAL_OK) {
        return status;
    }
    return client->dispatch.mode == CORRAL_DISPATCH_FD ? client->dispatch.fd : CORRAL_ENOTSUP;
}

int corral_client_dispatch(corral_client *client)
{
    int status = client == NULL ? CORRAL_EINVAL : corrali_enter(client);

    if (status == CORRAL_OK && client->dispatch.mode != CORRAL_DISPATCH_FD) {
        status = CORRAL_ENOTSUP;
    }
    if (status == CORRAL_OK) {
        status = corrali_enter_blocking(client);
    }
    if (status != CORRAL_OK) {
        return status;
    }
    corrali_lock(client);
    status = run_next_locked(client);
    corrali_unlock(client);
    return status;
}

/* --- both --- */

int corrali_dispatch_start(corral_client *client)
{
    return client->dispatch.mode == CORRAL_DISPATCH_FD
               ? open_descriptor(client)
               : corrali_thread_start(&client->dispatch.thread, dispatch_main, client);
}

void corrali_dispatch_stop(corral_client *client)
{
    if (client->dispatch.mode == CORRAL_DISPATCH_THREAD) {
        stop_thread(client);
        return;
    }
    corrali_lock(client);
    while (run_next_locked(client) > 0) {
    }
    corrali_unlock(client);
    (void)close(client->dispatch.fd);
    client->dispatch.fd = -1;
}
