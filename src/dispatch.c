/*
 * Delivery of callbacks: a thread per client that takes all tasks that are due
 * at once, runs them one after another without a lock, and then releases them
 * together.
 */
#include <signal.h>

#include "internal.h"

/* The client whose callbacks this thread runs. */
static _Thread_local const corral_client *dispatching;

bool corrali_dispatching(const corral_client *client)
{
    return dispatching == client;
}

void corrali_dispatch_add_locked(corral_client *client, corrali_task *task)
{
    corrali_list_append(&client->dispatch.tasks, &task->link);
}

static void run_all(corrali_link *due, corrali_link *done)
{
    corrali_link *link;

    while ((link = corrali_list_pop(due)) != NULL) {
        corrali_task *task = CORRALI_CONTAINER(link, corrali_task, link);
        bool keep = task->release_locked != NULL;

        task->run(task);
        if (keep) {
            corrali_list_append(done, link);
        }
    }
}

static void release_all_locked(corrali_link *done)
{
    corrali_link *link;

    while ((link = corrali_list_pop(done)) != NULL) {
        corrali_task *task = CORRALI_CONTAINER(link, corrali_task, link);

        task->release_locked(task);
    }
}

static void *dispatch_main(void *context)
{
    corral_client *client = context;
    corrali_dispatch *own = &client->dispatch;
    corrali_link due;
    corrali_link done;

    corrali_list_init(&due);
    corrali_list_init(&done);
    dispatching = client;
    corrali_lock(client);
    for (;;) {
        while (corrali_list_empty(&own->tasks) && !own->stopping) {
            own->idle = true;
            pthread_cond_wait(&own->wake, &client->mutex);
        }
        own->idle = false;
        if (corrali_list_empty(&own->tasks)) {
            break;
        }
        corrali_list_prepend_all(&due, &own->tasks);
        corrali_unlock(client);
        run_all(&due, &done);
        corrali_lock(client);
        release_all_locked(&done);
    }
    corrali_unlock(client);
    return NULL;
}

int corrali_dispatch_start(corral_client *client)
{
    sigset_t all;
    sigset_t before;
    int failed;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    failed = pthread_create(&client->dispatch.thread, NULL, dispatch_main, client);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed == 0 ? CORRAL_OK : CORRAL_ENOMEM;
}

void corrali_dispatch_stop(corral_client *client)
{
    corrali_lock(client);
    client->dispatch.stopping = true;
    client->dispatch.idle = false;
    pthread_cond_signal(&client->dispatch.wake);
    corrali_unlock(client);
    pthread_join(client->dispatch.thread, NULL);
}
