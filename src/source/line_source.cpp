#include "source/line_source.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>

namespace picket {

namespace {

constexpr int wait_ms = 200;  // for more lines before those at hand are stored; of looks at whether to stop
constexpr int answer_ms_max = 10'000;  // that a sender may take to read its answer

bool readable(int fd) {
  pollfd one{fd, POLLIN, 0};
  return ::poll(&one, 1, wait_ms) > 0;
}

// All of it, or the sender does not read.
bool send_all(int fd, std::string_view text) {
  while (!text.empty()) {
    pollfd one{fd, POLLOUT, 0};
    if (::poll(&one, 1, answer_ms_max) <= 0) return false;
    const ssize_t sent = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno != EINTR && errno != EAGAIN) return false;
    if (sent > 0) text.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

Result<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    return fail(ErrorKind::invalid,
                fmt::format("a socket's path has at most {} bytes", sizeof address.sun_path - 1), path);
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

std::unexpected<Error> failed(const char* what, const std::string& path) {
  return fail(ErrorKind::io, fmt::format("{}: {}", what, std::strerror(errno)), path);
}

}  // namespace

std::optional<std::string> parse_unix_url(std::string_view url) {
  constexpr std::string_view scheme = "unix://";
  if (!url.starts_with(scheme) || url.size() <= scheme.size() + 1 || url[scheme.size()] != '/')
    return std::nullopt;
  return std::string(url.substr(scheme.size()));
}

LineSource::LineSource(LineSettings settings, Inbox& inbox, std::function<TimeMs()> wall_clock)
    : PushSource(settings.name, settings.place, inbox, std::move(wall_clock)),
      settings_(std::move(settings)),
      run_(fmt::format("lines-{:x}-{:x}", wall_clock_(), ::getpid())) {}

Result<void> LineSource::listen() {
  const auto address = address_of(settings_.socket);
  if (!address) return std::unexpected(address.error());
  const auto* at = reinterpret_cast<const sockaddr*>(&*address);
  listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (listener_ < 0) return failed("cannot make a socket", settings_.socket);
  struct stat info{};
  if (::stat(settings_.socket.c_str(), &info) == 0) {
    if (!S_ISSOCK(info.st_mode)) return fail(ErrorKind::conflict, "is there and no socket", settings_.socket);
    if (::connect(listener_, at, sizeof *address) == 0)
      return fail(ErrorKind::conflict, "somebody listens there already", settings_.socket);
    ::unlink(settings_.socket.c_str());  // of a process that is gone
    ::close(listener_);
    listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  }
  // Who may write to the socket may push logs: the owner and the group.
  if (::bind(listener_, at, sizeof *address) != 0 || ::chmod(settings_.socket.c_str(), 0660) != 0 ||
      ::listen(listener_, static_cast<int>(connections_max)) != 0)
    return failed("cannot listen", settings_.socket);
  return {};
}

void LineSource::start() {
  if (settings_.socket.empty()) {
    thread_ = std::jthread([this](const std::stop_token& stop) {
      read_lines(stop, STDIN_FILENO, false);
      ended_ = true;
    });
  } else {
    thread_ = std::jthread([this](const std::stop_token& stop) { accept_loop(stop); });
  }
}

void LineSource::stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
  if (listener_ < 0) return;
  ::close(listener_);
  listener_ = -1;
  ::unlink(settings_.socket.c_str());
}

// What others may still push is not known: only standard input ends.
bool LineSource::caught_up() const { return inbox_.empty() && (!settings_.socket.empty() || ended_); }

void LineSource::accept_loop(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    connections_.remove_if([](const Connection& connection) { return connection.ended.load(); });
    if (!readable(listener_)) continue;
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) continue;
    if (connections_.size() >= connections_max) {
      ::close(fd);
      const std::lock_guard lock(mutex_);
      ++status_.refused;
      continue;
    }
    Connection& connection = connections_.emplace_back();
    connection.fd = fd;
    connection.thread = std::jthread([this, &connection](const std::stop_token& end) {
      read_lines(end, connection.fd, true);
      ::close(connection.fd);
      connection.ended = true;
    });
  }
  connections_.clear();  // which waits for them
}

void LineSource::read_lines(const std::stop_token& stop, int fd, bool answers) {
  std::string text;         // not yet a whole line
  bool too_long = false;    // the line goes on, and is set aside already
  std::uint64_t lines = 0;  // of the connection, with those in `intake`
  Intake intake(settings_.origin);
  const auto take_line = [&](std::string_view line) {
    ++lines;
    if (!std::exchange(too_long, false) && line.find_first_not_of(" \t\r") != std::string_view::npos)
      intake.add(line);
  };
  // False when the sender is gone; until there is room on the disk it waits.
  const auto keep = [&] {
    if (!intake.empty()) {
      const std::string batch = fmt::format("{}-{}", run_, next_batch_++);
      auto parts = intake;  // to try again
      while (!store(batch, parts)) {
        if (stop.stop_requested()) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(wait_ms));
        parts = intake;
      }
      intake = Intake(settings_.origin);
    }
    return !answers || send_all(fd, fmt::format("{}\n", lines));
  };
  std::vector<char> buffer(256U << 10);
  std::uint64_t told = 0;
  bool waiting = false;
  while (!stop.stop_requested()) {
    if (inbox_.full(name_)) {
      if (!std::exchange(waiting, true)) {
        const std::lock_guard lock(mutex_);
        ++status_.put_off;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(wait_ms));
      continue;
    }
    waiting = false;
    const bool more = readable(fd);
    const ssize_t got = more ? ::read(fd, buffer.data(), buffer.size()) : 0;
    if (got > 0) {
      std::string_view rest(buffer.data(), static_cast<std::size_t>(got));
      for (std::size_t end = rest.find('\n'); end != std::string_view::npos; end = rest.find('\n')) {
        text += rest.substr(0, end);
        take_line(text);
        text.clear();
        rest.remove_prefix(end + 1);
      }
      if (!too_long) text += rest;
      if (text.size() > line_bytes_max) {
        intake.refuse("record_too_large", text);
        too_long = true;
        text.clear();
      }
    }
    const bool ended = more && got == 0;
    const bool broken = got < 0 && errno != EINTR && errno != EAGAIN;
    // What a sender left unfinished is a line all the same; one that broke off sends it again.
    if (ended && (!text.empty() || too_long)) take_line(text);
    // What is at hand is stored when nothing more comes at once.
    if (lines > told && (!more || ended || broken || intake.bytes() >= run_bytes_max)) {
      if (!keep()) return;
      told = lines;
    }
    if (ended || broken) return;
  }
}

}  // namespace picket
