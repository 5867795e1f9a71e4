#include "ids_stock.h"

#include "alloc.h"

static corrali_ids_piece *first_of(const corrali_ids_stock *stock)
{
    return CORRALI_CONTAINER(stock->pieces.next, corrali_ids_piece, link);
}

void corrali_ids_stock_init(corrali_ids_stock *stock)
{
    corrali_list_init(&stock->pieces);
    stock->count = 0;
}

void corrali_ids_stock_clear(corrali_ids_stock *stock)
{
    corrali_ids_piece *piece;

    while ((piece = corrali_ids_stock_pop(stock)) != NULL) {
        corrali_free(piece);
    }
}

void corrali_ids_stock_append(corrali_ids_stock *stock, corrali_ids_piece *piece)
{
    corrali_list_append(&stock->pieces, &piece->link);
    stock->count += piece->size;
}

void corrali_ids_stock_prepend(corrali_ids_stock *stock, corrali_ids_piece *piece)
{
    corrali_list_insert_before(stock->pieces.next, &piece->link);
    stock->count += piece->size;
}

corrali_ids_piece *corrali_ids_stock_pop(corrali_ids_stock *stock)
{
    corrali_ids_piece *piece;

    if (corrali_list_empty(&stock->pieces)) {
        return NULL;
    }
    piece = first_of(stock);
    corrali_list_remove(&piece->link);
    stock->count -= piece->size;
    return piece;
}

/* The first @count numbers of the first piece, which has so many. */
static uint64_t cut(corrali_ids_stock *stock, uint64_t count)
{
    corrali_ids_piece *piece = first_of(stock);
    uint64_t first = piece->first;

    piece->first += count;
    piece->size -= count;
    stock->count -= count;
    if (piece->size == 0) {
        corrali_list_remove(&piece->link);
        corrali_free(piece);
    }
    return first;
}

void corrali_ids_stock_take(corrali_ids_stock *stock, uint64_t count, uint64_t *ret_numbers)
{
    while (count > 0) {
        uint64_t size = first_of(stock)->size;
        uint64_t some = size < count ? size : count;
        uint64_t first = cut(stock, some);

        for (uint64_t i = 0; i < some; i++) {
            *ret_numbers++ = first + i;
        }
        count -= some;
    }
}

bool corrali_ids_stock_take_row(corrali_ids_stock *stock, uint64_t count, uint64_t *ret_first)
{
    if (first_of(stock)->size < count) {
        return false;
    }
    *ret_first = cut(stock, count);
    return true;
}
