#include "pipeline/runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <limits>
#include <utility>

#include "base/hash.h"
#include "base/whole_file.h"
#include "source/file_source.h"

namespace picket {

namespace {

namespace fs = std::filesystem;

constexpr TimeMs end_of_time = std::numeric_limits<TimeMs>::max() / 4;
constexpr std::size_t snapshots_kept = 2;

std::vector<fs::path> snapshot_files(const fs::path& folder) {
  std::vector<fs::path> found;
  std::error_code error;
  for (const auto& item : fs::directory_iterator(folder, error)) {
    const std::string name = item.path().filename().string();
    if (name.starts_with("snapshot-") && name.ends_with(".bin")) found.push_back(item.path());
  }
  std::sort(found.rbegin(), found.rend());  // newest first: the epoch is in the name, zero-padded
  return found;
}

// Snapshots that were being written when the process died.
void remove_unfinished(const fs::path& folder) {
  std::error_code error;
  std::vector<fs::path> left;
  for (const auto& item : fs::directory_iterator(folder, error)) {
    const std::string name = item.path().filename().string();
    if (name.starts_with("snapshot-") && name.ends_with(".tmp")) left.push_back(item.path());
  }
  for (const fs::path& path : left) fs::remove(path, error);
}

// A file that a watcher listed may have been replaced before an epoch reads it, or reads it again after a
// crash: then it is another object, which has or will have a manifest of its own.
Result<std::unique_ptr<ByteSource>> open_as_listed(const Manifest& m) {
  if (m.head_hash != 0) {
    const std::size_t head_size =
        static_cast<std::size_t>(std::min<std::uint64_t>(manifest_head_bytes, m.size));
    const std::string head = read_at(m.path, 0, head_size);
    std::error_code error;
    const std::uint64_t size = fs::file_size(m.path, error);
    const bool same = m.length ? size >= m.offset + *m.length : size == m.size;
    if (!error && (!same || hash64(head) != m.head_hash)) {
      return fail(ErrorKind::conflict, "replaced before it was read", m.path);
    }
  }
  return open_file(m.path, m.offset, m.length.value_or(UINT64_MAX));
}

}  // namespace

void SourceTotals::add(const ObjectLedger& object) {
  if (object.state == ObjectState::skipped) {
    ++skipped;
  } else {
    read.add(object);
  }
}

Runner::Runner(Engine& engine, InputLog& log, RunnerSettings settings, EpochSink sink, ControlSink controls)
    : engine_(engine),
      log_(log),
      settings_(std::move(settings)),
      sink_(std::move(sink)),
      control_sink_(std::move(controls)) {}

void Runner::take_in(const Manifest& manifest) {
  if (!settings_.remember_files) return wait_for_turn(manifest);
  const auto [known, fresh] = files_.try_emplace(manifest.path);
  KnownFile& file = known->second;
  if (!fresh && manifest.offset == 0) quarantine_.replaced(manifest.path);
  if (manifest.offset == 0) file.records = 0;
  file.device = manifest.device;
  file.inode = manifest.inode;
  file.size = manifest.size;
  file.head_hash = manifest.head_hash;
  file.modified_ns = manifest.modified_ns;
  file.consumed = manifest.length ? manifest.offset + *manifest.length : manifest.size;
  wait_for_turn(manifest);
}

void Runner::take_in(const Redrive& redrive) {
  redrives_[redrive.manifest.sequence] = redrive.of;
  wait_for_turn(redrive.manifest);
}

void Runner::wait_for_turn(const Manifest& manifest) {
  next_sequence_ = std::max(next_sequence_, manifest.sequence + 1);
  bytes_pending_ += manifest.length.value_or(manifest.size);
  bounds_[manifest.stream].add(manifest.lower_bound);
  engine_.announce({manifest.key, manifest.kind, manifest.account, manifest.region, manifest.cluster,
                    manifest.flow_format});
  pending_.push_back(manifest);
}

Result<void> Runner::submit(std::vector<Manifest> manifests) {
  if (manifests.empty()) return {};
  std::vector<LogEntry> entries;
  for (Manifest& manifest : manifests) {
    manifest.sequence = next_sequence_++;
    entries.emplace_back(manifest);
  }
  if (auto logged = log_.append(entries); !logged) return logged;
  for (const Manifest& manifest : manifests) take_in(manifest);
  return {};
}

Result<void> Runner::submit(ManifestQueue manifests) {
  constexpr std::size_t at_once = 1024;
  while (!manifests.empty()) {
    std::vector<Manifest> next;
    for (std::size_t i = 0; i < std::min(at_once, manifests.size()); ++i) next.push_back(manifests.at(i));
    manifests.drop_front(next.size());
    if (auto submitted = submit(std::move(next)); !submitted) return submitted;
  }
  return {};
}

Result<void> Runner::redrive(std::uint64_t id, Manifest manifest) {
  if (quarantine_.find(id) == nullptr) return {};
  manifest.sequence = next_sequence_++;
  Redrive redrive{id, std::move(manifest)};
  const LogEntry entry = redrive;
  if (auto logged = log_.append({&entry, 1}); !logged) return logged;
  take_in(redrive);
  return {};
}

bool Runner::redriving(std::uint64_t id) const {
  return std::ranges::any_of(redrives_, [&](const auto& item) { return item.second == id; });
}

Result<void> Runner::release(const std::string& stream, TimeMs time) {
  const LogEntry entry = Release{stream, time};
  if (auto logged = log_.append({&entry, 1}); !logged) return logged;
  engine_.release(stream, time);
  return {};
}

Result<void> Runner::control(Control control) {
  const LogEntry entry = control;
  if (auto logged = log_.append({&entry, 1}); !logged) return logged;
  return take_effect(control);
}

Result<void> Runner::take_effect(const Control& control) {
  controls_[control.kind] = control.body;
  return control_sink_ ? control_sink_(control) : Result<void>{};
}

PendingBounds Runner::bounds() const {
  PendingBounds least;
  for (const auto& [stream, times] : bounds_) least[stream] = times.least();
  return least;
}

Result<void> Runner::sink_unsaved() {
  if (!unsaved_) return {};
  if (auto done = sink_(engine_.epoch(), *unsaved_); !done) return done;
  unsaved_.reset();
  return {};
}

Result<EpochResult> Runner::run_epoch() {
  if (auto done = sink_unsaved(); !done) return std::unexpected(done.error());
  std::vector<Manifest> batch;
  EpochCut cut{engine_.epoch() + 1, {}};
  std::uint64_t bytes = 0;
  while (batch.size() < std::min(pending_.size(), settings_.epoch_objects_max)) {
    Manifest next = pending_.at(batch.size());
    const std::uint64_t size = next.length.value_or(next.size);
    if (!batch.empty() && bytes + size > settings_.epoch_bytes_max) break;
    // Two stretches of one file never share an epoch: the second needs to know how many records came before.
    const auto same_file = [&](const Manifest& m) { return m.path == next.path; };
    if (next.offset > 0 && std::any_of(batch.begin(), batch.end(), same_file)) break;
    bytes += size;
    cut.objects.push_back(next.sequence);
    batch.push_back(std::move(next));
  }
  const LogEntry entry = cut;
  if (auto logged = log_.append({&entry, 1}); !logged) return std::unexpected(logged.error());
  pending_.drop_front(batch.size());
  return run(std::move(batch));
}

Result<EpochResult> Runner::run(std::vector<Manifest> manifests) {
  std::vector<EpochObject> objects;
  for (const Manifest& m : manifests) {
    const auto at = bounds_.find(m.stream);
    at->second.remove(m.lower_bound);
    if (at->second.empty()) {
      bounds_.erase(at);
      if (settings_.release_drained) drained_.insert(m.stream);
    }
    bytes_pending_ -= m.length.value_or(m.size);
    bytes_since_snapshot_ += m.length.value_or(m.size);
    EpochObject object;
    object.info = {m.key, m.kind, m.account, m.region, m.cluster, m.flow_format};
    object.sequence = m.sequence;
    object.stream = m.stream;
    object.lower_bound = m.lower_bound;
    const auto redrive = redrives_.find(m.sequence);
    if (redrive == redrives_.end()) {
      if (settings_.remember_files) object.records_before = files_[m.path].records;
    } else if (const QuarantinedObject* held = quarantine_.find(redrive->second)) {
      object.records_before = held->records_before;
      object.again = std::make_shared<const ReadAgain>(held->ledger);
    } else {
      // Cleared or replaced since it was asked for: there is nothing left to evaluate.
      object.again = std::make_shared<const ReadAgain>();
    }
    if (m.path.find("://") != std::string::npos && settings_.open_remote) {
      object.open = [this, m] { return settings_.open_remote(m); };
    } else {
      object.open = [m] { return open_as_listed(m); };
    }
    objects.push_back(std::move(object));
  }
  for (const auto& [stream, times] : bounds_) drained_.erase(stream);
  EpochResult result = engine_.run_epoch(objects, bounds());
  for (std::size_t i = 0; i < manifests.size(); ++i) {
    const ObjectLedger& read = result.objects[i];
    const Manifest& manifest = manifests[i];
    const auto redrive = redrives_.find(manifest.sequence);
    if (redrive == redrives_.end()) {
      quarantine_.note(manifest, objects[i].records_before, read);
      if (settings_.remember_files)
        files_[manifest.path].records += std::max(read.records_read, read.last_position);
      sources_[manifest.source].add(read);
      continue;
    }
    if (const QuarantinedObject* held = quarantine_.find(redrive->second);
        held != nullptr && read.state != ObjectState::skipped) {
      sources_[held->manifest.source].take_back(held->ledger);
      sources_[manifest.source].add(read);
    }
    quarantine_.settle(redrive->second, manifest, read);
    redrives_.erase(redrive);
  }
  if (!drained_.empty()) {
    for (const std::string& stream : drained_) engine_.release(stream, end_of_time);
    drained_.clear();
  }
  unsaved_ = std::move(result);
  if (auto done = sink_(engine_.epoch(), *unsaved_); !done) return std::unexpected(done.error());
  result = std::move(*unsaved_);
  unsaved_.reset();
  return result;
}

std::string Runner::save(bool alone) const {
  std::string body;
  Writer out(body);
  std::vector<Manifest> pending;
  pending_.each([&](const Manifest& manifest) { pending.push_back(manifest); });
  out(next_sequence_, segment_, previous_segment_, engine_.epoch(), pending, files_, controls_,
      engine_.save(alone), sources_, quarantine_, redrives_);
  std::string bytes;
  Writer head(bytes);
  head(hash64(body));
  return bytes + body;
}

// Damaged bytes change nothing. A snapshot of other detectors gives what the runner keeps, and a warning.
Result<std::optional<std::string>> Runner::load(std::string_view bytes) {
  Reader head(bytes);
  std::uint64_t checksum = 0, epoch = 0;
  head(checksum);
  const std::string_view body = bytes.substr(std::min<std::size_t>(bytes.size(), sizeof checksum));
  if (head.failed() || hash64(body) != checksum) return fail(ErrorKind::invalid, "the snapshot is damaged");
  Reader in(body);
  std::vector<Manifest> pending;
  std::string engine;
  std::map<std::string, KnownFile> files;
  std::map<std::string, std::string> controls;
  std::map<std::string, SourceTotals> sources;
  Quarantine quarantine;
  std::map<std::uint64_t, std::uint64_t> redrives;
  in(next_sequence_, segment_, previous_segment_, epoch, pending, files, controls, engine);
  // Earlier versions did not keep these.
  if (!in.at_end()) in(sources);
  if (!in.at_end()) in(quarantine, redrives);
  if (in.failed() || !in.at_end()) return fail(ErrorKind::invalid, "the snapshot is damaged");
  std::optional<std::string> warning;
  restored_ = true;
  if (auto loaded = engine_.load(engine); !loaded) {
    restored_ = false;
    if (loaded.error().kind != ErrorKind::unsupported) return std::unexpected(loaded.error());
    engine_.start_at(epoch);
    warning =
        loaded.error().what + "; what was learned and waited starts empty, findings and progress are kept";
  } else if (!loaded->empty()) {
    warning = *loaded + "; everything else is kept";
  }
  for (const Manifest& manifest : pending) wait_for_turn(manifest);
  files_ = std::move(files);
  quarantine_ = std::move(quarantine);
  redrives_ = std::move(redrives);
  sources_ = std::move(sources);
  for (auto& [kind, body] : controls) {
    if (auto done = take_effect({kind, std::move(body)}); !done) {
      warning = fmt::format("{}{}{}", warning.value_or(""), warning ? "; " : "", done.error().message());
    }
  }
  restored_ = false;
  return warning;
}

Result<void> Runner::cut_snapshot() {
  if (auto done = sink_unsaved(); !done) return done;
  const auto segment = log_.cut_segment();
  if (!segment) return std::unexpected(segment.error());
  const fs::path folder = settings_.snapshot_folder;
  saving_ = Saving{.path = folder / fmt::format("snapshot-{:016}.bin", engine_.epoch()),
                   .segment = segment_,
                   .previous_segment = previous_segment_,
                   .bytes = bytes_since_snapshot_,
                   .by = {}};
  previous_segment_ = std::exchange(segment_, *segment);
  return {};
}

Result<void> Runner::write_snapshot(bool alone) const { return write_whole_file(saving_->path, save(alone)); }

Result<void> Runner::end_snapshot(Result<void> written) {
  const Saving saved = std::move(*saving_);
  saving_.reset();
  if (!written) {
    // The older snapshots still need their segments.
    segment_ = saved.segment;
    previous_segment_ = saved.previous_segment;
    in_place_ |= written.error().kind == ErrorKind::internal;
    return written;
  }
  bytes_since_snapshot_ -= saved.bytes;
  const std::vector<fs::path> files = snapshot_files(settings_.snapshot_folder);
  for (std::size_t i = snapshots_kept; i < files.size(); ++i) {
    std::error_code ignored;
    fs::remove(files[i], ignored);
  }
  log_.forget_before(previous_segment_);
  return {};
}

Result<void> Runner::save_snapshot() {
  if (settings_.snapshot_folder.empty()) return {};
  if (auto ended = wait_for_snapshot(); !ended) return ended;
  if (auto cut = cut_snapshot(); !cut) return cut;
  return end_snapshot(write_snapshot(false));
}

Result<void> Runner::begin_snapshot() {
  if (settings_.snapshot_folder.empty()) return {};
  if (auto cut = cut_snapshot(); !cut) return cut;
  if (!in_place_) {
    constexpr std::chrono::minutes time_max{10};  // the largest state takes one
    auto side = SideProcess::start([this] { return write_snapshot(true); }, engine_.open_files(), time_max);
    if (side) {
      saving_->by = std::move(*side);
      return {};
    }
  }
  return end_snapshot(write_snapshot(false));
}

std::optional<Result<void>> Runner::snapshot_ended() {
  if (!saving_) return std::nullopt;
  auto ended = saving_->by->ended();
  if (!ended) return std::nullopt;
  return end_snapshot(std::move(*ended));
}

Result<void> Runner::wait_for_snapshot() {
  if (!saving_) return {};
  return end_snapshot(saving_->by->wait());
}

Result<Runner::Recovery> Runner::recover() {
  Recovery recovery;
  if (!settings_.snapshot_folder.empty()) {
    remove_unfinished(settings_.snapshot_folder);
    for (const fs::path& path : snapshot_files(settings_.snapshot_folder)) {
      std::ifstream file(path, std::ios::binary);
      auto loaded = load(std::string(std::istreambuf_iterator<char>(file), {}));
      if (!loaded) {
        recovery.warnings.push_back(path.string() + ": " + loaded.error().what);
        continue;
      }
      if (*loaded) recovery.warnings.push_back(path.string() + ": " + **loaded);
      break;
    }
  }
  auto entries = log_.read(segment_);
  if (!entries) return std::unexpected(entries.error());
  for (LogEntry& entry : *entries) {
    if (auto* manifest = std::get_if<Manifest>(&entry)) {
      if (manifest->sequence >= next_sequence_) take_in(*manifest);
    } else if (auto* redrive = std::get_if<Redrive>(&entry)) {
      if (redrive->manifest.sequence >= next_sequence_) take_in(*redrive);
    } else if (const auto* release = std::get_if<Release>(&entry)) {
      engine_.release(release->stream, release->time);
    } else if (const auto* control = std::get_if<Control>(&entry)) {
      if (auto done = take_effect(*control); !done) recovery.warnings.push_back(done.error().message());
    } else if (const auto& cut = std::get<EpochCut>(entry); cut.epoch > engine_.epoch()) {
      std::vector<Manifest> batch;
      for (const std::uint64_t sequence : cut.objects) {
        if (batch.size() >= pending_.size() || pending_.sequence_at(batch.size()) != sequence) {
          return fail(ErrorKind::internal,
                      fmt::format("the input log names object {} out of order", sequence));
        }
        batch.push_back(pending_.at(batch.size()));
      }
      pending_.drop_front(batch.size());
      if (auto ran = run(std::move(batch)); !ran) return std::unexpected(ran.error());
      ++recovery.epochs_replayed;
    }
  }
  return recovery;
}

}  // namespace picket
