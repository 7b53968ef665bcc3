// An encoder with its packed weights: mapped from a file where there is one that fits, else packed in memory.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "config.h"
#include "dispatch.h"
#include "encoder.h"
#include "packed_file.h"

namespace edgebert {

struct Settings {
  int64_t parts = 0;    // into how many parts the work of a run is cut; 0: as many as this process has CPUs
  std::string packed;   // the file to map; empty: none
  std::string pack_to;  // the file to write; empty: none

  auto operator<=>(const Settings&) const = default;
};

// Takes why a file was not used or not written: the encoder runs without it.
using Warn = std::function<void(const std::string&)>;

class PackedEncoder {
 public:
  // Throws ConfigError: what the encoder cannot run.
  PackedEncoder(const Config& config, const InstructionSet& set, const Settings& settings, const Warn& warn);

  const Encoder& encoder() const { return *encoder_; }

 private:
  struct Release {
    void operator()(std::byte* memory) const;
  };

  void map(const std::string& path, const PackedIdentity& identity, const Warn& warn);
  void pack();

  std::unique_ptr<Encoder> encoder_;
  std::optional<PackedFile> file_;
  std::unique_ptr<std::byte, Release> memory_;
};

}  // namespace edgebert
