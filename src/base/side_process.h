// Work on a copy of this process as it is at one moment (fork), while the original goes on. The copy has one
// thread and shares nothing but the files it is told to keep: no sockets, no locks of folders. It dies with
// the thread that began it.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <optional>
#include <span>

#include "base/result.h"

namespace picket {

class SideProcess {
 public:
  // `work` may use what this thread could use now, but no other thread, and no lock that one may hold. It is
  // stopped after `time_max`. `keep`: descriptors that it reads from.
  static Result<SideProcess> start(const std::function<Result<void>()>& work, std::span<const int> keep,
                                   std::chrono::seconds time_max);
  SideProcess(SideProcess&& other) noexcept;
  SideProcess& operator=(SideProcess&& other) noexcept;
  ~SideProcess();  // stops it

  // What the work answered, once it has ended. ErrorKind::internal: it was stopped or died.
  std::optional<Result<void>> ended();
  Result<void> wait();

 private:
  SideProcess(pid_t child, int answer, std::chrono::steady_clock::time_point until)
      : child_(child), answer_(answer), until_(until) {}
  Result<void> outcome(int status);

  pid_t child_ = -1;
  int answer_ = -1;  // the reading end of a pipe: how it failed
  std::chrono::steady_clock::time_point until_;
};

}  // namespace picket
