// The input log: everything that can change a result, in one numbered order. Objects enter as manifests,
// what is not data (silence, the end of a scan, settings) as control records, and the log is cut into epochs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/archive.h"
#include "base/time.h"
#include "event/kind.h"

namespace picket {

constexpr std::size_t manifest_head_bytes = 4096;  // A growing file is known by device, inode and these

// One object, or one more stretch of a growing file.
struct Manifest {
  std::uint64_t sequence = 0;  // given by the log
  std::string source;          // name of the source it came from
  std::string path;            // where to read it
  std::string key;             // relative to its source
  std::uint64_t offset = 0;
  std::optional<std::uint64_t> length;  // absent: to the end
  std::uint64_t records_before = 0;     // of the same file, read by earlier manifests
  std::uint64_t size = 0, device = 0, inode = 0;
  std::int64_t modified_ns = 0;
  std::uint64_t head_hash = 0;  // of the first 4 KiB, or of all `size` bytes; 0 = not taken
  std::optional<LogKind> kind;
  std::string account, region, cluster, flow_format;
  std::string stream;
  TimeMs lower_bound = 0;
  template <class Ar>
  void io(Ar& ar) {
    ar(sequence, source, path, key, offset, length, records_before, size, device, inode, modified_ns,
       head_hash, kind, account, region, cluster, flow_format, stream, lower_bound);
  }
};

// Nothing older than `time` will come on this stream (empty: on any).
struct Release {
  std::string stream;
  TimeMs time = 0;
  template <class Ar>
  void io(Ar& ar) {
    ar(stream, time);
  }
};

// The objects of one epoch, by sequence; releases logged since the last one take effect before it.
struct EpochCut {
  std::uint64_t epoch = 0;
  std::vector<std::uint64_t> objects;
  template <class Ar>
  void io(Ar& ar) {
    ar(epoch, objects);
  }
};

// What is no data but decides results from the next epoch on: lists, filters, which detectors are on. The
// body is the whole state of its kind, never a change to it, so that the last record of a kind says
// everything.
struct Control {
  std::string kind;
  std::string body;  // JSON
  template <class Ar>
  void io(Ar& ar) {
    ar(kind, body);
  }
};

// An object that was read is read again for what was set aside of it; epochs name it by its manifest's
// number.
struct Redrive {
  std::uint64_t of = 0;  // number of the manifest that it was read by first
  Manifest manifest;
  template <class Ar>
  void io(Ar& ar) {
    ar(of, manifest);
  }
};

using LogEntry = std::variant<Manifest, Release, EpochCut, Control, Redrive>;

}  // namespace picket
