#include "integrity/archive.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>

#include "base/hash.h"
#include "source/s3_source.h"

namespace picket::integrity {

namespace {

constexpr std::size_t object_bytes_max = 1ULL << 30;  // as stored; it is in memory for a moment

bool digits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

class OwnedBytes final : public ByteSource {
 public:
  explicit OwnedBytes(std::string bytes) : bytes_(std::move(bytes)), source_(memory_source(bytes_)) {}
  Result<std::size_t> read(std::span<char> into) override { return source_->read(into); }

 private:
  const std::string bytes_;
  const std::unique_ptr<ByteSource> source_;
};

}  // namespace

Listing FileArchive::list(const std::string& place, std::optional<TimeMs>) const { return list_files(place); }

Result<Archive::Opened> FileArchive::open(const std::string& path) const {
  auto bytes = open_file(path);
  if (!bytes) return std::unexpected(bytes.error());
  return Opened{std::move(*bytes), {}};
}

bool may_hold_trail(std::string_view folder, std::optional<TimeMs> from) {
  constexpr std::string_view root = "AWSLogs/";
  const std::size_t at = folder.find(root);
  if (at == std::string_view::npos || (at > 0 && folder[at - 1] != '/')) return true;
  std::vector<std::string_view> parts;
  std::string_view rest = folder.substr(at + root.size());
  while (!rest.empty()) {
    parts.push_back(rest.substr(0, rest.find('/')));
    rest.remove_prefix(std::min(rest.size(), parts.back().size() + 1));
  }
  // "o-…/" comes before the account in an organisation's trail.
  std::size_t next = 0;
  while (next < parts.size() && !(parts[next].size() == 12 && digits(parts[next]))) ++next;
  if (++next < parts.size() && parts[next] != "CloudTrail" && parts[next] != "CloudTrail-Digest")
    return false;
  if (!from || next + 2 >= parts.size()) return true;
  // Behind service and Region: year, month and day, as far as the folder tells.
  std::string date;
  for (std::size_t i = next + 2; i < std::min(parts.size(), next + 5); ++i) {
    if (!digits(parts[i])) return true;
    date += (date.empty() ? "" : "-") + std::string(parts[i]);
  }
  return date >= format_time_seconds(*from - day_ms).substr(0, date.size());
}

Result<std::unique_ptr<BucketArchive>> BucketArchive::make(BucketSettings settings,
                                                           const std::vector<std::string>& allow_hosts,
                                                           const std::string& ca_file,
                                                           std::optional<aws::CallerKey> key,
                                                           std::function<TimeMs()> clock) {
  std::vector<std::string> allowed = allow_hosts;
  if (!settings.endpoint.empty()) {
    auto host = net::host_of(settings.endpoint);
    if (!host) return std::unexpected(host.error());
    allowed.push_back(std::move(*host));
  }
  auto guard = net::AddressGuard::make(allowed);
  if (!guard) return std::unexpected(guard.error());
  return std::unique_ptr<BucketArchive>(
      new BucketArchive(std::move(settings), std::move(*guard), ca_file, std::move(key), std::move(clock)));
}

BucketArchive::BucketArchive(BucketSettings settings, net::AddressGuard guard, const std::string& ca_file,
                             std::optional<aws::CallerKey> key, std::function<TimeMs()> clock)
    : settings_(std::move(settings)),
      clock_(std::move(clock)),
      http_(std::move(guard), ca_file),
      key_(http_, std::move(key),
           {settings_.role, settings_.external_id, settings_.region, settings_.endpoint}, clock_) {}

Result<aws::S3Client> BucketArchive::client() const {
  auto key = key_.get();
  if (!key) return std::unexpected(key.error());
  return aws::S3Client(http_, {settings_.endpoint, std::move(*key)}, clock_);
}

Listing BucketArchive::list(const std::string& place, std::optional<TimeMs> from) const {
  Listing out;
  const auto wrong = [&](const Error& error) {
    out.failures.emplace_back(place, error.message());
    return out;
  };
  const auto bucket = parse_bucket_url(place);
  if (!bucket) return wrong({ErrorKind::invalid, "it must be s3://BUCKET/PREFIX", place, -1});
  std::deque<std::string> folders{bucket->second};
  while (!folders.empty()) {
    const std::string folder = std::move(folders.front());
    folders.pop_front();
    std::string next;
    do {
      const auto s3 = client();
      if (!s3) return wrong(s3.error());
      auto page = s3->list(bucket->first, folder, settings_.region, true, next);
      if (!page) return wrong(page.error());
      for (std::string& below : page->folders)
        if (may_hold_trail(below, from)) folders.push_back(std::move(below));
      for (const aws::S3Object& object : page->objects) {
        ListedFile& file = out.files.emplace_back();
        file.path = fmt::format("s3://{}/{}", bucket->first, object.key);
        file.key = object.key;
        file.size = object.size;
        file.inode = std::max<std::uint64_t>(1, hash64(object.etag));
        file.modified_ns = object.modified * 1'000'000;
      }
      next = std::move(page->next);
    } while (!next.empty());
  }
  std::ranges::sort(out.files, {}, &ListedFile::key);
  return out;
}

Result<Archive::Opened> BucketArchive::open(const std::string& path) const {
  const auto place = aws::parse_s3_url(path);
  if (!place) return fail(ErrorKind::invalid, "names no object of S3", path);
  const auto s3 = client();
  if (!s3) return std::unexpected(s3.error());
  auto content = s3->get_content(*place, settings_.region, object_bytes_max);
  if (!content) return std::unexpected(content.error());
  Opened out{std::make_unique<OwnedBytes>(std::move(content->bytes)), {}};
  const auto& told = content->metadata;
  const auto algorithm = told.find("signature-algorithm"), signature = told.find("signature");
  if (algorithm != told.end() && algorithm->second == "SHA256withRSA" && signature != told.end())
    out.metadata = DigestMetadata{signature->second, told.contains("backfill-generation-timestamp")};
  return out;
}

}  // namespace picket::integrity
