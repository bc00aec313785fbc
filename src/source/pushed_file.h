// An object of a pushed batch as it lies on disk: the length of its head, the head and the content.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "base/time.h"
#include "source/intake.h"

namespace picket {

// One object of a batch.
struct PushedObject {
  std::string source, key;  // the key is relative to the source
  std::string first_key;    // of the batch's first object, which is written last
  RecordOrigin origin;
  std::uint64_t batch = 0;  // hash of the whole batch
  TimeMs received = 0;
  std::uint64_t size = 0;    // of the content, which may be packed
  std::uint64_t offset = 0;  // of the content in the file
  template <class Ar>
  void io(Ar& ar) {
    ar(source, key, first_key, origin, batch, received, size);
  }
};

// What a file of the object begins with.
std::string pushed_head(const PushedObject& object);

// With the offset set; an error when the file is none of these, or not whole.
Result<PushedObject> read_pushed_head(const std::string& file);

// An object and the file it lies in.
struct StoredPush {
  std::string file;
  PushedObject object;
};

}  // namespace picket
