#include "dispatch.h"

#include <cstdlib>
#include <string_view>

namespace edgebert {

const InstructionSet* instruction_set() {
  const char* forced = std::getenv("EDGEBERT_NATIVE_KERNEL");
  for (const InstructionSet& each : instruction_sets()) {
    const bool wanted = forced == nullptr ? each.by_default : std::string_view(forced) == each.name;
    if (wanted && each.here()) return &each;
  }
  return nullptr;
}

}  // namespace edgebert
