// A store, a folder and an S3-compatible server of a test's own.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "aws/s3.h"
#include "net/test_support.h"
#include "store/sqlite_store.h"

namespace picket::test {

class Scratch {
 public:
  Scratch() {
    std::string pattern = (std::filesystem::temp_directory_path() / "picket_pipeline_XXXXXX").string();
    path = ::mkdtemp(pattern.data());
    store = *open_sqlite_store(path / "findings.db");
  }
  ~Scratch() {
    store.reset();
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  std::filesystem::path path;
  std::unique_ptr<FindingStore> store;
};

// Keeps what is PUT by path; answers GET with it. Buckets named "denied" refuse.
class FakeS3 {
 public:
  std::map<std::string, std::string> objects() {
    const std::lock_guard lock(mutex_);
    return objects_;
  }
  std::string last_head() {
    const std::lock_guard lock(mutex_);
    return last_head_;
  }
  void set(const std::string& path, const std::string& body) {
    const std::lock_guard lock(mutex_);
    objects_[path] = body;
  }
  void refuse(bool refused) {
    const std::lock_guard lock(mutex_);
    refuse_ = refused;
  }
  aws::S3Client client() {
    return aws::S3Client(http_, {server_.url("127.0.0.1", ""), aws::CallerKey{"AKIA", "secret", ""}},
                         [] { return TimeMs{1'700'000'000'000}; });
  }
  const net::HttpClient& http() const { return http_; }

 private:
  std::string answer(const std::string& request) {
    const std::lock_guard lock(mutex_);
    const std::size_t head = request.find("\r\n\r\n");
    last_head_ = request.substr(0, head);
    const std::size_t begin = request.find(' ') + 1;
    const std::string path = request.substr(begin, request.find(' ', begin) - begin);
    if (refuse_ || path.starts_with("/denied/"))
      return "HTTP/1.1 403 Forbidden\r\nContent-Length: 71\r\nConnection: close\r\n\r\n"
             "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>";
    if (request.starts_with("PUT ")) {
      objects_[path] = request.substr(head + 4);
      return net::test::ok("");
    }
    const auto found = objects_.find(path);
    if (found == objects_.end())
      return "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    return net::test::ok(found->second);
  }
  std::mutex mutex_;
  std::map<std::string, std::string> objects_;
  std::string last_head_;
  bool refuse_ = false;
  net::HttpClient http_{*net::AddressGuard::make({"127.0.0.1"})};
  net::test::LoopbackServer server_{[this](const std::string& request) { return answer(request); }};
};

}  // namespace picket::test
