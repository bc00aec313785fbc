#include "pipeline/sources.h"

#include <filesystem>
#include <fstream>

#include "base/json_writer.h"

namespace picket {

namespace {

std::filesystem::path file_in(const std::string& data_dir) {
  return std::filesystem::path(data_dir) / "state" / "sources.json";
}

void write_bucket(JsonWriter& json, const S3SourceStatus& bucket) {
  json.key("bucket");
  json.begin_object();
  json.member("listed", bucket.listed);
  json.member("announced", bucket.announced);
  json.member("repeated", bucket.repeated);
  json.member("unannounced", bucket.unannounced);
  json.member("fetched", bucket.fetched);
  json.member("bytesFetched", bucket.bytes_fetched);
  json.member("notLogs", bucket.not_logs);
  json.member("gone", bucket.gone);
  json.member("foreignMessages", bucket.foreign);
  json.member("openMessages", bucket.messages_open);
  json.member("retries", bucket.retries);
  json.end_object();
}

void write_pushed(JsonWriter& json, const PushStatus& pushed) {
  json.key("pushed");
  json.begin_object();
  json.member("batches", pushed.batches);
  json.member("records", pushed.records);
  json.member("repeated", pushed.repeated);
  json.member("refused", pushed.refused);
  json.member("putOff", pushed.put_off);
  json.member("controlMessages", pushed.control_messages);
  json.member("lost", pushed.lost);
  json.member("behind", pushed.behind);
  json.member("bytesHeld", pushed.bytes_held);
  json.end_object();
}

}  // namespace

void RateMeter::measure(TimeMs now, SourceReport& report) {
  samples_.push_back({now, report.totals.read.bytes_in, report.totals.read.records_read});
  while (samples_.size() > 2 && samples_[1].time <= now - minute_ms) samples_.pop_front();
  const Sample& first = samples_.front();
  if (now <= first.time) return;
  const double seconds = static_cast<double>(now - first.time) / second_ms;
  report.bytes_per_second = static_cast<double>(report.totals.read.bytes_in - first.bytes) / seconds;
  report.records_per_second = static_cast<double>(report.totals.read.records_read - first.records) / seconds;
}

std::string sources_json(const std::vector<SourceReport>& sources, TimeMs now) {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.member("time", format_time(now));
  json.key("sources");
  json.begin_array();
  for (const SourceReport& source : sources) {
    const KindTotals& read = source.totals.read;
    json.begin_object();
    json.member("name", source.name);
    json.member("place", source.place);
    json.member("state", source.failing                                                       ? "failing"
                         : source.bucket && !source.bucket->listed                            ? "listing"
                         : source.waiting > 0 || (source.pushed && source.pushed->behind > 0) ? "reading"
                                                                                              : "watching");
    json.member("waiting", source.waiting);
    json.member("lagMs", source.lag);
    json.member("bytesPerSecond", source.bytes_per_second);
    json.member("recordsPerSecond", source.records_per_second);
    if (read.last != 0) json.member("newestEvent", format_time(read.last));
    json.key("ledger");
    json.begin_object();
    json.member("objects", read.objects);
    json.member("objectsFailed", read.objects_failed);
    json.member("objectsSkipped", source.totals.skipped);
    json.member("bytesIn", read.bytes_in);
    json.member("recordsRead", read.records_read);
    json.member("processed", read.processed);
    json.member("filtered", read.filtered);
    json.member("duplicate", read.duplicate);
    json.member("quarantined", read.quarantined);
    json.member("late", read.late);
    json.end_object();
    if (source.bucket) write_bucket(json, *source.bucket);
    if (source.pushed) write_pushed(json, *source.pushed);
    if (!source.last_error.empty()) {
      json.member("lastError", source.last_error);
      json.member("lastErrorTime", format_time(source.last_error_at));
    }
    json.end_object();
  }
  json.end_array();
  json.end_object();
  return out;
}

void write_sources(const std::string& data_dir, const std::vector<SourceReport>& sources, TimeMs now) {
  const std::filesystem::path path = file_in(data_dir), part = path.string() + ".part";
  std::ofstream file(part, std::ios::binary);
  file << sources_json(sources, now);
  file.close();
  std::error_code ignored;
  if (file) std::filesystem::rename(part, path, ignored);
}

Result<std::string> read_sources(const std::string& data_dir) {
  std::ifstream file(file_in(data_dir), std::ios::binary);
  if (!file) return fail(ErrorKind::not_found, "no server has run with this data directory", data_dir);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

}  // namespace picket
