#include "pipeline/baseline.h"

#include <fstream>
#include <iterator>

#include "base/whole_file.h"
#include "engine/packed_state.h"

namespace picket {

namespace {

constexpr PackedKind kind{"picketB1", "baseline"};
constexpr std::uint64_t version = 1;  // of how norms are kept

Result<std::string> read_bytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail(ErrorKind::not_found, "cannot read " + path);
  return std::string{std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

void Baseline::merge(const Baseline& other) {
  calls.merge(other.calls);
  clusters.merge(other.clusters);
}

std::string pack_baseline(const Baseline& baseline) {
  std::string state;
  Writer out(state);
  baseline.calls.save(out);
  baseline.clusters.save(out);
  return pack_state(kind, version, state);
}

Result<Baseline> unpack_baseline(std::string_view bytes) {
  const auto state =
      unpack_state(kind, version, bytes, "the baseline was written by another version of picket");
  if (!state) return std::unexpected(state.error());
  Reader in(*state);
  Baseline baseline;
  baseline.calls.load(in);
  baseline.clusters.load(in);
  if (in.failed() || !in.at_end()) return fail(ErrorKind::invalid, "the baseline is damaged");
  return baseline;
}

Result<Baseline> read_baseline(const std::string& path) {
  const auto bytes = read_bytes(path);
  if (!bytes) return std::unexpected(bytes.error());
  auto baseline = unpack_baseline(*bytes);
  if (!baseline) return fail(baseline.error().kind, path + ": " + baseline.error().message());
  return baseline;
}

Result<std::string> read_baseline_file(const std::string& path) {
  auto bytes = read_bytes(path);
  if (!bytes) return bytes;
  if (const auto baseline = unpack_baseline(*bytes); !baseline)
    return fail(baseline.error().kind, path + ": " + baseline.error().message());
  return bytes;
}

Result<void> write_baseline(const std::string& path, const Baseline& baseline) {
  return write_whole_file(path, pack_baseline(baseline));
}

Baseline baseline_of(const Engine& engine) {
  return {engine.norms(LogKind::cloudtrail), engine.norms(LogKind::k8saudit)};
}

void start_from(Engine& engine, const Baseline& baseline) {
  engine.norms(LogKind::cloudtrail).merge(baseline.calls);
  engine.norms(LogKind::k8saudit).merge(baseline.clusters);
}

}  // namespace picket
