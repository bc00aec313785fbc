// Makes manifests of files: what each is (by key, else by a look at its start), which stream it belongs to
// and from when on it has records, and puts them in order of time. The order depends on the files alone.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/workers.h"
#include "log/entry.h"
#include "pipeline/manifest_queue.h"
#include "source/file_source.h"

namespace picket {

// What configuration or flags say about a source where records do not carry it.
struct SourceSettings {
  std::string name = "files";
  std::optional<LogKind> kind;
  std::string account, region, cluster, flow_format;
};

// Manifests in order of (lower bound, key, path), without sequence numbers.
ManifestQueue plan_packed(std::vector<ListedFile> files, const SourceSettings& source, Workers& workers);
std::vector<Manifest> plan(const std::vector<ListedFile>& files, const SourceSettings& source,
                           Workers& workers);
Manifest plan_one(const ListedFile& file, const SourceSettings& source);
// The same object by what is said of its source now: kind, account, Region and what else its records do not
// carry. `kind`: what it turned out to be when it was read, if it did.
Manifest plan_again(Manifest manifest, std::optional<LogKind> kind, const SourceSettings& source);

}  // namespace picket
