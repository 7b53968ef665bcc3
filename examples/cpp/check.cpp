// Read a bundle in C++: run the graph of a variant on the token ids of its samples, print the answers, and compare
// them with those that are stored. docs/bundle-format.md specifies the files. For tasks embed and classify: samples of
// pairs give no segment ids, so a reader of pairs needs a tokenizer.
//
// Usage: check BUNDLE [VARIANT]; exit code 0 if every answer is within its tolerance, 1 if one is not, 2 for a mistake.
#include <onnxruntime_cxx_api.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

using nlohmann::json;
namespace fs = std::filesystem;
using Numbers = std::vector<float>;

json read(const fs::path& path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error(path.string() + " cannot be read");
  return json::parse(file);
}

struct Files {
  fs::path graph, samples;
};

// Where the manifest says that a variant's graph and samples are: the one place that knows the version of the format.
Files find(const fs::path& folder, const json& manifest, const std::string& variant) {
  if (manifest.at("schema_version") != 2)
    throw std::runtime_error("schema_version is " + manifest.at("schema_version").dump() + ", this program reads 2");
  const auto& variants = manifest.at("variants");
  if (!variants.contains(variant)) throw std::runtime_error("there is no variant " + variant);
  const auto& found = variants.at(variant);
  const auto& samples = found.at("ways").at("stock").at("samples");
  const std::string task = manifest.at("default_task");
  if (!samples.contains(task)) throw std::runtime_error("variant " + variant + " has no samples");
  return {folder / found.at("file").get<std::string>(), folder / samples.at(task).get<std::string>()};
}

// Runs one text alone, so every position is kept and nothing is padded.
class Graph {
 public:
  explicit Graph(const fs::path& path) : session_(env_, path.c_str(), Ort::SessionOptions()) {}

  Numbers run(std::vector<int64_t> ids, const std::string& output) {
    Ort::AllocatorWithDefaultOptions allocator;
    auto memory = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
    const int64_t shape[] = {1, static_cast<int64_t>(ids.size())};
    std::vector<int64_t> mask(ids.size(), 1), types(ids.size(), 0);
    std::vector<std::string> names;
    std::vector<Ort::Value> values;
    for (size_t at = 0; at < session_.GetInputCount(); ++at) {
      names.emplace_back(session_.GetInputNameAllocated(at, allocator).get());
      auto& given = names.back() == "input_ids" ? ids : names.back() == "attention_mask" ? mask : types;
      values.push_back(Ort::Value::CreateTensor<int64_t>(memory, given.data(), given.size(), shape, 2));
    }
    std::vector<const char*> inputs;
    for (const auto& name : names) inputs.push_back(name.c_str());
    const char* outputs[] = {output.c_str()};
    auto found = session_.Run(Ort::RunOptions(), inputs.data(), values.data(), values.size(), outputs, 1);
    const float* data = found[0].GetTensorData<float>();
    return {data, data + found[0].GetTensorTypeAndShapeInfo().GetElementCount()};
  }

 private:
  Ort::Env env_;
  Ort::Session session_;
};

// What turns logits into scores, by the head's `activation`.
Numbers activate(Numbers logits, const std::string& activation) {
  const float largest = *std::max_element(logits.begin(), logits.end());
  float sum = 0;
  for (float& each : logits) {
    if (activation == "sigmoid") each = 1 / (1 + std::exp(-each));
    if (activation == "softmax") sum += each = std::exp(each - largest);
  }
  if (activation == "softmax")
    for (float& each : logits) each /= sum;
  return logits;
}

// Euclidean distance, as a share of the expected vector's length.
double distance(const Numbers& found, const Numbers& expected) {
  double off = 0, length = 0;
  for (size_t at = 0; at < expected.size(); ++at) {
    off += std::pow(found.at(at) - expected[at], 2);
    length += std::pow(expected[at], 2);
  }
  return std::sqrt(off / length);
}

// The text of a sample, cut between two characters if it is long.
std::string shown(std::string text) {
  size_t length = std::min<size_t>(text.size(), 60);
  while (length < text.size() && (text[length] & 0xC0) == 0x80) --length;
  return length < text.size() ? text.substr(0, length) + "…" : text;
}

// Prints the answer to one sample; returns how far it is off.
double answer(Graph& graph, const json& task, const json& sample) {
  const auto ids = sample.at("input_ids").get<std::vector<int64_t>>();
  std::printf("%s:", shown(sample.at("text")).c_str());
  if (task.at("head").is_null()) {
    const auto vector = graph.run(ids, "sentence_embedding");
    std::printf(" [%.4f, %.4f, ...]\n", vector.at(0), vector.at(1));
    return distance(vector, sample.at("expected").get<Numbers>());
  }
  const auto& head = task.at("head");
  const auto labels = head.at("labels").get<std::vector<std::string>>();
  const auto scores = activate(graph.run(ids, "logits"), head.at("activation"));
  double worst = 0;
  for (const auto& [label, expected] : sample.at("expected").at(0).items()) {
    const float score = scores.at(std::find(labels.begin(), labels.end(), label) - labels.begin());
    std::printf(" %s %.4f", label.c_str(), score);
    worst = std::max(worst, std::abs(score - expected.get<double>()) / std::max(1.0, std::abs(expected.get<double>())));
  }
  std::printf("\n");
  return worst;
}

int main(int count, char** arguments) try {
  if (count < 2 || count > 3) throw std::runtime_error("usage: check BUNDLE [VARIANT]");
  const fs::path folder = arguments[1];
  const json manifest = read(folder / "edgebert.json");
  const std::string task = manifest.at("default_task");
  if (task != "embed" && task != "classify")
    throw std::runtime_error("task is " + task + ", this program reads embed and classify");
  const Files files = find(folder, manifest, count == 3 ? arguments[2] : "portable");
  const json stored = read(files.samples);
  Graph graph(files.graph);
  double worst = 0;
  const json& described = manifest.at("tasks").at(task);
  for (const auto& sample : stored.at("samples")) worst = std::max(worst, answer(graph, described, sample));
  const double tolerance = stored.at("tolerance");
  std::printf("off by %.1e at most, tolerance %g\n", worst, tolerance);
  return worst <= tolerance ? 0 : 1;
} catch (const std::exception& error) {
  std::fprintf(stderr, "check: %s\n", error.what());
  return 2;
}
