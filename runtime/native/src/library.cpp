// What the shared library exports.
#include <charconv>
#include <map>
#include <mutex>
#include <tuple>

#include "kernels/kernels.h"
#include "operator.h"

namespace edgebert {
namespace {

constexpr int64_t kMostParts = 1024;

std::string entry(const OrtApi& api, const OrtSessionOptions* options, const char* key) {
  int there = 0;
  check(api, api.HasSessionConfigEntry(options, key, &there));
  if (there == 0) return "";
  size_t size = 0;  // with the null byte at the end
  check(api, api.GetSessionConfigEntry(options, key, nullptr, &size));
  std::string value(size, '\0');
  check(api, api.GetSessionConfigEntry(options, key, value.data(), &size));
  value.resize(size > 0 ? size - 1 : 0);
  return value;
}

int64_t read_parts(const std::string& text) {
  if (text.empty()) return 0;
  int64_t parts = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), parts);
  if (error != std::errc{} || end != text.data() + text.size() || parts < 1 || parts > kMostParts) {
    throw std::invalid_argument("edgebert.native.threads: found " + text + ", expected 1 to " +
                                std::to_string(kMostParts));
  }
  return parts;
}

Settings read_settings(const OrtApi& api, const OrtSessionOptions* options) {
  return {.parts = read_parts(entry(api, options, "edgebert.native.threads")),
          .packed = entry(api, options, "edgebert.native.packed"),
          .pack_to = entry(api, options, "edgebert.native.pack_to")};
}

// An operator in its domain. Sessions point to both, and the API has no event for their end: they are kept, one for
// each settings that occurred.
class Registration {
 public:
  Registration(const OrtApi& api, const InstructionSet& set, const Settings& settings) : operator_(api, set, settings) {
    check(api, api.CreateCustomOpDomain(kDomain, &domain_));
    check(api, api.CustomOpDomain_Add(domain_, &operator_));
  }

  OrtCustomOpDomain* domain() const { return domain_; }

 private:
  Operator operator_;
  OrtCustomOpDomain* domain_ = nullptr;
};

OrtCustomOpDomain* domain_for(const OrtApi& api, const InstructionSet& set, const Settings& settings) {
  using Key = std::tuple<const OrtApi*, const InstructionSet*, Settings>;
  static std::mutex mutex;
  static auto& kept = *new std::map<Key, Registration>();  // never destroyed: sessions may outlive static objects
  const std::lock_guard lock(mutex);
  return kept.try_emplace(Key{&api, &set, settings}, api, set, settings).first->second.domain();
}

}  // namespace
}  // namespace edgebert

extern "C" {

// Registers the operator; on a CPU without kernels it registers nothing, and ONNX Runtime runs the function of the
// operator's name that the model has.
[[gnu::visibility("default")]] OrtStatus* ORT_API_CALL RegisterCustomOps(OrtSessionOptions* options,
                                                                         const OrtApiBase* base) {
  const OrtApi* api = base->GetApi(edgebert::kOrtApiVersion);
  if (api == nullptr) {
    const OrtApi* old = base->GetApi(1);
    return old == nullptr ? nullptr : old->CreateStatus(ORT_FAIL, "edgebert.native needs ONNX Runtime 1.17 or newer");
  }
  try {
    const edgebert::InstructionSet* set = edgebert::instruction_set();
    if (set == nullptr) return nullptr;
    const edgebert::Settings settings = edgebert::read_settings(*api, options);
    edgebert::check(*api, api->AddCustomOpDomain(options, edgebert::domain_for(*api, *set, settings)));
    return nullptr;
  } catch (...) {
    return edgebert::status_of_exception(*api);
  }
}

// The name of the instruction set in use; empty where none fits.
[[gnu::visibility("default")]] const char* edgebert_native_kernel() {
  const edgebert::InstructionSet* set = edgebert::instruction_set();
  return set == nullptr ? "" : set->name;
}

// The name of the order of packed weights; empty where no instruction set fits.
[[gnu::visibility("default")]] const char* edgebert_native_packing() {
  const edgebert::InstructionSet* set = edgebert::instruction_set();
  return set == nullptr ? "" : set->kernels().packing();
}
}  // extern "C"
