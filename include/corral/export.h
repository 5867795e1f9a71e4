/**
 * What every Corral header needs: the linkage of public symbols and the time
 * units that all calls share.
 */
#ifndef CORRAL_EXPORT_H
#define CORRAL_EXPORT_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define CORRAL_API __attribute__((visibility("default")))
#else
#define CORRAL_API
#endif

#ifdef __cplusplus
#define CORRAL_BEGIN_DECLS extern "C" {
#define CORRAL_END_DECLS }
#else
#define CORRAL_BEGIN_DECLS
#define CORRAL_END_DECLS
#endif

/** A @timeout_ms without limit. */
#define CORRAL_FOREVER (-1)

#endif
