/** For bench_ids: `corral id next` beside seq(1), each started anew. */
#ifndef BENCH_IDS_TOOL_H
#define BENCH_IDS_TOOL_H

#include <stdbool.h>

/** What is run: a million numbers by seq, a million by the tool, and the least that the tool can be asked. */
typedef enum { IDS_TOOL_SEQ, IDS_TOOL_GET, IDS_TOOL_NEXT, IDS_TOOL_COMMANDS } ids_tool_command;

/** How they are called. */
extern const char *const ids_tool_names[IDS_TOOL_COMMANDS];

/**
 * Run them some times by turns, the tool with @servers, a @counter that is there
 * and a @generator that need not be; their output goes to /dev/null, where it
 * costs least to write. The tool is $CORRAL or what the build has left beside
 * the benchmarks, whose libtool script is a part of both its times. The medians
 * of the time from the start to the end of a process go to @ret_seconds. False: something failed.
 */
bool ids_tool_run(const char *servers, const char *counter, const char *generator,
                  double ret_seconds[IDS_TOOL_COMMANDS]);

#endif
