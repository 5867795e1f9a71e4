/*
 * Intrusive doubly linked lists. A list is a link of its own that is not part
 * of an element; an element that is in no list points to itself.
 */
#ifndef CORRALI_LIST_H
#define CORRALI_LIST_H

#include <stdbool.h>
#include <stddef.h>

typedef struct corrali_link corrali_link;
struct corrali_link {
    corrali_link *next;
    corrali_link *previous;
};

#define CORRALI_CONTAINER(link_, type, member) ((type *)((char *)(link_) - offsetof(type, member)))

static inline void corrali_list_init(corrali_link *list)
{
    list->next = list;
    list->previous = list;
}

static inline bool corrali_list_empty(const corrali_link *list)
{
    return list->next == list;
}

static inline void corrali_list_insert_before(corrali_link *position, corrali_link *link)
{
    link->previous = position->previous;
    link->next = position;
    position->previous->next = link;
    position->previous = link;
}

static inline void corrali_list_append(corrali_link *list, corrali_link *link)
{
    corrali_list_insert_before(list, link);
}

/* Harmless on an element that is in no list. */
static inline void corrali_list_remove(corrali_link *link)
{
    link->previous->next = link->next;
    link->next->previous = link->previous;
    corrali_list_init(link);
}

/* The first element, taken out; NULL when there is none. */
static inline corrali_link *corrali_list_pop(corrali_link *list)
{
    corrali_link *link = list->next;

    if (link == list) {
        return NULL;
    }
    corrali_list_remove(link);
    return link;
}

/* Put all of @from before the elements of @list; @from is empty afterwards. */
static inline void corrali_list_prepend_all(corrali_link *list, corrali_link *from)
{
    if (corrali_list_empty(from)) {
        return;
    }
    from->previous->next = list->next;
    list->next->previous = from->previous;
    list->next = from->next;
    from->next->previous = list;
    corrali_list_init(from);
}

#endif
