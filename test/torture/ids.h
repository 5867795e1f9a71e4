/** What those who number share with who judges them. A record in a journal is an id_note. */
#ifndef TORTURE_IDS_H
#define TORTURE_IDS_H

#include "bulletin.h"
#include "lib/id_history.h"

/** Of the generator of @kind. */
static inline void ids_path(corral_ids_kind kind, char path[PATH_SIZE])
{
    snprintf(path, PATH_SIZE, "/torture/ids-%u", (unsigned)kind);
}

#endif
