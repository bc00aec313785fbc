// Flow logs in Parquet, read by DuckDB's library where it is installed: loaded at run time, in a child
// process of its own with little memory, no extensions and no other file than the object, which hands the
// rows back as text lines.
#pragma once

#include <string>

#include "decode/decoder.h"

namespace picket {

// Set to the path of libduckdb.so to use that one and no other.
constexpr const char* duckdb_path_variable = "PICKET_DUCKDB";

// The library that would be used; empty when there is none. Looks into the environment variable, the system's
// library folders and the folders where npm installs @duckdb/node-bindings-linux-x64 (global, and
// node_modules below the current folder).
std::string find_duckdb();

// `source` gives the bytes of a Parquet file. Records are numbered by row, from 1. Without the library, or
// when the file cannot be read, the verdict is `failed` and the reason says what to do.
DecodeReport decode_parquet(ByteSource& source, const ObjectInfo& info, const DecodeLimits& limits,
                            EventSink& sink);

}  // namespace picket
