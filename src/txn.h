/* A transaction as the library sees it. */
#ifndef CORRALI_TXN_H
#define CORRALI_TXN_H

#include <corral/txn.h>

#include "backend.h"

struct corral_txn {
    size_t count;
    size_t capacity;
    size_t bytes;
    corrali_write *writes; /* their paths and data are in memory of their own */
};

#endif
