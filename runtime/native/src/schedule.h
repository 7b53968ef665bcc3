// Who computes what, in a run with several threads. Both schedules give the same bits.
#pragma once

#include <cstdint>

#include "pool.h"
#include "steps.h"
#include "workspace.h"

namespace edgebert {

// Few rows: each product is cut by columns, attention by heads. All threads share one block.
void run_by_columns(const Steps& steps, Workspace& workspace, int64_t parts, Pool& pool);

// Many rows: a thread takes a block of rows through a whole layer, and to the queries, keys and values of the next.
void run_by_rows(const Steps& steps, Workspace& workspace, int64_t blocks, int64_t tile_rows, int64_t parts,
                 Pool& pool);

}  // namespace edgebert
