#include "base/side_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <thread>
#include <utility>
#include <vector>

namespace picket {

namespace {

constexpr int failed_status = 1;
constexpr std::size_t answer_bytes_max = 4096;  // fits into a pipe that nobody reads yet

// An orphan with a socket or a lock would keep the next process from its port and its folder.
void close_all_but(std::vector<int> kept) {
  std::ranges::sort(kept);
  unsigned from = STDERR_FILENO + 1;
  for (const int number : kept) {
    const auto at = static_cast<unsigned>(number);
    if (at > from) ::close_range(from, at - 1, 0);
    from = std::max(from, at + 1);
  }
  ::close_range(from, UINT_MAX, 0);
}

[[noreturn]] void be_child(const std::function<Result<void>()>& work, std::span<const int> keep, int answer,
                           pid_t parent) {
  std::vector<int> kept(keep.begin(), keep.end());
  kept.push_back(answer);
  close_all_but(std::move(kept));
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(failed_status);
  // Who stops a service or presses Ctrl-C means the original, which waits for this.
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) ::signal(number, SIG_IGN);
  const Result<void> done = work();
  if (done) ::_exit(0);
  std::string text(1, static_cast<char>(done.error().kind));
  text += done.error().message().substr(0, answer_bytes_max);
  while (::write(answer, text.data(), text.size()) < 0 && errno == EINTR) {
  }
  ::_exit(failed_status);
}

}  // namespace

Result<SideProcess> SideProcess::start(const std::function<Result<void>()>& work, std::span<const int> keep,
                                       std::chrono::seconds time_max) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0)
    return fail(ErrorKind::io, std::string("no pipe: ") + std::strerror(errno));
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child == 0) be_child(work, keep, ends[1], parent);
  const int error = errno;
  ::close(ends[1]);
  if (child < 0) {
    ::close(ends[0]);
    return fail(ErrorKind::io, std::string("no child process: ") + std::strerror(error));
  }
  return SideProcess(child, ends[0], std::chrono::steady_clock::now() + time_max);
}

SideProcess::SideProcess(SideProcess&& other) noexcept
    : child_(std::exchange(other.child_, -1)),
      answer_(std::exchange(other.answer_, -1)),
      until_(other.until_) {}

SideProcess& SideProcess::operator=(SideProcess&& other) noexcept {
  std::swap(child_, other.child_);
  std::swap(answer_, other.answer_);
  std::swap(until_, other.until_);
  return *this;
}

SideProcess::~SideProcess() {
  if (child_ > 0) {
    ::kill(child_, SIGKILL);
    while (::waitpid(child_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  if (answer_ >= 0) ::close(answer_);
}

std::optional<Result<void>> SideProcess::ended() {
  int status = 0;
  const pid_t got = ::waitpid(child_, &status, WNOHANG);
  if (got == 0) {
    if (std::chrono::steady_clock::now() > until_) ::kill(child_, SIGKILL);
    return std::nullopt;
  }
  if (got < 0 && errno == EINTR) return std::nullopt;
  return outcome(got < 0 ? -1 : status);
}

Result<void> SideProcess::wait() {
  while (true) {
    if (auto done = ended()) return *done;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

Result<void> SideProcess::outcome(int status) {
  child_ = -1;
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  std::string text(1 + answer_bytes_max, '\0');
  const ssize_t size = ::read(answer_, text.data(), text.size());
  if (!WIFEXITED(status) || size < 1)
    return fail(ErrorKind::internal, WIFSIGNALED(status)
                                         ? "a side process was stopped by signal " +
                                               std::to_string(WTERMSIG(status)) + " (memory or time limit)"
                                         : std::string("a side process died"));
  return fail(static_cast<ErrorKind>(text.front()), text.substr(1, static_cast<std::size_t>(size) - 1));
}

}  // namespace picket
