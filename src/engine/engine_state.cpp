// What the engine knows as bytes, and back: sections, each with the version of its form.
#include <fmt/format.h>

#include <algorithm>
#include <mutex>
#include <set>

#include "base/hash.h"
#include "engine/engine.h"
#include "engine/numbering.h"
#include "engine/packed_state.h"

namespace picket {

namespace {

// Of the numbering and of how sections are put together; what is in a section has a version of its own.
constexpr std::uint32_t snapshot_version = 14;
constexpr PackedKind snapshot{"picketS2", "snapshot"};

}  // namespace

// What is saved and read by itself.
struct Engine::Section {
  enum class Of : std::uint8_t { windows, signals, incidents, hosts, visibility, progress, other };
  std::string name;
  // Of the form. State of another version starts empty, the other sections' goes on: whoever changes what a
  // section holds gives it the next number (detectors/state_form_test). A detector's own state has the
  // version of the detector.
  std::uint64_t version = 1;
  Of of = Of::other;
  std::string_view holds;  // for those who read what starts empty
  std::function<void(const Engine& engine, Writer& out)> save;
  std::function<void(Engine& engine, Reader& in, const Numbering& numbering)> load;
};

// A handful of partitions: neither threads nor files have many pieces to handle.
constexpr std::size_t partitions_together = 8;
static_assert(partition_count % partitions_together == 0);

Engine::Section Engine::partitions_from(std::size_t first) {
  return {.name = fmt::format("partitions from {}", first),
          .of = Section::Of::windows,
          .holds = "open windows, what is usual for them and records that waited for their order",
          .save =
              [first](const Engine& engine, Writer& out) {
                for (std::size_t i = 0; i < partitions_together; ++i) engine.partitions_[first + i].save(out);
              },
          .load =
              [first](Engine& engine, Reader& in, const Numbering& numbering) {
                for (std::size_t i = 0; i < partitions_together; ++i)
                  engine.partitions_[first + i].load(in, engine.detectors_, numbering);
              }};
}

// About the longest first.
const std::vector<Engine::Section>& Engine::sections() {
  // `to`: how to reach what saves and loads itself.
  const auto whole = [](std::string name, Section::Of of, std::string_view holds, auto to,
                        std::uint64_t version = 1) {
    return Section{.name = std::move(name),
                   .version = version,
                   .of = of,
                   .holds = holds,
                   .save = [to](const Engine& engine, Writer& out) { to(engine).save(out); },
                   .load = [to](Engine& engine, Reader& in, const Numbering&) { to(engine).load(in); }};
  };
  using Of = Section::Of;
  static const std::vector<Section> all = [&] {
    std::vector<Section> made;
    for (std::size_t first = 0; first < partition_count; first += partitions_together)
      made.push_back(partitions_from(first));
    made.push_back({.name = "identities",
                    .holds = "which records are known",
                    .save =
                        [](const Engine& engine, Writer& out) {
                          for (const IdentityShard& shard : engine.identities_) shard.save(out);
                        },
                    .load =
                        [](Engine& engine, Reader& in, const Numbering&) {
                          for (IdentityShard& shard : engine.identities_) shard.load(in);
                        }});
    made.push_back(whole("principals", Of::other, "what was learned of principals",
                         [](auto& engine) -> auto& { return engine.learners_[0]; }));
    made.push_back(whole("hosts", Of::hosts, "what was learned of hosts",
                         [](auto& engine) -> auto& { return engine.hosts_; }));
    made.push_back(whole("entities", Of::other, "what investigations count",
                         [](auto& engine) -> auto& { return engine.entities_; }));
    made.push_back(
        whole("facts", Of::other, "facts", [](auto& engine) -> auto& { return engine.facts_; }, 2));
    made.push_back(
        {.name = "signals",
         .of = Of::signals,
         .holds = "open sequences",
         .save = [](const Engine& engine, Writer& out) { engine.sequences_.save_signals(out); },
         .load = [](Engine& engine, Reader& in,
                    const Numbering& numbering) { engine.sequences_.load_signals(in, numbering); }});
    made.push_back(whole("cluster users", Of::other, "what was learned of clusters' users",
                         [](auto& engine) -> auto& { return engine.learners_[1]; }));
    made.push_back(whole("habits", Of::other, "who acts for whom, and habits",
                         [](auto& engine) -> auto& { return engine.sequences_; }));
    made.push_back(whole("flow claims", Of::other, "which interface an address belongs to",
                         [](auto& engine) -> auto& { return engine.claims_; }));
    made.push_back(whole("visibility", Of::visibility, "how often logs come",
                         [](auto& engine) -> auto& { return engine.visibility_; }));
    made.push_back({.name = "incidents",
                    .of = Of::incidents,
                    .holds = "open incidents",
                    .save =
                        [](const Engine& engine, Writer& out) {
                          for (const Learner& learner : engine.learners_) learner.save_open(out);
                        },
                    .load =
                        [](Engine& engine, Reader& in, const Numbering& numbering) {
                          for (Learner& learner : engine.learners_) learner.load_open(in, numbering);
                        }});
    made.push_back({.name = "findings",
                    .version = 2,
                    .of = Of::progress,
                    .save = [](const Engine& engine, Writer& out) { engine.aggregator_.save(out); },
                    .load =
                        [](Engine& engine, Reader& in, const Numbering& numbering) {
                          engine.aggregator_.load(in);
                          if (!in.failed()) engine.aggregator_.renumber(numbering);
                        }});
    made.push_back({.name = "progress",
                    .of = Of::progress,
                    .save =
                        [](const Engine& engine, Writer& out) {
                          out(engine.epoch_, engine.streams_, engine.watermark_, engine.ledger_,
                              engine.usage_, engine.evictions_, engine.left_out_, engine.dry_run_counts_,
                              engine.places_, engine.kept_keys_, engine.recent_keys_, engine.recent_order_,
                              static_cast<std::uint64_t>(engine.recent_next_), engine.hosts_told_);
                        },
                    .load =
                        [](Engine& engine, Reader& in, const Numbering&) {
                          std::uint64_t next = 0;
                          in(engine.epoch_, engine.streams_, engine.watermark_, engine.ledger_, engine.usage_,
                             engine.evictions_, engine.left_out_, engine.dry_run_counts_, engine.places_,
                             engine.kept_keys_, engine.recent_keys_, engine.recent_order_, next,
                             engine.hosts_told_);
                          engine.recent_next_ = next;
                        }});
    return made;
  }();
  return all;
}

std::string Engine::save(bool alone) const {
  const std::vector<Section>& all = sections();
  std::vector<std::pair<std::string, std::string>> packed(all.size());
  const auto pack = [&](unsigned, std::size_t number) {
    std::string state;
    Writer out(state);
    all[number].save(*this, out);
    packed[number] = {all[number].name, pack_state(snapshot, all[number].version, state)};
  };
  if (alone) {
    for (std::size_t number = 0; number < all.size(); ++number) pack(0, number);
  } else {
    workers_.parallel_for(all.size(), pack);
  }
  std::string body;
  Writer all_of(body);
  all_of(Numbering(detectors_), packed);
  std::string bytes(snapshot.magic);
  Writer head(bytes);
  head(snapshot_version, hash64(body));
  return bytes + body;
}

std::vector<int> Engine::open_files() const {
  std::set<int> files;
  for (const Partition& partition : partitions_) partition.open_files(files);
  return {files.begin(), files.end()};
}

Result<std::string> Engine::load(std::string_view bytes) {
  constexpr std::string_view other_version = "the snapshot was written by another version of picket";
  if (bytes.starts_with("picketS1")) return fail(ErrorKind::unsupported, std::string(other_version));
  if (!bytes.starts_with(snapshot.magic)) return fail(ErrorKind::invalid, "not a picket snapshot");
  Reader head(bytes.substr(snapshot.magic.size()));
  std::uint32_t version = 0;
  std::uint64_t checksum = 0;
  head(version, checksum);
  if (!head.failed() && version != snapshot_version)
    return fail(ErrorKind::unsupported, std::string(other_version));
  const std::size_t body = snapshot.magic.size() + sizeof version + sizeof checksum;
  if (head.failed() || hash64(bytes.substr(body)) != checksum)
    return fail(ErrorKind::invalid, "the snapshot is damaged");
  Numbering numbering;
  std::vector<std::pair<std::string, std::string>> packed;
  head(numbering, packed);
  if (head.failed() || !head.at_end()) return fail(ErrorKind::invalid, "the snapshot is damaged");
  numbering.lead_to(detectors_);

  std::vector<std::pair<const Section*, std::string>> read;
  std::set<Section::Of> lost;
  std::vector<std::string_view> empty;
  for (const Section& section : sections()) {
    const auto at = std::ranges::find(packed, section.name, &std::pair<std::string, std::string>::first);
    auto state = at == packed.end() ? fail(ErrorKind::unsupported, std::string(other_version))
                                    : unpack_state(snapshot, section.version, at->second, other_version);
    if (state) {
      read.emplace_back(&section, std::move(*state));
      continue;
    }
    if (state.error().kind != ErrorKind::unsupported || section.of == Section::Of::progress)
      return std::unexpected(state.error());
    lost.insert(section.of);
    if (std::ranges::find(empty, section.holds) == empty.end()) empty.push_back(section.holds);
  }
  const std::scoped_lock changing(learners_mutex_);
  for (const auto& [section, state] : read) {
    Reader in(state);
    section->load(*this, in, numbering);
    if (in.failed() || !in.at_end())
      return fail(ErrorKind::invalid, "the snapshot is damaged: " + section->name);
  }
  const auto is_lost = [&](const Detector& detector) {
    const Logic& logic = detector.logic;
    return lost.contains(logic.host_day != nullptr   ? Section::Of::hosts
                         : logic.gap != nullptr      ? Section::Of::visibility
                         : logic.sequence != nullptr ? Section::Of::signals
                         : logic.incident != nullptr ? Section::Of::incidents
                                                     : Section::Of::windows);
  };
  std::vector<std::string_view> changed;
  std::vector<bool> settled(detectors_.size());
  for (std::uint16_t i = 0; i < detectors_.size(); ++i) {
    const bool other = numbering.is_of_another_version(i);
    settled[i] = other || is_lost(*detectors_[i]);
    if (other && (detectors_[i]->logic.window || detectors_[i]->logic.ordered != nullptr))
      changed.push_back(detectors_[i]->name);
  }
  aggregator_.settle_lost(settled);
  std::string left;
  if (!empty.empty()) left = fmt::format("of another version and started empty: {}", fmt::join(empty, "; "));
  if (!changed.empty())
    left += fmt::format("{}changed, so that their windows and what waited for them start empty: {}",
                        left.empty() ? "" : "; ", fmt::join(changed, ", "));
  return left;
}

}  // namespace picket
