#include "pipeline/scan.h"

#include "source/file_source.h"

namespace picket {

Result<PathFailures> scan(const ScanSettings& settings, Engine& engine, Workers& workers,
                          const EpochSink& sink, const std::function<void(const ScanProgress&)>& progress) {
  PathFailures failures;
  std::vector<ListedFile> files;
  for (const std::string& path : settings.paths) {
    Listing listing = list_files(path);
    files.insert(files.end(), std::make_move_iterator(listing.files.begin()),
                 std::make_move_iterator(listing.files.end()));
    failures.insert(failures.end(), listing.failures.begin(), listing.failures.end());
  }
  const auto log = memory_log();
  RunnerSettings runner_settings = settings.runner;
  runner_settings.release_drained = true;
  runner_settings.remember_files = false;
  Runner runner(engine, *log, runner_settings, sink);
  auto submitted = runner.submit(plan_packed(std::move(files), settings.source, workers));
  if (!submitted) return std::unexpected(submitted.error());
  ScanProgress state{0, runner.pending(), 0, runner.bytes_pending()};
  progress(state);
  // The epoch after the last object closes what its streams' end released.
  for (bool more = true; more;) {
    more = !runner.idle();
    engine.hold_changes(more);
    if (auto ran = runner.run_epoch(); !ran) return std::unexpected(ran.error());
    state.objects_done = state.objects - runner.pending();
    state.bytes_done = state.bytes - runner.bytes_pending();
    progress(state);
  }
  return failures;
}

}  // namespace picket
