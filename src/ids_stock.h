/* Numbers in stock: pieces of them, which are given out in the order in which they came. */
#ifndef CORRALI_IDS_STOCK_H
#define CORRALI_IDS_STOCK_H

#include <stdint.h>

#include "list.h"

/* The numbers from @first on, @size of them. */
typedef struct {
    corrali_link link;
    uint64_t first;
    uint64_t size;
} corrali_ids_piece;

typedef struct {
    corrali_link pieces; /* none is empty */
    uint64_t count;      /* of all their numbers */
} corrali_ids_stock;

void corrali_ids_stock_init(corrali_ids_stock *stock);
/* Free what is in it. */
void corrali_ids_stock_clear(corrali_ids_stock *stock);

/* Put @piece behind the others, or before them: it is the stock's from now on. */
void corrali_ids_stock_append(corrali_ids_stock *stock, corrali_ids_piece *piece);
void corrali_ids_stock_prepend(corrali_ids_stock *stock, corrali_ids_piece *piece);
/* Take the first one out; NULL: there is none. */
corrali_ids_piece *corrali_ids_stock_pop(corrali_ids_stock *stock);

/* Give out @count numbers, which there must be, to @ret_numbers. */
void corrali_ids_stock_take(corrali_ids_stock *stock, uint64_t count, uint64_t *ret_numbers);
/* The same if they are in a row: the first one goes to @ret_first. False: they are not. */
bool corrali_ids_stock_take_row(corrali_ids_stock *stock, uint64_t count, uint64_t *ret_first);

#endif
