// Raw records out of the objects they lie in, by position: the other end of a finding's proof.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "base/result.h"
#include "decode/decoder.h"
#include "source/pushed_file.h"

namespace picket {

// `object` is a key as findings name it, relative to `logs` (a folder, or the file itself) or to one folder
// below it. Positions count
// as in a finding's proof: from 1, a flow log's header line being line 1. What is not found is left out. A
// flow that is no line of text (Parquet) is told by its columns of version 2.
Result<std::map<std::uint64_t, std::string>> read_records(const std::string& logs, const std::string& object,
                                                          const std::set<std::uint64_t>& positions);
// Of a batch that was pushed.
Result<std::map<std::uint64_t, std::string>> read_records(const StoredPush& pushed,
                                                          const std::set<std::uint64_t>& positions);
// Of an object that can be opened, more than once.
Result<std::map<std::uint64_t, std::string>> read_records(
    const std::function<Result<std::unique_ptr<ByteSource>>()>& open, const ObjectInfo& info,
    const std::set<std::uint64_t>& positions);

}  // namespace picket
