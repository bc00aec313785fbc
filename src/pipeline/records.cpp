#include "pipeline/records.h"

#include <algorithm>
#include <vector>

#include "decode/inflate.h"
#include "source/file_source.h"

namespace picket {

namespace {

class Picker final : public EventSink {
 public:
  explicit Picker(const std::set<std::uint64_t>& positions) : positions_(positions) {}
  void on_cloudtrail(const CloudTrailEvent& event, std::uint64_t position) override {
    keep(position, event.raw.text());
  }
  void on_dns(const DnsQuery& query, std::uint64_t position) override { keep(position, query.raw); }
  void on_audit(const AuditEvent& event, std::uint64_t position) override {
    keep(position, event.raw.text());
  }
  void on_flows(std::span<const FlowRecord> records) override {
    for (const FlowRecord& flow : records) {
      if (!positions_.contains(flow.position)) continue;
      const char* action = flow.action == FlowAction::accept   ? "ACCEPT"
                           : flow.action == FlowAction::reject ? "REJECT"
                                                               : "-";
      found[flow.position] = std::string(flow.account_id) + " " + std::string(flow.interface_id) + " " +
                             flow.srcaddr.to_string() + " " + flow.dstaddr.to_string() + " " +
                             std::to_string(flow.srcport) + " " + std::to_string(flow.dstport) + " " +
                             std::to_string(flow.protocol) + " " + std::to_string(flow.packets) + " " +
                             std::to_string(flow.bytes) + " " + std::to_string(flow.start) + " " +
                             std::to_string(flow.end) + " " + action;
    }
  }
  void on_flow_gap(std::string_view, std::string_view, bool, TimeMs, TimeMs, std::uint64_t) override {}
  void on_filtered(LogKind, std::uint64_t, std::string_view) override {}
  void on_quarantined(LogKind, const Quarantined&) override {}

  std::map<std::uint64_t, std::string> found;

 private:
  void keep(std::uint64_t position, std::string_view text) {
    if (positions_.contains(position)) found[position] = text;
  }
  const std::set<std::uint64_t>& positions_;
};

// Flows as their lines stand in the log, with the columns that no event carries. `found`: by position, told
// by columns; one that is no line of the text stays so.
void read_lines(ByteSource& packed, std::map<std::uint64_t, std::string>& found) {
  InflateWorkspace workspace;
  InflatingSource source(packed, DecodeLimits{}, workspace);
  std::vector<char> block(1U << 20);
  std::string line;
  std::uint64_t number = 0;
  const std::uint64_t last = found.rbegin()->first;
  const auto end_line = [&] {
    if (line.ends_with('\r')) line.pop_back();
    const auto flow = found.find(++number);
    if (flow != found.end() && !line.starts_with('{')) flow->second = line;  // no envelope
    line.clear();
  };
  while (number < last) {
    const auto size = source.read(block);
    if (!size || *size == 0) break;
    std::string_view text(block.data(), *size);
    if (number == 0 && line.empty() && text.starts_with("PAR1")) return;
    for (std::size_t end = 0; number < last && (end = text.find('\n')) != std::string_view::npos;) {
      line += text.substr(0, end);
      text.remove_prefix(end + 1);
      end_line();
    }
    line += text;
  }
  if (number < last && !line.empty()) end_line();
}

}  // namespace

Result<std::map<std::uint64_t, std::string>> read_records(const std::string& logs, const std::string& object,
                                                          const std::set<std::uint64_t>& positions) {
  // Among the files under `logs`, not by joining paths: a key never becomes a path.
  const Listing listing = list_files(logs);
  auto file = std::ranges::find(listing.files, object, &ListedFile::key);
  if (file == listing.files.end()) {
    const auto ends_so = [end = '/' + object](const ListedFile& other) { return other.key.ends_with(end); };
    file = std::ranges::find_if(listing.files, ends_so);
    if (file == listing.files.end())
      return fail(ErrorKind::not_found, "the object is not under " + logs, object);
    if (std::ranges::count_if(listing.files, ends_so) > 1)
      return fail(ErrorKind::invalid, "several objects under " + logs + " end so: name a folder further down",
                  object);
  }
  return read_records([&] { return open_file(file->path); }, {.key = object}, positions);
}

Result<std::map<std::uint64_t, std::string>> read_records(const StoredPush& pushed,
                                                          const std::set<std::uint64_t>& positions) {
  const RecordOrigin& origin = pushed.object.origin;
  return read_records([&] { return open_file(pushed.file, pushed.object.offset); },
                      {.key = pushed.object.key,
                       .kind = origin.kind,
                       .account = origin.account,
                       .region = origin.region,
                       .cluster = origin.cluster,
                       .flow_format = origin.flow_format},
                      positions);
}

Result<std::map<std::uint64_t, std::string>> read_records(
    const std::function<Result<std::unique_ptr<ByteSource>>()>& open, const ObjectInfo& info,
    const std::set<std::uint64_t>& positions) {
  auto source = open();
  if (!source) return std::unexpected(source.error());
  Picker picker(positions);
  const DecodeReport report = decode_object(**source, info, DecodeLimits{}, picker);
  if (report.verdict != ObjectVerdict::decoded && picker.found.empty())
    return fail(ErrorKind::io, report.reason, info.key);
  if (report.kind == LogKind::vpcflow && !picker.found.empty()) {
    source = open();
    if (!source) return std::unexpected(source.error());
    read_lines(**source, picker.found);
  }
  return std::move(picker.found);
}

}  // namespace picket
