// Runs encoders without Python and without ONNX Runtime, so that sanitizers see nothing else.
//
// native_check CASE... runs each case on every instruction set of this CPU, with 1 to 8 threads, and then changed
// copies of it. It ends with 1 and says why if an output is not as expected.
//
// native_check --rates THREADS ROWSxDEPTHxWIDTH... prints how long products take alone, in microseconds.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <stdexcept>

#include "activations.h"
#include "case_file.h"
#include "dispatch.h"
#include "mutate.h"
#include "packed_encoder.h"
#include "products.h"
#include "rates.h"
#include "threads.h"

namespace edgebert::check {
namespace {

constexpr int kMutations = 400;
constexpr int kThreads[] = {1, 2, 3, 8};
constexpr int kParts[] = {1, 2, 5};

using Output = std::vector<float>;

void ignore(const std::string&) {}

void fail_on(const std::string& reason) { throw std::runtime_error(reason); }

Output run(const Encoder& encoder, const Run& input, int threads) {
  Threads pool(threads);
  Output output(input.expected.size());
  encoder.run(input.hidden.data(), input.mask.data(), input.batch, input.tokens, output.data(), pool);
  return output;
}

bool same(const Output& one, const Output& other) {
  return std::memcmp(one.data(), other.data(), one.size() * sizeof(float)) == 0;
}

// The largest distance of a token's vector from the expected one, as a share of the latter's length.
double distance(const Output& found, const Output& expected, int64_t hidden) {
  double worst = 0;
  const auto width = static_cast<size_t>(hidden);
  for (size_t row = 0; row < found.size(); row += width) {
    double apart = 0;
    double length = 0;
    for (size_t column = row; column < row + width; ++column) {
      apart += std::pow(double{found[column]} - double{expected[column]}, 2);
      length += std::pow(double{expected[column]}, 2);
    }
    const double share = length == 0 ? std::sqrt(apart) : std::sqrt(apart / length);
    if (!(share <= worst)) worst = share;  // keeps a NaN
  }
  return worst;
}

void check_run(const Config& config, const InstructionSet& set, const Run& input) {
  Output first;
  for (const int parts : kParts) {
    const PackedEncoder packed(config, set, {.parts = parts, .packed = "", .pack_to = ""}, fail_on);
    for (const int threads : kThreads) {
      const Output output = run(packed.encoder(), input, threads);
      if (first.empty()) first = output;
      if (same(output, first)) continue;
      throw std::runtime_error(std::to_string(threads) + " threads, " + std::to_string(parts) +
                               " parts: other bits than one thread");
    }
  }
  const double worst = distance(first, input.expected, config.hidden);
  if (!(worst <= input.tolerance)) {
    throw std::runtime_error("found vectors " + std::to_string(worst) + " of their length away, expected at most " +
                             std::to_string(input.tolerance));
  }
}

// Several threads of a program at once, each with a pool.
void check_side_by_side(const Config& config, const InstructionSet& set, const Run& input) {
  const PackedEncoder packed(config, set, {.parts = 2, .packed = "", .pack_to = ""}, fail_on);
  const Output alone = run(packed.encoder(), input, 1);
  std::vector<Output> outputs(4);
  {
    std::vector<std::jthread> programs;
    for (Output& output : outputs) programs.emplace_back([&] { output = run(packed.encoder(), input, 2); });
  }
  for (const Output& output : outputs) {
    if (!same(output, alone)) throw std::runtime_error("other bits when several threads run at once");
  }
}

void check_packed_file(const Config& config, const InstructionSet& set, const Run& input, const std::string& path) {
  const PackedEncoder written(config, set, {.parts = 1, .packed = "", .pack_to = path}, fail_on);
  const PackedEncoder mapped(config, set, {.parts = 1, .packed = path, .pack_to = ""}, fail_on);
  if (!same(run(written.encoder(), input, 1), run(mapped.encoder(), input, 1))) {
    throw std::runtime_error("other bits from a mapped copy");
  }
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 1);
  std::string reason;
  const PackedEncoder damaged(config, set, {.parts = 1, .packed = path, .pack_to = ""},
                              [&](const std::string& said) { reason = said; });
  std::filesystem::remove(path);
  if (reason.empty()) throw std::runtime_error("a packed copy that was cut short was taken");
}

// Whether a changed model was refused; one that was not has to run.
bool refused(const Case& changed, const InstructionSet& set) {
  try {
    const std::vector<Tensor> views = changed.views();
    const Config config = read_config(changed.attributes, views);
    const PackedEncoder packed(config, set, {.parts = 2, .packed = "", .pack_to = ""}, ignore);
    Run input{.batch = 2, .tokens = 3, .hidden = {}, .mask = {1, 1, 1, 0, 1, 0}, .expected = {}, .tolerance = 0};
    input.hidden.assign(static_cast<size_t>(6 * config.hidden), 0.5f);
    input.expected = input.hidden;
    run(packed.encoder(), input, 2);
    return false;
  } catch (const ConfigError&) {
    return true;
  } catch (const std::invalid_argument&) {
    return true;
  }
}

void check_mutations(const Case& model, const InstructionSet& set) {
  std::mt19937_64 random(26);
  int refusals = 0;
  for (int count = 0; count < kMutations; ++count) {
    Case changed = model;
    changed.runs.clear();
    mutate(changed, random);
    refusals += refused(changed, set) ? 1 : 0;
  }
  if (refusals < kMutations / 4) throw std::runtime_error("hardly any changed model was refused");
  std::printf("%s: %d of %d changed models refused\n", set.name, refusals, kMutations);
}

void check_case(const std::string& path, const InstructionSet& set) {
  const Case model = read_case(path);
  const std::vector<Tensor> views = model.views();
  const Config config = read_config(model.attributes, views);
  for (const Run& input : model.runs) {
    check_run(config, set, input);
    check_side_by_side(config, set, input);
  }
  check_packed_file(config, set, model.runs.front(), path + "." + set.name);
  check_mutations(model, set);
}

void check_set(const InstructionSet& set, std::span<char*> paths) {
  std::string what = "products";
  try {
    check_products(set.kernels());
    what = "activations";
    check_activations(set.kernels());
    for (const char* path : paths) {
      what = path;
      check_case(path, set);
    }
  } catch (const std::exception& error) {
    throw std::runtime_error(what + ", " + set.name + ": " + error.what());
  }
}

// Of every instruction set that this CPU has, or of the one that EDGEBERT_NATIVE_KERNEL names.
void check_all(std::span<char*> paths) {
  const char* forced = std::getenv("EDGEBERT_NATIVE_KERNEL");
  int checked = 0;
  for (const InstructionSet& set : instruction_sets()) {
    if (!set.here() || (forced != nullptr && std::string_view(forced) != set.name)) continue;
    check_set(set, paths);
    ++checked;
  }
  if (checked == 0) throw std::runtime_error("this CPU has none of the instruction sets");
}

// Of the instruction set that the library takes on this CPU.
void rate(std::span<char*> arguments) {
  const InstructionSet* set = instruction_set();
  if (set == nullptr) throw std::runtime_error("this CPU has none of the instruction sets");
  print_rates(set->kernels(), arguments);
}

void run(std::span<char*> arguments) {
  if (!arguments.empty() && std::string_view(arguments.front()) == "--rates") {
    rate(arguments.subspan(1));
  } else {
    check_all(arguments);
  }
}

}  // namespace
}  // namespace edgebert::check

int main(int count, char** arguments) {
  try {
    edgebert::check::run(std::span(arguments, static_cast<size_t>(count)).subspan(1));
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "native_check: %s\n", error.what());
    return 1;
  }
}
